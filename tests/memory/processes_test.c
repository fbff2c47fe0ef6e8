/*
 * processes_test.c - weft/subprocess.h and weft/pipe.h with each allocation failing.
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/memory/scarce.h"

#define ARGV(...) ((const char *[]){__VA_ARGS__, NULL})

static const weft_subprocess_options all_pipes = {
    .stdin_fd = WEFT_PIPE, .stdout_fd = WEFT_PIPE, .stderr_fd = WEFT_PIPE};

START_SCARCE(a_process, 2)
{
    weft_process *process;
    int code;
    ASKED(weft_create_subprocess_exec(ARGV("sleep", "infinity"), NULL, &process), 0);
    NEVER(ck_assert_int_gt(weft_process_pid(process), 0));
    NEVER(ck_assert_int_eq(weft_process_returncode(process), WEFT_PROCESS_RUNNING));
    NEVER(ck_assert_int_eq(weft_process_send_signal(process, SIGCONT), 0));
    NEVER(ck_assert_int_eq(weft_process_terminate(process), 0));
    NEVER(ck_assert_int_eq(weft_process_wait(process, &code), 0));
    NEVER(ck_assert_int_eq(weft_process_returncode(process), -SIGTERM));
    COPES(ck_assert_int_eq(weft_process_kill(process), -ESRCH)); /* with a message, or without */
    NEVER(ck_assert_ptr_eq(weft_process_ref(process), process));
    NEVER(weft_process_unref(process));
    NEVER(weft_process_unref(process));
    ASKED(weft_create_subprocess_shell("exit 3", NULL, &process), 0);
    NEVER(ck_assert_int_eq(weft_process_wait(process, &code), 0));
    ck_assert_int_eq(code, 3);
    weft_process_unref(process);
    return 0;
}

/* What is lost for want of memory is the process's output, and communicate says so. */
START_SCARCE(a_process_with_pipes, 10)
{
    weft_process *process;
    weft_process_output output;
    int rc;
    ASKED(weft_create_subprocess_exec(ARGV("cat"), &all_pipes, &process), 0);
    NEVER(ck_assert_ptr_nonnull(weft_process_stdin(process)));
    NEVER(ck_assert_ptr_nonnull(weft_process_stdout(process)));
    NEVER(ck_assert_ptr_nonnull(weft_process_stderr(process)));
    unsigned long before = allocations();
    COPES(rc = weft_process_communicate(process, "text", 4, &output));
    ck_assert(rc == -ENOMEM || rc == 0);
    if (!failed_since(before)) {
        ck_assert_int_eq(rc, 0);
        ck_assert_str_eq(output.stdout_data, "text");
    }
    weft_process_unref(process);
    return 0;
}

static const weft_protocol_ops no_ops;

START_SCARCE(pipes, 4)
{
    weft_protocol protocol = {&no_ops};
    weft_transport *reading, *writing;
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    ASKED(weft_connect_read_pipe(ends[0], &protocol, &reading), 0);
    ASKED(weft_connect_write_pipe(ends[1], &protocol, &writing), 0);
    weft_transport_abort(reading);
    weft_transport_abort(writing);
    ck_assert_int_eq(weft_sleep(1), 0);
    weft_transport_unref(reading);
    weft_transport_unref(writing);
    return 0;
}

int main(void)
{
    const TTest *const tests[] = {a_process, a_process_with_pipes, pipes};
    Suite *suite = suite_create("memory_processes");
    TCase *tcase = tcase_create("memory");

    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
