/*
 * server_close_test.c - how servers end, and who waits for that.
 */
#include "tests/net/serving.h"

/* close() closes the listening sockets at once; connections live on; it is idempotent (SRVR-23), and no
 * sockets are left to see (SRVR-22). */
START_SIM(close_leaves_the_connections)
{
    weft_transport_socket socket;
    weft_socket *late;
    weft_server *server = serve(serve_echo, NULL, NULL);
    weft_address address = server_address(server);
    weft_socket *client = client_of(server);
    ask_echo(client, "before");
    ck_assert_int_eq(weft_server_sockets(server, NULL, 0), 1);
    ck_assert_int_eq(weft_server_sockets(server, &socket, 1), 1);
    ck_assert_int_eq(socket.family, AF_INET);
    ck_assert_int_eq(socket.type, SOCK_STREAM);
    weft_server_close(server);
    weft_server_close(server);
    ck_assert(!weft_server_is_serving(server));
    ck_assert_int_eq(weft_server_sockets(server, &socket, 1), 0);
    ck_assert_int_eq(try_connect(&address, &late), -ECONNREFUSED);
    ask_echo(client, "after");
    weft_socket_close(client);
    end_server(server);
    return 0;
}

COROUTINE(wait_closed)
{
    int rc = weft_server_wait_closed(arg);
    trace("%s", rc ? weft_error_name(rc) : "closed");
    return rc;
}

/* wait_closed() returns when the server is closed and its connections are gone, in whatever order; before
 * close() it waits even without connections (SRVR-24). Any number may wait, and afterwards it returns at
 * once (SRVR-25). */
START_SIM(wait_closed_waits_for_both)
{
    weft_task *waits[3];
    weft_server *server = serve(serve_echo, NULL, NULL);
    for (int i = 0; i < 2; i++)
        waits[i] = weft_create_task(wait_closed, server, NULL);
    sim_pass(5);
    ck_assert_trace("");
    weft_socket *client = client_of(server);
    ask_echo(client, "x");
    weft_server_close(server);
    waits[2] = weft_create_task(wait_closed, server, NULL);
    sim_pass(5);
    ck_assert_trace("");
    weft_socket_close(client);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(weft_join(waits[i], NULL), 0);
    ck_assert_trace("closed closed closed");
    int turn = sim_turn();
    ck_assert_int_eq(weft_server_wait_closed(server), 0);
    ck_assert_int_eq(sim_turn(), turn);
    weft_server_unref(server);
    return 0;
}

/* The connections may be gone first (SRVR-24). */
START_SIM(the_connections_go_first)
{
    weft_server *server = serve(serve_echo, NULL, NULL);
    weft_task *wait = weft_create_task(wait_closed, server, NULL);
    ck_assert_serves(server);
    while (handlers_now)
        ck_assert_int_eq(weft_yield(), 0);
    sim_pass(5);
    ck_assert_trace("");
    weft_server_close(server);
    ck_assert_int_eq(weft_join(wait, NULL), 0);
    ck_assert_trace("closed");
    weft_server_unref(server);
    return 0;
}

static weft_server *closed_by_handler;

static int close_both(weft_stream_reader *reader, weft_stream_writer *writer, void *arg)
{
    (void)arg;
    weft_stream_close(writer);
    weft_stream_reader_unref(reader);
    weft_stream_writer_unref(writer);
    weft_server_close(closed_by_handler);
    return 0;
}

/* Server and last connection close in the same iteration: the waiters are woken (SRVR-26). */
START_SIM(both_close_in_one_iteration)
{
    weft_server *server = closed_by_handler = serve(close_both, NULL, NULL);
    weft_task *wait = weft_create_task(wait_closed, server, NULL);
    weft_socket *client = client_of(server);
    ck_assert_int_eq(weft_join(wait, NULL), 0);
    await_end(client);
    weft_socket_close(client);
    weft_server_unref(server);
    return 0;
}

/* A wait can be cancelled; the server stays as it is. */
START_SIM(a_wait_can_be_cancelled)
{
    weft_server *server = serve(serve_echo, NULL, NULL);
    weft_task *wait = weft_create_task(wait_closed, server, NULL);
    sim_pass(1);
    weft_cancel(wait);
    ck_assert_int_eq(weft_join(wait, NULL), WEFT_ECANCELLED);
    ck_assert(weft_server_is_serving(server));
    end_server(server);
    return 0;
}

COROUTINE(serve_forever)
{
    int rc = weft_server_serve_forever(arg);
    trace("%s", weft_error_name(rc));
    return rc;
}

/* serve_forever() begins to serve and waits (SRVR-27); cancelled, it closes the server, waits for its
 * connections, and returns that (SRVR-28). */
START_SIM(serve_forever_ends_when_cancelled)
{
    weft_server *server = serve(serve_echo, NULL, &(weft_server_options){.no_start_serving = true});
    weft_task *forever = weft_create_task(serve_forever, server, NULL);
    sim_pass(1);
    ck_assert(weft_server_is_serving(server));
    weft_socket *client = client_of(server);
    ask_echo(client, "x");
    weft_cancel_msg(forever, "enough");
    sim_pass(5);
    ck_assert(!weft_server_is_serving(server));
    ck_assert(!weft_done(forever)); /* a connection is left */
    weft_socket_close(client);
    ck_assert_int_eq(weft_join(forever, NULL), WEFT_ECANCELLED);
    ck_assert_str_eq(sim_said(), "enough");
    ck_assert_trace("WEFT_ECANCELLED");
    weft_server_unref(server);
    return 0;
}

/* A second one at the same time fails, and one on a closed server (SRVR-29). */
START_SIM(one_serves_forever)
{
    weft_server *server = serve(serve_echo, NULL, NULL);
    weft_task *forever = weft_create_task(serve_forever, server, NULL);
    sim_pass(1);
    ck_assert_int_eq(weft_server_serve_forever(server), WEFT_ERUNTIME);
    ck_assert(weft_server_is_serving(server));
    weft_cancel(forever);
    ck_assert_int_eq(weft_join(forever, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_server_serve_forever(server), WEFT_ERUNTIME);
    weft_server_unref(server);
    return 0;
}

/* close() makes serve_forever() return as if it were cancelled (SRVR-30). */
START_SIM(close_ends_serve_forever)
{
    weft_server *server = serve(serve_echo, NULL, NULL);
    weft_task *forever = weft_create_task(serve_forever, server, NULL);
    sim_pass(1);
    weft_server_close(server);
    ck_assert_int_eq(weft_join(forever, NULL), WEFT_ECANCELLED);
    weft_server_unref(server);
    return 0;
}

/* At the end of a block the server is closed, and waited for (SRVR-31). */
START_SIM(a_block_closes_it)
{
    weft_exit_stack exits = WEFT_EXIT_STACK_INIT;
    weft_exit entry;
    weft_server *server = serve(serve_echo, NULL, NULL);
    ck_assert_int_eq(weft_exit_stack_push(&exits, &entry, weft_server_exit, server), 0);
    ck_assert_serves(server);
    ck_assert_int_eq(weft_exit_stack_close(&exits, -EPROTO), -EPROTO);
    ck_assert(!weft_server_is_serving(server));
    ck_assert_int_eq(handlers_now, 0);
    weft_server_unref(server);
    return 0;
}

/* More than both ends' sockets hold. */
#define FLOOD ((size_t)1 << 25)

/* Writes more than goes out, and waits until the connection has ended. */
static int flood(weft_stream_reader *reader, weft_stream_writer *writer, void *arg)
{
    static const char much[FLOOD];
    *(weft_transport **)arg = weft_transport_ref(weft_stream_transport(writer));
    int rc = weft_stream_write(writer, much, FLOOD);
    ck_assert_int_eq(rc, 0);
    weft_transport_pause_reading(weft_stream_transport(writer));
    (void)weft_stream_wait_closed(writer);
    trace("closed");
    weft_stream_reader_unref(reader);
    weft_stream_writer_unref(writer);
    return 0;
}

static size_t take_all(weft_socket *client)
{
    static char data[65536];
    size_t got = 0;
    ssize_t n;
    while ((n = weft_sock_recv(client, data, sizeof(data))) > 0)
        got += (size_t)n;
    ck_assert_int_eq(n, 0);
    return got;
}

/* A connection with much in its buffer. */
static weft_server *flooded(weft_transport **transport, weft_socket **client)
{
    *transport = NULL;
    weft_server *server = serve(flood, transport, NULL);
    *client = client_of(server);
    while (!*transport || !weft_transport_get_write_buffer_size(*transport))
        ck_assert_int_eq(weft_yield(), 0);
    return server;
}

/* close_clients() closes all connections, and sends what is buffered (SRVR-32). */
START_SIM(close_clients_flushes)
{
    weft_transport *transport;
    weft_socket *client;
    weft_server *server = flooded(&transport, &client);
    weft_server_close_clients(server);
    ck_assert(weft_transport_is_closing(transport));
    ck_assert(weft_server_is_serving(server));
    sim_pass(3);
    ck_assert_trace("");
    ck_assert_uint_eq(take_all(client), FLOOD);
    weft_socket_close(client);
    end_server(server);
    ck_assert_trace("closed");
    weft_transport_unref(transport);
    return 0;
}

/* abort_clients() drops them at once, with what is buffered, although reading is paused and writing
 * blocked (SRVR-33). */
START_SIM(abort_clients_drops)
{
    weft_transport *transport;
    weft_socket *client;
    weft_server *server = flooded(&transport, &client);
    weft_server_abort_clients(server);
    ck_assert(weft_transport_is_closing(transport));
    end_server(server);
    ck_assert_trace("closed");
    ck_assert_uint_lt(take_all(client), FLOOD);
    weft_socket_close(client);
    weft_transport_unref(transport);
    return 0;
}

/* A server whose last handle is given back goes on, and ends with its loop: with listeners, connections
 * and what they had. */
static int leave_all(void *arg, void **result)
{
    (void)arg;
    (void)result;
    weft_transport *transport;
    weft_socket *client;
    weft_server *server = flooded(&transport, &client);
    weft_transport_unref(transport);
    weft_server_unref(server);
    weft_server *idle = serve(serve_echo, NULL, &(weft_server_options){.no_start_serving = true});
    weft_server_unref(idle);
    weft_socket_close(client);
    return 0;
}

START_TEST(the_loop_ends_it)
{
    int before = count_descriptors();
    ck_assert_int_eq(sim_run(leave_all, NULL), 0);
    ck_assert_int_eq(count_descriptors(), before);
}
END_TEST

/* A plain handler's connection, which the program keeps. */
struct kept {
    weft_stream_reader *reader;
    weft_stream_writer *writer;
    weft_event here;
    int clients[2];
};

static int keep(weft_stream_reader *reader, weft_stream_writer *writer, void *arg)
{
    struct kept *kept = arg;
    kept->reader = reader;
    kept->writer = writer;
    weft_event_set(&kept->here);
    return 0;
}

/* One connection has a handler, the other is still to be accepted. */
static int open_two(void *arg, void **result)
{
    struct kept *kept = arg;
    (void)result;
    weft_server *server = serve(keep, kept, &(weft_server_options){.plain = true});
    weft_address address = server_address(server);
    kept->clients[0] = connect_at_once(&address);
    ck_assert_int_eq(weft_event_wait(&kept->here), 0);
    kept->clients[1] = connect_at_once(&address);
    weft_server_unref(server);
    return 0;
}

/* A loop that is simply closed: nobody is told, and all is given back. */
START_TEST(a_loop_is_closed_in_the_middle)
{
    struct kept kept = {0};
    int before = count_descriptors();
    weft_loop *loop = weft_new_event_loop(NULL);
    weft_loop_set_exception_handler(loop, report_record, NULL);
    weft_task *task = weft_create_task_on(loop, open_two, &kept, NULL);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, task, NULL), 0);
    weft_unref(task);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    for (int i = 0; i < 2; i++)
        close(kept.clients[i]);
    ck_assert_int_eq(count_descriptors(), before);
    weft_stream_reader_unref(kept.reader);
    weft_stream_writer_unref(kept.writer); /* WRIT-24: its loop is closed */
    ck_assert_int_eq(weft_loop_free(loop), 0);
}
END_TEST

/* Calls of the wrong place and on nothing. */
START_SIM(what_is_refused)
{
    ck_assert_int_eq(weft_server_start_serving(NULL), -EINVAL);
    ck_assert_int_eq(weft_server_serve_forever(NULL), -EINVAL);
    ck_assert_int_eq(weft_server_wait_closed(NULL), -EINVAL);
    ck_assert_int_eq(weft_server_sockets(NULL, NULL, 0), -EINVAL);
    ck_assert(!weft_server_is_serving(NULL));
    ck_assert_ptr_null(weft_server_get_loop(NULL));
    weft_server_close(NULL);
    weft_server_close_clients(NULL);
    weft_server_abort_clients(NULL);
    weft_server_unref(NULL);
    return 0;
}

SUITE("server_close", close_leaves_the_connections, wait_closed_waits_for_both,
      the_connections_go_first, both_close_in_one_iteration, a_wait_can_be_cancelled,
      serve_forever_ends_when_cancelled, one_serves_forever, close_ends_serve_forever,
      a_block_closes_it, close_clients_flushes, abort_clients_drops, the_loop_ends_it,
      a_loop_is_closed_in_the_middle, what_is_refused)
