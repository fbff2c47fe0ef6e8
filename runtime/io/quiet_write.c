/*
 * quiet_write.c - writes without SIGPIPE.
 *
 * Linux 6.18 has a flag for it. Before, the signal is blocked around the write, and taken off if the
 * write has raised it: it is the thread's own then, and so no other one's.
 */
#include "runtime/io/quiet_write.h"

#include <stdatomic.h>

#include "runtime/base/likely.h"
#include "runtime/base/sys.h"

/* The system, or a device, has no such flag: it is not tried again. Relaxed: a hint. */
static _Atomic bool flag_refused;

static bool is_pending(int number)
{
    sigset_t pending;
    sigemptyset(&pending);
    return !sigpending(&pending) && sigismember(&pending, number) == 1;
}

static __attribute__((noinline)) ssize_t write_masked(int fd, const struct iovec *pieces, int count)
{
    const struct timespec at_once = {0, 0};
    sigset_t broken, before;

    sigemptyset(&broken);
    sigaddset(&broken, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &broken, &before);
    bool was_pending = sigismember(&before, SIGPIPE) == 1 && is_pending(SIGPIPE);
    ssize_t n = sys_writev(fd, pieces, count);
    if (n == -EPIPE && !was_pending)
        while (sigtimedwait(&broken, NULL, &at_once) < 0 && errno == EINTR)
            continue;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return n;
}

ssize_t wf_quiet_write(int fd, const struct iovec *pieces, int count)
{
    if (likely(!atomic_load_explicit(&flag_refused, memory_order_relaxed))) {
        ssize_t n = sys_writev_quiet(fd, pieces, count);
        if (n != -EOPNOTSUPP && n != -ENOSYS)
            return n;
        atomic_store_explicit(&flag_refused, true, memory_order_relaxed);
    }
    return write_masked(fd, pieces, count);
}
