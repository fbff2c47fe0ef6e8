/*
 * datagram_fault_test.c - datagram endpoints where each allocation and system call fails once.
 */
#include "tests/net/talker.h"

/* No fault is met; or one after which the call is made again: nobody hears of it, and nothing is lost. */
static bool all_is_well(void)
{
    return !fault_met() || fault_now.error == EAGAIN || fault_now.error == EINTR;
}

COROUTINE(talk)
{
    struct talker server = TALKER, client = TALKER;

    int rc = talker_open(&server, &on_loopback);
    if (rc)
        return rc;
    rc = talker_open(&client,
                     &(weft_datagram_options){.remote_address = name_of(&server, "sockname")});
    for (int i = 0; !rc && i < 3; i++)
        rc = send_text(&client, "x", NULL);
    if (!rc) /* one of them may not have come */
        talker_await(&server,
                     server.received + server.errors + client.errors + server.lost + client.lost >=
                             3 ||
                         server.lost || client.lost);
    if (all_is_well())
        ck_assert_int_eq(server.received, 3);
    if (client.made)
        talker_close(&client);
    talker_close(&server);
    return rc;
}

static void talk_scenario(void)
{
    int rc = weft_run(talk, NULL, NULL);
    ck_assert_fault_only(rc);
    if (all_is_well())
        ck_assert_int_eq(rc, 0);
}

static unsigned long talk_faults(enum fault_site site, int error)
{
    return run_with_each_fault(site, error, talk_scenario);
}

/* Each allocation and system call fails once: the call says so, the protocol, or connection_lost. */
START_TEST(faults)
{
    ck_assert_uint_gt(talk_faults(FAULT_ALLOC, ENOMEM), 15);
    ck_assert_uint_ge(talk_faults(FAULT_SOCKET, EMFILE), 2);
    ck_assert_uint_ge(talk_faults(FAULT_BIND, EADDRINUSE), 1);
    ck_assert_uint_ge(talk_faults(FAULT_CONNECT, ENETUNREACH), 1);
    ck_assert_uint_ge(talk_faults(FAULT_SEND, ENOBUFS), 3);
    ck_assert_uint_ge(talk_faults(FAULT_SEND, EAGAIN), 3);
    ck_assert_uint_ge(talk_faults(FAULT_SEND, EINTR), 3);
    ck_assert_uint_ge(talk_faults(FAULT_RECV, ENOMEM), 3);
    ck_assert_uint_ge(talk_faults(FAULT_RECV, EINTR), 3);
    ck_assert_uint_ge(talk_faults(FAULT_EPOLL_CTL, ENOSPC), 2);
    ck_assert_uint_ge(talk_faults(FAULT_EPOLL_CREATE, EMFILE), 1);
    ck_assert_uint_ge(talk_faults(FAULT_EVENTFD, EMFILE), 1);
    ck_assert_uint_ge(talk_faults(FAULT_SOCKOPT, ENOPROTOOPT), 1);
}
END_TEST

SUITE("datagram_fault", faults)
