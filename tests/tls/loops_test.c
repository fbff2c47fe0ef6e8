/*
 * loops_test.c - one context for the connections of several loops at once.
 */
#include "tests/net/serving.h"
#include "tests/support/pair.h"
#include "tests/tls/certificates.h"

#define CLIENTS 8

static struct trust trust;
static char port[8];

/* On any loop. */
COROUTINE(client)
{
    const weft_connection_options options = {.ssl = trust.client_context,
                                             .server_hostname = "localhost"};
    weft_stream_reader *reader = NULL;
    weft_stream_writer *writer = NULL;
    char *back = NULL;
    int rc = weft_open_connection("127.0.0.1", port, &options, &reader, &writer);
    ck_assert_msg(rc == 0, "%s: %s", weft_error_name(rc), sim_said());
    ck_assert_int_eq(weft_stream_write(writer, "hello", 5), 0);
    ck_assert_int_eq((int)weft_stream_readexactly(reader, 5, &back), 5);
    ck_assert_str_eq(back, "hello");
    weft_stream_close(writer);
    ck_assert_int_eq(weft_stream_wait_closed(writer), 0);
    weft_stream_reader_unref(reader);
    weft_stream_writer_unref(writer);
    return 0;
}

/* Clients and servers on two loops share their contexts, and with them OpenSSL's tickets and stores. */
START_PAIR(one_context_on_all_loops)
{
    trust = trust_make();
    const weft_server_options options = {.ssl = trust.server_context, .loops = WEFT_ALL_LOOPS};
    weft_server *server = serve(serve_echo, NULL, &options);
    weft_address address = server_address(server);
    snprintf(port, sizeof(port), "%d", weft_address_port(&address));
    weft_task *clients[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = weft_create_task_on(pair_loop(i % 2), client, NULL, NULL);
        ck_assert_ptr_nonnull(clients[i]);
    }
    for (int i = 0; i < CLIENTS; i++)
        ck_assert_int_eq(weft_join(clients[i], NULL), 0);
    ck_assert_int_eq(handlers_ever, CLIENTS);
    end_server(server);
    trust_free(&trust);
    return 0;
}

SUITE("tls_loops", one_context_on_all_loops)
