/*
 * weft/subprocess.h - programs that run beside this one: started, talked to, waited for.
 *
 *     weft_process *process;
 *     int err = weft_create_subprocess_exec(
 *         (const char *[]){"sort", "-n", NULL},
 *         &(weft_subprocess_options){.stdin_fd = WEFT_PIPE, .stdout_fd = WEFT_PIPE}, &process);
 *     if (err)
 *         return err;
 *     weft_process_output output;
 *     err = weft_process_communicate(process, "2\n1\n", 4, &output);
 *     if (!err)
 *         fwrite(output.stdout_data, 1, output.stdout_bytes, stdout);
 *     weft_process_unref(process);
 *
 * A process belongs to the loop that started it. Its end is noticed through a descriptor of its own
 * (a pidfd): no signal handler is installed, and the program's other children are left alone. What
 * the program does with SIGCHLD is its own business, unless it has the system reap its children.
 *
 * A started program gets asyncio's defaults: no descriptors but 0, 1 and 2, no blocked signals,
 * SIGPIPE and SIGXFSZ as the system has them, and otherwise what this process has. Text modes, a
 * function to be called in the child, and changes of user, group or umask are not offered: a shell,
 * env(1) or setpriv(1) does these.
 *
 * A loop on virtual time does not wait for a process before it jumps to its next timer. Needs Linux 5.4.
 */
#ifndef WEFT_SUBPROCESS_H
#define WEFT_SUBPROCESS_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include <weft/base.h>
#include <weft/error.h>
#include <weft/stream.h>

WEFT_BEGIN

typedef struct weft_process weft_process;

/* What a standard descriptor of a process may be, beside 0 (the caller's own) and a descriptor above 0. */
#define WEFT_PIPE    (-1) /* a pipe, whose other end is a stream of the weft_process */
#define WEFT_STDOUT  (-2) /* of stderr_fd: where standard output goes */
#define WEFT_DEVNULL (-3) /* /dev/null */
#define WEFT_FD_ZERO (-4) /* the caller's descriptor 0, which 0 itself cannot say */

/* How to start a program: all zero is asyncio's default. Everything is borrowed for the call. */
typedef struct weft_subprocess_options {
    int stdin_fd, stdout_fd, stderr_fd; /* see above */
    size_t limit;                       /* of the readers, in bytes; 0: WEFT_STREAM_LIMIT */
    const char *executable;             /* the program, if it is not argv[0] */
    const char *cwd;                    /* its directory, also for a relative program; NULL: ours */
    const char *const *env; /* "NAME=value", ..., NULL; PATH is taken from here. NULL: ours */
    const int *pass_fds;    /* descriptors that it gets under their own numbers */
    size_t pass_fds_count;
    bool keep_fds; /* it gets every descriptor that is not closed on exec (close_fds=False) */
    bool start_new_session; /* setsid() */
    pid_t process_group;    /* > 0: joins it; < 0: a new one, of its own; 0: ours */
} weft_subprocess_options;

/**
 * weft_create_subprocess_exec - start a program with exactly these arguments
 * @argv:        the program, then its arguments, then NULL. A program without a slash is looked for in
 *               PATH. Borrowed
 * @options:     may be NULL
 * @ret_process: owned by the caller, see weft_process_unref()
 *
 * The call takes as long as the system needs to start the program, about 60 us, in which the loop's
 * thread is blocked. Then it lets everything that is queued run once.
 *
 * Context:      a task
 * Cancellation: the process is killed and reaped (PROC-31)
 * Return:       0; -errno of starting it, such as -ENOENT or -EACCES, with a message that names the
 *               program: nothing is left open then (PROC-26); -EMFILE; -EBADF; -EINVAL; -ENOMEM;
 *               WEFT_ECANCELLED; WEFT_ENOTASK
 * asyncio:      create_subprocess_exec(program, *args, ...)
 */
WEFT_API int weft_create_subprocess_exec(const char *const *argv,
                                         const weft_subprocess_options *options,
                                         weft_process **ret_process);

/* The same with one command line for /bin/sh; a command that the shell does not find ends it with 127.
 * asyncio: create_subprocess_shell(cmd, ...) */
WEFT_API int weft_create_subprocess_shell(const char *cmd, const weft_subprocess_options *options,
                                          weft_process **ret_process);

/* Another reference; returns the process. NULL is passed through. Loop. */
WEFT_API weft_process *weft_process_ref(weft_process *process);

/**
 * weft_process_unref - give a reference back
 * @process: the last reference closes its streams; a process that still runs is killed, and reaped by
 *           its loop (PROC-32). NULL is allowed
 *
 * A stream that the caller has a reference of lives on, closed.
 *
 * Context: loop; any thread once the loop is closed: it waits then until a process that it killed is gone
 */
WEFT_API void weft_process_unref(weft_process *process);

/* The returncode of a process whose end was not noticed yet. */
#define WEFT_PROCESS_RUNNING INT_MIN

/**
 * weft_process_wait - wait until the process has ended
 * @process:        borrowed; must stay until the call returns
 * @ret_returncode: may be NULL; the exit code, or -n if signal n ended it; 255 if another part of the
 *                  program reaped it, which is reported
 *
 * Any number of tasks may wait, also after the end. It does not matter whether pipes are still open.
 * A process that writes into a pipe which nobody reads may never end: weft_process_communicate()
 * reads.
 *
 * Context:      a task, on any loop
 * Cancellation: the process goes on
 * Return:       0; WEFT_ECANCELLED; WEFT_ENOTASK; -EINVAL
 * asyncio:      process.wait()
 */
WEFT_API int weft_process_wait(weft_process *process, int *ret_returncode);

/* What a process wrote: in the buffers of its readers, each ended with a zero byte that is not counted.
 * Valid until the reader is used again or freed, and free to be changed. NULL: no pipe. */
typedef struct weft_process_output {
    char *stdout_data;
    size_t stdout_bytes;
    char *stderr_data;
    size_t stderr_bytes;
} weft_process_output;

/**
 * weft_process_communicate - write the input, read both outputs to their end, and wait
 * @input:      borrowed; ignored unless stdin is a pipe, which is closed afterwards
 * @bytes:      may be 0
 * @ret_output: may be NULL
 *
 * Everything happens at the same time, so any sizes will do. A process that does not read its input
 * is no error. A second call finds empty outputs.
 *
 * Context:      a task of the process's loop
 * Cancellation: the process goes on, and its stdin stays open; what it wrote is the next call's
 * Return:       0; the error of reading a pipe; WEFT_ECANCELLED; WEFT_ENOTASK; -EINVAL; -ENOMEM
 * asyncio:      process.communicate(input)
 */
WEFT_API int weft_process_communicate(weft_process *process, const void *input, size_t bytes,
                                      weft_process_output *ret_output);

/**
 * weft_process_send_signal - signal the process
 *
 * No other process can be hit, whatever its id. One that has ended, unnoticed so far, is signalled in
 * vain.
 *
 * Context: loop
 * Return:  0; -ESRCH after its end was noticed; -EINVAL; -EPERM
 * asyncio: process.send_signal(number)
 */
WEFT_API int weft_process_send_signal(weft_process *process, int number);
WEFT_API int weft_process_terminate(weft_process *process); /* SIGTERM */
WEFT_API int weft_process_kill(weft_process *process);      /* SIGKILL */

WEFT_API pid_t weft_process_pid(const weft_process *process); /* -EINVAL for NULL. Any thread */
/* As weft_process_wait() gives it, or WEFT_PROCESS_RUNNING. Any thread. */
WEFT_API int weft_process_returncode(const weft_process *process);

/* The streams of what was WEFT_PIPE, else NULL. Borrowed from the process. Loop. */
WEFT_API weft_stream_writer *weft_process_stdin(const weft_process *process);
WEFT_API weft_stream_reader *weft_process_stdout(const weft_process *process);
WEFT_API weft_stream_reader *weft_process_stderr(const weft_process *process);

WEFT_END

#endif
