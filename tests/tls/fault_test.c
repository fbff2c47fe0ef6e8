/*
 * fault_test.c - no memory: whichever allocation fails, somebody is told, and nothing is lost.
 */
#include "tests/tls/relay.h"

#define MANY ((size_t)300000)

static char many[MANY];
static struct trust trust;

/* A connection that is closed, however far it has come; who is told of an end is told once. */
static void ck_assert_ended(struct end *end)
{
    if (!end->tls)
        return;
    weft_transport_abort(end->tls);
    while (!end->tls->lost)
        (void)weft_yield();
    ck_assert_int_eq(end->shaken, 1);
    ck_assert_int_eq(end->probe.lost, end->probe.made);
    weft_transport_unref(end->tls);
}

static bool try_open(struct end *end, int fd, weft_ssl_context *context,
                     const struct ssl_wrap *wrap)
{
    struct ssl_wrap mine = *wrap;
    weft_transport *lower = wf_socket_transport_new(weft_get_running_loop(), fd, &nobody, NULL);
    if (!lower) {
        ck_assert(fault_met() && errno == ENOMEM);
        close(fd);
        return false;
    }
    mine.arg = end;
    end->probe = (struct probe){.protocol.ops = &probe_ops, .quiet = true, .no_ref = true};
    end->tls = context->ops->wrap(context, lower, &end->probe.protocol, &mine);
    if (!end->tls) {
        ck_assert(fault_met() && errno == ENOMEM);
        ck_assert_ptr_eq(weft_transport_get_protocol(lower), &nobody);
        weft_transport_abort(lower);
    }
    weft_transport_unref(lower);
    return end->tls != NULL;
}

/* A write that is refused has taken nothing, and can be made again. */
static bool try_write(struct end *end)
{
    size_t before = weft_transport_get_write_buffer_size(end->tls);
    int rc = weft_transport_write(end->tls, many, MANY);
    if (!rc)
        return true;
    ck_assert_fault_only(rc);
    if (weft_transport_is_closing(end->tls))
        return false;
    ck_assert_uint_eq(weft_transport_get_write_buffer_size(end->tls), before);
    return weft_transport_write(end->tls, many, MANY) == 0;
}

static void exchange(struct end ends[2])
{
    int fds[2];
    unix_pair(fds);
    if (!try_open(&ends[0], fds[0], trust.client_context, &client_wrap)) {
        close(fds[1]);
        return;
    }
    if (!try_open(&ends[1], fds[1], trust.server_context, &server_wrap))
        return;
    while (!ends[0].shaken || !ends[1].shaken)
        (void)weft_yield();
    if (ends[0].code || ends[1].code || !try_write(&ends[0]))
        return;
    while (ends[1].probe.bytes < MANY && !ends[0].probe.lost && !ends[1].probe.lost)
        (void)weft_yield();
    weft_transport_close(ends[0].tls);
    while (!ends[0].probe.lost || !ends[1].probe.lost)
        (void)weft_yield();
}

COROUTINE(scenario_main)
{
    struct end ends[2] = {{.code = 0}, {.code = 0}};
    exchange(ends);
    for (int i = 0; i < 2; i++) {
        ck_assert_ended(&ends[i]);
        if (!fault_met()) {
            ck_assert_int_eq(ends[i].code, 0);
            ck_assert_int_eq(ends[i].probe.lost_code, 0);
            ck_assert_uint_eq(ends[i].probe.bytes, i ? MANY : 0);
        }
    }
    return 0;
}

static void scenario(void)
{
    ck_assert_fault_only(sim_run(scenario_main, NULL));
}

/* TLSS-14 holds as well: the loop is closed with nothing left in it, or the leak is seen. */
START_TEST(no_memory_for_a_connection)
{
    trust = trust_make();
    ck_assert_uint_gt(run_with_each_fault(FAULT_ALLOC, ENOMEM, scenario), 10);
    trust_free(&trust);
}
END_TEST

/* The system refuses to send or to receive: that is a lost connection. */
START_TEST(the_system_fails)
{
    trust = trust_make();
    ck_assert_uint_gt(run_with_each_fault(FAULT_RECV, ECONNRESET, scenario), 2);
    ck_assert_uint_gt(run_with_each_fault(FAULT_SEND, EPIPE, scenario), 2);
    trust_free(&trust);
}
END_TEST

static void contexts(void)
{
    static const char *const protocols[] = {"h2"};
    for (int i = 0; i < 2; i++) {
        errno = 0;
        weft_ssl_context *context =
            weft_ssl_create_default_context(i ? WEFT_SSL_CLIENT_AUTH : WEFT_SSL_SERVER_AUTH);
        if (!context) {
            ck_assert(fault_met() && errno == ENOMEM);
            continue;
        }
        ck_assert_fault_only(weft_ssl_context_set_alpn_protocols(context, protocols, 1));
        weft_ssl_context_unref(context);
    }
}

START_TEST(no_memory_for_a_context)
{
    ck_assert_uint_ge(run_with_each_fault(FAULT_ALLOC, ENOMEM, contexts), 4);
}
END_TEST

SUITE("tls_fault", no_memory_for_a_connection, the_system_fails, no_memory_for_a_context)
