/*
 * server_fault_test.c - a server goes on while calls of the system, or allocations, fail.
 *
 * The client is a thread that calls the system itself: no fault is met there.
 */
#include <pthread.h>
#include <sys/time.h>

#include "tests/net/serving.h"

/* ---- Accepting, on virtual time ---- */

/* Resources are exhausted: that is reported once, nobody is accepted for a second, and then all are; the
 * listening socket stays open (SRVR-34). */
static const int exhausted[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM};

static int exhausted_now;

COROUTINE(accepting_pauses)
{
    int clients[3];
    weft_server *server = serve(serve_echo, NULL, NULL);
    weft_address address = server_address(server);
    wf_fault_arm(FAULT_ACCEPT, 1, exhausted_now, false);
    double start = sim_now();
    for (int i = 0; i < 3; i++)
        clients[i] = connect_at_once(&address);
    ck_assert_int_eq(weft_sleep(0.5), 0);
    ck_assert_int_eq(reports_count, 1);
    ck_assert_int_eq(reports_code, -exhausted_now);
    ck_assert_int_eq(handlers_ever, 0);
    ck_assert(weft_server_is_serving(server));
    while (handlers_ever < 3)
        ck_assert_int_eq(weft_sleep(0.1), 0);
    ck_assert(sim_now() - start >= 1.0 && sim_now() - start < 1.2);
    ck_assert_int_eq(reports_count, 1);
    wf_fault_reset();
    for (int i = 0; i < 3; i++)
        close(clients[i]);
    end_server(server);
    return 0;
}

START_TEST(exhaustion_pauses_accepting)
{
    exhausted_now = exhausted[_i];
    ck_assert_int_eq(sim_run(accepting_pauses, NULL), 0);
}
END_TEST

/* A server can be closed while it pauses. */
START_SIM(closed_while_it_pauses)
{
    weft_server *server = serve(serve_echo, NULL, NULL);
    weft_address address = server_address(server);
    wf_fault_arm(FAULT_ACCEPT, 1, EMFILE, false);
    int client = connect_at_once(&address);
    ck_assert_int_eq(weft_sleep(0.5), 0);
    ck_assert_int_eq(reports_count, 1);
    wf_fault_reset();
    double start = sim_now();
    end_server(server);
    ck_assert(sim_now() == start);
    close(client);
    return 0;
}

/* Who is told that nothing is accepted may close the server, and give it back. */
static weft_server *given_up;

static int give_server_up(weft_loop *loop, const weft_report *report, void *arg)
{
    (void)loop, (void)report, (void)arg;
    reports_count++;
    weft_server_close(given_up);
    weft_server_unref(given_up);
    given_up = NULL;
    return 0;
}

START_SIM(closed_by_who_is_told)
{
    given_up = serve(serve_echo, NULL, NULL);
    weft_address address = server_address(given_up);
    weft_loop_set_exception_handler(weft_get_running_loop(), give_server_up, NULL);
    wf_fault_arm(FAULT_ACCEPT, 1, EMFILE, false);
    int client = connect_at_once(&address);
    while (given_up)
        ck_assert_int_eq(weft_yield(), 0);
    wf_fault_reset();
    ck_assert_int_eq(weft_sleep(5), 0);
    ck_assert_int_eq(reports_count, 1);
    close(client);
    return 0;
}

/* The same when its socket cannot be watched, before it has accepted anything. */
START_SIM(closed_as_it_starts)
{
    const weft_server_options options = {.no_start_serving = true};
    weft_server *server = serve(serve_echo, NULL, &options);
    given_up = server;
    weft_loop_set_exception_handler(weft_get_running_loop(), give_server_up, NULL);
    wf_fault_arm(FAULT_EPOLL_CTL, 1, ENOSPC, false);
    int rc = weft_server_start_serving(server);
    wf_fault_reset();
    ck_assert_int_eq(rc, 0);
    ck_assert_ptr_null(given_up);
    ck_assert_int_eq(weft_sleep(5), 0);
    ck_assert_int_eq(reports_count, 1);
    return 0;
}

/* A connection that is gone before it is accepted is skipped in silence, and the next one taken (SRVR-35).
 */
static const int skipped[] = {ECONNABORTED, EPROTO, EPERM, EHOSTUNREACH, EINTR};

static int skipped_now;

COROUTINE(one_is_skipped)
{
    weft_server *server = serve(serve_echo, NULL, NULL);
    weft_address address = server_address(server);
    wf_fault_arm(FAULT_ACCEPT, 1, skipped_now, false);
    int client = connect_at_once(&address);
    while (handlers_ever < 1)
        ck_assert_int_eq(weft_yield(), 0);
    ck_assert_int_eq(reports_count, 0);
    wf_fault_reset();
    close(client);
    end_server(server);
    return 0;
}

START_TEST(a_lost_connection_is_skipped)
{
    skipped_now = skipped[_i];
    ck_assert_int_eq(sim_run(one_is_skipped, NULL), 0);
}
END_TEST

/* A connection that cannot be set up is dropped: in debug mode that is reported (DBG-12), else not. */
static bool debug_now;

COROUTINE(one_is_dropped)
{
    char byte;
    weft_loop_set_debug(weft_get_running_loop(), debug_now);
    weft_server *server = serve(serve_echo, NULL, NULL);
    weft_address address = server_address(server);
    int client = connect_at_once(&address);
    wf_fault_arm(FAULT_ALLOC, 1, ENOMEM, false);
    while (!wf_fault_calls(FAULT_ALLOC))
        ck_assert_int_eq(weft_yield(), 0);
    wf_fault_reset();
    ck_assert_int_eq(recv(client, &byte, 1, 0), 0);
    ck_assert_int_eq(reports_count, debug_now);
    if (debug_now)
        ck_assert_str_eq(reports_message, "a connection could not be set up");
    ck_assert_int_eq(handlers_ever, 0);
    close(client);
    end_server(server);
    return 0;
}

START_TEST(a_failed_set_up_is_dropped)
{
    debug_now = _i;
    ck_assert_int_eq(sim_run(one_is_dropped, NULL), 0);
}
END_TEST

/* ---- A whole life, with one call failing ---- */

#define ATTEMPTS 50

static weft_server *serving;
static weft_address serving_at;

/* Says back what comes; "q" closes the server. */
static int serve_until_q(weft_stream_reader *reader, weft_stream_writer *writer, void *arg)
{
    char *data;
    ssize_t n;
    int rc = 0;
    (void)arg;
    while (!rc && (n = weft_stream_read(reader, 4096, &data)) > 0) {
        bool last = data[0] == 'q';
        rc = weft_stream_write(writer, data, (size_t)n);
        if (!rc)
            rc = weft_stream_drain(writer);
        if (last && !rc)
            weft_server_close(serving);
    }
    weft_stream_close(writer);
    weft_stream_reader_unref(reader);
    weft_stream_writer_unref(writer);
    return rc;
}

/* One visit: whether the server has said the text back, and then ended the stream. */
static bool visit(const char *text)
{
    char back[16] = "";
    size_t got = 0, bytes = strlen(text);
    struct timeval patience = {60, 0};
    int fd = socket(serving_at.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = fd >= 0 && !connect(fd, &serving_at.any, serving_at.bytes) &&
                !setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) &&
                send(fd, text, bytes, MSG_NOSIGNAL) == (ssize_t)bytes;
    while (good && got < bytes) {
        ssize_t n = recv(fd, back + got, sizeof(back) - got, 0);
        ck_assert_msg(n >= 0 || errno == ECONNRESET, "the server is silent");
        good = n > 0;
        got += n > 0 ? (size_t)n : 0;
    }
    good = good && !memcmp(back, text, bytes);
    if (good && !shutdown(fd, SHUT_WR))
        while (recv(fd, back, sizeof(back), 0) > 0)
            continue;
    if (fd >= 0)
        close(fd);
    return good;
}

static void *visit_often(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++) {
        int attempts = 0;
        while (!visit(i < 2 ? "hello" : "q"))
            ck_assert_int_lt(++attempts, ATTEMPTS);
    }
    return NULL;
}

COROUTINE(live)
{
    pthread_t visitor;
    weft_loop_set_exception_handler(weft_get_running_loop(), report_record, NULL);
    int rc = weft_start_server(serve_until_q, NULL, "127.0.0.1", "0", NULL, &serving);
    if (rc)
        return rc;
    serving_at = server_address(serving);
    ck_assert_int_eq(pthread_create(&visitor, NULL, visit_often, NULL), 0);
    rc = weft_server_wait_closed(serving);
    ck_assert_int_eq(rc, 0);
    weft_server_unref(serving);
    ck_assert_int_eq(pthread_join(visitor, NULL), 0);
    return 0;
}

static int lived; /* the code of the last life */

static void life(void)
{
    const weft_runner_options options = {.loops = 1, .clock = WEFT_CLOCK_VIRTUAL};
    lived = weft_run_with(&options, live, NULL, NULL);
}

static void whole_life(void)
{
    life();
    ck_assert_int_eq(lived, 0);
}

/* The server could not be started, for that reason; or it lived. */
static void life_or_error(void)
{
    life();
    ck_assert_fault_only(lived);
}

static const struct {
    enum fault_site site;
    int error;
    bool may_fail; /* the start may, with that error */
} faults[] = {
    {FAULT_SOCKET, EMFILE, true},        {FAULT_SOCKET, ENFILE, true},
    {FAULT_BIND, EACCES, true},          {FAULT_LISTEN, EADDRINUSE, true},
    {FAULT_SOCKOPT, ENOBUFS, true},      {FAULT_ACCEPT, EINTR, false},
    {FAULT_ACCEPT, ECONNABORTED, false}, {FAULT_ACCEPT, EMFILE, false},
    {FAULT_ACCEPT, ENFILE, false},       {FAULT_ACCEPT, ENOBUFS, false},
    {FAULT_ACCEPT, EIO, false},          {FAULT_RECV, EINTR, false},
    {FAULT_RECV, ECONNRESET, false},     {FAULT_SEND, EINTR, false},
    {FAULT_SEND, EPIPE, false},          {FAULT_SEND, ECONNRESET, false},
    {FAULT_SHORT_RECV, 1, false},        {FAULT_SHORT_SEND, 1, false},
    {FAULT_EPOLL_CTL, ENOSPC, false},    {FAULT_EPOLL_CREATE, EMFILE, false},
    {FAULT_EVENTFD, EMFILE, false},      {FAULT_ALLOC, ENOMEM, true},
};

/* Whatever fails once, the server goes on to serve, or says why it could not be started; every descriptor
 * and all memory is given back. */
START_TEST(a_server_survives)
{
    unsigned long met = run_with_each_fault(faults[_i].site, faults[_i].error,
                                            faults[_i].may_fail ? life_or_error : whole_life);
    ck_assert_uint_gt(met, 0);
}
END_TEST

#define COUNT(list) (int)(sizeof(list) / sizeof((list)[0]))

int main(void)
{
    Suite *suite = suite_create("server_fault");
    TCase *tcase = tcase_create("faults");
    tcase_add_loop_test(tcase, exhaustion_pauses_accepting, 0, COUNT(exhausted));
    tcase_add_test(tcase, closed_while_it_pauses);
    tcase_add_test(tcase, closed_by_who_is_told);
    tcase_add_test(tcase, closed_as_it_starts);
    tcase_add_loop_test(tcase, a_lost_connection_is_skipped, 0, COUNT(skipped));
    tcase_add_loop_test(tcase, a_failed_set_up_is_dropped, 0, 2);
    tcase_add_loop_test(tcase, a_server_survives, 0, COUNT(faults));
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
