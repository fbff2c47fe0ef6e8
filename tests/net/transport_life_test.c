/*
 * transport_life_test.c - who has a socket transport, and how it ends.
 */
#include "tests/net/probe.h"

/* abort() drops what is buffered; connection_lost gets no error (TRAN-06), once, and never inside
 * close() or abort() (TRAN-07). */
START_SIM(abort_and_close_tell_later)
{
    static char much[1 << 20];
    int ends[2];
    struct probe p = {0}, q = {0};
    probe_open_pair(&p, ends);
    ck_assert_int_eq(weft_transport_write(p.transport, much, sizeof(much)), 0);
    ck_assert_uint_gt(weft_transport_get_write_buffer_size(p.transport), 0);
    weft_transport_close(p.transport);
    sim_pass(3);
    ck_assert_int_eq(p.lost, 0); /* it is still to be sent */
    weft_transport_abort(p.transport);
    weft_transport_abort(p.transport);
    ck_assert_int_eq(p.lost, 0);
    ck_assert_uint_eq(weft_transport_get_write_buffer_size(p.transport), 0);
    probe_await(&p, p.lost);
    ck_assert_int_eq(p.lost_code, 0);
    weft_transport_unref(p.transport);
    close(ends[1]);

    probe_open_pair(&q, ends);
    weft_transport_close(q.transport);
    weft_transport_close(q.transport);
    weft_transport_abort(q.transport);
    ck_assert_int_eq(q.lost, 0);
    ck_assert_int_eq(weft_yield(), 0);
    ck_assert_int_eq(q.lost, 1);
    ck_assert_int_eq(q.lost_code, 0);
    sim_pass(3);
    ck_assert_int_eq(q.lost, 1);
    weft_transport_unref(q.transport);
    close(ends[1]);
    return 0;
}

/* A transport that is closed before connection_made is told both, in order (TRAN-08). */
START_SIM(closed_before_it_was_made)
{
    int ends[2];
    struct probe p = {.protocol.ops = &probe_ops, .no_ref = true};
    unix_pair(ends);
    peer_send(ends[1], "unread");
    weft_transport *transport =
        wf_socket_transport_new(weft_get_running_loop(), ends[0], &p.protocol, NULL);
    weft_transport_abort(transport);
    probe_await(&p, p.lost);
    ck_assert_trace("made lost");
    weft_transport_unref(transport);
    close(ends[1]);
    return 0;
}

/* set_protocol() switches who gets the later events; get_protocol() returns it (TRAN-12). */
START_SIM(protocols_can_be_switched)
{
    int ends[2];
    struct probe p = {0}, q = {.protocol.ops = &probe_ops, .name = "q:"};
    probe_open_pair(&p, ends);
    ck_assert_ptr_eq(weft_transport_get_protocol(p.transport), &p.protocol);
    peer_send(ends[1], "first");
    probe_await(&p, p.bytes == 5);
    ck_assert_int_eq(weft_transport_set_protocol(p.transport, &q.protocol), 0);
    ck_assert_ptr_eq(weft_transport_get_protocol(p.transport), &q.protocol);
    ck_assert_int_eq(weft_transport_set_protocol(p.transport, NULL), -EINVAL);
    peer_send(ends[1], "second");
    probe_await(&q, q.bytes == 6);
    close(ends[1]);
    probe_await(&q, q.lost);
    ck_assert_trace("made first q:second q:eof q:lost");
    weft_transport_unref(p.transport);
    return 0;
}

static int never(void *arg)
{
    (void)arg;
    ck_abort_msg("a reader of a transport's descriptor was called");
    return 0;
}

/* A descriptor that a transport uses is nobody else's (TRAN-13, FDIO-08). */
START_SIM(the_descriptor_is_taken)
{
    int ends[2];
    char byte;
    struct probe p = {0};
    weft_loop *loop = weft_get_running_loop();
    probe_open_pair(&p, ends);
    ck_assert_int_eq(weft_loop_add_reader(loop, ends[0], never, NULL), WEFT_ERUNTIME);
    ck_assert_int_eq(weft_loop_add_writer(loop, ends[0], never, NULL), WEFT_ERUNTIME);
    ck_assert_int_eq(weft_loop_remove_reader(loop, ends[0]), 0);
    weft_socket *thief = weft_socket_from_fd(ends[0]);
    ck_assert_ptr_nonnull(thief);
    ck_assert_int_eq(weft_sock_recv(thief, &byte, 1), WEFT_ERUNTIME);
    ck_assert_int_eq(weft_socket_detach(thief), ends[0]);
    peer_send(ends[1], "mine");
    probe_await(&p, p.bytes == 4);
    probe_close_pair(&p, ends);
    return 0;
}

/* A program that gives back its last reference to an open transport is told so, and the transport is
 * closed. */
START_SIM(a_transport_that_is_given_up_is_closed)
{
    int ends[2];
    struct probe p = {0};
    probe_open_pair(&p, ends);
    ck_assert_int_eq(reports_count, 0);
    weft_transport_unref(p.transport);
    ck_assert_int_eq(reports_count, 1);
    ck_assert_str_eq(reports_message, "a socket transport was given up without being closed");
    probe_await(&p, p.lost);
    ck_assert_str_eq(peer_received(ends[1]), "end");
    close(ends[1]);
    return 0;
}

/* What ends a transport first is what the protocol is told. */
START_SIM(the_first_end_counts)
{
    int ends[2];
    struct probe p = {0};
    probe_open_pair(&p, ends);
    close(ends[1]);
    ck_assert_int_eq(weft_transport_write(p.transport, "x", 1), 0);
    ck_assert(weft_transport_is_closing(p.transport));
    weft_transport_close(p.transport);
    weft_transport_abort(p.transport);
    probe_ends(&p, "made EPIPE");
    return 0;
}

/* It may be lost while the word that there is room is still on its way: that frees it. */
START_SIM(the_end_overtakes_the_room)
{
    int ends[2];
    struct probe p = {0};
    probe_open_pair(&p, ends);
    for (int i = 0; i < 2; i++) { /* the second time the poller knows of both sides */
        while (weft_transport_get_write_buffer_size(p.transport))
            sim_pass(1);
        wf_fault_arm(FAULT_SHORT_SEND, 1, EIO, false);
        ck_assert_int_eq(weft_transport_write(p.transport, "abc", 3), 0);
        wf_fault_reset();
        ck_assert_uint_eq(weft_transport_get_write_buffer_size(p.transport), 2);
    }
    weft_transport_abort(p.transport);
    probe_ends(&p, "made lost");
    sim_pass(3);
    ck_assert_str_eq(peer_received(ends[1]), "abca");
    close(ends[1]);
    return 0;
}

/* A protocol that keeps no reference does not keep the transport open. */
START_SIM(nobody_keeps_it)
{
    int ends[2];
    struct probe p = {.protocol.ops = &probe_ops, .no_ref = true};
    unix_pair(ends);
    weft_transport_unref(
        wf_socket_transport_new(weft_get_running_loop(), ends[0], &p.protocol, NULL));
    ck_assert_int_eq(reports_count, 0);
    probe_await(&p, p.lost);
    ck_assert_int_eq(reports_count, 1);
    ck_assert_trace("made lost");
    close(ends[1]);
    return 0;
}

/* What the end of one transport of a closed loop does with the others is in vain: nobody looks any more. */
static struct probe parting[4];

static void parting_dropped(weft_protocol *protocol)
{
    struct probe *p = probe_of(protocol);
    p->dropped++;
    for (int i = 0; i < 3 && p == &parting[3]; i++)
        weft_transport_resume_reading(parting[i].transport);
    weft_transport_unref(p->transport);
}

static const weft_protocol_ops parting_ops = {
    .connection_made = probe_made,
    .data_received = probe_data,
    .connection_lost = probe_lost,
    .dropped = parting_dropped,
};

COROUTINE(leave_open)
{
    int *peers = arg, ends[2];
    for (int i = 0; i < 4; i++) {
        unix_pair(ends);
        peers[i] = ends[1];
        parting[i].pause_at_once = true;
        parting[i].protocol.ops = &parting_ops;
        weft_transport_unref(
            wf_socket_transport_new(weft_get_running_loop(), ends[0], &parting[i].protocol, NULL));
        probe_await(&parting[i], parting[i].made);
    }
    return 0;
}

START_TEST(a_closed_loop_watches_nothing)
{
    int peers[4];
    ck_assert_int_eq(sim_run(leave_open, peers), 0);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(parting[i].dropped, 1);
        ck_assert_int_eq(parting[i].lost, 0);
        close(peers[i]);
    }
}
END_TEST

/* A value that is dropped with the last context that has it: of the maker, or of a transport. */
static int values_dropped;

static void count_dropped(void *value)
{
    (void)value;
    values_dropped++;
}

static weft_context_var kept_var = {.name = "kept", .drop = count_dropped};

/* They are made in a turn after which the loop is stopped, and then closed. */
COROUTINE(make_and_stop)
{
    int *peers = arg, ends[2];
    weft_loop *here = weft_get_running_loop();
    weft_future *waiter = weft_create_future();
    ck_assert_int_eq(weft_context_var_set(&kept_var, peers, NULL), 0);
    for (int i = 0; i < 3; i++) {
        const struct socket_transport_options options = {.waiter = i == 2 ? waiter : NULL};
        unix_pair(ends);
        peers[i] = ends[1];
        parting[i].protocol.ops = &parting_ops;
        weft_transport *transport =
            wf_socket_transport_new(here, ends[0], &parting[i].protocol, &options);
        ck_assert_ptr_nonnull(transport);
        if (i == 1)
            weft_transport_close(transport);
        weft_transport_unref(transport);
    }
    weft_unref(waiter);
    return weft_loop_stop(here);
}

/* A transport whose loop is closed before connection_made is dropped and freed all the same. */
START_TEST(a_closed_loop_makes_nothing)
{
    weft_loop *loop = weft_new_event_loop(NULL);
    int peers[3], descriptors = count_descriptors();
    weft_unref(weft_create_task_on(loop, make_and_stop, peers, NULL));
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_int_eq(values_dropped, 0);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(values_dropped, 1);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(parting[i].made, 0);
        ck_assert_int_eq(parting[i].dropped, 1);
        ck_assert_int_eq(parting[i].lost, 0);
        close(peers[i]);
    }
    ck_assert_int_eq(weft_loop_free(loop), 0);
    ck_assert_int_eq(count_descriptors(), descriptors);
}
END_TEST

static weft_context_var name_var = WEFT_CONTEXT_VAR("name");
static const char *seen[3];

static int look_made(weft_protocol *protocol, weft_transport *transport)
{
    seen[0] = weft_context_var_get_or(&name_var, "none");
    return probe_made(protocol, transport);
}

static int look_data(weft_protocol *protocol, const void *data, size_t bytes)
{
    seen[1] = weft_context_var_get_or(&name_var, "none");
    return probe_data(protocol, data, bytes);
}

static void look_lost(weft_protocol *protocol, int code, weft_error *error)
{
    seen[2] = weft_context_var_get_or(&name_var, "none");
    probe_lost(protocol, code, error);
}

/* A protocol's functions run in a copy of the context that the transport was made in. */
START_SIM(the_makers_context_is_copied)
{
    static const weft_protocol_ops ops = {look_made, look_data, .connection_lost = look_lost};
    int ends[2];
    struct probe p = {.protocol.ops = &ops};
    unix_pair(ends);
    ck_assert_int_eq(weft_context_var_set(&name_var, "maker", NULL), 0);
    weft_transport *transport =
        wf_socket_transport_new(weft_get_running_loop(), ends[0], &p.protocol, NULL);
    ck_assert_int_eq(weft_context_var_set(&name_var, "later", NULL), 0);
    peer_send(ends[1], "x");
    probe_await(&p, p.bytes == 1);
    weft_transport_unref(transport);
    probe_close(&p);
    for (int i = 0; i < 3; i++)
        ck_assert_str_eq(seen[i], "maker");
    close(ends[1]);
    return 0;
}

SUITE("transport_life", abort_and_close_tell_later, closed_before_it_was_made,
      protocols_can_be_switched, the_descriptor_is_taken, a_transport_that_is_given_up_is_closed,
      the_first_end_counts, the_end_overtakes_the_room, nobody_keeps_it,
      a_closed_loop_watches_nothing, a_closed_loop_makes_nothing, the_makers_context_is_copied)
