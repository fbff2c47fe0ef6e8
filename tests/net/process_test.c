/*
 * process_test.c - processes: started, waited for, signalled. Their pipes are in process_pipes_test.c.
 */
#include "tests/net/processes.h"
#include "tests/support/suite.h"

/* A program gets exactly its arguments, and no shell looks at them (PROC-01). */
START_SIM(exec_passes_the_arguments_as_they_are)
{
    ck_assert_str_eq(heard(ARGV("printf", "[%s]", "a b", "$HOME", "*", "", "\"'\\"), NO_OPTIONS),
                     "[a b][$HOME][*][][\"'\\]");
    /* argv[0] may differ from the program. */
    ck_assert_str_eq(
        heard(ARGV("mine", "-c", "echo $0"), (weft_subprocess_options){.executable = "/bin/sh"}),
        "mine\n");
    return 0;
}

/* A command line goes to the shell (PROC-02). */
START_SIM(shell_runs_a_command_line)
{
    ck_assert_int_eq(ended(start_shell("test $((6 * 7)) = 42 && exit 3", NULL)), 3);
    return 0;
}

/* pid is the child's; there is no returncode before the end was noticed (PROC-03). */
START_SIM(pid_and_returncode_are_known)
{
    weft_process *process = start_endless();
    pid_t pid = weft_process_pid(process);
    ck_assert_int_gt(pid, 0);
    ck_assert_int_eq(getpgid(pid), getpgrp());
    ck_assert_int_eq(weft_process_returncode(process), WEFT_PROCESS_RUNNING);
    ck_assert_ptr_null(weft_process_stdin(process)); /* PROC-09: inherited */
    ck_assert_ptr_null(weft_process_stdout(process));
    ck_assert_ptr_null(weft_process_stderr(process));
    ck_assert_int_eq(weft_process_kill(process), 0);
    ck_assert_int_eq(weft_process_returncode(process), WEFT_PROCESS_RUNNING);
    ck_assert_int_eq(returncode_of(process), -SIGKILL);
    ck_assert_int_eq(weft_process_pid(process), pid);
    ck_assert_ptr_eq(weft_process_ref(process), process);
    weft_process_unref(process);
    weft_process_unref(process);
    ck_assert_no_child();
    return 0;
}

/* Any number of tasks wait, in the order in which they came, also after the end (PROC-04). */
static weft_process *shared;

COROUTINE(waits_and_tells)
{
    int code;
    ck_assert_int_eq(weft_process_wait(shared, &code), 0);
    trace("%s:%d", (const char *)arg, code);
    return 0;
}

START_SIM(any_number_of_tasks_waits)
{
    shared = start_shell("exit 7", NULL);
    weft_future *waiters[] = {weft_create_task(waits_and_tells, "a", NULL),
                              weft_create_task(waits_and_tells, "b", NULL),
                              weft_create_task(waits_and_tells, "c", NULL)};
    ck_assert_int_eq(weft_join(weft_gather(waiters, 3, 0), NULL), 0);
    ck_assert_trace("a:7 b:7 c:7");
    for (int i = 0; i < 3; i++)
        weft_unref(waiters[i]);
    ck_assert_int_eq(returncode_of(shared), 7);
    ck_assert_int_eq(weft_process_wait(shared, NULL), 0);
    weft_process_unref(shared);
    return 0;
}

/* A signal's end is -n, whichever way it came (PROC-05, PROC-23). */
START_SIM(signals_end_a_process)
{
    ck_assert_int_eq(ended(start_shell("kill -USR1 $$", NULL)), -SIGUSR1);
    weft_process *process = start_endless();
    ck_assert_int_eq(weft_process_send_signal(process, SIGHUP), 0);
    ck_assert_int_eq(ended(process), -SIGHUP);
    process = start_endless();
    ck_assert_int_eq(weft_process_terminate(process), 0);
    ck_assert_int_eq(ended(process), -SIGTERM);
    process = start_endless();
    ck_assert_int_eq(weft_process_kill(process), 0);
    ck_assert_int_eq(ended(process), -SIGKILL);
    ck_assert_no_child();
    return 0;
}

/* A cancelled wait leaves the process as it is, and can be repeated (PROC-08). */
START_SIM(a_cancelled_wait_changes_nothing)
{
    weft_process *process = start_endless();
    weft_task *waiter = weft_create_task(wait_for_end, process, NULL);
    sim_pass(2);
    ck_assert_int_eq(weft_cancel(waiter), 1);
    ck_assert_int_eq(weft_join(waiter, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_process_returncode(process), WEFT_PROCESS_RUNNING);
    ck_assert_int_eq(kill(weft_process_pid(process), 0), 0);
    ck_assert_int_eq(weft_process_terminate(process), 0);
    ck_assert_int_eq(ended(process), -SIGTERM);
    return 0;
}

/* A wait with a time limit, as it is written with asyncio. */
START_SIM(a_wait_can_have_a_limit)
{
    weft_process *process = start_endless();
    weft_task *waiter = weft_create_task(wait_for_end, process, NULL);
    ck_assert_int_eq(weft_wait_for(waiter, 10, NULL), WEFT_ETIMEDOUT);
    weft_unref(waiter);
    ck_assert_int_eq(weft_process_kill(process), 0);
    ck_assert_int_eq(ended(process), -SIGKILL);
    return 0;
}

/* DEVNULL is the null device, for each of the three (PROC-10). */
START_SIM(devnull_is_empty_and_takes_all)
{
    weft_subprocess_options options = {
        .stdin_fd = WEFT_DEVNULL, .stdout_fd = WEFT_DEVNULL, .stderr_fd = WEFT_DEVNULL};
    ck_assert_int_eq(ended(start_shell("for fd in 0 1 2; do "
                                       "test /proc/self/fd/$fd -ef /dev/null || exit 1; done; "
                                       "cat && echo nowhere && echo nowhere >&2",
                                       &options)),
                     0);
    return 0;
}

/* stderr = STDOUT is one output in the order of writing (PROC-11), also where it is inherited. */
START_SIM(stdout_and_stderr_can_be_one)
{
    ck_assert_str_eq(heard(SHELL("echo a; echo b >&2; echo c"),
                           (weft_subprocess_options){.stderr_fd = WEFT_STDOUT}),
                     "a\nb\nc\n");
    weft_subprocess_options options = {.stderr_fd = WEFT_STDOUT};
    ck_assert_int_eq(ended(start_shell("test /proc/self/fd/1 -ef /proc/self/fd/2", &options)), 0);
    return 0;
}

/* Any descriptor can be any of the three, low and exchanged ones too (PROC-12). */
START_SIM(descriptors_are_given_in_any_order)
{
    int one[2], two[2];
    char got[8] = "";
    ck_assert_int_eq(pipe(one), 0);
    ck_assert_int_eq(pipe(two), 0);
    int saved[3] = {dup(0), dup(1), dup(2)};
    ck_assert_int_eq(write(one[1], "in", 2), 2);
    ck_assert_int_eq(close(one[1]), 0);
    /* 2 is what the program shall read, 0 where it shall write, 1 where its errors go. */
    ck_assert_int_eq(dup2(one[0], 2), 2);
    ck_assert_int_eq(dup2(two[1], 0), 0);
    weft_subprocess_options options = {.stdin_fd = 2, .stdout_fd = WEFT_FD_ZERO, .stderr_fd = 1};
    weft_process *process;
    int rc =
        weft_create_subprocess_shell("cat; test /proc/self/fd/2 -ef /dev/fd/3", &options, &process);
    int code = -1000;
    if (!rc)
        rc = weft_process_wait(process, &code);
    for (int fd = 0; fd < 3; fd++) {
        dup2(saved[fd], fd);
        close(saved[fd]);
    }
    ck_assert_int_eq(rc, 0);
    ck_assert_int_eq(code, 1); /* it has no 3 */
    weft_process_unref(process);
    ck_assert_int_eq(read(two[0], got, sizeof(got)), 2);
    ck_assert_str_eq(got, "in");
    close(one[0]);
    close(two[0]);
    close(two[1]);
    return 0;
}

/* A program whose caller has no standard descriptors gets those that it is given. */
START_SIM(descriptors_are_given_where_there_are_none)
{
    int ends[2], saved[3] = {dup(0), dup(1), dup(2)};
    char got[8] = "";
    for (int fd = 0; fd < 3; fd++)
        close(fd);
    ck_assert_int_eq(pipe(ends), 0); /* 0 and 1 */
    weft_subprocess_options options = {
        .stdin_fd = WEFT_DEVNULL, .stdout_fd = ends[1], .stderr_fd = WEFT_STDOUT};
    weft_process *process;
    int rc = weft_create_subprocess_shell("echo a && cat && echo b >&2", &options, &process);
    int code = -1000;
    if (!rc)
        rc = weft_process_wait(process, &code);
    ssize_t n = read(ends[0], got, sizeof(got) - 1);
    for (int fd = 0; fd < 3; fd++) {
        dup2(saved[fd], fd);
        close(saved[fd]);
    }
    ck_assert_int_eq(rc, 0);
    ck_assert_int_eq(code, 0);
    ck_assert_int_eq(n, 4);
    ck_assert_str_eq(got, "a\nb\n");
    weft_process_unref(process);
    return 0;
}

/* After the end was noticed a signal is an error, and reaches nobody (PROC-24). */
START_SIM(a_noticed_end_refuses_signals)
{
    weft_process *process = start(ARGV("true"), NULL);
    ck_assert_int_eq(returncode_of(process), 0);
    ck_assert_int_eq(weft_process_send_signal(process, SIGTERM), -ESRCH);
    ck_assert_int_eq(weft_process_terminate(process), -ESRCH);
    ck_assert_int_eq(weft_process_kill(process), -ESRCH);
    ck_assert_ptr_nonnull(strstr(sim_said(), "No such process"));
    weft_process_unref(process);
    return 0;
}

/* Has it ended? It is not reaped by the question. */
static void await_zombie(pid_t pid)
{
    siginfo_t info;
    ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

/* Between its end and our notice a signal does nothing, and the exit code stays right (PROC-25). */
START_SIM(a_signal_after_the_end_does_nothing)
{
    weft_process *process = start_shell("exit 5", NULL);
    await_zombie(weft_process_pid(process));
    ck_assert_int_eq(weft_process_kill(process), 0);
    ck_assert_int_eq(weft_process_returncode(process), WEFT_PROCESS_RUNNING);
    ck_assert_int_eq(ended(process), 5);
    return 0;
}

/* What cannot be started is an error of the call that says what, and leaves nothing (PROC-26). */
START_SIM(what_cannot_be_started_is_an_error)
{
    weft_process *process = (weft_process *)&process;
    int descriptors = count_descriptors();
    weft_subprocess_options options = {.stdin_fd = WEFT_DEVNULL};
    ck_assert_int_eq(weft_create_subprocess_exec(ARGV("no-such-program"), &options, &process),
                     -ENOENT);
    ck_assert_str_eq(sim_said(), "no-such-program: No such file or directory");
    ck_assert_int_eq(weft_create_subprocess_exec(ARGV("/etc/passwd"), &options, &process), -EACCES);
    ck_assert_int_eq(weft_create_subprocess_exec(ARGV(""), &options, &process), -ENOENT);
    options.cwd = "/no/such/folder";
    ck_assert_int_eq(weft_create_subprocess_exec(ARGV("true"), &options, &process), -ENOENT);
    ck_assert_str_eq(sim_said(), "/no/such/folder: No such file or directory");
    options.cwd = NULL;
    options.env = ARGV("PATH=/no/such/folder:/etc");
    ck_assert_int_eq(weft_create_subprocess_exec(ARGV("true"), &options, &process), -ENOENT);
    ck_assert_int_eq(weft_create_subprocess_exec(ARGV("passwd"), &options, &process), -EACCES);
    ck_assert_ptr_eq(process, (weft_process *)&process);
    ck_assert_int_eq(count_descriptors(), descriptors);
    ck_assert_no_child();
    /* Through the shell it is an exit code. */
    options = (weft_subprocess_options){.stderr_fd = WEFT_DEVNULL};
    ck_assert_int_eq(ended(start_shell("no-such-program", &options)), 127);
    ck_assert_int_eq(ended(start_shell("/etc/passwd", &options)), 126);
    return 0;
}

/* Nonsense is refused (PROC-28: what asyncio refuses beside it, text modes, does not exist here, and
 * PROC-29: arguments are bytes with a zero at their end, whatever they mean). */
START_SIM(nonsense_is_refused)
{
    weft_process *process;
    weft_subprocess_options options = {.stdin_fd = WEFT_STDOUT};
    ck_assert_int_eq(weft_create_subprocess_exec(NULL, NULL, &process), -EINVAL);
    ck_assert_int_eq(weft_create_subprocess_exec((const char *[]){NULL}, NULL, &process), -EINVAL);
    ck_assert_int_eq(weft_create_subprocess_exec(ARGV("true"), NULL, NULL), -EINVAL);
    ck_assert_int_eq(weft_create_subprocess_shell(NULL, NULL, &process), -EINVAL);
    ck_assert_int_eq(weft_create_subprocess_exec(ARGV("true"), &options, &process), -EINVAL);
    ck_assert_str_eq(sim_said(), "stdin_fd is -2: Invalid argument");
    options = (weft_subprocess_options){.stdout_fd = -77};
    ck_assert_int_eq(weft_create_subprocess_exec(ARGV("true"), &options, &process), -EINVAL);
    options = (weft_subprocess_options){.stderr_fd = 12345};
    ck_assert_int_eq(weft_create_subprocess_exec(ARGV("true"), &options, &process), -EBADF);
    ck_assert_str_eq(sim_said(), "stderr_fd is 12345: Bad file descriptor");
    ck_assert_int_eq(weft_process_wait(NULL, NULL), -EINVAL);
    ck_assert_int_eq(weft_process_kill(NULL), -EINVAL);
    ck_assert_int_eq(weft_process_pid(NULL), -EINVAL);
    ck_assert_int_eq(weft_process_returncode(NULL), -EINVAL);
    ck_assert_ptr_null(weft_process_stdin(NULL));
    ck_assert_ptr_null(weft_process_ref(NULL));
    weft_process_unref(NULL);
    process = start_endless();
    ck_assert_int_eq(weft_process_send_signal(process, -1), -EINVAL);
    ck_assert_int_eq(weft_process_send_signal(process, 1000), -EINVAL);
    ck_assert_int_eq(weft_process_kill(process), 0);
    ck_assert_int_eq(ended(process), -SIGKILL);
    return 0;
}

START_TEST(outside_a_task_nothing_is_started)
{
    weft_process *process;
    ck_assert_int_eq(weft_create_subprocess_exec(ARGV("true"), NULL, &process), WEFT_ENOTASK);
    ck_assert_no_child();
}
END_TEST

SUITE("process", exec_passes_the_arguments_as_they_are, shell_runs_a_command_line,
      pid_and_returncode_are_known, any_number_of_tasks_waits, signals_end_a_process,
      a_cancelled_wait_changes_nothing, a_wait_can_have_a_limit, devnull_is_empty_and_takes_all,
      stdout_and_stderr_can_be_one, descriptors_are_given_in_any_order,
      descriptors_are_given_where_there_are_none, a_noticed_end_refuses_signals,
      a_signal_after_the_end_does_nothing, what_cannot_be_started_is_an_error, nonsense_is_refused,
      outside_a_task_nothing_is_started)
