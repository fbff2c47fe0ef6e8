/*
 * connect.c - from a connected socket to a transport with a protocol, with or without TLS.
 */
#include <weft/connect.h>

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "api/connect.h"
#include "api/socket.h"
#include "api/socket_transport.h"
#include "api/ssl.h"
#include "runtime/base/sys.h"
#include "runtime/sched/future_ops.h"

static const weft_connection_options no_options;

/* TLS is over the connection, or nothing is. */
static int ssl_check(const weft_connection_options *options, const char *host)
{
    double shake = options->ssl_handshake_timeout, shut = options->ssl_shutdown_timeout;

    if (!options->ssl) { /* CONN-19 */
        if (options->server_hostname)
            return weft_fail(-EINVAL, "server_hostname means nothing without ssl");
        if (shake != 0)
            return weft_fail(-EINVAL, "ssl_handshake_timeout means nothing without ssl");
        if (shut != 0)
            return weft_fail(-EINVAL, "ssl_shutdown_timeout means nothing without ssl");
        return 0;
    }
    if (!(shake >= 0) || !(shut >= 0))
        return weft_fail(-EINVAL, "a time-out of TLS must be more than 0");
    if (!options->server_hostname && (!host || !*host)) /* CONN-23 */
        return weft_fail(-EINVAL, "with ssl and no host, server_hostname must be set");
    return 0;
}

static int socket_check(const weft_socket *sock, bool is_unix)
{
    if (weft_socket_type(sock) != SOCK_STREAM) /* CONN-06 */
        return weft_fail(-EINVAL, "the socket is not a stream socket");
    if (is_unix && weft_socket_family(sock) != AF_UNIX) /* CONN-21 */
        return weft_fail(-EINVAL, "the socket is not a Unix socket");
    return 0;
}

/* Before anything is opened. */
static int options_check(const weft_connection_options *options)
{
    if (options->limit > SSIZE_MAX) /* CONN-16 */
        return weft_fail(-EINVAL, "the limit is not more than 0");
    if (!(options->happy_eyeballs_delay >= 0))
        return weft_fail(-EINVAL, "happy_eyeballs_delay is less than 0");
    return task_current() ? 0 : weft_fail(WEFT_ENOTASK, "only a task can connect");
}

static int arguments_check(const weft_protocol *protocol, const weft_connection_options *options,
                           const char *host, weft_transport **ret_transport)
{
    if (!protocol || !ret_transport)
        return -EINVAL;
    int rc = options_check(options);
    return rc ? rc : ssl_check(options, host);
}

/* What a transport is made of. */
struct making {
    weft_protocol *protocol;
    weft_ssl_context *ssl;
    struct ssl_wrap wrap;
    weft_future *waiter; /* done when the connection can be used */
};

/* The handshake is over. The waiter has a reference for this call. */
static void connection_shaken(void *arg, int code, weft_error *error)
{
    weft_future *waiter = arg;

    /* A loop that is closed has no task that waits. */
    if (code != WEFT_ELOOPCLOSED) {
        if (code)
            (void)wf_future_fail(waiter, OUTCOME_FAILED, code, weft_error_ref(error));
        else
            (void)wf_future_succeed(waiter, NULL);
    }
    weft_unref(waiter);
}

static double or_default(double seconds, double otherwise)
{
    return seconds > 0 ? seconds : otherwise;
}

/* Puts TLS over a transport that has not begun, whose reference passes to the call. */
static int put_tls_over(struct making *making, weft_transport *lower,
                        weft_transport **ret_transport)
{
    static const weft_protocol_ops silent_ops;
    static weft_protocol silent = {&silent_ops};

    making->wrap.connection_made = true;
    making->wrap.shaken = connection_shaken;
    making->wrap.arg = weft_ref(making->waiter);
    weft_transport *upper =
        making->ssl->ops->wrap(making->ssl, lower, making->protocol, &making->wrap);
    int rc = upper ? 0 : -errno;
    if (rc) {
        weft_unref(making->waiter);
        (void)weft_transport_set_protocol(lower, &silent);
        weft_transport_abort(lower);
    }
    weft_transport_unref(lower);
    *ret_transport = upper;
    return rc;
}

int wf_connect_give_up(weft_transport *transport, int code)
{
    weft_error *error = weft_catch(code);

    weft_transport_abort(transport);
    while (!transport->lost)
        (void)weft_yield();
    weft_transport_unref(transport);
    return error ? weft_raise(error) : code;
}

/* *sock becomes NULL when the socket is the transport's, also if that fails later. */
static int transport_make(struct making *making, weft_socket **sock, weft_transport **ret_transport)
{
    struct source *source = &(*sock)->source;
    const struct socket_transport_options plain = {.waiter = making->ssl ? NULL : making->waiter,
                                                   .source = source};
    weft_transport *transport;

    if ((*sock)->users)
        return weft_fail(-EBUSY, "a task waits for the socket");
    if (source->poller && source->poller != &loop_current()->poller)
        return weft_fail(WEFT_EWRONGTHREAD, "the socket is registered with another loop");
    transport = wf_socket_transport_new(loop_current(), source->fd, making->protocol, &plain);
    if (!transport)
        return -ENOMEM;
    weft_socket_close(*sock);
    *sock = NULL;
    int rc = making->ssl ? put_tls_over(making, transport, &transport) : 0;
    if (rc)
        return rc;
    rc = weft_await(making->waiter, NULL);
    if (rc)
        return wf_connect_give_up(transport, rc);
    *ret_transport = transport;
    return 0;
}

static int connection_make(weft_protocol *protocol, weft_socket **sock, weft_ssl_context *ssl,
                           const struct ssl_wrap *wrap, weft_transport **ret_transport)
{
    struct making making = {protocol, ssl, *wrap, weft_create_future()};
    if (!making.waiter)
        return -ENOMEM;
    making.wrap.handshake_timeout = or_default(wrap->handshake_timeout, SSL_HANDSHAKE_TIMEOUT);
    making.wrap.shutdown_timeout = or_default(wrap->shutdown_timeout, SSL_SHUTDOWN_TIMEOUT);
    int rc = transport_make(&making, sock, ret_transport);
    weft_unref(making.waiter);
    return rc;
}

/* A socket that the call has opened, or that the options have. */
static int client_make(weft_protocol *protocol, weft_socket *opened, const char *host,
                       const weft_connection_options *options, weft_transport **ret_transport)
{
    const struct ssl_wrap wrap = {
        .server_hostname = options->server_hostname ? options->server_hostname : host,
        .handshake_timeout = options->ssl_handshake_timeout,
        .shutdown_timeout = options->ssl_shutdown_timeout,
    };
    weft_socket *sock = opened ? opened : options->sock;
    int rc = connection_make(protocol, &sock, options->ssl, &wrap, ret_transport);
    if (opened)
        weft_socket_close(sock); /* if it is no transport's */
    return rc;
}

int weft_create_connection(weft_protocol *protocol, const char *host, const char *port,
                           const weft_connection_options *options, weft_transport **ret_transport)
{
    weft_socket *opened = NULL;

    if (!options)
        options = &no_options;
    int rc = arguments_check(protocol, options, host, ret_transport);
    if (rc)
        return rc;
    if (host || port) { /* CONN-05 */
        if (options->sock)
            return weft_fail(-EINVAL, "host and port, or a socket, but not both");
        rc = wf_connect_socket(host, port, options, &opened);
    } else if (!options->sock) {
        return weft_fail(-EINVAL, "neither host and port nor a socket is given");
    } else {
        rc = socket_check(options->sock, false);
    }
    return rc ? rc : client_make(protocol, opened, host, options, ret_transport);
}

static int connect_unix(const weft_address *address, weft_socket **ret_socket)
{
    weft_socket *socket = weft_socket_new(AF_UNIX, SOCK_STREAM, 0);
    if (!socket)
        return -errno;
    int rc = weft_sock_connect(socket, address);
    if (rc)
        weft_socket_close(socket);
    else
        *ret_socket = socket;
    return rc;
}

int weft_create_unix_connection_at(weft_protocol *protocol, const weft_address *address,
                                   const weft_connection_options *options,
                                   weft_transport **ret_transport)
{
    weft_socket *opened = NULL;

    if (!options)
        options = &no_options;
    int rc = arguments_check(protocol, options, NULL, ret_transport);
    if (rc)
        return rc;
    if (address) { /* CONN-21 */
        if (options->sock)
            return weft_fail(-EINVAL, "a path or a socket, but not both");
        if (!address->bytes || address->any.sa_family != AF_UNIX)
            return weft_fail(-EINVAL, "the address is not one of a Unix socket");
        rc = connect_unix(address, &opened);
    } else if (!options->sock) {
        return weft_fail(-EINVAL, "neither a path nor a socket is given");
    } else {
        rc = socket_check(options->sock, true);
    }
    return rc ? rc : client_make(protocol, opened, NULL, options, ret_transport);
}

int weft_create_unix_connection(weft_protocol *protocol, const char *path,
                                const weft_connection_options *options,
                                weft_transport **ret_transport)
{
    weft_address address;
    int rc = path ? weft_address_unix(path, strlen(path), &address) : 0;

    if (rc)
        return weft_fail(rc, "\"%s\" cannot be the path of a socket", path);
    return weft_create_unix_connection_at(protocol, path ? &address : NULL, options, ret_transport);
}

int weft_connect_accepted_socket(weft_protocol *protocol, weft_socket *sock,
                                 const weft_accepted_options *options,
                                 weft_transport **ret_transport)
{
    static const weft_accepted_options none;
    if (!options)
        options = &none;
    const weft_connection_options checked = {
        .ssl = options->ssl,
        .server_hostname = options->ssl ? "" : NULL,
        .ssl_handshake_timeout = options->ssl_handshake_timeout,
        .ssl_shutdown_timeout = options->ssl_shutdown_timeout,
    };
    const struct ssl_wrap wrap = {
        .server_side = true,
        .handshake_timeout = options->ssl_handshake_timeout,
        .shutdown_timeout = options->ssl_shutdown_timeout,
    };

    if (!protocol || !sock || !ret_transport)
        return -EINVAL;
    int rc = options_check(&checked);
    if (!rc)
        rc = ssl_check(&checked, NULL);
    if (!rc)
        rc = socket_check(sock, false); /* CONN-24 */
    return rc ? rc : connection_make(protocol, &sock, options->ssl, &wrap, ret_transport);
}
