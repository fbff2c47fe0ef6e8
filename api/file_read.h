/*
 * file_read.h - a file is read piece by piece in the thread pool, for who sends it.
 */
#ifndef WEFT_API_FILE_READ_H
#define WEFT_API_FILE_READ_H

#include <stddef.h>
#include <sys/types.h>

#define FILE_READ_CHUNK (256u * 1024)

/* A read in the pool, which may outlive who asked for it, and the descriptor that was passed in. */
struct file_read {
    int file; /* a duplicate */
    off_t offset;
    size_t bytes;
    ssize_t got; /* or -errno */
    char buffer[FILE_READ_CHUNK];
};

/* 0, or -errno and NULL. */
int wf_file_read_make(struct file_read **reading, int file);
void wf_file_read_free(void *reading); /* NULL is nothing */

/*
 * Reads the next piece of at most so many bytes, and waits for it: it comes back from the pool, or is
 * gone (*reading is NULL then). 0, and the result is in `got`; WEFT_ECANCELLED and the like. A task.
 */
int wf_file_read_next(struct file_read **reading, off_t offset, size_t left);

#endif
