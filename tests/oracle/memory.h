/*
 * memory.h - memory that is given back all at once, at the end of a scenario.
 *
 * A program that has no memory left says so and ends: nothing here fails.
 */
#ifndef WEFT_TESTS_ORACLE_MEMORY_H
#define WEFT_TESTS_ORACLE_MEMORY_H

#include <stddef.h>

/* A list of pieces; zeroed, it is empty. */
struct arena {
    struct piece *pieces;
};

/* Zeroed memory, until the arena is emptied. */
void *arena_get(struct arena *arena, size_t bytes);

/* A copy of so many characters, with a terminator. */
char *arena_copy(struct arena *arena, const char *text, size_t length);

void arena_empty(struct arena *arena);

/* Says what is the matter, and ends the program. */
_Noreturn void die(const char *what);

#endif
