/*
 * sys.h - the one header through which the runtime calls the operating system.
 *
 * Each wrapper returns the call's value, or a negative errno: callers never look at errno, which
 * another task may overwrite. Each asks the fault seam first. EINTR is left to the caller, who
 * knows what it means.
 */
#ifndef WEFT_RUNTIME_BASE_SYS_H
#define WEFT_RUNTIME_BASE_SYS_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/fault.h"

/* A negative errno. An analyser cannot follow the sign through a negation, and would go on as if a
 * failed call had returned 0: it is told one error for all. */
#ifdef __clang_analyzer__
#define SYS_FAILED(error) (-EIO)
#else
#define SYS_FAILED(error) (-(error))
#endif

#define SYS_FAIL_IF(site)                   \
    do {                                    \
        int fault_error = fault_hit(site);  \
        if (fault_error)                    \
            return SYS_FAILED(fault_error); \
    } while (0)

/* Maps fresh private memory; *ret_base on success. */
static inline int sys_map(size_t bytes, int prot, int flags, void **ret_base)
{
    SYS_FAIL_IF(FAULT_MMAP);
    void *base = mmap(NULL, bytes, prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    if (base == MAP_FAILED)
        return SYS_FAILED(errno);
    *ret_base = base;
    return 0;
}

static inline int sys_unmap(void *base, size_t bytes)
{
    return munmap(base, bytes) ? SYS_FAILED(errno) : 0;
}

static inline int sys_protect(void *base, size_t bytes, int prot)
{
    SYS_FAIL_IF(FAULT_MPROTECT);
    return mprotect(base, bytes, prot) ? SYS_FAILED(errno) : 0;
}

static inline int sys_advise(void *base, size_t bytes, int advice)
{
    SYS_FAIL_IF(FAULT_MADVISE);
    return madvise(base, bytes, advice) ? SYS_FAILED(errno) : 0;
}

/* Creates a thread with all signals blocked, so that the program's handlers stay on its own
 * threads. */
static inline int sys_thread_create(pthread_t *ret_thread, void *(*entry)(void *), void *arg)
{
    SYS_FAIL_IF(FAULT_THREAD);
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int error = pthread_create(ret_thread, NULL, entry, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return -error;
}

/* How many CPUs the calling thread may run on: at least 1. */
static inline int sys_cpus_usable(void)
{
    cpu_set_t set[8]; /* 8192 of them */
    int n = sched_getaffinity(0, sizeof(set), set) ? 0 : CPU_COUNT_S(sizeof(set), set);
    return n > 0 ? n : 1;
}

static inline int sys_epoll_create(void)
{
    SYS_FAIL_IF(FAULT_EPOLL_CREATE);
    int fd = epoll_create1(EPOLL_CLOEXEC);
    return fd < 0 ? SYS_FAILED(errno) : fd;
}

static inline int sys_epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event)
{
    SYS_FAIL_IF(FAULT_EPOLL_CTL);
    return epoll_ctl(epoll_fd, op, fd, event) ? SYS_FAILED(errno) : 0;
}

/* timeout_ns < 0: no limit. Nanoseconds where the kernel has epoll_pwait2 (5.11), else rounded up.
 */
static inline int sys_epoll_wait(int epoll_fd, struct epoll_event *events, int max,
                                 int64_t timeout_ns)
{
    SYS_FAIL_IF(FAULT_EPOLL_WAIT);
    int n;
    if (timeout_ns <= 0) {
        n = epoll_wait(epoll_fd, events, max, timeout_ns < 0 ? -1 : 0);
        return n < 0 ? SYS_FAILED(errno) : n;
    }
#ifdef SYS_epoll_pwait2
    struct timespec limit = {.tv_sec = timeout_ns / 1000000000, .tv_nsec = timeout_ns % 1000000000};
    n = (int)syscall(SYS_epoll_pwait2, epoll_fd, events, max, &limit, NULL, 0);
    if (n >= 0 || (errno != ENOSYS && errno != EPERM))
        return n < 0 ? SYS_FAILED(errno) : n;
#endif
    int64_t ms = (timeout_ns + 999999) / 1000000;
    n = epoll_wait(epoll_fd, events, max, ms > INT_MAX ? INT_MAX : (int)ms);
    return n < 0 ? SYS_FAILED(errno) : n;
}

static inline int sys_eventfd(void)
{
    SYS_FAIL_IF(FAULT_EVENTFD);
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return fd < 0 ? SYS_FAILED(errno) : fd;
}

static inline int sys_open(const char *path, int flags)
{
    SYS_FAIL_IF(FAULT_OPEN);
    int fd = open(path, flags | O_CLOEXEC);
    return fd < 0 ? SYS_FAILED(errno) : fd;
}

static inline bool sys_fd_is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

/* The descriptor is gone whatever close() answers. */
static inline void sys_close(int fd)
{
    close(fd);
}

static inline ssize_t sys_read(int fd, void *buffer, size_t bytes)
{
    SYS_FAIL_IF(FAULT_READ);
    ssize_t n = read(fd, buffer, bytes);
    return n < 0 ? SYS_FAILED(errno) : n;
}

static inline ssize_t sys_write(int fd, const void *buffer, size_t bytes)
{
    SYS_FAIL_IF(FAULT_WRITE);
    ssize_t n = write(fd, buffer, bytes);
    return n < 0 ? SYS_FAILED(errno) : n;
}

/*
 * Sleeps while *word == value. deadline_ns is absolute on CLOCK_MONOTONIC, INT64_MAX for no limit.
 * 0 (woken, or a spurious return), -EAGAIN (the word differs), -ETIMEDOUT, -EINTR.
 */
static inline int sys_futex_wait(_Atomic uint32_t *word, uint32_t value, int64_t deadline_ns)
{
    SYS_FAIL_IF(FAULT_FUTEX);
    struct timespec limit = {.tv_sec = deadline_ns / 1000000000,
                             .tv_nsec = deadline_ns % 1000000000};
    long rc = syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, value,
                      deadline_ns == INT64_MAX ? NULL : &limit, NULL, FUTEX_BITSET_MATCH_ANY);
    return rc < 0 ? SYS_FAILED(errno) : 0;
}

/* Never fails in a way that a caller could act on. */
static inline void sys_futex_wake(_Atomic uint32_t *word, int threads)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, threads, NULL, NULL, 0);
}

static inline int sys_sigaltstack(const stack_t *stack, stack_t *ret_old)
{
    SYS_FAIL_IF(FAULT_SIGALTSTACK);
    return sigaltstack(stack, ret_old) ? SYS_FAILED(errno) : 0;
}

static inline int sys_sigaction(int number, const struct sigaction *action,
                                struct sigaction *ret_old)
{
    SYS_FAIL_IF(FAULT_SIGACTION);
    return sigaction(number, action, ret_old) ? SYS_FAILED(errno) : 0;
}

static inline int sys_membarrier(int command)
{
    SYS_FAIL_IF(FAULT_MEMBARRIER);
    return syscall(SYS_membarrier, command, 0, 0) < 0 ? SYS_FAILED(errno) : 0;
}

#endif
