/*
 * transport_fault_test.c - two transports talk to each other while one call of the system, or one
 * allocation, fails: the talk ends, well or with that error, and nothing is lost.
 */
#include "tests/net/probe.h"

#define SAID ((size_t)300000)

static char said[SAID], heard[SAID];

/* One end: the first speaks, the second says it all back. */
struct talker {
    weft_protocol protocol;
    weft_transport *transport;
    weft_event over;
    size_t heard;
    bool speaks, made, lost;
    int code;
};

static struct talker ends_of_talk[2];

static struct talker *talker_of(weft_protocol *protocol)
{
    return (struct talker *)protocol;
}

/* In pieces of several sizes, a part of which is buffered. */
static int talker_made(weft_protocol *protocol, weft_transport *transport)
{
    struct talker *t = talker_of(protocol);
    int rc = 0;
    t->made = true;
    t->transport = weft_transport_ref(transport);
    for (size_t at = 0, piece = 1;
         t->speaks && !rc && at < SAID && !weft_transport_is_closing(transport);
         at += piece, piece = piece * 5 + 1) {
        struct iovec two[2];
        if (piece > SAID - at)
            piece = SAID - at;
        two[0] = (struct iovec){said + at, piece / 2};
        two[1] = (struct iovec){said + at + piece / 2, piece - piece / 2};
        rc = weft_transport_writelines(transport, two, 2);
    }
    return rc;
}

static int talker_data(weft_protocol *protocol, const void *data, size_t bytes)
{
    struct talker *t = talker_of(protocol);
    if (!t->speaks)
        return weft_transport_write(t->transport, data, bytes);
    ck_assert_uint_le(t->heard + bytes, SAID);
    memcpy(heard + t->heard, data, bytes);
    t->heard += bytes;
    if (t->heard == SAID)
        ck_assert_int_eq(weft_transport_write_eof(t->transport), 0);
    return 0;
}

static int talker_eof(weft_protocol *protocol)
{
    (void)protocol;
    return 0;
}

static void talker_lost(weft_protocol *protocol, int code, weft_error *error)
{
    struct talker *t = talker_of(protocol);
    (void)error;
    ck_assert(!t->lost);
    t->lost = true;
    t->code = code;
    weft_event_set(&t->over);
}

static const weft_protocol_ops talker_ops = {.connection_made = talker_made,
                                             .data_received = talker_data,
                                             .eof_received = talker_eof,
                                             .connection_lost = talker_lost};

COROUTINE(talk)
{
    int ends[2];
    weft_transport *transports[2];
    tcp_pair(ends);
    weft_loop_set_exception_handler(weft_get_running_loop(), report_record, NULL);
    for (int i = 0; i < 2; i++) {
        ends_of_talk[i] = (struct talker){.protocol.ops = &talker_ops, .speaks = i == 0};
        transports[i] = wf_socket_transport_new(weft_get_running_loop(), ends[i],
                                                &ends_of_talk[i].protocol, NULL);
        if (!transports[i]) {
            ck_assert_int_eq(errno, ENOMEM);
            ends_of_talk[i].lost = true;
            close(ends[i]);
        }
    }
    for (int i = 0; i < 2; i++) {
        while (!ends_of_talk[i].lost && weft_event_wait(&ends_of_talk[i].over))
            continue;
        weft_transport_unref(transports[i]);
        weft_transport_unref(ends_of_talk[i].transport);
    }
    return 0;
}

static bool talked_well(void)
{
    return ends_of_talk[0].heard == SAID && !ends_of_talk[0].code && !ends_of_talk[1].code;
}

static void fill(void)
{
    for (size_t i = 0; i < SAID; i++)
        said[i] = (char)(i * 13 + i / 249);
}

/* The talk goes well. */
static void well(void)
{
    fill();
    ck_assert_int_eq(sim_run(talk, NULL), 0);
    ck_assert(talked_well());
    ck_assert_int_eq(reports_count, 0);
    ck_assert_mem_eq(heard, said, SAID);
}

/* It ends, well or with the fault's error. What was heard is right. */
static void somehow(void)
{
    fill();
    int rc = sim_run(talk, NULL);
    ck_assert_fault_only(rc);
    ck_assert_mem_eq(heard, said, ends_of_talk[0].heard);
    ck_assert(talked_well() || fault_met());
}

/* The error is one of a connection, of which only its protocol hears. */
static bool of_a_connection(int error)
{
    return error == ECONNRESET || error == ETIMEDOUT || error == EPIPE;
}

/* One end has the error; any other one is reported, too. */
static void with_error(void)
{
    somehow();
    if (!fault_met())
        return;
    ck_assert(ends_of_talk[0].code == -fault_now.error || ends_of_talk[1].code == -fault_now.error);
    ck_assert_int_eq(reports_count, !of_a_connection(fault_now.error));
    if (reports_count)
        ck_assert_int_eq(reports_code, -fault_now.error);
}

/* What there was no memory for is told by a call, or reported. */
static void without_memory(void)
{
    somehow();
    if (!talked_well() && ends_of_talk[0].made && ends_of_talk[1].made) {
        ck_assert_int_eq(reports_count, 1);
        ck_assert_int_eq(reports_code, -ENOMEM);
    }
}

/* Signals interrupt calls; each is made again. */
static const enum fault_site interrupted[] = {FAULT_RECV, FAULT_SEND};

START_TEST(interrupted_calls_are_made_again)
{
    ck_assert_uint_gt(run_with_each_fault(interrupted[_i], EINTR, well), 2);
}
END_TEST

/* Every call moves one byte only. */
static const enum fault_site short_sites[] = {FAULT_SHORT_RECV, FAULT_SHORT_SEND};

START_TEST(short_calls_lose_nothing)
{
    for (unsigned long nth = 1; nth < 8; nth++)
        ck_assert_uint_ge(run_with_fault(short_sites[_i], nth, 1, false, well), nth);
}
END_TEST

/* Options of the socket are a gain, and no need. */
START_TEST(options_may_fail)
{
    ck_assert_uint_eq(run_with_each_fault(FAULT_SOCKOPT, ENOBUFS, well), 2);
}
END_TEST

/* An error ends the connection with it. */
static const struct {
    enum fault_site site;
    int error;
} errors[] = {
    {FAULT_RECV, ECONNRESET}, {FAULT_RECV, ETIMEDOUT},      {FAULT_RECV, EIO},
    {FAULT_SEND, EPIPE},      {FAULT_SEND, ECONNRESET},     {FAULT_SEND, ENOBUFS},
    {FAULT_SHUTDOWN, EIO},    {FAULT_EPOLL_CTL, ENOSPC},    {FAULT_EPOLL_CTL, ENOMEM},
    {FAULT_EVENTFD, EMFILE},  {FAULT_EPOLL_CREATE, EMFILE},
};

START_TEST(errors_end_the_talk)
{
    ck_assert_uint_gt(run_with_each_fault(errors[_i].site, errors[_i].error, with_error), 0);
}
END_TEST

/* The stream of a connection that is gone cannot be ended, which is no error: its reader says why. */
START_SIM(a_shutdown_too_late_is_no_error)
{
    int ends[2];
    struct probe p = {.pause_at_once = true};
    tcp_pair(ends);
    probe_open(&p, ends[0]);
    peer_reset(ends[1]);
    ck_assert_int_eq(weft_transport_write_eof(p.transport), 0);
    sim_ask_poller();
    ck_assert(!weft_transport_is_closing(p.transport));
    weft_transport_resume_reading(p.transport);
    probe_fails(&p, -ECONNRESET, NULL);
    return 0;
}

/* There is no memory for something. */
START_TEST(allocations_may_fail)
{
    ck_assert_uint_gt(run_with_each_fault(FAULT_ALLOC, ENOMEM, without_memory), 4);
}
END_TEST

#define COUNT(list) (int)(sizeof(list) / sizeof((list)[0]))

int main(void)
{
    Suite *suite = suite_create("transport_fault");
    TCase *tcase = tcase_create("faults");
    tcase_add_loop_test(tcase, interrupted_calls_are_made_again, 0, COUNT(interrupted));
    tcase_add_loop_test(tcase, short_calls_lose_nothing, 0, COUNT(short_sites));
    tcase_add_test(tcase, options_may_fail);
    tcase_add_loop_test(tcase, errors_end_the_talk, 0, COUNT(errors));
    tcase_add_test(tcase, a_shutdown_too_late_is_no_error);
    tcase_add_test(tcase, allocations_may_fail);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
