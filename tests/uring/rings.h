/*
 * rings.h - a poller that has a ring; without one, the system's reason.
 *
 * Newer kernels (seen with 6.18) count the memory of a ring and of its buffer ring as locked memory of the user:
 * all processes of the same user without CAP_IPC_LOCK share one RLIMIT_MEMLOCK (8 MiB: a hundred rings), and in a
 * sandbox with a user namespace root is such a one too. A closed ring's memory goes back only after a grace period
 * or two. So beside many other tests a ring can be refused for a moment; every other refusal stands.
 */
#ifndef WEFT_TESTS_URING_RINGS_H
#define WEFT_TESTS_URING_RINGS_H

#include <check.h>
#include <errno.h>
#include <sched.h>
#include <string.h>

#include "runtime/base/sys.h"
#include "runtime/uring/uring.h"

#define GRACE_PERIODS_MAX 3000

/* Why the poller has no ring, or none that receives; 0: it has all. */
static inline int ring_refusal(struct poller *poller)
{
    if (strcmp(poller_name(poller), "io_uring") != 0)
        return poller->extra ? ((const struct uring *)poller->extra)->refused : -ENOMEM;
    struct uring *uring = poller->extra;
    struct buffers others = {0};
    if (uring->receives)
        return 0;
    int rc = wf_buffers_open(&others, &uring->ring.io);
    wf_buffers_close(&others);
    return rc ? rc : -ENOMEM; /* meanwhile there is room for them */
}

static inline int open_ring(struct poller *poller)
{
    for (int tries = 0;; tries++) {
        wf_poller_init(poller, POLLER_URING);
        int rc = ring_refusal(poller);
        if (rc != -ENOMEM || tries == GRACE_PERIODS_MAX)
            return rc;
        wf_poller_close(poller);
        if (sys_membarrier(MEMBARRIER_CMD_GLOBAL))
            sched_yield();
    }
}

#endif
