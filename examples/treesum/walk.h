/*
 * walk.h - every file of some directory trees, sorted by name, in batches.
 *
 * All of it blocks on the disk: it is meant for the thread pool. One thread at a time.
 */
#ifndef TREESUM_WALK_H
#define TREESUM_WALK_H

#include <stdbool.h>
#include <stddef.h>

/* One thing that was found. The heap inside the walk is made of them too. */
struct walk_entry {
    char *path;    /* of a directory: with a slash at the end, for the order */
    size_t length; /* of the path as find(1) prints it: without a slash that was added */
    bool directory;
    int err; /* 0, or why this is all there is to say about it: a negative code */
};

/* What is left to do: a binary heap with the least path on top. See walk.c. */
struct walk {
    struct walk_entry *heap;
    size_t count, room;
};

/* Directories that are opened, and entries that are given, between two looks at the world. */
#define WALK_BATCH 256

/* The caller's storage for what walk_fill() finds. */
struct walk_batch {
    struct walk *walk;
    struct walk_entry entries[WALK_BATCH]; /* files and errors; who takes a path makes it NULL */
    size_t count;
    bool last; /* there is nothing more */
};

/* Starts at these files and directories; 0 or -ENOMEM (walk_fini() is due all the same). */
int walk_init(struct walk *walk, char *const *roots, size_t count);

/* Drops what was not walked. */
void walk_fini(struct walk *walk);

/* A function for the pool: fills the batch it is given. 0 or -ENOMEM. */
int walk_fill(void *batch, void **result);

/* Frees the paths that nobody took. */
void walk_batch_fini(struct walk_batch *batch);

#endif
