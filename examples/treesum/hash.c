/*
 * hash.c - reads a file in the thread pool and hashes it on whatever loop runs the task.
 *
 *      pool   read 0 | read 1 | read 2 | ...
 *      loop          | hash 0 | hash 1 | hash 2 ...
 *
 * While a loop hashes one chunk a pool thread reads the next, so a big file keeps two cores busy
 * and takes two chunks of memory. A file smaller than a chunk costs one visit to the pool, which
 * opens it, reads it and closes it.
 *
 * H1  At most one read of a file is under way, and nobody but it uses slot->fd and slot->reads.
 * H2  A cancelled task leaves at once, while its read may go on in a pool thread. So what a read
 *     touches belongs to the slot, and the slots outlive the pool (see slots.h); so does the path,
 *     which the slot borrows from its file.
 */
#include "examples/treesum/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

/* In the pool: reads the file's next chunk, opening the file before the first. */
static int read_chunk(void *arg, void **result)
{
    struct slot *slot = arg;
    struct chunk *chunk = &slot->chunks[slot->reads++ % 2];

    if (slot->fd < 0) {
        /* O_NONBLOCK: should the name be a FIFO's by now, opening it must not wait. */
        slot->fd = open(slot->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (slot->fd < 0)
            return -errno;
    }
    chunk->bytes = 0;
    while (chunk->bytes < CHUNK_BYTES) {
        ssize_t n = read(slot->fd, chunk->data + chunk->bytes, CHUNK_BYTES - chunk->bytes);
        if (n < 0 && errno == EINTR)
            continue;
        int err = n < 0 ? -errno : 0;
        if (n <= 0)
            slot_close(slot);
        if (err)
            return err;
        if (n == 0)
            break;
        chunk->bytes += (size_t)n;
    }
    *result = chunk;
    return 0;
}

int hash_file(void *arg, void **result)
{
    (void)result;
    struct file *file = arg;
    struct slot *slot = file->slot;

    slot->path = file->path;
    if (!EVP_DigestInit_ex(slot->digest, NULL, NULL))
        return weft_fail(-EIO, "EVP_DigestInit_ex");

    weft_future *reading = weft_to_thread(read_chunk, slot);
    for (;;) {
        void *read = NULL;
        int err = weft_join(reading, &read);
        if (err)
            return err;
        const struct chunk *chunk = read;

        bool last = chunk->bytes < CHUNK_BYTES;
        if (!last && !(reading = weft_to_thread(read_chunk, slot))) {
            err = -errno;
            slot_close(slot);
            return err;
        }
        if (!EVP_DigestUpdate(slot->digest, chunk->data, chunk->bytes)) {
            if (!last && weft_join(reading, NULL) != WEFT_ECANCELLED)
                slot_close(slot);
            return weft_fail(-EIO, "EVP_DigestUpdate");
        }
        slots_count(slot->owner, chunk->bytes);
        if (last)
            break;
    }
    if (!EVP_DigestFinal_ex(slot->digest, file->digest, NULL))
        return weft_fail(-EIO, "EVP_DigestFinal_ex");
    return 0;
}
