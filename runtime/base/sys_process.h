/*
 * sys_process.h - the calls of the operating system by which processes are made, watched and
 * signalled. As sys.h, of which it is a part.
 */
#ifndef WEFT_RUNTIME_BASE_SYS_PROCESS_H
#define WEFT_RUNTIME_BASE_SYS_PROCESS_H

#include <poll.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "runtime/base/sys.h"

/* Both ends are closed on exec, and block. */
static inline int sys_pipe(int ret_fds[2])
{
    SYS_FAIL_IF(FAULT_PIPE);
    return pipe2(ret_fds, O_CLOEXEC) ? SYS_FAILED(errno) : 0;
}

/* The same file as a new descriptor, closed on exec, not below `least`. */
static inline int sys_dup_above(int fd, int least)
{
    SYS_FAIL_IF(FAULT_FCNTL);
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, least);
    return copy < 0 ? SYS_FAILED(errno) : copy;
}

/* search: a name without a slash is looked for in PATH. Returns when the program has begun. */
static inline int sys_spawn(pid_t *ret_pid, const char *program, bool search,
                            const posix_spawn_file_actions_t *actions,
                            const posix_spawnattr_t *attributes, char *const *argv,
                            char *const *env)
{
    SYS_FAIL_IF(FAULT_SPAWN);
    int error =
        (search ? posix_spawnp : posix_spawn)(ret_pid, program, actions, attributes, argv, env);
    return error ? SYS_FAILED(error) : 0;
}

static inline int sys_pidfd_open(pid_t pid)
{
    SYS_FAIL_IF(FAULT_PIDFD_OPEN);
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    return fd < 0 ? SYS_FAILED(errno) : fd;
}

static inline int sys_pidfd_signal(int pidfd, int number)
{
    SYS_FAIL_IF(FAULT_PIDFD_SIGNAL);
    return syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0) ? SYS_FAILED(errno) : 0;
}

static inline int sys_kill(pid_t pid, int number)
{
    return kill(pid, number) ? SYS_FAILED(errno) : 0;
}

/* si_pid is 0 in what it gives when there is nothing to say yet. */
static inline int sys_waitid(idtype_t type, id_t id, siginfo_t *ret_info, int flags)
{
    SYS_FAIL_IF(FAULT_WAITID);
    ret_info->si_pid = 0;
    return waitid(type, id, ret_info, flags) ? SYS_FAILED(errno) : 0;
}

static inline bool sys_may_enter(const char *folder)
{
    struct stat status;
    return !stat(folder, &status) && S_ISDIR(status.st_mode) && !access(folder, X_OK);
}

/* Waits until the descriptor is readable, at most so many milliseconds. 1; 0: it is not. */
static inline int sys_poll_readable(int fd, int timeout_ms)
{
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    int n = poll(&wanted, 1, timeout_ms);
    return n < 0 ? SYS_FAILED(errno) : n;
}

#endif
