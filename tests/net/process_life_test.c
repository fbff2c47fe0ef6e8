/*
 * process_life_test.c - processes that are dropped, cancelled, many, everybody else's, or left over.
 */
#include <pthread.h>

#include "tests/net/processes.h"
#include "tests/support/pair.h"
#include "tests/support/suite.h"

/* Sanitizers and valgrind make a process dear. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(WEFT_VALGRIND)
#define IN_A_ROW 200
#define AT_ONCE  60
#else
#define IN_A_ROW 2000
#define AT_ONCE  300
#endif

static pid_t created;

/* It is gone, also from the list of those to be reaped. */
static void ck_assert_gone(pid_t pid)
{
    ck_assert_int_eq(kill(pid, 0), -1);
    ck_assert_int_eq(errno, ESRCH);
}

COROUTINE(creates)
{
    weft_process *process;
    int rc = weft_create_subprocess_exec(ARGV("sleep", "infinity"), NULL, &process);
    ck_assert_int_eq(rc, WEFT_ECANCELLED);
    ck_assert_str_eq(sim_said(), "enough");
    ck_assert_no_child();
    return weft_fail(rc, "went on");
}

/* A cancelled creation leaves no process, and the cancellation is what is reported (PROC-31). */
START_SIM(a_cancelled_creation_leaves_nothing)
{
    int descriptors = count_descriptors();
    weft_task *creator = weft_create_task(creates, NULL, NULL);
    sim_pass(1);
    ck_assert_int_eq(weft_cancel_msg(creator, "enough"), 1);
    ck_assert_int_eq(weft_join(creator, NULL), WEFT_ECANCELLED);
    ck_assert_no_child();
    /* The poller's own have come, and stay. */
    ck_assert_int_le(count_descriptors(), descriptors + poller_descriptors());
    return 0;
}

/* A second cancellation does not wait for the end, which comes all the same. */
COROUTINE(creates_twice_cancelled)
{
    weft_process *process;
    ck_assert_int_eq(weft_create_subprocess_exec(ARGV("sleep", "infinity"), NULL, &process),
                     WEFT_ECANCELLED);
    return 0;
}

START_SIM(a_creation_cancelled_twice_leaves_nothing)
{
    weft_task *creator = weft_create_task(creates_twice_cancelled, NULL, NULL);
    sim_pass(1);
    ck_assert_int_eq(weft_cancel(creator), 1);
    sim_pass(1);
    (void)weft_cancel(creator); /* it may be over */
    ck_assert_int_eq(weft_join(creator, NULL), 0);
    siginfo_t info;
    for (int turns = 0; !waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT); turns++) {
        ck_assert_int_lt(turns, 1000000);
        sim_pass(1);
    }
    ck_assert_no_child();
    return 0;
}

/* A running process that is dropped is killed, and reaped by the loop (PROC-32). */
START_SIM(a_dropped_process_is_killed)
{
    weft_process *process = start_endless();
    created = weft_process_pid(process);
    weft_process_unref(process);
    while (!kill(created, 0))
        sim_pass(1);
    ck_assert_gone(created);
    ck_assert_no_child();
    return 0;
}

/* One that has ended is not signalled: it keeps its exit code, for whoever asks. */
START_SIM(an_ended_process_is_not_killed)
{
    weft_process *process = start_shell("exit 9", NULL);
    siginfo_t info;
    ck_assert_int_eq(waitid(P_PID, (id_t)weft_process_pid(process), &info, WEXITED | WNOWAIT), 0);
    ck_assert_int_eq(info.si_status, 9);
    ck_assert_int_eq(weft_process_kill(process), 0);
    ck_assert_int_eq(ended(process), 9);
    return 0;
}

/* What is dropped last of all is gone when the run is over. */
COROUTINE(drops_at_the_end)
{
    weft_process *process = start_endless();
    created = weft_process_pid(process);
    weft_process_unref(process);
    return 0;
}

START_TEST(nothing_is_left_after_a_run)
{
    int descriptors = count_descriptors();
    ck_assert_int_eq(weft_run(drops_at_the_end, NULL, NULL), 0);
    ck_assert_gone(created);
    ck_assert_no_child();
    ck_assert_int_eq(count_descriptors(), descriptors);
}
END_TEST

/* A process can be given back after its loop was closed, whether it runs or not. Its end is nobody's news
 * (PROC-37). */
COROUTINE(hands_out)
{
    weft_process **both = arg;
    both[0] = start_endless();
    both[1] = start_shell("exit 4", NULL);
    siginfo_t info;
    ck_assert_int_eq(waitid(P_PID, (id_t)weft_process_pid(both[1]), &info, WEXITED | WNOWAIT), 0);
    return 0;
}

START_TEST(a_process_outlives_its_loop)
{
    weft_process *both[2];
    int descriptors = count_descriptors();
    ck_assert_int_eq(weft_run(hands_out, both, NULL), 0);
    created = weft_process_pid(both[0]);
    ck_assert_int_eq(kill(created, 0), 0); /* it runs */
    ck_assert_int_eq(weft_process_returncode(both[0]), WEFT_PROCESS_RUNNING);
    ck_assert_int_eq(weft_process_send_signal(both[0], SIGCONT), 0);
    weft_process_unref(both[0]);
    ck_assert_gone(created);
    weft_process_unref(both[1]);
    ck_assert_no_child();
    ck_assert_int_eq(count_descriptors(), descriptors);
}
END_TEST

/* A task that waits when the run ends is cancelled, and the process goes with it. */
COROUTINE(runs_it)
{
    weft_process *process = start_endless();
    created = weft_process_pid(process);
    int rc = weft_process_wait(process, NULL);
    weft_process_unref(process);
    return rc;
}

COROUTINE(leaves_a_waiter)
{
    weft_unref(weft_create_task(runs_it, NULL, NULL));
    sim_pass(3);
    ck_assert_int_gt(created, 0);
    return 0;
}

START_TEST(a_run_ends_who_waits)
{
    ck_assert_int_eq(weft_run(leaves_a_waiter, NULL, NULL), 0);
    ck_assert_gone(created);
    ck_assert_no_child();
}
END_TEST

/* Thousands, one after the other, leave nothing: no descriptor, no zombie. */
START_SIM(thousands_in_a_row_leave_nothing)
{
    int descriptors = 0;
    for (int i = 0; i < IN_A_ROW; i++) {
        ck_assert_int_eq(ended(start(ARGV("/bin/true"), NULL)), 0);
        if (i == 0)
            descriptors = count_descriptors();
    }
    ck_assert_int_eq(count_descriptors(), descriptors);
    ck_assert_no_child();
    return 0;
}

/* Hundreds at once, some ending at the same moment, each with a code of its own (PROC-33). */
START_SIM(hundreds_at_once_get_their_own_codes)
{
    static weft_process *processes[AT_ONCE];
    int gate[2], descriptors = count_descriptors();
    char code[16];
    ck_assert_int_eq(pipe(gate), 0);
    for (int i = 0; i < AT_ONCE; i++) {
        snprintf(code, sizeof(code), "%d", i % 200);
        processes[i] = start(ARGV("sh", "-c", "read x; exit $0", code),
                             &(weft_subprocess_options){.stdin_fd = gate[0]});
    }
    close(gate[0]);
    close(gate[1]); /* all of them see the end of their input */
    for (int i = 0; i < AT_ONCE; i++)
        ck_assert_int_eq(ended(processes[i]), i % 200);
    ck_assert_int_le(count_descriptors(), descriptors + poller_descriptors());
    ck_assert_no_child();
    return 0;
}

static _Atomic int handled;

static void on_child(int number)
{
    (void)number;
    handled++;
}

/* Each thread has a loop of its own. */
COROUTINE(starts_some)
{
    for (int i = 0; i < 20; i++) {
        char code[16];
        snprintf(code, sizeof(code), "%d", i);
        ck_assert_int_eq(ended(start(ARGV("sh", "-c", "exit $0", code), NULL)), i);
    }
    return 0;
}

static void *thread_main(void *arg)
{
    (void)arg;
    return weft_run_with(&(weft_runner_options){.loops = 1}, starts_some, NULL, NULL) ? &handled
                                                                                      : NULL;
}

/* Loops of any thread have processes, without touching what the program does with SIGCHLD, and without
 * reaping children of its own (PROC-34). */
START_TEST(any_thread_has_processes)
{
    pthread_t threads[4];
    struct sigaction mine = {.sa_handler = on_child}, seen;
    sigemptyset(&mine.sa_mask);
    ck_assert_int_eq(sigaction(SIGCHLD, &mine, NULL), 0);
    pid_t own = fork();
    ck_assert_int_ge(own, 0);
    if (!own)
        _exit(6);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, thread_main, NULL), 0);
    for (int i = 0; i < 4; i++) {
        void *failed = &failed;
        ck_assert_int_eq(pthread_join(threads[i], &failed), 0);
        ck_assert_ptr_null(failed);
    }
    int status;
    ck_assert_int_eq(waitpid(own, &status, 0), own);
    ck_assert_int_eq(WEXITSTATUS(status), 6);
    ck_assert_int_eq(sigaction(SIGCHLD, NULL, &seen), 0);
    ck_assert(seen.sa_handler == on_child);
    ck_assert_int_gt(handled, 0);
    ck_assert_no_child();
}
END_TEST

/* Tasks of another loop can wait, too. */
START_PAIR(a_task_of_another_loop_waits)
{
    weft_process *process = start_endless();
    weft_task *waiter = weft_create_task_on(pair_loop(1), wait_for_end, process, NULL);
    ck_assert_int_eq(weft_yield(), 0);
    ck_assert_int_eq(weft_process_kill(process), 0);
    ck_assert_int_eq(weft_join(waiter, NULL), 0);
    ck_assert_int_eq(weft_process_returncode(process), -SIGKILL);
    weft_process_unref(process);
    return 0;
}

/* If somebody else reaped it, the code is 255, and that is reported (PROC-35). */
START_SIM(reaped_by_somebody_else)
{
    weft_process *process = start_shell("exit 1", NULL);
    pid_t pid = weft_process_pid(process);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    ck_assert_int_eq(returncode_of(process), 255);
    ck_assert_int_eq(reports_count, 1);
    ck_assert_ptr_nonnull(strstr(reports_message, "reaped by others"));
    ck_assert_int_eq(weft_process_kill(process), -ESRCH);
    weft_process_unref(process);
    /* A program that has the system reap its children. */
    ck_assert_ptr_ne(signal(SIGCHLD, SIG_IGN), SIG_ERR);
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(ended(start(ARGV("true"), NULL)), 255);
    ck_assert_int_eq(reports_count, 21);
    return 0;
}

SUITE("process_life", a_cancelled_creation_leaves_nothing,
      a_creation_cancelled_twice_leaves_nothing, a_dropped_process_is_killed,
      an_ended_process_is_not_killed, nothing_is_left_after_a_run, a_process_outlives_its_loop,
      a_run_ends_who_waits, thousands_in_a_row_leave_nothing, hundreds_at_once_get_their_own_codes,
      any_thread_has_processes, a_task_of_another_loop_waits, reaped_by_somebody_else)
