/*
 * process_stdio.c - the standard descriptors of a process that is to be started.
 */
#include "api/process_stdio.h"

#include <errno.h>

#include "api/child.h"
#include "runtime/base/sys_process.h"

static const char *const names[3] = {"stdin", "stdout", "stderr"};

static int open_pipe(struct stdio *stdio, int which)
{
    int ends[2];
    int rc = sys_pipe(ends);
    if (rc)
        return rc;
    bool input = which == STDIN_FILENO;
    stdio->child[which] = ends[input ? 0 : 1];
    stdio->parent[which] = ends[input ? 1 : 0];
    stdio->made[which] = true;
    return sys_set_nonblocking(stdio->parent[which]);
}

static int open_one(struct stdio *stdio, int which, int wanted)
{
    int fd = wanted == WEFT_FD_ZERO ? 0 : wanted;

    if (wanted == 0)
        return 0;
    if (wanted == WEFT_PIPE)
        return open_pipe(stdio, which);
    if (wanted == WEFT_STDOUT && which == STDERR_FILENO) {
        stdio->child[which] = CHILD_AS_OUTPUT;
        return 0;
    }
    if (wanted == WEFT_DEVNULL) {
        fd = sys_open("/dev/null", O_RDWR);
        if (fd < 0)
            return fd;
        stdio->made[which] = true;
    } else if (fd < 0) {
        return -EINVAL;
    } else if (!sys_fd_is_open(fd)) {
        return -EBADF;
    }
    stdio->child[which] = fd;
    return 0;
}

/* What would be overwritten before its turn comes, since it has a low number, goes elsewhere. */
static int lift(struct stdio *stdio, int which)
{
    int fd = stdio->child[which];
    if (fd < 0 || fd > STDERR_FILENO || fd == which)
        return 0;
    int copy = sys_dup_above(fd, STDERR_FILENO + 1);
    if (copy < 0)
        return copy;
    if (stdio->made[which])
        sys_close(fd);
    stdio->child[which] = copy;
    stdio->made[which] = true;
    return 0;
}

int wf_stdio_open(const weft_subprocess_options *options, struct stdio *ret_stdio)
{
    const int wanted[3] = {options->stdin_fd, options->stdout_fd, options->stderr_fd};
    struct stdio stdio = {.child = {CHILD_KEEPS, CHILD_KEEPS, CHILD_KEEPS}, .parent = {-1, -1, -1}};
    int rc = 0, which = 0;

    for (; which < 3 && !rc; which++)
        rc = open_one(&stdio, which, wanted[which]);
    if (!rc)
        for (which = 0; which < 3 && !rc; which++)
            rc = lift(&stdio, which);
    if (rc) {
        wf_stdio_close_child(&stdio);
        wf_stdio_close_parent(&stdio);
        return weft_fail(rc, "%s_fd is %d: %s", names[which - 1], wanted[which - 1],
                         weft_strerror(rc));
    }
    *ret_stdio = stdio;
    return 0;
}

void wf_stdio_close_child(struct stdio *stdio)
{
    for (int which = 0; which < 3; which++) {
        if (stdio->made[which])
            sys_close(stdio->child[which]);
        stdio->made[which] = false;
    }
}

void wf_stdio_close_parent(struct stdio *stdio)
{
    for (int which = 0; which < 3; which++) {
        if (stdio->parent[which] >= 0)
            sys_close(stdio->parent[which]);
        stdio->parent[which] = -1;
    }
}
