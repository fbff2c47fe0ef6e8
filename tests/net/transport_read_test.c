/*
 * transport_read_test.c - what a socket transport tells its protocol.
 */
#include "tests/net/probe.h"

/* A protocol sees connection_made, data, the end at most once, and connection_lost (TRAN-08); without
 * a word from it the transport closes itself at the end (TRAN-09). */
START_SIM(a_connection_has_an_order)
{
    int ends[2];
    struct probe p = {0};
    unix_pair(ends);
    probe_open(&p, ends[0]);
    peer_send(ends[1], "one");
    probe_await(&p, p.bytes == 3);
    peer_send(ends[1], "two");
    close(ends[1]);
    probe_await(&p, p.lost);
    ck_assert_trace("made one two eof lost");
    ck_assert(weft_transport_is_closing(p.transport));
    weft_transport_unref(p.transport);
    return 0;
}

int main(void)
{
    const TTest *const tests[] = {
        a_connection_has_an_order,
    };
    Suite *suite = suite_create("transport_read");
    TCase *tcase = tcase_create("reading");
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
