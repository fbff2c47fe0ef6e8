/*
 * server_loops_test.c - one server with a listener on each of two loops.
 */
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/net/serving.h"
#include "tests/support/pair.h"

#define CLIENTS 200

static _Atomic int served_on[2];

/* Notes which loop it runs on. */
static int serve_index(weft_stream_reader *reader, weft_stream_writer *writer, void *arg)
{
    int index = weft_get_running_loop() == pair_loop(0) ? 0 : 1;
    served_on[index]++;
    return serve_echo(reader, writer, arg);
}

static const weft_server_options all_loops = {.loops = WEFT_ALL_LOOPS};

/* Connections until each loop has had some; the system deals them out. How many. */
static int connect_until_both(const weft_server *server, weft_socket **sockets)
{
    int count = 0;
    while (count < CLIENTS && (!served_on[0] || !served_on[1])) {
        sockets[count] = client_of(server);
        ask_echo(sockets[count++], "hello");
    }
    ck_assert_int_gt(served_on[0], 0);
    ck_assert_int_gt(served_on[1], 0);
    return count;
}

static void await_ends(weft_socket **sockets, int count)
{
    for (int i = 0; i < count; i++) {
        await_end(sockets[i]);
        weft_socket_close(sockets[i]);
    }
}

/* The handlers of a connection run on the loop that accepted it. close() ends the listeners of all loops
 * at once; close_clients() the connections of all; wait_closed() waits for all (SRVR-23, 24, 32). */
START_PAIR(every_loop_serves)
{
    weft_socket *sockets[CLIENTS], *late;
    weft_transport_socket listening[4];
    weft_server *server = serve(serve_index, NULL, &all_loops);
    ck_assert_int_eq(weft_server_sockets(server, listening, 4), 2);
    int count = connect_until_both(server, sockets);
    weft_address address = server_address(server);
    weft_server_close(server);
    ck_assert_int_eq(try_connect(&address, &late), -ECONNREFUSED);
    ask_echo(sockets[0], "still");
    weft_server_close_clients(server);
    await_ends(sockets, count);
    ck_assert_int_eq(weft_server_wait_closed(server), 0);
    while (handlers_now) /* they have still to notice */
        ck_assert_int_eq(weft_yield(), 0);
    weft_server_unref(server);
    return 0;
}

/* The loops of one server share its port with each other, and with nobody else: not even with another
 * server of the same kind (SRVR-14, SRVR-16). */
START_PAIR(port_is_taken)
{
    weft_server *server = serve(serve_index, NULL, &all_loops), *other;
    weft_address address = server_address(server);
    char port[16];
    snprintf(port, sizeof(port), "%d", weft_address_port(&address));
    ck_assert_int_eq(weft_start_server(serve_index, NULL, "127.0.0.1", port, &all_loops, &other),
                     -EADDRINUSE);
    ck_assert_int_eq(weft_start_server(serve_index, NULL, "127.0.0.1", port, NULL, &other),
                     -EADDRINUSE);
    end_server(server);
    return 0;
}

/* abort_clients() ends those of all loops too (SRVR-33). */
START_PAIR(all_are_aborted)
{
    weft_socket *sockets[CLIENTS];
    weft_server *server = serve(serve_index, NULL, &all_loops);
    int count = connect_until_both(server, sockets);
    weft_server_abort_clients(server);
    await_ends(sockets, count);
    ck_assert(weft_server_is_serving(server));
    end_server(server);
    return 0;
}

/* Serving begins later on all loops; or never. */
START_PAIR(all_loops_begin_later)
{
    weft_socket *sockets[CLIENTS], *early;
    const weft_server_options later = {.loops = WEFT_ALL_LOOPS, .no_start_serving = true};
    weft_server *server = serve(serve_index, NULL, &later);
    weft_address address = server_address(server);
    ck_assert_int_eq(try_connect(&address, &early), -ECONNREFUSED);
    ck_assert_int_eq(weft_server_start_serving(server), 0);
    int count = connect_until_both(server, sockets);
    for (int i = 0; i < count; i++)
        weft_socket_close(sockets[i]);
    end_server(server);

    int before = count_descriptors();
    server = serve(serve_index, NULL, &later);
    ck_assert_int_eq(count_descriptors(), before + 2);
    weft_server_close_clients(server);
    end_server(server);
    ck_assert_int_eq(count_descriptors(), before);
    return 0;
}

/* A Unix socket is shared by all loops, and its file goes at once (SRVR-41). */
START_PAIR(all_loops_share_a_unix_socket)
{
    char folder[] = "/tmp/weft-loops-XXXXXX", path[64];
    struct stat file;
    weft_socket *clients[CLIENTS];
    weft_server *server;
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/socket", folder);
    ck_assert_int_eq(weft_start_unix_server(serve_index, NULL, path, &all_loops, &server), 0);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = client_of(server);
        ask_echo(clients[i], "hello");
    }
    ck_assert_int_eq(served_on[0] + served_on[1], CLIENTS);
    weft_server_close(server);
    ck_assert_int_ne(stat(path, &file), 0);
    for (int i = 0; i < CLIENTS; i++)
        weft_socket_close(clients[i]);
    end_server(server);
    ck_assert_int_eq(rmdir(folder), 0);
    return 0;
}

COROUTINE(use_from_another_loop)
{
    weft_server *server = arg;
    ck_assert_ptr_ne(weft_server_get_loop(server), weft_get_running_loop());
    ck_assert_int_eq(weft_server_start_serving(server), WEFT_EWRONGTHREAD);
    ck_assert_int_eq(weft_server_serve_forever(server), WEFT_EWRONGTHREAD);
    ck_assert_int_eq(weft_server_wait_closed(server), WEFT_EWRONGTHREAD);
    weft_server_close(server);
    return 0;
}

/* A server is used from its own loop only: elsewhere calls are refused, or do nothing. */
START_PAIR(a_server_has_a_loop)
{
    weft_server *server = serve(serve_index, NULL, &all_loops);
    ck_assert_int_eq(
        weft_join(weft_create_task_on(pair_loop(1), use_from_another_loop, server, NULL), NULL), 0);
    ck_assert(weft_server_is_serving(server));
    end_server(server);
    return 0;
}

/* A server may be made on another loop than the first. */
COROUTINE(serve_elsewhere)
{
    weft_socket *sockets[CLIENTS];
    weft_server *server = serve(serve_index, NULL, &all_loops);
    int count = connect_until_both(server, sockets);
    for (int i = 0; i < count; i++)
        weft_socket_close(sockets[i]);
    end_server(server);
    return 0;
}

START_PAIR(any_loop_makes_one)
{
    return weft_join(weft_create_task_on(pair_loop(1), serve_elsewhere, NULL, NULL), NULL);
}

/* A runtime that is closed with servers and connections on all loops gives everything back. */
COROUTINE(leave_all_open)
{
    weft_socket *sockets[CLIENTS];
    const weft_server_options later = {.loops = WEFT_ALL_LOOPS, .no_start_serving = true};
    weft_server_unref(serve(serve_index, NULL, &later));
    weft_server *server = serve(serve_index, NULL, &all_loops);
    int count = connect_until_both(server, sockets);
    weft_server_unref(server);
    for (int i = 0; i < count; i++)
        weft_socket_close(sockets[i]);
    return 0;
}

START_TEST(the_runtime_ends_all)
{
    int before = count_descriptors();
    pair_run(leave_all_open);
    ck_assert_int_eq(count_descriptors(), before);
}
END_TEST

/* One listener a loop, on one that works alone. */
START_SIM(a_lone_loop_is_all)
{
    weft_server *server = serve(serve_echo, NULL, &all_loops);
    ck_assert_int_eq(weft_server_sockets(server, NULL, 0), 1);
    ck_assert_serves(server);
    end_server(server);
    return 0;
}

SUITE("server_loops", every_loop_serves, port_is_taken, all_are_aborted, all_loops_begin_later,
      all_loops_share_a_unix_socket, a_server_has_a_loop, any_loop_makes_one, the_runtime_ends_all,
      a_lone_loop_is_all)
