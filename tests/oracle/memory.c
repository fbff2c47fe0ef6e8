/*
 * memory.c - memory that is given back all at once.
 */
#include "tests/oracle/memory.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct piece {
    struct piece *next;
    alignas(max_align_t) unsigned char bytes[];
};

void *arena_get(struct arena *arena, size_t bytes)
{
    struct piece *piece = calloc(1, sizeof(*piece) + bytes);
    if (!piece)
        die("out of memory");
    piece->next = arena->pieces;
    arena->pieces = piece;
    return piece->bytes;
}

char *arena_copy(struct arena *arena, const char *text, size_t length)
{
    char *copy = arena_get(arena, length + 1);
    memcpy(copy, text, length);
    return copy;
}

void arena_empty(struct arena *arena)
{
    while (arena->pieces) {
        struct piece *piece = arena->pieces;
        arena->pieces = piece->next;
        free(piece);
    }
}

void die(const char *what)
{
    fprintf(stderr, "oracle: %s\n", what);
    exit(EXIT_FAILURE);
}
