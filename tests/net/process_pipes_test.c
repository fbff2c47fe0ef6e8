/*
 * process_pipes_test.c - what goes through the pipes of a process.
 */
#include <fcntl.h>

#include "tests/net/processes.h"
#include "tests/support/suite.h"

#define IN        .stdin_fd = WEFT_PIPE
#define OUT       .stdout_fd = WEFT_PIPE
#define ERR       .stderr_fd = WEFT_PIPE
#define WITH(...) (&(weft_subprocess_options){__VA_ARGS__})

/* More than fits into a pipe and the buffers on both sides. */
#define LARGE ((size_t)1 << 21)

/* Some bytes, of which none is where another one could be. */
static char *pattern(size_t bytes)
{
    char *data = malloc(bytes);
    ck_assert_ptr_nonnull(data);
    for (size_t i = 0; i < bytes; i++)
        data[i] = (char)(i * 2654435761u >> 13);
    return data;
}

/* What is a pipe has a stream, what is none has not (PROC-09). */
START_SIM(pipes_are_streams)
{
    weft_process *process = start(ARGV("cat"), WITH(IN, OUT));
    char *data;
    ck_assert_ptr_nonnull(weft_process_stdin(process));
    ck_assert_ptr_nonnull(weft_process_stdout(process));
    ck_assert_ptr_null(weft_process_stderr(process));
    ck_assert_int_eq(weft_stream_write(weft_process_stdin(process), "one\ntwo\n", 8), 0);
    ck_assert_int_eq(weft_stream_drain(weft_process_stdin(process)), 0);
    ck_assert_int_eq(weft_stream_readline(weft_process_stdout(process), &data), 4);
    ck_assert_str_eq(data, "one\n");
    ck_assert_int_eq(weft_stream_readline(weft_process_stdout(process), &data), 4);
    ck_assert_str_eq(data, "two\n");
    /* PROC-21: the end of its input, which is then closed here too. */
    weft_stream_close(weft_process_stdin(process));
    ck_assert_int_eq(weft_stream_wait_closed(weft_process_stdin(process)), 0);
    ck_assert_int_eq(weft_stream_read(weft_process_stdout(process), -1, &data), 0);
    ck_assert(weft_stream_at_eof(weft_process_stdout(process)));
    ck_assert_int_eq(ended(process), 0);
    return 0;
}

/* The end of input can be told by write_eof as well. */
START_SIM(the_end_of_input_by_write_eof)
{
    weft_process *process = start(ARGV("wc", "-c"), WITH(IN, OUT));
    char *data;
    ck_assert(weft_stream_can_write_eof(weft_process_stdin(process)));
    ck_assert_int_eq(weft_stream_write(weft_process_stdin(process), "12345", 5), 0);
    ck_assert_int_eq(weft_stream_write_eof(weft_process_stdin(process)), 0);
    ck_assert_int_eq(weft_stream_readline(weft_process_stdout(process), &data), 2);
    ck_assert_str_eq(data, "5\n");
    ck_assert_int_eq(ended(process), 0);
    return 0;
}

/* communicate writes the input, reads both outputs, and waits (PROC-14). */
START_SIM(communicate_exchanges_all)
{
    weft_process_output output;
    weft_process *process = start_shell("tr a-z A-Z; echo done >&2; exit 3", WITH(IN, OUT, ERR));
    ck_assert_int_eq(weft_process_communicate(process, "hello", 5, &output), 0);
    ck_assert_int_eq(weft_process_returncode(process), 3);
    ck_assert_uint_eq(output.stdout_bytes, 5);
    ck_assert_str_eq(output.stdout_data, "HELLO");
    ck_assert_uint_eq(output.stderr_bytes, 5);
    ck_assert_str_eq(output.stderr_data, "done\n");
    /* PROC-18: a second time there is nothing. */
    ck_assert_int_eq(weft_process_communicate(process, "more", 4, &output), 0);
    ck_assert_uint_eq(output.stdout_bytes, 0);
    ck_assert_str_eq(output.stdout_data, "");
    ck_assert_uint_eq(output.stderr_bytes, 0);
    weft_process_unref(process);
    return 0;
}

/* What is no pipe gives nothing; input that has nowhere to go is ignored (PROC-14, PROC-18). */
START_SIM(communicate_without_some_pipes)
{
    weft_process_output output;
    weft_process *process = start_shell("cat; echo out", WITH(OUT, .stdin_fd = WEFT_DEVNULL));
    ck_assert_int_eq(weft_process_communicate(process, "ignored", 7, &output), 0);
    ck_assert_str_eq(output.stdout_data, "out\n");
    ck_assert_ptr_null(output.stderr_data);
    ck_assert_uint_eq(output.stderr_bytes, 0);
    weft_process_unref(process);
    process = start_shell("exit 2", NULL);
    ck_assert_int_eq(weft_process_communicate(process, NULL, 0, &output), 0);
    ck_assert_ptr_null(output.stdout_data);
    ck_assert_ptr_null(output.stderr_data);
    ck_assert_int_eq(ended(process), 2);
    /* PROC-11: merged, and no stream of its own. */
    process = start_shell("echo a; echo b >&2; echo c", WITH(OUT, .stderr_fd = WEFT_STDOUT));
    ck_assert_ptr_null(weft_process_stderr(process));
    ck_assert_int_eq(weft_process_communicate(process, NULL, 0, &output), 0);
    ck_assert_str_eq(output.stdout_data, "a\nb\nc\n");
    ck_assert_ptr_null(output.stderr_data);
    weft_process_unref(process);
    ck_assert_int_eq(weft_process_communicate(NULL, NULL, 0, NULL), -EINVAL);
    return 0;
}

/* Any sizes, in both directions at once, do (PROC-15; PROC-07: the output alone would fill its pipe). */
START_SIM(communicate_never_deadlocks)
{
    char *input = pattern(LARGE);
    weft_process_output output;
    weft_process *process =
        start_shell("head -c 1000000 /dev/zero >&2; tee /dev/stderr", WITH(IN, OUT, ERR));
    ck_assert_int_eq(weft_process_communicate(process, input, LARGE, &output), 0);
    ck_assert_uint_eq(output.stdout_bytes, LARGE);
    ck_assert_int_eq(memcmp(output.stdout_data, input, LARGE), 0);
    ck_assert_uint_eq(output.stderr_bytes, LARGE + 1000000);
    ck_assert_int_eq(memcmp(output.stderr_data + 1000000, input, LARGE), 0);
    ck_assert_int_eq(ended(process), 0);
    free(input);
    return 0;
}

/* With no input, or an empty one, stdin is just closed (PROC-16). */
START_SIM(no_input_closes_stdin)
{
    for (int i = 0; i < 2; i++) {
        weft_process_output output;
        weft_process *process = start(ARGV("wc", "-c"), WITH(IN, OUT));
        ck_assert_int_eq(weft_process_communicate(process, i ? "" : NULL, 0, &output), 0);
        ck_assert_str_eq(output.stdout_data, "0\n");
        weft_process_unref(process);
    }
    return 0;
}

/* A process that ends, or closes its input, before it has read it all is no error (PROC-17). */
START_SIM(input_need_not_be_read)
{
    char *input = pattern(LARGE);
    weft_process_output output;
    weft_process *process = start(ARGV("true"), WITH(IN, OUT));
    ck_assert_int_eq(weft_process_communicate(process, input, LARGE, &output), 0);
    ck_assert_uint_eq(output.stdout_bytes, 0);
    ck_assert_int_eq(ended(process), 0);
    process = start_shell("head -c 3; exec <&-; echo; exit 6", WITH(IN, OUT));
    ck_assert_int_eq(weft_process_communicate(process, input, LARGE, &output), 0);
    ck_assert_uint_eq(output.stdout_bytes, 4);
    ck_assert_int_eq(memcmp(output.stdout_data, input, 3), 0);
    ck_assert_int_eq(ended(process), 6);
    /* It had ended before. */
    process = start(ARGV("true"), WITH(IN));
    ck_assert_int_eq(returncode_of(process), 0);
    ck_assert_int_eq(weft_process_communicate(process, input, LARGE, NULL), 0);
    weft_process_unref(process);
    free(input);
    return 0;
}

static char never_read[LARGE];

COROUTINE(communicates)
{
    return weft_process_communicate(arg, never_read, LARGE, NULL);
}

/* Cancelling communicate leaves the process running (PROC-19). */
START_SIM(cancelled_communicate_leaves_the_process)
{
    for (int pipes = 0; pipes < 2; pipes++) {
        weft_process *process = start_shell("echo started; exec sleep infinity",
                                            pipes ? WITH(IN, OUT, ERR) : WITH(OUT));
        weft_task *task = weft_create_task(communicates, process, NULL);
        char text[128];
        do { /* until it has begun */
            sim_pass(1);
            (void)weft_stream_reader_text(weft_process_stdout(process), text, sizeof(text));
        } while (!strstr(text, " 8 bytes"));
        ck_assert_int_eq(weft_cancel(task), 1);
        ck_assert_int_eq(weft_join(task, NULL), WEFT_ECANCELLED);
        ck_assert_int_eq(weft_process_returncode(process), WEFT_PROCESS_RUNNING);
        ck_assert(!pipes || !weft_stream_is_closing(weft_process_stdin(process)));
        ck_assert_int_eq(weft_process_kill(process), 0);
        weft_process_output output; /* nothing of it was lost */
        ck_assert_int_eq(weft_process_communicate(process, NULL, 0, &output), 0);
        ck_assert_str_eq(output.stdout_data, "started\n");
        ck_assert_int_eq(ended(process), -SIGKILL);
    }
    return 0;
}

/* Writing by oneself after the process is gone makes drain fail (PROC-20), and no SIGPIPE comes. */
START_SIM(drain_fails_after_the_end)
{
    weft_process *process = start(ARGV("true"), WITH(IN));
    weft_stream_writer *input = weft_process_stdin(process);
    ck_assert_int_eq(returncode_of(process), 0);
    char *data = pattern(LARGE);
    int rc = 0;
    for (int i = 0; i < 100 && !rc; i++) {
        ck_assert_int_eq(weft_stream_write(input, data, LARGE), 0);
        rc = weft_stream_drain(input);
    }
    ck_assert_msg(rc == -EPIPE || rc == -ECONNRESET, "%s", weft_strerror(rc));
    weft_process_unref(process);
    free(data);
    return 0;
}

/* The same when it ends in the middle of a write. */
COROUTINE(writes_much)
{
    char *data = pattern(LARGE);
    int rc = weft_stream_write(arg, data, LARGE);
    ck_assert_int_eq(rc, 0);
    free(data);
    rc = weft_stream_drain(arg);
    trace("%s", rc == -EPIPE || rc == -ECONNRESET ? "broken" : weft_error_name(rc));
    return 0;
}

START_SIM(drain_fails_at_the_end)
{
    weft_process *process = start(ARGV("sleep", "infinity"), WITH(IN));
    weft_task *writer = weft_create_task(writes_much, weft_process_stdin(process), NULL);
    sim_pass(3);
    ck_assert_int_eq(weft_done(writer), 0);
    ck_assert_int_eq(weft_process_kill(process), 0);
    ck_assert_int_eq(weft_join(writer, NULL), 0);
    ck_assert_trace("broken");
    ck_assert_int_eq(ended(process), -SIGKILL);
    return 0;
}

/* Our ends are in no other child: the end of input is seen while others run (PROC-22), also by those
 * that are started from elsewhere. */
START_SIM(our_ends_are_not_inherited)
{
    weft_process *first = start(ARGV("cat"), WITH(IN, OUT)), *others[5];
    weft_process_output output;
    for (int i = 0; i < 5; i++)
        others[i] = start(ARGV("cat"), WITH(IN, OUT, .keep_fds = i % 2));
    ck_assert_int_eq(weft_process_communicate(first, "x", 1, &output), 0);
    ck_assert_str_eq(output.stdout_data, "x");
    weft_process_unref(first);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(weft_process_communicate(others[i], NULL, 0, &output), 0);
        ck_assert_int_eq(ended(others[i]), 0);
    }
    return 0;
}

/* wait returns at the end of the process, whoever holds its pipes, whatever is in them (PROC-06). */
START_SIM(wait_does_not_wait_for_pipes)
{
    char *data;
    /* A grandchild has them: it says when it is there, and reads our end of input as its own. */
    weft_process *process =
        start_shell("exec 3<&0; { echo grandchild; cat <&3; } & exit 1", WITH(IN, OUT));
    ck_assert_int_eq(weft_stream_readline(weft_process_stdout(process), &data), 11);
    ck_assert_int_eq(returncode_of(process), 1);
    ck_assert(!weft_stream_at_eof(weft_process_stdout(process)));
    weft_stream_close(weft_process_stdin(process)); /* the grandchild ends */
    ck_assert_int_eq(weft_stream_read(weft_process_stdout(process), -1, &data), 0);
    weft_process_unref(process);
    /* A killed one that has written more than anybody read. */
    process = start(ARGV("yes"), WITH(OUT));
    ck_assert_int_eq(weft_stream_readline(weft_process_stdout(process), &data), 2);
    ck_assert_int_eq(weft_process_kill(process), 0);
    ck_assert_int_eq(ended(process), -SIGKILL);
    return 0;
}

/* What was written before the end is read after it, completely (PROC-27). */
START_SIM(output_outlives_its_process)
{
    char *data;
    weft_process *process =
        start_shell("head -c 50000 /dev/zero; echo last; echo err >&2", WITH(OUT, ERR));
    ck_assert_int_eq(returncode_of(process), 0);
    ck_assert_int_eq(weft_stream_read(weft_process_stdout(process), -1, &data), 50005);
    ck_assert_str_eq(data + 50000, "last\n");
    ck_assert_int_eq(weft_stream_read(weft_process_stderr(process), -1, &data), 4);
    ck_assert_str_eq(data, "err\n");
    weft_process_unref(process);
    return 0;
}

/* limit is that of the readers; above twice the limit the pipe is not read any more (PROC-13). */
START_SIM(limit_bounds_what_is_read_ahead)
{
    char *data;
    weft_process *process = start(ARGV("yes"), WITH(OUT, .limit = 100));
    weft_stream_reader *out = weft_process_stdout(process);
    ck_assert_int_eq(weft_stream_readline(out, &data), 2);
    sim_pass(20);
    char text[256];
    (void)weft_stream_reader_text(out, text, sizeof(text));
    ck_assert_msg(strstr(text, "limit=100") != NULL, "%s", text);
    ck_assert_msg(strstr(text, "paused") != NULL, "%s", text);
    for (int i = 0; i < 100000; i++) {
        ck_assert_int_eq(weft_stream_readline(out, &data), 2);
        ck_assert_str_eq(data, "y\n");
    }
    weft_process_unref(process);
    process = start_shell("head -c 300 /dev/zero; echo", WITH(OUT, .limit = 100));
    ck_assert_int_eq(weft_stream_readline(weft_process_stdout(process), &data), -EINVAL);
    weft_process_unref(process);
    process = start_shell("echo x", WITH(OUT));
    (void)weft_stream_reader_text(weft_process_stdout(process), text, sizeof(text));
    ck_assert_msg(!strstr(text, "limit=100"), "%s", text);
    ck_assert_int_eq(ended(process), 0);
    return 0;
}

/* A stream that the program has a reference of lives on when the process is given back, closed. */
START_SIM(streams_outlive_their_process)
{
    weft_process *process = start(ARGV("cat"), WITH(IN, OUT));
    weft_stream_writer *input = weft_stream_writer_ref(weft_process_stdin(process));
    weft_stream_reader *output = weft_stream_reader_ref(weft_process_stdout(process));
    char *data;
    weft_process_unref(process);
    ck_assert(weft_stream_is_closing(input));
    ck_assert_int_eq(weft_stream_wait_closed(input), 0);
    ck_assert_int_eq(weft_stream_read(output, -1, &data), 0);
    weft_stream_writer_unref(input);
    weft_stream_reader_unref(output);
    ck_assert_int_eq(reports_count, 0); /* nothing was left unclosed */
    return 0;
}

/* Descriptors are all back when processes with pipes are over. */
START_SIM(pipes_leave_no_descriptor)
{
    int descriptors = 0;
    for (int i = 0; i < 50; i++) {
        weft_process *process = start(ARGV("cat"), WITH(IN, OUT, ERR));
        if (i % 2) {
            weft_process_output output;
            ck_assert_int_eq(weft_process_communicate(process, "x", 1, &output), 0);
            ck_assert_str_eq(output.stdout_data, "x");
        }
        weft_process_unref(process);
        siginfo_t info;
        for (int turns = 0; !waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT); turns++) {
            ck_assert_int_lt(turns, 1000000);
            sim_pass(1);
        }
        sim_pass(3); /* connection_lost of the streams */
        if (i == 0)
            descriptors = count_descriptors();
    }
    ck_assert_int_eq(count_descriptors(), descriptors);
    return 0;
}

/* Also when the run ends with processes and streams in the program's hands. */
static weft_process *kept;

COROUTINE(keeps_a_process)
{
    kept = start(ARGV("cat"), WITH(IN, OUT, ERR));
    ck_assert_int_eq(weft_stream_write(weft_process_stdin(kept), "x", 1), 0);
    return 0;
}

START_TEST(a_process_with_pipes_outlives_its_loop)
{
    int descriptors = count_descriptors();
    ck_assert_int_eq(weft_run(keeps_a_process, NULL, NULL), 0);
    int said[2], errors = dup(2);
    char text[256] = "";
    ck_assert_int_eq(pipe2(said, O_NONBLOCK), 0);
    ck_assert_int_eq(dup2(said[1], 2), 2);
    weft_process_unref(kept);
    ck_assert_int_eq(dup2(errors, 2), 2);
    (void)!read(said[0], text, sizeof(text) - 1);
    ck_assert_str_eq(text, ""); /* nobody complains that its streams were open */
    close(errors);
    close(said[0]);
    close(said[1]);
    ck_assert_no_child();
    ck_assert_int_eq(count_descriptors(), descriptors);
}
END_TEST

/* Tasks on several loops have processes at the same time, each its own (PROC-33, PROC-34). */
#define TALKERS 40

COROUTINE(talks)
{
    char text[16];
    weft_process_output output;
    weft_process *process = start(ARGV("cat"), WITH(IN, OUT));
    snprintf(text, sizeof(text), "%p", arg);
    ck_assert_int_eq(weft_process_communicate(process, text, strlen(text), &output), 0);
    ck_assert_str_eq(output.stdout_data, text);
    ck_assert_int_eq(ended(process), 0);
    return 0;
}

COROUTINE(has_talkers)
{
    weft_task *talkers[TALKERS];
    for (uintptr_t i = 0; i < TALKERS; i++)
        talkers[i] = weft_spawn(talks, (void *)(i + 1), NULL);
    ck_assert_int_eq(weft_join(weft_gather(talkers, TALKERS, 0), NULL), 0);
    for (int i = 0; i < TALKERS; i++)
        weft_unref(talkers[i]);
    return 0;
}

START_TEST(loops_of_one_run_have_processes)
{
    int descriptors = count_descriptors();
    ck_assert_int_eq(weft_run_with(&(weft_runner_options){.loops = 4}, has_talkers, NULL, NULL), 0);
    ck_assert_no_child();
    ck_assert_int_eq(count_descriptors(), descriptors);
}
END_TEST

SUITE("process_pipes", pipes_are_streams, the_end_of_input_by_write_eof, communicate_exchanges_all,
      communicate_without_some_pipes, communicate_never_deadlocks, no_input_closes_stdin,
      input_need_not_be_read, cancelled_communicate_leaves_the_process, drain_fails_after_the_end,
      drain_fails_at_the_end, our_ends_are_not_inherited, wait_does_not_wait_for_pipes,
      output_outlives_its_process, limit_bounds_what_is_read_ahead, streams_outlive_their_process,
      pipes_leave_no_descriptor, a_process_with_pipes_outlives_its_loop,
      loops_of_one_run_have_processes)
