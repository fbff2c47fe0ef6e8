/*
 * process_create.c - starts a process: by its arguments, or through the shell.
 *
 * The program is started on the loop's own thread, which is blocked for about 60 us. The pool would
 * add the way there and back, and could be full of work that waits for the very process.
 */
#include <errno.h>

#include "api/process.h"
#include "runtime/base/mem.h"
#include "runtime/base/sys.h"
#include "runtime/park.h"

static const weft_subprocess_options no_options;

static int check_passed(const weft_subprocess_options *options)
{
    if (options->pass_fds_count && !options->pass_fds)
        return weft_fail(-EINVAL, "pass_fds_count without pass_fds");
    for (size_t i = 0; i < options->pass_fds_count; i++)
        if (!sys_fd_is_open(options->pass_fds[i]))
            return weft_fail(-EBADF, "descriptor %d of pass_fds is not open", options->pass_fds[i]);
    return 0;
}

static int spawn(const char *const *argv, const weft_subprocess_options *options,
                 struct stdio *stdio, struct child *ret_child)
{
    struct child_plan plan = {
        .program = options->executable ? options->executable : argv[0],
        .argv = argv,
        .env = options->env,
        .cwd = options->cwd,
        .stdio = stdio->child,
        .pass_fds = options->pass_fds,
        .pass_fds_count = options->pass_fds_count,
        .keep_fds = options->keep_fds,
        .new_session = options->start_new_session,
        .group = options->process_group,
    };
    int rc = check_passed(options);
    if (!rc)
        rc = wf_stdio_open(options, stdio);
    if (rc)
        return rc;
    rc = wf_child_spawn(&plan, ret_child);
    wf_stdio_close_child(stdio);
    if (rc && rc != -ECHILD)
        wf_stdio_close_parent(stdio);
    return rc;
}

/* The end of a creation that failed after the program was started: it is killed, and gone as a rule
 * when this returns. */
static int give_up(weft_process *process, int code)
{
    weft_error *error = weft_catch(code);

    if (!weft_process_kill(process))
        (void)weft_process_wait(process, NULL); /* a second cancellation ends this */
    weft_process_unref(process);
    return error ? weft_raise(error) : code;
}

static int create(struct weft_loop *loop, const char *const *argv,
                  const weft_subprocess_options *options, weft_process **ret_process)
{
    struct stdio stdio;
    weft_process *process = wf_process_new(loop);
    if (!process)
        return -ENOMEM;
    int rc = spawn(argv, options, &stdio, &process->child);
    if (rc && rc != -ECHILD) {
        weft_process_unref(process);
        return rc;
    }
    if (rc)
        wf_process_lost(process);
    else
        rc = wf_process_watch(process);
    if (rc && rc != -ECHILD) {
        weft_process_unref(process);
        wf_stdio_close_parent(&stdio);
        return rc;
    }
    rc = wf_process_connect(process, &stdio, options->limit);
    if (!rc)
        rc = weft_yield();
    if (rc)
        return give_up(process, rc);
    *ret_process = process;
    return 0;
}

int weft_create_subprocess_exec(const char *const *argv, const weft_subprocess_options *options,
                                weft_process **ret_process)
{
    struct weft_loop *loop = loop_current();

    if (!argv || !argv[0] || !ret_process)
        return weft_fail(-EINVAL, "no program");
    if (!loop || !loop->current)
        return weft_fail(WEFT_ENOTASK, "only a task can start a process");
    return create(loop, argv, options ? options : &no_options, ret_process);
}

int weft_create_subprocess_shell(const char *cmd, const weft_subprocess_options *options,
                                 weft_process **ret_process)
{
    if (!cmd)
        return weft_fail(-EINVAL, "no command");
    const char *shell = options && options->executable ? options->executable : "/bin/sh";
    return weft_create_subprocess_exec((const char *const[]){shell, "-c", cmd, NULL}, options,
                                       ret_process);
}
