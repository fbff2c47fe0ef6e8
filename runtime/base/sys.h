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
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/fault.h"

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

/* What is in can always be taken out: that does not fail in tests either. */
static inline int sys_epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event)
{
    if (op != EPOLL_CTL_DEL)
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

static inline int sys_stat(const char *path, struct stat *ret_file)
{
    SYS_FAIL_IF(FAULT_STAT);
    return stat(path, ret_file) ? SYS_FAILED(errno) : 0;
}

static inline int sys_unlink(const char *path)
{
    SYS_FAIL_IF(FAULT_UNLINK);
    return unlink(path) ? SYS_FAILED(errno) : 0;
}

/* Another descriptor of the same file. */
static inline int sys_dup(int fd)
{
    SYS_FAIL_IF(FAULT_FCNTL);
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return copy < 0 ? SYS_FAILED(errno) : copy;
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

static inline ssize_t sys_pread(int fd, void *buffer, size_t bytes, off_t offset)
{
    SYS_FAIL_IF(FAULT_READ);
    ssize_t n = pread(fd, buffer, bytes, offset);
    return n < 0 ? SYS_FAILED(errno) : n;
}

static inline ssize_t sys_write(int fd, const void *buffer, size_t bytes)
{
    SYS_FAIL_IF(FAULT_WRITE);
    ssize_t n = write(fd, buffer, bytes);
    return n < 0 ? SYS_FAILED(errno) : n;
}

static inline ssize_t sys_writev(int fd, const struct iovec *pieces, int count)
{
    SYS_FAIL_IF(FAULT_WRITE);
    ssize_t n = writev(fd, pieces, count);
    return n < 0 ? SYS_FAILED(errno) : n;
}

#ifndef RWF_NOSIGNAL
#define RWF_NOSIGNAL 0x100
#endif

/* Raises no SIGPIPE. -EOPNOTSUPP before Linux 6.18. */
static inline ssize_t sys_writev_quiet(int fd, const struct iovec *pieces, int count)
{
    SYS_FAIL_IF(FAULT_QUIET_WRITE);
    SYS_FAIL_IF(FAULT_WRITE);
    ssize_t n = pwritev2(fd, pieces, count, -1, RWF_NOSIGNAL);
    return n < 0 ? SYS_FAILED(errno) : n;
}

static inline int sys_fstat(int fd, struct stat *ret_status)
{
    SYS_FAIL_IF(FAULT_STAT);
    return fstat(fd, ret_status) ? SYS_FAILED(errno) : 0;
}

/* Sockets are made non-blocking and closed on exec. */
static inline int sys_socket(int family, int type, int proto)
{
    SYS_FAIL_IF(FAULT_SOCKET);
    int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, proto);
    return fd < 0 ? SYS_FAILED(errno) : fd;
}

static inline int sys_socketpair(int ret_fds[2])
{
    SYS_FAIL_IF(FAULT_SOCKETPAIR);
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ret_fds)
               ? SYS_FAILED(errno)
               : 0;
}

static inline int sys_setsockopt(int fd, int level, int option, const void *value, socklen_t bytes)
{
    SYS_FAIL_IF(FAULT_SOCKOPT);
    return setsockopt(fd, level, option, value, bytes) ? SYS_FAILED(errno) : 0;
}

static inline int sys_getsockopt(int fd, int level, int option, void *value, socklen_t *bytes)
{
    SYS_FAIL_IF(FAULT_SOCKOPT);
    return getsockopt(fd, level, option, value, bytes) ? SYS_FAILED(errno) : 0;
}

static inline int sys_bind(int fd, const struct sockaddr *address, socklen_t bytes)
{
    SYS_FAIL_IF(FAULT_BIND);
    return bind(fd, address, bytes) ? SYS_FAILED(errno) : 0;
}

static inline int sys_listen(int fd, int backlog)
{
    SYS_FAIL_IF(FAULT_LISTEN);
    return listen(fd, backlog) ? SYS_FAILED(errno) : 0;
}

static inline int sys_connect(int fd, const struct sockaddr *address, socklen_t bytes)
{
    SYS_FAIL_IF(FAULT_CONNECT);
    return connect(fd, address, bytes) ? SYS_FAILED(errno) : 0;
}

static inline int sys_accept(int fd, struct sockaddr *ret_address, socklen_t *bytes)
{
    SYS_FAIL_IF(FAULT_ACCEPT);
    int accepted = accept4(fd, ret_address, bytes, SOCK_NONBLOCK | SOCK_CLOEXEC);
    return accepted < 0 ? SYS_FAILED(errno) : accepted;
}

static inline int sys_getsockname(int fd, struct sockaddr *ret_address, socklen_t *bytes)
{
    return getsockname(fd, ret_address, bytes) ? SYS_FAILED(errno) : 0;
}

static inline int sys_getpeername(int fd, struct sockaddr *ret_address, socklen_t *bytes)
{
    return getpeername(fd, ret_address, bytes) ? SYS_FAILED(errno) : 0;
}

static inline int sys_shutdown(int fd, int how)
{
    SYS_FAIL_IF(FAULT_SHUTDOWN);
    return shutdown(fd, how) ? SYS_FAILED(errno) : 0;
}

static inline ssize_t sys_recv(int fd, void *buffer, size_t bytes)
{
    SYS_FAIL_IF(FAULT_RECV);
    ssize_t n = recv(fd, buffer, bytes, 0);
    return n < 0 ? SYS_FAILED(errno) : n;
}

static inline ssize_t sys_recvfrom(int fd, void *buffer, size_t bytes, struct sockaddr *ret_sender,
                                   socklen_t *sender_bytes)
{
    SYS_FAIL_IF(FAULT_RECV);
    ssize_t n = recvfrom(fd, buffer, bytes, 0, ret_sender, sender_bytes);
    return n < 0 ? SYS_FAILED(errno) : n;
}

/* No SIGPIPE is raised by these. */
static inline ssize_t sys_send(int fd, const void *buffer, size_t bytes)
{
    SYS_FAIL_IF(FAULT_SEND);
    ssize_t n = send(fd, buffer, bytes, MSG_NOSIGNAL);
    return n < 0 ? SYS_FAILED(errno) : n;
}

static inline ssize_t sys_sendto(int fd, const void *buffer, size_t bytes,
                                 const struct sockaddr *address, socklen_t address_bytes)
{
    SYS_FAIL_IF(FAULT_SEND);
    ssize_t n = sendto(fd, buffer, bytes, MSG_NOSIGNAL, address, address_bytes);
    return n < 0 ? SYS_FAILED(errno) : n;
}

static inline ssize_t sys_sendmsg(int fd, struct iovec *pieces, int count)
{
    SYS_FAIL_IF(FAULT_SEND);
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = (size_t)count};
    ssize_t n = sendmsg(fd, &message, MSG_NOSIGNAL);
    return n < 0 ? SYS_FAILED(errno) : n;
}

static inline ssize_t sys_sendfile(int socket, int file, off_t *offset, size_t bytes)
{
    SYS_FAIL_IF(FAULT_SENDFILE);
    ssize_t n = sendfile(socket, file, offset, bytes);
    return n < 0 ? SYS_FAILED(errno) : n;
}

/* Makes a descriptor non-blocking. */
static inline int sys_set_nonblocking(int fd)
{
    SYS_FAIL_IF(FAULT_FCNTL);
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0)
        return SYS_FAILED(errno);
    return flags & O_NONBLOCK || !fcntl(fd, F_SETFL, flags | O_NONBLOCK) ? 0 : SYS_FAILED(errno);
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
