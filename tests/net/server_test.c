/*
 * server_test.c - servers: what becomes of connections and of their handlers, and when serving begins.
 */
#include "tests/net/serving.h"

/* Each connection has a task with its reader and writer (SRVR-01, SRVR-02); a free port can be read
 * from the sockets (SRVR-08). When the call returns, connections are accepted (SRVR-19). */
START_SIM(connections_are_served)
{
    weft_server *server = serve(serve_echo, NULL, NULL);
    ck_assert(weft_server_is_serving(server));
    ck_assert_ptr_eq(weft_server_get_loop(server), weft_get_running_loop()); /* SRVR-36 */
    weft_socket *one = client_of(server), *two = client_of(server);
    ask_echo(one, "hello");
    ask_echo(two, "world");
    ask_echo(one, "again");
    ck_assert_int_eq(handlers_now, 2);
    weft_socket_close(one);
    weft_socket_close(two);
    end_server(server);
    ck_assert_int_eq(handlers_now, 0);
    ck_assert_int_eq(reports_count, 0);
    return 0;
}

/* What a plain handler was given. */
static weft_stream_reader *plain_reader;
static weft_stream_writer *plain_writer;
static int plain_code;

static int take_plainly(weft_stream_reader *reader, weft_stream_writer *writer, void *arg)
{
    ck_assert_ptr_null(weft_current_task());
    plain_reader = reader;
    plain_writer = writer;
    weft_event_set(arg);
    return plain_code;
}

static void give_plain_back(void)
{
    weft_stream_close(plain_writer);
    ck_assert_int_eq(weft_stream_wait_closed(plain_writer), 0);
    weft_stream_reader_unref(plain_reader);
    weft_stream_writer_unref(plain_writer);
}

/* A plain handler is called in the loop, and what it was given is the program's (SRVR-02). */
START_SIM(a_plain_handler_is_called)
{
    weft_event called = {0};
    weft_server *server = serve(take_plainly, &called, &(weft_server_options){.plain = true});
    weft_socket *client = client_of(server);
    ck_assert_int_eq(weft_event_wait(&called), 0);
    ck_assert_int_eq(weft_stream_write(plain_writer, "hi", 2), 0);
    char text[2];
    ck_assert_int_eq(weft_sock_recv(client, text, 2), 2);
    give_plain_back();
    weft_socket_close(client);
    end_server(server);
    return 0;
}

/* What a plain handler returns is reported, and the connection lives on (SRVR-06). */
START_SIM(an_error_of_a_plain_handler_is_reported)
{
    weft_event called = {0};
    plain_code = -EPROTO;
    weft_server *server = serve(take_plainly, &called, &(weft_server_options){.plain = true});
    weft_socket *client = client_of(server);
    ck_assert_int_eq(weft_event_wait(&called), 0);
    ck_assert_int_eq(reports_count, 1);
    ck_assert_int_eq(reports_code, -EPROTO);
    ck_assert(!weft_stream_is_closing(plain_writer));
    give_plain_back();
    weft_socket_close(client);
    end_server(server);
    return 0;
}

/* Ends with the code that arg points to, without closing. */
static int end_with(weft_stream_reader *reader, weft_stream_writer *writer, void *arg)
{
    int code = *(int *)arg;
    weft_stream_reader_unref(reader);
    weft_stream_writer_unref(writer);
    return code ? weft_fail(code, "handler failed") : 0;
}

/* An error of the handler is reported, and closes the connection (SRVR-03). */
START_SIM(an_error_of_a_handler_is_reported)
{
    int code = -EPROTO;
    weft_server *server = serve(end_with, &code, NULL);
    weft_socket *client = client_of(server);
    await_end(client);
    ck_assert_int_eq(reports_count, 1);
    ck_assert_int_eq(reports_code, -EPROTO);
    ck_assert_str_eq(reports_error, "handler failed");
    weft_socket_close(client);
    end_server(server);
    return 0;
}

/* A handler that ends cancelled closes the connection, with no report (SRVR-04). */
START_SIM(a_cancelled_handler_is_no_report)
{
    int code = WEFT_ECANCELLED;
    weft_server *server = serve(end_with, &code, NULL);
    weft_socket *client = client_of(server);
    await_end(client);
    ck_assert_int_eq(reports_count, 0);
    weft_socket_close(client);
    end_server(server);
    return 0;
}

static int keep_writer(weft_stream_reader *reader, weft_stream_writer *writer, void *arg)
{
    weft_stream_reader_unref(reader);
    *(weft_stream_writer **)arg = writer;
    return 0;
}

/* A handler that returns does not close the connection: its writer does (SRVR-05). */
START_SIM(a_return_does_not_close)
{
    weft_stream_writer *writer = NULL;
    weft_server *server = serve(keep_writer, &writer, NULL);
    weft_socket *client = client_of(server);
    while (!writer)
        ck_assert_int_eq(weft_yield(), 0);
    sim_pass(5);
    ck_assert_int_eq(weft_stream_write(writer, "still", 5), 0);
    char text[5];
    ck_assert_int_eq(weft_sock_recv(client, text, 5), 5);
    weft_stream_close(writer);
    await_end(client);
    weft_stream_writer_unref(writer);
    weft_socket_close(client);
    end_server(server);
    ck_assert_int_eq(reports_count, 0);
    return 0;
}

/* Serving can begin later, and be begun again (SRVR-19, SRVR-20, SRVR-21). */
START_SIM(serving_begins_on_demand)
{
    weft_socket *client;
    weft_server *server = serve(serve_echo, NULL, &(weft_server_options){.no_start_serving = true});
    weft_address address = server_address(server);
    ck_assert(!weft_server_is_serving(server));
    ck_assert_int_eq(try_connect(&address, &client), -ECONNREFUSED);
    ck_assert_int_eq(weft_server_start_serving(server), 0);
    ck_assert(weft_server_is_serving(server));
    ck_assert_int_eq(weft_server_start_serving(server), 0);
    ck_assert_int_eq(try_connect(&address, &client), 0);
    ask_echo(client, "hello");
    weft_socket_close(client);
    weft_server_close(server);
    ck_assert(!weft_server_is_serving(server));
    ck_assert_int_eq(weft_server_start_serving(server), WEFT_ERUNTIME);
    end_server(server);
    return 0;
}

/* So many as the backlog says are accepted in one iteration (SRVR-12, SRVR-13). */
static void accepted_in_a_turn(int backlog, int first, int second)
{
    int clients[6], turns[2] = {0}, at = 0;
    handlers_ever = 0;
    weft_server *server = serve(serve_echo, NULL, &(weft_server_options){.backlog = backlog});
    weft_address address = server_address(server);
    for (int i = 0; i < 6; i++)
        clients[i] = connect_at_once(&address);
    for (int before = 0; handlers_ever < 6; before = handlers_ever) {
        sim_pass(1);
        if (handlers_ever > before && at < 2)
            turns[at++] = handlers_ever - before;
    }
    ck_assert_int_eq(turns[0], first);
    ck_assert_int_eq(turns[1], second);
    for (int i = 0; i < 6; i++)
        close(clients[i]);
    end_server(server);
}

START_SIM(the_backlog_bounds_a_turn)
{
    accepted_in_a_turn(0, 6, 0);
    accepted_in_a_turn(5, 5, 1); /* the system keeps one more than the backlog */
    return 0;
}

/* The limit is that of each connection's reader (SRVR-37). */
static int read_line(weft_stream_reader *reader, weft_stream_writer *writer, void *arg)
{
    char *line;
    *(ssize_t *)arg = weft_stream_readline(reader, &line);
    weft_stream_close(writer);
    weft_stream_reader_unref(reader);
    weft_stream_writer_unref(writer);
    return 0;
}

START_SIM(the_limit_is_the_readers)
{
    ssize_t rc = 0;
    weft_server *server = serve(read_line, &rc, &(weft_server_options){.limit = 4});
    weft_socket *client = client_of(server);
    ck_assert_int_eq(weft_sock_sendall(client, "far too long", 12), 0);
    char byte;
    (void)weft_sock_recv(client, &byte, 1);
    ck_assert_int_eq(rc, -EINVAL);
    weft_socket_close(client);
    end_server(server);
    return 0;
}

static weft_context_var name_var = WEFT_CONTEXT_VAR("name");

static int see_context(weft_stream_reader *reader, weft_stream_writer *writer, void *arg)
{
    *(const char **)arg = weft_context_var_get_or(&name_var, "none");
    weft_context_var_set(&name_var, "handler's", NULL);
    return serve_echo(reader, writer, NULL);
}

/* Handlers run in copies of the context that the server was started in (CTXV-16). */
START_SIM(handlers_get_the_servers_context)
{
    const char *seen = NULL;
    ck_assert_int_eq(weft_context_var_set(&name_var, "server's", NULL), 0);
    weft_server *server = serve(see_context, &seen, NULL);
    ck_assert_int_eq(weft_context_var_set(&name_var, "later", NULL), 0);
    for (int i = 0; i < 2; i++) {
        weft_socket *client = client_of(server);
        ask_echo(client, "x");
        ck_assert_str_eq(seen, "server's");
        weft_socket_close(client);
    }
    end_server(server);
    return 0;
}

/* The writer knows the connection's names, and small writes are not held back (CONN-18). */
static int check_names(weft_stream_reader *reader, weft_stream_writer *writer, void *arg)
{
    int value = 0;
    socklen_t bytes = sizeof(value);
    const weft_address *expected = arg;
    const weft_address *peer = weft_stream_get_extra_info(writer, "peername", NULL);
    const weft_address *own = weft_stream_get_extra_info(writer, "sockname", NULL);
    const weft_transport_socket *socket = weft_stream_get_extra_info(writer, "socket", NULL);
    ck_assert_int_eq(weft_address_port(own), weft_address_port(&expected[0]));
    ck_assert_int_eq(weft_address_port(peer), weft_address_port(&expected[1]));
    ck_assert_int_eq(
        weft_transport_socket_getsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &value, &bytes), 0);
    ck_assert_int_eq(value, 1);
    return serve_echo(reader, writer, NULL);
}

START_SIM(the_names_are_known)
{
    weft_address names[2];
    weft_server *server = serve(check_names, names, NULL);
    names[0] = server_address(server);
    weft_socket *client = client_of(server);
    ck_assert_int_eq(weft_socket_getsockname(client, &names[1]), 0);
    ask_echo(client, "x");
    weft_socket_close(client);
    end_server(server);
    return 0;
}

SUITE("server", connections_are_served, a_plain_handler_is_called,
      an_error_of_a_plain_handler_is_reported, an_error_of_a_handler_is_reported,
      a_cancelled_handler_is_no_report, a_return_does_not_close, serving_begins_on_demand,
      the_backlog_bounds_a_turn, the_limit_is_the_readers, handlers_get_the_servers_context,
      the_names_are_known)
