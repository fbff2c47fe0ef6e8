/*
 * child.c - starts, signals and reaps a child process.
 *
 * posix_spawn() blocks its caller until the program has begun: about 60 us, whatever the size of this
 * process, since the child borrows its memory until then.
 */
#include "api/child.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <weft/error.h>

#include "runtime/base/sys_process.h"

#define FIRST_OTHER_FD 3
#define GONE_WITHIN_MS 5000

/* Where programs are when an environment has no PATH. */
#define DEFAULT_PATH "/bin:/usr/bin"

/* The child's descriptors 0, 1 and 2, in this order: the third may be a copy of the second. */
static int add_stdio(posix_spawn_file_actions_t *actions, const int stdio[3])
{
    int error = 0;
    for (int fd = 0; fd < 3 && !error; fd++) {
        if (stdio[fd] == CHILD_AS_OUTPUT)
            error = posix_spawn_file_actions_adddup2(actions, STDOUT_FILENO, fd);
        else if (stdio[fd] != CHILD_KEEPS) /* onto itself: it is not closed on exec any more */
            error = posix_spawn_file_actions_adddup2(actions, stdio[fd], fd);
    }
    return error;
}

static bool is_passed(const struct child_plan *plan, int fd)
{
    for (size_t i = 0; i < plan->pass_fds_count; i++)
        if (plan->pass_fds[i] == fd)
            return true;
    return false;
}

/* Closes all that it is not to have; nothing below FIRST_OTHER_FD. */
static int add_closing(posix_spawn_file_actions_t *actions, const struct child_plan *plan)
{
    int error = 0, last = FIRST_OTHER_FD - 1;
    for (size_t i = 0; i < plan->pass_fds_count && !error; i++) {
        int fd = plan->pass_fds[i];
        if (fd >= FIRST_OTHER_FD)
            error = posix_spawn_file_actions_adddup2(actions, fd, fd);
        if (fd > last)
            last = fd;
    }
    if (plan->keep_fds)
        return error;
    for (int fd = FIRST_OTHER_FD; fd < last && !error; fd++)
        if (!is_passed(plan, fd))
            error = posix_spawn_file_actions_addclose(actions, fd);
    return error ? error : posix_spawn_file_actions_addclosefrom_np(actions, last + 1);
}

static int add_actions(posix_spawn_file_actions_t *actions, const struct child_plan *plan)
{
    int error = add_stdio(actions, plan->stdio);
    if (!error)
        error = add_closing(actions, plan);
    if (!error && plan->cwd)
        error = posix_spawn_file_actions_addchdir_np(actions, plan->cwd);
    return error;
}

/* No signal is blocked, as our loop threads have them; and what asyncio restores is as the system has
 * it. What else this process ignores stays ignored, as nohup(1) wants it. */
static int set_attributes(posix_spawnattr_t *attributes, const struct child_plan *plan)
{
    int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    sigset_t mask, defaults;

    sigemptyset(&mask);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    sigaddset(&defaults, SIGXFSZ);
    if (plan->new_session)
        flags |= POSIX_SPAWN_SETSID;
    if (plan->group)
        flags |= POSIX_SPAWN_SETPGROUP;
    int error = posix_spawnattr_setsigmask(attributes, &mask);
    if (!error)
        error = posix_spawnattr_setsigdefault(attributes, &defaults);
    if (!error && plan->group)
        error = posix_spawnattr_setpgroup(attributes, plan->group > 0 ? plan->group : 0);
    return error ? error : posix_spawnattr_setflags(attributes, (short)flags);
}

static const char *path_of(const char *const *env)
{
    for (; *env; env++)
        if (!strncmp(*env, "PATH=", 5))
            return *env + 5;
    return DEFAULT_PATH;
}

/* As execvpe(): each folder of the child's own PATH. */
static int spawn_along(const char *path, const struct child_plan *plan,
                       const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attributes, pid_t *ret_pid)
{
    char *const *argv = (char *const *)(uintptr_t)plan->argv;
    char *const *env = (char *const *)(uintptr_t)plan->env;
    int rc = -ENOENT;
    char file[PATH_MAX];

    for (;;) {
        size_t length = strcspn(path, ":");
        int n = snprintf(file, sizeof(file), "%.*s%s%s", (int)length, path, length ? "/" : "",
                         plan->program);
        int now = n < (int)sizeof(file)
                      ? sys_spawn(ret_pid, file, false, actions, attributes, argv, env)
                      : -ENAMETOOLONG;
        if (now != -ENOENT && now != -ENOTDIR && now != -EACCES && now != -ENAMETOOLONG)
            return now;
        if (now == -EACCES) /* there is one, at least */
            rc = now;
        if (!path[length])
            return rc;
        path += length + 1;
    }
}

static int spawn_with(const struct child_plan *plan, const posix_spawn_file_actions_t *actions,
                      const posix_spawnattr_t *attributes, pid_t *ret_pid)
{
    char *const *argv = (char *const *)(uintptr_t)plan->argv;
    bool search = !strchr(plan->program, '/');

    if (search && plan->env)
        return spawn_along(path_of(plan->env), plan, actions, attributes, ret_pid);
    return sys_spawn(ret_pid, plan->program, search, actions, attributes, argv,
                     plan->env ? (char *const *)(uintptr_t)plan->env : environ);
}

static int spawn(const struct child_plan *plan, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int error = posix_spawn_file_actions_init(&actions);
    if (error)
        return SYS_FAILED(error);
    error = posix_spawnattr_init(&attributes);
    if (error)
        goto destroy_actions;
    error = set_attributes(&attributes, plan);
    if (!error)
        error = add_actions(&actions, plan);
    if (!error)
        error = -spawn_with(plan, &actions, &attributes, ret_pid);
    (void)posix_spawnattr_destroy(&attributes);
destroy_actions:
    (void)posix_spawn_file_actions_destroy(&actions);
    return error ? SYS_FAILED(error) : 0;
}

/* A child that cannot be watched is none: its number is its own until it is reaped here. */
static void destroy_unwatched(pid_t pid)
{
    siginfo_t info;
    (void)sys_kill(pid, SIGKILL);
    while (sys_waitid(P_PID, (id_t)pid, &info, WEXITED) == -EINTR)
        continue;
}

/* Still there to be reaped: its number was not given to another process before it was opened. */
static bool is_ours(const struct child *child)
{
    siginfo_t info;
    return child->pidfd >= 0 &&
           sys_waitid(P_PIDFD, (id_t)child->pidfd, &info, WEXITED | WNOHANG | WNOWAIT) != -ECHILD;
}

int wf_child_spawn(const struct child_plan *plan, struct child *ret_child)
{
    pid_t pid;
    int rc = spawn(plan, &pid);
    if (rc) {
        bool no_folder = (rc == -ENOENT || rc == -ENOTDIR || rc == -EACCES) && plan->cwd &&
                         !sys_may_enter(plan->cwd);
        return weft_fail(rc, "%s: %s", no_folder ? plan->cwd : plan->program, weft_strerror(rc));
    }
    *ret_child = (struct child){pid, sys_pidfd_open(pid)};
    if (is_ours(ret_child))
        return 0;
    rc = ret_child->pidfd;
    if (rc >= 0)
        sys_close(rc);
    ret_child->pidfd = -1;
    if (rc >= 0 || rc == -ESRCH)
        return -ECHILD;
    destroy_unwatched(pid);
    return weft_fail(rc, "%s cannot be watched: %s", plan->program, weft_strerror(rc));
}

int wf_child_reap(const struct child *child, int *ret_code)
{
    siginfo_t info;
    int rc;
    do
        rc = sys_waitid(P_PIDFD, (id_t)child->pidfd, &info, WEXITED | WNOHANG);
    while (rc == -EINTR);
    if (rc)
        return rc;
    if (!info.si_pid)
        return 0;
    *ret_code = info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
    return 1;
}

int wf_child_signal(const struct child *child, int number)
{
    return sys_pidfd_signal(child->pidfd, number);
}

bool wf_child_destroy(const struct child *child)
{
    int code, rc = wf_child_reap(child, &code);
    if (rc)
        return true;
    if (wf_child_signal(child, SIGKILL)) /* it has become another user's: it is left to itself */
        return false;
    while (sys_poll_readable(child->pidfd, GONE_WITHIN_MS) == -EINTR)
        continue;
    return wf_child_reap(child, &code) != 0;
}
