/*
 * processes.h - programs that a test starts, and what is left of them.
 */
#ifndef WEFT_TESTS_NET_PROCESSES_H
#define WEFT_TESTS_NET_PROCESSES_H

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/faults.h"
#include "tests/support/sim.h"

/* The arguments of a program. */
#define ARGV(...) ((const char *[]){__VA_ARGS__, NULL})

/* This process has no child, running or not reaped. */
static inline void ck_assert_no_child(void)
{
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
}

/* Starts a program, or a command of the shell. */
static inline weft_process *start(const char *const *argv, const weft_subprocess_options *options)
{
    weft_process *process = NULL;
    ck_assert_msg(!weft_create_subprocess_exec(argv, options, &process), "%s", sim_said());
    return process;
}

static inline weft_process *start_shell(const char *cmd, const weft_subprocess_options *options)
{
    weft_process *process = NULL;
    ck_assert_msg(!weft_create_subprocess_shell(cmd, options, &process), "%s", sim_said());
    return process;
}

static inline int returncode_of(weft_process *process)
{
    int code = -1000;
    ck_assert_int_eq(weft_process_wait(process, &code), 0);
    ck_assert_int_eq(weft_process_returncode(process), code);
    return code;
}

/* The code it ends with; it is given back. */
static inline int ended(weft_process *process)
{
    int code = returncode_of(process);
    weft_process_unref(process);
    return code;
}

/* What a program writes into a pipe of the test's own: less than a pipe holds. */
static char heard_text[4096];

static inline const char *heard(const char *const *argv, weft_subprocess_options options)
{
    int ends[2];
    size_t used = 0;
    ssize_t n;

    ck_assert_int_eq(pipe(ends), 0);
    options.stdout_fd = ends[1];
    int code = ended(start(argv, &options));
    ck_assert_int_eq(close(ends[1]), 0);
    while ((n = read(ends[0], heard_text + used, sizeof(heard_text) - 1 - used)) > 0)
        used += (size_t)n;
    ck_assert_int_eq(n, 0);
    ck_assert_int_eq(close(ends[0]), 0);
    ck_assert_msg(code == 0, "%s ends with %d", argv[0], code);
    heard_text[used] = '\0';
    return heard_text;
}

#define SHELL(cmd) ARGV("/bin/sh", "-c", cmd)
#define NO_OPTIONS ((weft_subprocess_options){0})

/* How it goes on: a process that runs until it is signalled. */
static inline weft_process *start_endless(void)
{
    return start(ARGV("sleep", "infinity"), NULL);
}

__attribute__((unused)) COROUTINE(wait_for_end)
{
    return weft_process_wait(arg, NULL);
}

#endif
