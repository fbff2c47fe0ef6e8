/*
 * server_test.c - servers: what they take, and how they end.
 */
#include "tests/net/serving.h"

/* Each connection has a task with its reader and writer (SRVR-01, SRVR-02); a free port can be read
 * from the sockets (SRVR-08). */
START_SIM(connections_are_served)
{
    weft_server *server = serve(serve_echo, NULL, NULL);
    ck_assert(weft_server_is_serving(server));
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

int main(void)
{
    const TTest *const tests[] = {
        connections_are_served,
    };
    Suite *suite = suite_create("server");
    TCase *tcase = tcase_create("serving");
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
