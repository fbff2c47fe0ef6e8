/*
 * transport_socket_test.c - what is known of a connection, and the socket under a transport.
 */
#include "tests/net/probe.h"

static const weft_transport_socket *socket_under(const weft_transport *transport)
{
    const weft_transport_socket *socket = weft_transport_get_extra_info(transport, "socket", NULL);
    ck_assert_ptr_nonnull(socket);
    return socket;
}

/* Both names and the socket are known, also after the connection closed; what is unknown gives the
 * fallback (WRIT-20, WRIT-21). */
START_SIM(names_are_known_after_the_end)
{
    int ends[2];
    char fallback;
    struct probe p = {0};
    struct sockaddr_in own = {0}, peer = {0};
    socklen_t bytes = sizeof(own);
    tcp_pair(ends);
    ck_assert_int_eq(getsockname(ends[0], (struct sockaddr *)&own, &bytes), 0);
    ck_assert_int_eq(getpeername(ends[0], (struct sockaddr *)&peer, &bytes), 0);
    probe_open(&p, ends[0]);
    weft_transport *t = p.transport;
    ck_assert_ptr_eq(weft_transport_get_loop(t), weft_get_running_loop());
    ck_assert_int_eq(socket_under(t)->fd, ends[0]);
    weft_transport_abort(t);
    probe_await(&p, p.lost);
    sim_pass(1);
    const weft_address *name = weft_transport_get_extra_info(t, "sockname", &fallback);
    ck_assert_uint_eq(name->bytes, sizeof(own));
    ck_assert_int_eq(memcmp(&name->in, &own, sizeof(own)), 0);
    name = weft_transport_get_extra_info(t, "peername", &fallback);
    ck_assert_int_eq(memcmp(&name->in, &peer, sizeof(peer)), 0);
    ck_assert_int_eq(socket_under(t)->fd, -1);
    ck_assert_int_eq(weft_transport_socket_getsockname(socket_under(t), &(weft_address){0}),
                     -EBADF);
    ck_assert_ptr_eq(weft_transport_get_extra_info(t, "sslcontext", &fallback), &fallback);
    ck_assert_ptr_null(weft_transport_get_extra_info(t, "no such thing", NULL));
    ck_assert_ptr_null(weft_transport_get_extra_info(t, NULL, NULL));
    weft_transport_unref(t);
    close(ends[1]);
    return 0;
}

/* The socket gives its kind, names and options, and can be set and shut down (TSOC-01). */
START_SIM(the_socket_answers)
{
    int ends[2], value = 0, on = 1;
    socklen_t bytes = sizeof(value);
    struct probe p = {0};
    weft_address name = {0}, peer = {0};
    tcp_pair(ends);
    probe_open(&p, ends[0]);
    const weft_transport_socket *s = socket_under(p.transport);
    ck_assert_int_eq(s->family, AF_INET);
    ck_assert_int_eq(s->type, SOCK_STREAM);
    ck_assert_int_eq(s->proto, IPPROTO_TCP);
    ck_assert_int_eq(weft_transport_socket_getsockname(s, &name), 0);
    ck_assert_int_eq(weft_transport_socket_getpeername(s, &peer), 0);
    ck_assert_int_ne(weft_address_port(&name), weft_address_port(&peer));
    ck_assert_int_eq(weft_transport_socket_setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)),
                     0);
    ck_assert_int_eq(weft_transport_socket_getsockopt(s, SOL_SOCKET, SO_KEEPALIVE, &value, &bytes),
                     0);
    ck_assert_int_eq(value, 1);
    ck_assert_int_eq(weft_transport_socket_setsockopt(s, SOL_SOCKET, -1, &on, sizeof(on)),
                     -ENOPROTOOPT);
    ck_assert_int_eq(weft_transport_socket_shutdown(s, SHUT_WR), 0);
    ck_assert_str_eq(peer_received(ends[1]), "end");
    ck_assert_int_eq(weft_transport_socket_getsockname(NULL, &name), -EINVAL);
    probe_close_pair(&p, ends);
    return 0;
}

/* A Unix socket says so; its other end has no name. */
START_SIM(a_unix_socket_answers)
{
    int ends[2];
    struct probe p = {0};
    probe_open_pair(&p, ends);
    ck_assert_int_eq(socket_under(p.transport)->family, AF_UNIX);
    ck_assert_int_eq(socket_under(p.transport)->proto, 0);
    probe_close_pair(&p, ends);
    return 0;
}

/* TCP_NODELAY is set (CONN-18). */
START_SIM(small_writes_are_not_held_back)
{
    int ends[2], value = 0;
    socklen_t bytes = sizeof(value);
    struct probe p = {0};
    tcp_pair(ends);
    probe_open(&p, ends[0]);
    ck_assert_int_eq(weft_transport_socket_getsockopt(socket_under(p.transport), IPPROTO_TCP,
                                                      TCP_NODELAY, &value, &bytes),
                     0);
    ck_assert_int_eq(value, 1);
    probe_close_pair(&p, ends);
    return 0;
}

/* A transport's socket stays non-blocking (TSOC-03). The contract offers nothing else: no close, accept,
 * connect, send or receive (TSOC-02). */
START_SIM(it_stays_nonblocking)
{
    int ends[2];
    struct probe p = {0};
    probe_open_pair(&p, ends);
    const weft_transport_socket *s = socket_under(p.transport);
    ck_assert_int_eq(weft_transport_socket_setblocking(s, false), 0);
    ck_assert_int_eq(weft_transport_socket_setblocking(s, true), -EINVAL);
    ck_assert_int_eq(weft_transport_socket_settimeout(s, 0), 0);
    ck_assert_int_eq(weft_transport_socket_settimeout(s, 1.5), -EINVAL);
    ck_assert_int_eq(weft_transport_socket_settimeout(s, WEFT_FOREVER), -EINVAL);
    ck_assert(weft_transport_socket_gettimeout(s) == 0);
    ck_assert_int_ne(fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0);
    probe_close_pair(&p, ends);
    return 0;
}

/* dup() gives an ordinary socket of the same connection, which outlives the transport (TSOC-04). */
START_SIM(a_copy_is_independent)
{
    int ends[2];
    struct probe p = {0};
    probe_open_pair(&p, ends);
    int copy = weft_transport_socket_dup(socket_under(p.transport));
    ck_assert_int_ge(copy, 0);
    ck_assert_int_ne(copy, ends[0]);
    ck_assert_int_ne(fcntl(copy, F_GETFD) & FD_CLOEXEC, 0);
    probe_close(&p);
    peer_send(copy, "after");
    ck_assert_str_eq(peer_received(ends[1]), "after");
    close(copy);
    ck_assert_str_eq(peer_received(ends[1]), "end");
    close(ends[1]);
    return 0;
}

SUITE("transport_socket", names_are_known_after_the_end, the_socket_answers, a_unix_socket_answers,
      small_writes_are_not_held_back, it_stays_nonblocking, a_copy_is_independent)
