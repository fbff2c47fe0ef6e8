/*
 * slots.h - the bound on files in flight: a file is hashed with a slot, and there are so many.
 *
 * A slot is what one file needs while it is read and hashed. The slots live from before the runtime
 * starts until after it is closed: a task that is cancelled leaves at once, but a thread of the
 * pool that reads for it goes on to the end of its read, and only the end of the pool says that all
 * of them have finished.
 */
#ifndef TREESUM_SLOTS_H
#define TREESUM_SLOTS_H

#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdint.h>

#include <weft/weft.h>

#define CHUNK_BYTES ((size_t)256 * 1024)

struct chunk {
    unsigned char data[CHUNK_BYTES];
    size_t bytes; /* fewer than CHUNK_BYTES: the end of the file */
};

struct slot {
    struct slots *owner;
    struct slot *next_free;
    EVP_MD_CTX *digest; /* the task's */
    const char *path;   /* from here on the reads' (see hash.c), borrowed */
    int fd;             /* -1 between two files */
    unsigned reads;
    struct chunk chunks[2]; /* read into in turn: one is read while the other is hashed */
};

struct slots {
    struct slot **all;
    size_t count;
    /* These two belong to the loop that takes the slots; what happens on one loop needs no lock. */
    struct slot *free;
    weft_future *freed; /* not NULL while slots_take() waits: done when there is a slot again */
    _Atomic uint64_t hashed_bytes; /* of all files, so far. Any loop */
};

/* Makes count slots; 0 or a negative code (slots_fini() is due all the same). */
int slots_init(struct slots *slots, size_t count);

/* Frees them; no thread of the pool is running any more. */
void slots_fini(struct slots *slots);

/*
 * Takes a slot, waiting until there is one.
 *
 * Context:      one task at a time, always on the same loop
 * Cancellation: nothing was taken
 * Return:       0; WEFT_ECANCELLED; -ENOMEM
 */
int slots_take(struct slots *slots, struct slot **ret_slot);

/* Gives a slot back. Context: the loop that takes them. */
void slots_give(struct slot *slot);

/* Counts bytes that were hashed. Any loop. */
void slots_count(struct slots *slots, size_t bytes);

/* Closes the slot's file, if it is open. */
void slot_close(struct slot *slot);

#endif
