/*
 * server_loops_test.c - one server with a listener on each of two loops.
 */
#include "tests/net/serving.h"
#include "tests/support/pair.h"

#define CLIENTS 64

static _Atomic int served_on[2];

/* Says which loop it runs on. */
static int serve_index(weft_stream_reader *reader, weft_stream_writer *writer, void *arg)
{
    int index = weft_get_running_loop() == pair_loop(0) ? 0 : 1;
    served_on[index]++;
    return serve_echo(reader, writer, arg);
}

static const weft_server_options all_loops = {.loops = WEFT_ALL_LOOPS};

/* Connections until each loop has had some; the system deals them out. */
static int connect_until_both(const weft_server *server, weft_socket **sockets, int max)
{
    int count = 0;
    while (count < max && (!served_on[0] || !served_on[1])) {
        sockets[count] = client_of(server);
        ask_echo(sockets[count++], "hello");
    }
    return count;
}

/* The handlers of a connection run on the loop that accepted it, and close_clients() from the server's
 * loop ends those of all. */
START_PAIR(every_loop_serves)
{
    weft_socket *sockets[CLIENTS];
    weft_server *server = serve(serve_index, NULL, &all_loops);
    weft_transport_socket listening[4];
    ck_assert_int_eq(weft_server_sockets(server, listening, 4), 2);
    int count = connect_until_both(server, sockets, CLIENTS);
    ck_assert_int_gt(served_on[0], 0);
    ck_assert_int_gt(served_on[1], 0);
    weft_address address = server_address(server);
    weft_server_close(server);
    weft_socket *late;
    ck_assert_int_eq(try_connect(&address, &late), -ECONNREFUSED);
    weft_server_close_clients(server);
    for (int i = 0; i < count; i++) {
        await_end(sockets[i]);
        weft_socket_close(sockets[i]);
    }
    ck_assert_int_eq(weft_server_wait_closed(server), 0);
    weft_server_unref(server);
    return 0;
}

/* The loops of one server share its port with each other, and with nobody else: not even with another
 * server of the same kind. */
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
    weft_server_close(server);
    ck_assert_int_eq(weft_server_wait_closed(server), 0);
    weft_server_unref(server);
    return 0;
}

int main(void)
{
    const TTest *const tests[] = {
        every_loop_serves,
        port_is_taken,
    };
    Suite *suite = suite_create("server_loops");
    TCase *tcase = tcase_create("loops");
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
