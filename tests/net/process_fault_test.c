/*
 * process_fault_test.c - starting a process and talking to it with each allocation and system call
 * failing: nothing stays open, and no child is left, running or not reaped.
 */
#include "tests/net/processes.h"
#include "tests/support/suite.h"

#define TEXT "a line"

/* No fault is met; or one that is made good: nobody hears of it. */
static bool all_is_well(void)
{
    return !fault_met() || fault_now.error == EINTR || fault_now.error == ENOSYS;
}

/* Every pipe, and all that a process is for. */
COROUTINE(talks)
{
    weft_process *process = NULL;
    weft_process_output output;
    const weft_subprocess_options options = {
        .stdin_fd = WEFT_PIPE, .stdout_fd = WEFT_PIPE, .stderr_fd = WEFT_PIPE};
    int rc = weft_create_subprocess_shell("cat; echo error >&2", &options, &process);
    if (rc) {
        ck_assert_ptr_null(process);
        ck_assert_no_child(); /* it is not even to be waited for */
        return rc;
    }
    rc = weft_process_communicate(process, TEXT, sizeof(TEXT) - 1, &output);
    if (!rc) { /* input that could not be written is no error */
        bool unwritten = !all_is_well() && fault_now.site == FAULT_QUIET_WRITE;
        ck_assert_int_eq(weft_process_returncode(process), 0);
        ck_assert_str_eq(output.stdout_data, unwritten ? "" : TEXT);
        ck_assert_str_eq(output.stderr_data, "error\n");
    }
    weft_process_unref(process);
    return rc;
}

/* Descriptors of other kinds, a descriptor that has to be moved, and a process that is dropped. */
COROUTINE(drops)
{
    weft_process *process = NULL;
    const weft_subprocess_options options = {.stdin_fd = WEFT_DEVNULL,
                                             .stdout_fd = WEFT_DEVNULL,
                                             .stderr_fd = 1,
                                             .env = ARGV("PATH=/no/such:/bin:/usr/bin")};
    int rc = weft_create_subprocess_exec(ARGV("sleep", "infinity"), &options, &process);
    if (rc) {
        ck_assert_ptr_null(process);
        ck_assert_no_child();
        return rc;
    }
    weft_process_unref(process);
    return 0;
}

static void in_a_run(weft_coroutine fn)
{
    int rc = weft_run_with(&(weft_runner_options){.loops = 1}, fn, NULL, NULL);
    ck_assert_no_child();
    ck_assert_fault_only(rc);
    if (all_is_well())
        ck_assert_int_eq(rc, 0);
}

static void talking(void)
{
    in_a_run(talks);
}

static void dropping(void)
{
    in_a_run(drops);
}

static const struct {
    enum fault_site site;
    int error;
    bool of_talking, of_dropping; /* calls are made there */
} faults[] = {
    {FAULT_ALLOC, ENOMEM, true, true},        {FAULT_PIPE, EMFILE, true, false},
    {FAULT_SPAWN, EAGAIN, true, true},        {FAULT_PIDFD_OPEN, EMFILE, true, true},
    {FAULT_FCNTL, EMFILE, true, true},        {FAULT_OPEN, EMFILE, false, true},
    {FAULT_EPOLL_CREATE, EMFILE, true, true}, {FAULT_EPOLL_CTL, ENOMEM, true, true},
    {FAULT_EVENTFD, EMFILE, true, true},      {FAULT_READ, EIO, true, false},
    {FAULT_QUIET_WRITE, EIO, true, false},    {FAULT_EPOLL_WAIT, EINTR, true, false},
    {FAULT_QUIET_WRITE, ENOSYS, true, false}, {FAULT_READ, EINTR, true, false},
    {FAULT_WAITID, EINTR, true, true},
};

START_TEST(each_call_may_fail)
{
    /* What a first use sets up is there before the descriptors are counted. */
    talking();
    if (faults[_i].of_talking)
        ck_assert_uint_gt(run_with_each_fault(faults[_i].site, faults[_i].error, talking), 0);
    if (faults[_i].of_dropping)
        ck_assert_uint_gt(run_with_each_fault(faults[_i].site, faults[_i].error, dropping), 0);
}
END_TEST

/* A child of which nothing can be learnt counts as reaped by others, and holds nothing; a failure that may
 * pass is one only if it stays. */
static int lost_code;

COROUTINE(loses)
{
    ck_assert_int_eq(ended(start(ARGV("true"), NULL)), lost_code);
    return 0;
}

static void losing(void)
{
    ck_assert_int_eq(weft_run_with(&(weft_runner_options){.loops = 1}, loses, NULL, NULL), 0);
    ck_assert(fault_met());
    wf_fault_reset();
    while (waitpid(-1, NULL, 0) > 0) /* what the fault kept from being reaped */
        continue;
}

START_TEST(the_reaping_may_fail)
{
    for (int sticky = 0; sticky < 2; sticky++) {
        lost_code = 255;
        run_with_fault(FAULT_WAITID, 1, ECHILD, sticky, losing);
        run_with_fault(FAULT_WAITID, 2, ECHILD, sticky, losing);
        run_with_fault(FAULT_PIDFD_OPEN, 1, ESRCH, sticky, losing);
        lost_code = sticky ? 255 : 0;
        run_with_fault(FAULT_WAITID, 1, EINVAL, sticky, losing);
    }
}
END_TEST

/* A process that may not be signalled, since it is another user's now, says so, and is let go without
 * waiting for it. */
COROUTINE(lets_go)
{
    weft_process *process = start(ARGV("cat"), &(weft_subprocess_options){.stdin_fd = WEFT_PIPE});
    wf_fault_arm(FAULT_PIDFD_SIGNAL, 1, EPERM, true);
    ck_assert_int_eq(weft_process_kill(process), -EPERM);
    ck_assert_ptr_nonnull(strstr(sim_said(), "Operation not permitted"));
    weft_process_unref(process);
    return 0;
}

START_TEST(the_kill_may_fail)
{
    ck_assert_int_eq(weft_run_with(&(weft_runner_options){.loops = 1}, lets_go, NULL, NULL), 0);
    wf_fault_reset();
    (void)waitpid(-1, NULL, 0); /* it has ended with its input */
    ck_assert_no_child();
}
END_TEST

COROUTINE(receive_nothing)
{
    char byte;
    return (int)weft_sock_recv(arg, &byte, 1);
}

/* A child whose registration is lost with its ring, and cannot be had again at once, is looked at later: its
 * end is noticed. On epoll there is no ring that could fail. */
START_SIM(the_watching_may_fail)
{
    weft_socket *pair[2];
    weft_process *process = start_endless();
    ck_assert_int_eq(weft_socketpair(pair), 0);
    weft_task *task = weft_create_task(receive_nothing, pair[0], NULL);
    wf_fault_arm(FAULT_URING_ENTER, 1, EPERM, false);
    /* The socket is registered, then once more; then the child. */
    wf_fault_arm(FAULT_EPOLL_CTL, 3, ENOSPC, false);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(weft_sleep(0.01), 0);
    wf_fault_reset();
    weft_socket_close(pair[0]);
    ck_assert_int_eq(weft_join(task, NULL), -EBADF);
    weft_socket_close(pair[1]);
    ck_assert_int_eq(weft_process_kill(process), 0);
    ck_assert_int_eq(ended(process), -SIGKILL);
    return 0;
}

int main(void)
{
    Suite *suite = suite_create("process_fault");
    TCase *tcase = tcase_create("faults");

    tcase_add_loop_test(tcase, each_call_may_fail, 0, (int)(sizeof(faults) / sizeof(faults[0])));
    tcase_add_test(tcase, the_reaping_may_fail);
    tcase_add_test(tcase, the_kill_may_fail);
    tcase_add_test(tcase, the_watching_may_fail);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
