/*
 * quiet.c - writes without SIGPIPE.
 *
 * Linux 6.18 has a flag for writes. For others, and before, the signal is blocked around the call, and
 * taken off if the call has raised it: it is the thread's own then, and so no other one's.
 */
#include "runtime/io/quiet.h"

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

void wf_quiet_begin(struct quiet *quiet)
{
    sigset_t broken;
    sigemptyset(&broken);
    sigaddset(&broken, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &broken, &quiet->before);
    quiet->was_pending = sigismember(&quiet->before, SIGPIPE) == 1 && is_pending(SIGPIPE);
}

void wf_quiet_end(const struct quiet *quiet, bool may_have_raised)
{
    if (may_have_raised && !quiet->was_pending) {
        const struct timespec at_once = {0, 0};
        sigset_t broken;
        sigemptyset(&broken);
        sigaddset(&broken, SIGPIPE);
        while (sigtimedwait(&broken, NULL, &at_once) < 0 && errno == EINTR)
            continue;
    }
    pthread_sigmask(SIG_SETMASK, &quiet->before, NULL);
}

ssize_t wf_quiet_write(int fd, const struct iovec *pieces, int count)
{
    struct quiet quiet;

    if (likely(!atomic_load_explicit(&flag_refused, memory_order_relaxed))) {
        ssize_t n = sys_writev_quiet(fd, pieces, count);
        if (n != -EOPNOTSUPP && n != -ENOSYS)
            return n;
        atomic_store_explicit(&flag_refused, true, memory_order_relaxed);
    }
    wf_quiet_begin(&quiet);
    ssize_t n = sys_writev(fd, pieces, count);
    wf_quiet_end(&quiet, n == -EPIPE);
    return n;
}

ssize_t wf_quiet_sendfile(int socket, int file, off_t *offset, size_t bytes)
{
    struct quiet quiet;

    wf_quiet_begin(&quiet);
    ssize_t n = sys_sendfile(socket, file, offset, bytes);
    /* What was sent before the peer went is a short count, and the signal comes all the same. */
    wf_quiet_end(&quiet, n == -EPIPE || (n > 0 && (size_t)n < bytes));
    return n;
}
