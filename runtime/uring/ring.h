/*
 * ring.h - one io_uring: made, entered, given up.
 *
 * Belongs to the thread that made it, the only one that may enter it (SINGLE_ISSUER). A kernel
 * that does not know a flag gets a ring without it.
 */
#ifndef WEFT_RUNTIME_URING_RING_H
#define WEFT_RUNTIME_URING_RING_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct ring {
    struct io_uring io;
    pid_t owner;   /* the thread that made it; 0: there is none */
    pid_t process; /* of that thread */
};

/* 0 or -errno. */
int wf_ring_open(struct ring *ring);

/*
 * After -ENOMEM: waits a little, and says whether to ask again. *waited: how often that was done; 0 at first.
 *
 * Where the memory of rings is limited (RLIMIT_MEMLOCK, without CAP_IPC_LOCK, seen with 6.18), that of
 * a closed one counts until a grace period or two of the kernel have gone by: a program that is
 * started anew would be refused what it can have in a moment. Once it was in vain to the end, nobody
 * in this process waits again.
 */
bool wf_ring_wait_for_memory(unsigned *waited);

/* Any thread. What is in flight ends without a word. */
void wf_ring_close(struct ring *ring);

static inline bool ring_is_open(const struct ring *ring)
{
    return ring->owner != 0;
}

/* Whether the calling thread may enter it. A forked child never may. */
bool wf_ring_is_mine(const struct ring *ring);

/* Whether the completions are this process's, to be taken by it: a forked child shares their memory. */
bool wf_ring_is_of_process(const struct ring *ring);

/* Room for an entry, or NULL: the kernel takes none at present. */
struct io_uring_sqe *wf_ring_entry(struct ring *ring);

/* Hands the kernel what is queued and lets it go on with what it has put off; waits for at most timeout_ns (0: not
 * at all; < 0: no limit) until something has completed. With nothing to do and nothing to wait for it is no system call. 0,
 * or -errno: the ring is of no use any more. */
int wf_ring_enter(struct ring *ring, int64_t timeout_ns);

/* Whether completions are kept back in the kernel: a further enter brings them. */
static inline bool ring_has_overflow(const struct ring *ring)
{
    return io_uring_cq_has_overflow(&ring->io);
}

#endif
