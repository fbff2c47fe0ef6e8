/*
 * hash.h - the SHA-256 of one file: read in the thread pool, hashed on a loop.
 */
#ifndef TREESUM_HASH_H
#define TREESUM_HASH_H

#include <stdint.h>

#include "examples/treesum/slots.h"

#define DIGEST_BYTES 32

/* A file on its way from the walk to the output. */
struct file {
    char *path;        /* owned */
    int err;           /* 0, or why there is no sum: a negative code */
    struct slot *slot; /* what it is hashed with, until its task is done */
    weft_task *task;   /* owned; NULL when there is nothing to hash */
    uint8_t digest[DIGEST_BYTES];
};

/* A coroutine: fills in the digest of the struct file that it is given. 0 or the file's error. */
int hash_file(void *file, void **result);

#endif
