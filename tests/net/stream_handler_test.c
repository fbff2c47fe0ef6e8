/*
 * stream_handler_test.c - what a server's handler does with its stream, and what its end leads to; over
 * fake transports.
 */
#include "tests/net/streams.h"

struct serving {
    int rc;           /* how the handler ends */
    const char *said; /* with this message */
    bool close;       /* closes the writer itself */
    bool keep;        /* does not give it back */
    bool wait;        /* for a line, first */
    weft_stream_writer *kept;
    weft_task *task;
    int ended; /* the turn */
};

static int serve(weft_stream_reader *reader, weft_stream_writer *writer, void *arg)
{
    struct serving *s = arg;
    char *line = NULL;
    ssize_t n = 0;
    int rc = s->rc;

    s->task = weft_current_task();
    trace("begun");
    if (s->wait) {
        n = weft_stream_readline(reader, &line);
        if (n > 0)
            trace("line");
    }
    if (s->close)
        weft_stream_close(writer);
    weft_stream_reader_unref(reader);
    if (s->keep)
        s->kept = writer;
    else
        weft_stream_writer_unref(writer);
    s->ended = sim_turn();
    trace("ended");
    if (n < 0)
        return (int)n;
    return s->said ? weft_fail(rc, "%s", s->said) : rc;
}

static struct fake_transport *accept_one(struct serving *s, bool plain)
{
    const struct stream_handler handler = {.client_connected = serve, .arg = s, .plain = plain};
    weft_protocol *protocol =
        wf_stream_protocol_new(weft_get_running_loop(), WEFT_STREAM_LIMIT, &handler);
    ck_assert_ptr_nonnull(protocol);
    return fake_new(protocol);
}

/* SRVR-01, SRVR-02: the handler is a task, which begins in the iteration after connection_made. */
START_SIM(is_a_task)
{
    struct serving s = {.wait = true, .close = true};
    struct fake_transport *t = accept_one(&s, false);

    sim_pass(1);
    ck_assert_trace("");
    sim_pass(1);
    ck_assert_trace("begun");
    ck_assert_ptr_nonnull(s.task);
    ck_assert_ptr_ne(s.task, weft_current_task());
    fake_feed(t, TEXT("hello\n"));
    sim_pass(3);
    ck_assert_trace("line ended");
    ck_assert(t->base.lost);
    ck_assert_int_eq(reports_count, 0);
    weft_transport_unref(&t->base);
    return 0;
}

/* SRVR-03: its error is reported, one iteration after its end, and closes the connection; that the
 * handler gave back the writer without closing it is not. */
START_SIM(fails)
{
    for (int keep = 0; keep < 2; keep++) {
        struct serving s = {.rc = -EPROTO, .said = "nonsense", .keep = keep};
        struct fake_transport *t = accept_one(&s, false);
        reports_count = 0;
        sim_pass(2);
        ck_assert_trace("begun ended");
        ck_assert_int_eq(reports_count, 0);
        ck_assert(!weft_transport_is_closing(&t->base));
        sim_pass(1);
        ck_assert_int_eq(sim_turn(), s.ended + 1);
        ck_assert_int_eq(reports_count, 1);
        ck_assert_int_eq(reports_code, -EPROTO);
        ck_assert_str_eq(reports_message, "Unhandled exception in client_connected_cb");
        ck_assert_str_eq(reports_error, "nonsense");
        ck_assert(weft_transport_is_closing(&t->base));
        sim_pass(1);
        ck_assert(t->base.lost);
        ck_assert_int_eq(reports_count, 1);
        if (keep)
            weft_stream_writer_unref(s.kept);
        ck_assert_int_eq(reports_count, 1);
        weft_transport_unref(&t->base);
    }
    return 0;
}

/* SRVR-04: one that ends cancelled closes the connection, and nobody is told. */
START_SIM(cancelled)
{
    struct serving s = {.wait = true};
    struct fake_transport *t = accept_one(&s, false);

    sim_pass(2);
    ck_assert_int_eq(weft_cancel(s.task), 1);
    sim_pass(2);
    ck_assert(weft_transport_is_closing(&t->base));
    sim_pass(1);
    ck_assert(t->base.lost);
    ck_assert_int_eq(reports_count, 0);
    weft_transport_unref(&t->base);
    return 0;
}

/* SRVR-04: also if it was cancelled before it began. */
START_SIM(cancelled_before_its_first_step)
{
    struct serving s = {.wait = true};
    struct fake_transport *t = accept_one(&s, false);
    weft_task **tasks = NULL;

    sim_pass(1);
    long count = weft_all_tasks(NULL, &tasks);
    ck_assert_int_eq(count, 2);
    for (long i = 0; i < count; i++) {
        if (tasks[i] != weft_current_task())
            ck_assert_int_eq(weft_cancel(tasks[i]), 1);
    }
    weft_task_list_free(tasks, count);
    sim_pass(3);
    ck_assert_trace("");
    ck_assert(t->base.lost);
    ck_assert_int_eq(reports_count, 0);
    weft_transport_unref(&t->base);
    return 0;
}

/* SRVR-05: one that returns leaves the connection open until the writer is closed. */
START_SIM(returns)
{
    struct serving s = {.keep = true};
    struct fake_transport *t = accept_one(&s, false);

    sim_pass(4);
    ck_assert_trace("begun ended");
    ck_assert(!weft_transport_is_closing(&t->base));
    ck_assert_int_eq(weft_stream_write(s.kept, TEXT("late")), 0);
    ck_assert_sent(t, "late");
    weft_stream_close(s.kept);
    ck_assert_int_eq(weft_stream_wait_closed(s.kept), 0);
    weft_stream_writer_unref(s.kept);
    weft_transport_unref(&t->base);
    ck_assert_int_eq(reports_count, 0);
    return 0;
}

/* SRVR-05, WRIT-24: one that returns, and has given back a writer that is not closed. */
START_SIM(returns_without_closing)
{
    struct serving s = {.rc = 0};
    struct fake_transport *t = accept_one(&s, false);

    sim_pass(4);
    ck_assert(t->base.lost);
    ck_assert_int_eq(reports_count, 1);
    ck_assert_str_eq(reports_message, "a stream writer was given back without being closed");
    weft_transport_unref(&t->base);
    return 0;
}

/* The error of a handler whose connection was lost is reported as any other. */
START_SIM(fails_after_the_loss)
{
    struct serving s = {.wait = true, .close = true};
    struct fake_transport *t = accept_one(&s, false);

    sim_pass(2);
    fake_fail(t, -ECONNRESET);
    sim_pass(3);
    ck_assert_trace("begun ended");
    ck_assert_int_eq(reports_count, 1);
    ck_assert_int_eq(reports_code, -ECONNRESET);
    weft_transport_unref(&t->base);
    return 0;
}

/* SRVR-02, SRVR-06: a plain function is called in the loop; its error is reported, and closes nothing. */
START_SIM(plain)
{
    struct serving s = {.rc = -EPROTO, .said = "plainly", .keep = true};
    struct fake_transport *t = accept_one(&s, true);

    sim_pass(1);
    ck_assert_trace("begun ended");
    ck_assert_ptr_null(s.task);
    ck_assert_int_eq(reports_count, 1);
    ck_assert_str_eq(reports_error, "plainly");
    sim_pass(3);
    ck_assert(!weft_transport_is_closing(&t->base));
    weft_stream_close(s.kept);
    weft_stream_writer_unref(s.kept);
    sim_pass(1);
    weft_transport_unref(&t->base);
    ck_assert_int_eq(reports_count, 1);
    return 0;
}

/* With an eager task factory it begins at once. */
START_SIM(eager)
{
    struct serving s = {.close = true};

    weft_loop_set_task_factory(weft_get_running_loop(), weft_eager_task_factory, NULL);
    struct fake_transport *t = accept_one(&s, false);
    sim_pass(1);
    ck_assert_trace("begun ended");
    sim_pass(2);
    ck_assert(t->base.lost);
    ck_assert_int_eq(reports_count, 0);
    weft_transport_unref(&t->base);
    weft_loop_set_task_factory(weft_get_running_loop(), NULL, NULL);
    return 0;
}

/* There is no memory for the handler's task: reported, and the connection is aborted. */
START_SIM(no_memory)
{
    struct serving s = {.close = true};

    weft_loop_set_task_factory(weft_get_running_loop(), NULL, NULL);
    for (unsigned long nth = 1; nth < 100; nth++) {
        struct fake_transport *t = accept_one(&s, false);
        reports_count = 0;
        trace_clear();
        wf_fault_arm(FAULT_ALLOC, nth, ENOMEM, true);
        sim_pass(1);
        bool met = wf_fault_calls(FAULT_ALLOC) >= nth;
        wf_fault_reset();
        sim_pass(3);
        ck_assert(t->base.lost);
        weft_transport_unref(&t->base);
        if (!met) {
            ck_assert_trace("begun ended");
            ck_assert_int_eq(reports_count, 0);
            return 0;
        }
        ck_assert_trace("");
        ck_assert_int_eq(reports_count, 1);
        ck_assert_int_eq(reports_code, -ENOMEM);
    }
    ck_abort_msg("too many calls");
}

static struct fake_transport *accepted;

COROUTINE(leaves_a_handler)
{
    accepted = accept_one(arg, false);
    return 0;
}

/* The loop is closed before the handler's first step: all is freed, and of its task alone it is said that it
 * was left (TASK-19). */
START_TEST(dropped)
{
    struct serving s = {.close = true};
    weft_loop *loop = weft_new_event_loop(NULL);

    weft_loop_set_exception_handler(loop, report_record, NULL);
    weft_task *task = weft_create_task_on(loop, leaves_a_handler, &s, NULL);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, task, NULL), 0);
    weft_unref(task);
    ck_assert(accepted->made);
    weft_transport_unref(&accepted->base); /* the stream has one */
    ck_assert_int_eq(weft_loop_free(loop), 0);
    ck_assert_trace("");
    ck_assert_int_eq(reports_count, 1);
    ck_assert_str_eq(reports_message, "Task was destroyed but it is pending!");
}
END_TEST

SUITE("stream_handler", is_a_task, fails, cancelled, cancelled_before_its_first_step, returns,
      returns_without_closing, fails_after_the_loss, plain, eager, no_memory, dropped)
