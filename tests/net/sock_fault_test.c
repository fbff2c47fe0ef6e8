/*
 * sock_fault_test.c - each system call that a socket operation makes fails, is interrupted, or moves less
 * than it was asked to.
 */
#include <netinet/tcp.h>

#include "tests/net/sockets.h"
#include "tests/support/suite.h"

#define MESSAGE "a message that goes round"

/* A server and a client on one loop: how many messages came back whole. */
static int rounds;
static bool may_fail;

/* Whether the call failed; without a fault it must succeed. */
static bool failed(int rc)
{
    ck_assert_msg(rc >= 0 || (may_fail && fault_met()), "%s", weft_error_name(rc));
    return rc < 0;
}

/* A peer that failed is not waited for. */
#define PATIENCE 5.0

/* Small pieces go at once: no acknowledgement is waited for, which virtual time would not see coming. */
static int send_at_once(weft_socket *socket)
{
    int on = 1;
    return weft_socket_setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

COROUTINE(serve)
{
    char buffer[64];
    weft_socket *accepted = NULL;
    int rc = weft_sock_accept(arg, &accepted, NULL);
    if (failed(rc))
        return rc;
    ssize_t n;
    (void)send_at_once(accepted);
    while ((n = weft_sock_recv(accepted, buffer, sizeof(buffer))) > 0)
        if (failed(rc = weft_sock_sendall(accepted, buffer, (size_t)n)))
            break;
    weft_socket_close(accepted);
    return rc;
}

/* Sends the message and reads it back. */
static int exchange(weft_socket *client)
{
    char buffer[sizeof(MESSAGE)];
    size_t got = 0;
    int rc = weft_sock_sendall(client, MESSAGE, sizeof(MESSAGE));
    while (!rc && got < sizeof(MESSAGE)) {
        ssize_t n = weft_sock_recv(client, buffer + got, sizeof(MESSAGE) - got);
        if (n <= 0)
            return n ? (int)n : -ECONNRESET;
        got += (size_t)n;
    }
    if (!rc)
        ck_assert_str_eq(buffer, MESSAGE);
    return rc;
}

static int exchange_for(weft_socket *client, double seconds)
{
    weft_timeout limit;
    int rc = weft_timeout_init(&limit, seconds);
    if (!rc)
        rc = weft_timeout_begin(&limit);
    return rc ? rc : weft_timeout_end(&limit, exchange(client));
}

/* Whatever fails, an error says so, and everything is given back. */
static int go_round(void *arg, void **result)
{
    weft_address address = loopback(0);
    (void)arg, (void)result;
    weft_socket *listener = weft_socket_new(AF_INET, SOCK_STREAM, 0);
    if (!listener) {
        ck_assert(failed(-errno));
        return 0;
    }
    weft_socket *client = NULL;
    if (!failed(weft_socket_bind(listener, &address)) && !failed(weft_socket_listen(listener, 4)) &&
        !failed(weft_socket_getsockname(listener, &address))) {
        weft_task *server = weft_create_task(serve, listener, NULL);
        client = server ? weft_socket_new(AF_INET, SOCK_STREAM, 0) : NULL;
        int rc = client ? weft_sock_connect(client, &address) : -ENOMEM;
        if (client)
            (void)send_at_once(client);
        for (int i = 0; i < 3 && !failed(rc); i++)
            if (!failed(rc = exchange_for(client, PATIENCE)))
                rounds++;
        weft_socket_close(client);
        if (server) {
            weft_cancel(server);
            weft_join(server, NULL);
        }
    }
    weft_socket_close(listener);
    return 0;
}

static void scenario(void)
{
    weft_runner_options options = {.loops = 1, .clock = WEFT_CLOCK_VIRTUAL};
    rounds = 0;
    int rc = weft_run_with(&options, go_round, NULL, NULL);
    ck_assert(!failed(rc) || rc == -fault_now.error);
    ck_assert(rounds == 3 || (may_fail && fault_met()));
}

/* Errors come back to who called, no descriptor stays open (SOCK-16). */
static const struct {
    enum fault_site site;
    int error;
} errors[] = {
    {FAULT_SOCKET, EMFILE},        {FAULT_BIND, EADDRINUSE},       {FAULT_LISTEN, EADDRINUSE},
    {FAULT_CONNECT, ECONNREFUSED}, {FAULT_CONNECT, EADDRNOTAVAIL}, {FAULT_ACCEPT, EMFILE},
    {FAULT_ACCEPT, ENFILE},        {FAULT_ACCEPT, ECONNABORTED},   {FAULT_RECV, ECONNRESET},
    {FAULT_SEND, EPIPE},           {FAULT_SEND, ECONNRESET},       {FAULT_ALLOC, ENOMEM},
    {FAULT_EPOLL_CTL, ENOMEM},     {FAULT_EPOLL_CTL, ENOSPC},      {FAULT_EPOLL_CREATE, EMFILE},
    {FAULT_EVENTFD, EMFILE},
};

START_TEST(fails)
{
    may_fail = true;
    ck_assert_uint_gt(run_with_each_fault(errors[_i].site, errors[_i].error, scenario), 0);
}
END_TEST

/* Signals interrupt calls, which are made again; nobody notices (SIGH-09). */
static const enum fault_site interrupted_sites[] = {FAULT_CONNECT, FAULT_ACCEPT, FAULT_RECV,
                                                    FAULT_SEND, FAULT_EPOLL_WAIT};

START_TEST(interrupted)
{
    may_fail = false;
    ck_assert_uint_gt(run_with_each_fault(interrupted_sites[_i], EINTR, scenario), 0);
}
END_TEST

/* A call that would block, though the descriptor was reported ready, waits for the next report; one
 * that moves a single byte is followed by more. */
static const struct {
    enum fault_site site;
    int error;
    bool sticky;
} less[] = {
    {FAULT_SHORT_RECV, 1, true},
    {FAULT_SHORT_SEND, 1, true},
    {FAULT_SHORT_RECV, 1, false},
    {FAULT_SHORT_SEND, 1, false},
};

START_TEST(moves_less)
{
    may_fail = false;
    for (unsigned long nth = 1; nth < 6; nth++)
        ck_assert_uint_ge(
            run_with_fault(less[_i].site, nth, less[_i].error, less[_i].sticky, scenario), nth);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sock fault");
    TCase *tests = tcase_create("sock fault");

    tcase_add_loop_test(tests, fails, 0, sizeof(errors) / sizeof(errors[0]));
    tcase_add_loop_test(tests, interrupted, 0,
                        sizeof(interrupted_sites) / sizeof(interrupted_sites[0]));
    tcase_add_loop_test(tests, moves_less, 0, sizeof(less) / sizeof(less[0]));
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
