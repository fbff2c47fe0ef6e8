/*
 * ring.c - one io_uring (see ring.h).
 */
#include "runtime/uring/ring.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/atomic.h"
#include "runtime/base/likely.h"
#include "runtime/uring/core.h"

#define RING_ENTRIES     256u
#define RING_COMPLETIONS 4096u

/* Some ten milliseconds each. */
#define RING_GRACE_PERIODS 8u

#define RING_FEATURES (IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG | IORING_FEAT_FAST_POLL)

/* From the best to what every kernel with the features knows. */
static const unsigned flag_sets[] = {
    /* 6.1: what completes is put off until the loop asks. */
    IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
    /* 5.19: the thread is not interrupted for it. */
    IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
    0,
};

static int ring_setup(struct io_uring *io, unsigned flags)
{
    URING_FAIL_IF(FAULT_URING_SETUP);
    struct io_uring_params params = {.flags = flags | IORING_SETUP_CQSIZE,
                                     .cq_entries = RING_COMPLETIONS};
    int rc = io_uring_queue_init_params(RING_ENTRIES, io, &params);
    if (rc)
        return rc;
    if ((params.features & RING_FEATURES) == RING_FEATURES)
        return 0;
    io_uring_queue_exit(io);
    return -ENOSYS;
}

int wf_ring_open(struct ring *ring)
{
    int rc = -EINVAL;
    for (size_t i = 0; rc == -EINVAL && i < sizeof(flag_sets) / sizeof(flag_sets[0]); i++)
        rc = ring_setup(&ring->io, flag_sets[i]);
    ring->owner = rc ? 0 : gettid();
    ring->process = getpid();
    return rc;
}

bool wf_ring_wait_for_memory(unsigned *waited)
{
    /* Written by who waited in vain. Relaxed: nothing is ordered by it. */
    static atomic_bool in_vain;
    if (atomic_load_explicit(&in_vain, memory_order_relaxed))
        return false;
    if (++*waited <= RING_GRACE_PERIODS && !uring_fault(FAULT_MEMBARRIER) &&
        !syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
        return true;
    atomic_store_explicit(&in_vain, true, memory_order_relaxed);
    return false;
}

void wf_ring_close(struct ring *ring)
{
    if (ring_is_open(ring))
        io_uring_queue_exit(&ring->io);
    ring->owner = 0;
}

bool wf_ring_is_mine(const struct ring *ring)
{
    return ring->owner == gettid();
}

bool wf_ring_is_of_process(const struct ring *ring)
{
    return ring_is_open(ring) && ring->process == getpid();
}

struct io_uring_sqe *wf_ring_entry(struct ring *ring)
{
    struct io_uring_sqe *entry = io_uring_get_sqe(&ring->io);
    if (unlikely(!entry) && uring_fault(FAULT_URING_ENTER) == 0 && io_uring_submit(&ring->io) > 0)
        entry = io_uring_get_sqe(&ring->io);
    return entry;
}

/* Whether the kernel has something to do for us. */
static inline bool ring_has_work(const struct ring *ring)
{
    unsigned flags = __atomic_load_n(ring->io.sq.kflags, __ATOMIC_RELAXED);
    return io_uring_sq_ready(&ring->io) || flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW);
}

static int ring_call(struct ring *ring, int64_t timeout_ns)
{
    URING_FAIL_IF(FAULT_EPOLL_WAIT); /* of either poller */
    URING_FAIL_IF(FAULT_URING_ENTER);
    if (!timeout_ns)
        return io_uring_submit_and_get_events(&ring->io);
    struct io_uring_cqe *first;
    struct __kernel_timespec limit = {.tv_sec = timeout_ns / 1000000000,
                                      .tv_nsec = timeout_ns % 1000000000};
    return io_uring_submit_and_wait_timeout(&ring->io, &first, 1, timeout_ns < 0 ? NULL : &limit,
                                            NULL);
}

int wf_ring_enter(struct ring *ring, int64_t timeout_ns)
{
    int rc;
    if (!timeout_ns && !ring_has_work(ring))
        return 0;
    do
        rc = ring_call(ring, timeout_ns);
    while (unlikely(rc == -EINTR) && !timeout_ns); /* a look is a look */
    /* Busy, again: completions have to be taken first. */
    return rc >= 0 || rc == -ETIME || rc == -EINTR || rc == -EBUSY || rc == -EAGAIN ? 0 : rc;
}
