/*
 * nested_test.c - TLS inside TLS, on stacks that are small, and files over it.
 */
#include <stdlib.h>

#include "tests/tls/relay.h"

#define MANY ((size_t)1 << 20)

static unsigned char many[MANY];

/* TLSS-12: a second connection inside an open one, as through a proxy: data both ways, much of them, and
 * an end that closes the outer one too. */
START_SIM(tls_inside_tls)
{
    struct trust outer_trust = trust_make(), inner_trust = trust_make();
    struct end outer[2] = {{.code = 0}, {.code = 0}},
               inner[2] = {{.probe.quiet = true}, {.probe.quiet = true}};
    ends_connect(&outer[0], &outer[1], &outer_trust);
    end_wrap(&inner[0], outer[0].tls, inner_trust.client_context, &client_wrap);
    end_wrap(&inner[1], outer[1].tls, inner_trust.server_context, &server_wrap);
    for (int i = 0; i < 2; i++)
        probe_await(&inner[i].probe, inner[i].probe.made);
    const X509 *peer = weft_transport_get_extra_info(inner[0].tls, "peercert", NULL);
    ck_assert_int_eq(X509_cmp(peer, inner_trust.server.certificate), 0);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(weft_transport_write(inner[i].tls, many, MANY), 0);
    for (int i = 0; i < 2; i++)
        probe_await(&inner[i].probe, inner[i].probe.bytes == MANY);
    weft_transport_close(inner[0].tls);
    for (int i = 0; i < 2; i++)
        end_await(&inner[i]);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(inner[i].probe.lost_code, 0);
        ck_assert_int_eq(inner[i].probe.eofs, 1);
        ck_assert(outer[i].tls->lost);
        ck_assert_int_eq(outer[i].probe.lost, 0); /* its protocol was replaced */
    }
    ck_assert_int_eq(reports_count, 0);
    ck_assert_no_timer();
    for (int i = 0; i < 2; i++) {
        end_free(&inner[i]);
        end_free(&outer[i]);
    }
    trust_free(&outer_trust);
    trust_free(&inner_trust);
    return 0;
}

/* TLSS-03, TLSS-12: the inner handshake fails: the outer connection is closed. */
START_SIM(the_inner_one_fails)
{
    struct trust trust = trust_make(), other = trust_make();
    struct end outer[2] = {{.code = 0}, {.code = 0}}, inner[2] = {{.code = 0}, {.code = 0}};
    ends_connect(&outer[0], &outer[1], &trust);
    end_wrap(&inner[0], outer[0].tls, other.client_context, &client_wrap);
    end_wrap(&inner[1], outer[1].tls, trust.server_context, &server_wrap);
    for (int i = 0; i < 2; i++)
        end_await(&inner[i]);
    ck_assert_int_eq(inner[0].code, WEFT_ESSLCERTVERIFY);
    ck_assert_int_eq(inner[1].code, WEFT_ESSL);
    for (int i = 0; i < 2; i++) {
        ck_assert(outer[i].tls->lost);
        end_free(&inner[i]);
        end_free(&outer[i]);
    }
    ck_assert_no_timer();
    trust_free(&trust);
    trust_free(&other);
    return 0;
}

/* Everything of TLS that may run on the stack of a task. */
COROUTINE(work_on_a_small_stack)
{
    struct end *end = arg;
    SSL *ssl = (SSL *)(uintptr_t)weft_transport_get_extra_info(end->tls, "ssl_object", NULL);
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(weft_transport_write(end->tls, many, 20000), 0);
        if (SSL_version(ssl) == TLS1_3_VERSION) /* refused while the last one waits to be sent */
            ck_assert(SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) || i > 0);
    }
    weft_transport_close(end->tls);
    return 0;
}

/* Writes, new keys and a close fit on a stack of 16 KiB, a quarter of a task's usual one, with every kind of
 * cipher. */
START_SIM(a_small_stack)
{
    static const char *const ciphers[] = {NULL, "ECDHE+AESGCM", "ECDHE+CHACHA20",
                                          "ECDHE-ECDSA-AES256-SHA384"};
    for (int i = 0; i < 4; i++) {
        struct trust trust = trust_make();
        struct end client = {0}, server = {.probe.quiet = true};
        if (ciphers[i]) {
            SSL_CTX_set_max_proto_version(weft_ssl_context_native(trust.client_context),
                                          TLS1_2_VERSION);
            ck_assert_int_eq(weft_ssl_context_set_ciphers(trust.client_context, ciphers[i]), 0);
        }
        ends_connect(&client, &server, &trust);
        const weft_task_options options = {.stack_bytes = (size_t)16 * 1024};
        ck_assert_int_eq(
            weft_join(weft_create_task(work_on_a_small_stack, &client, &options), NULL), 0);
        end_await(&client);
        end_await(&server);
        ck_assert_uint_eq(server.probe.bytes, 20 * 20000);
        ck_assert_int_eq(client.probe.lost_code, 0);
        ends_free(&client, &server);
        trust_free(&trust);
    }
    return 0;
}

/* TRAN-15: a file over TLS is read and written. */
START_SIM(a_file)
{
    struct trust trust = trust_make();
    struct end client = {0}, server = {.probe.quiet = true};
    FILE *file = tmpfile();
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(many, 1, MANY, file), MANY);
    ck_assert_int_eq(fflush(file), 0);
    ends_connect(&client, &server, &trust);
    ck_assert_int_eq(weft_transport_sendfile(client.tls, fileno(file), 0, -1, false),
                     WEFT_ESENDFILE);
    ck_assert_int_eq(weft_transport_sendfile(client.tls, fileno(file), 1000, -1, true),
                     (ssize_t)(MANY - 1000));
    probe_await(&server.probe, server.probe.bytes == MANY - 1000);
    ends_free(&client, &server);
    fclose(file);
    trust_free(&trust);
    return 0;
}

SUITE("tls_nested", tls_inside_tls, the_inner_one_fails, a_small_stack, a_file)
