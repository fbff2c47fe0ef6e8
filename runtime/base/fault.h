/*
 * fault.h - the seam through which tests make the n-th allocation, thread creation or system call
 * fail.
 *
 * Every wrapper in sys.h and mem.h asks fault_hit() first. Unarmed, that is one relaxed load of a
 * word that nobody writes. Armed, the chosen site counts down, fails once (or from then on), and
 * goes on.
 */
#ifndef WEFT_RUNTIME_BASE_FAULT_H
#define WEFT_RUNTIME_BASE_FAULT_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum fault_site {
    FAULT_ALLOC,
    FAULT_THREAD,
    FAULT_MMAP,
    FAULT_MPROTECT,
    FAULT_MADVISE,
    FAULT_EPOLL_CREATE,
    FAULT_EPOLL_CTL,
    FAULT_EPOLL_WAIT,
    FAULT_EVENTFD,
    FAULT_READ,
    FAULT_WRITE,
    FAULT_FUTEX,
    FAULT_SIGALTSTACK,
    FAULT_MEMBARRIER,
    FAULT_OPEN,
    FAULT_SIGACTION,
    FAULT_SOCKET,
    FAULT_SOCKETPAIR,
    FAULT_SOCKOPT,
    FAULT_BIND,
    FAULT_LISTEN,
    FAULT_CONNECT,
    FAULT_ACCEPT,
    FAULT_RECV,
    FAULT_SEND,
    FAULT_SHORT_RECV, /* the error is of no account: the call gets room for one byte only */
    FAULT_SHORT_SEND,
    FAULT_SENDFILE,
    FAULT_FCNTL,
    FAULT_SHUTDOWN,
    FAULT_STAT,
    FAULT_UNLINK,
    FAULT_PIPE,
    FAULT_SPAWN,
    FAULT_PIDFD_OPEN,
    FAULT_PIDFD_SIGNAL,
    FAULT_WAITID,
    FAULT_QUIET_WRITE,
    FAULT_URING_SETUP,
    FAULT_URING_ENTER,
    FAULT_SITES
};

/* Bit n set: site n is armed. Written by tests, read by everybody; carries no data, so relaxed. */
extern _Atomic uint64_t wf_fault_armed;

/* Counts a call of an armed site; the error to fail with (a positive errno), or 0. */
int wf_fault_take(enum fault_site site);

/* A negative errno. An analyser cannot follow the sign through a negation, and would go on as if a
 * failed call had returned 0: it is told one error for all. */
#ifdef __clang_analyzer__
#define SYS_FAILED(error) (-EIO)
#else
#define SYS_FAILED(error) (-(error))
#endif

/* The errno with which this call must fail, or 0 to go ahead. */
static inline int fault_hit(enum fault_site site)
{
    uint64_t armed = atomic_load_explicit(&wf_fault_armed, memory_order_relaxed);
    return __builtin_expect(armed >> site & 1u, 0) ? wf_fault_take(site) : 0;
}

/* Makes call number nth (1: the next one) of the site fail with error; with sticky, every later one
 * too. */
void wf_fault_arm(enum fault_site site, unsigned long nth, int error, bool sticky);

/* Disarms all sites. */
void wf_fault_reset(void);

/* How many calls the site has seen since it was armed. */
unsigned long wf_fault_calls(enum fault_site site);

#endif
