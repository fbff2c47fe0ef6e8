/*
 * datagram.c - datagram endpoints are made: which addresses go together, and a socket for them.
 */
#include <weft/datagram.h>

#include <errno.h>

#include "api/connect.h"
#include "api/datagram_transport.h"
#include "api/dns.h"
#include "api/socket.h"
#include "api/unix_path.h"
#include "runtime/base/mem.h"
#include "runtime/base/sys.h"

/* A socket's two ends, of one family and protocol. */
struct pair {
    int family, proto;
    const weft_address *ends[2]; /* local, remote; NULL: not wanted */
};

enum { LOCAL, REMOTE, ENDS };

/* One end as it was asked for. */
struct end {
    const char *host, *port;
    const weft_address *given;
    weft_addrinfo *infos; /* owned */
    int count;
};

static bool end_is_wanted(const struct end *end)
{
    return end->host || end->port || end->given;
}

static int end_check(const struct end *end)
{
    if (end->given && (end->host || end->port))
        return weft_fail(-EINVAL, "an address or a host and port, but not both");
    if (end->given && (end->given->bytes < sizeof(sa_family_t) ||
                       end->given->bytes > sizeof(end->given->storage)))
        return weft_fail(-EINVAL, "the address is none");
    return 0;
}

/* What a given address would be resolved to. */
static int end_from_address(struct end *end, const weft_datagram_options *options)
{
    int family = end->given->any.sa_family;
    bool internet = family == AF_INET || family == AF_INET6;

    if (options->family && options->family != family)
        return weft_fail(-EINVAL, "the address is of another family");
    end->infos = wf_addrinfo_make(1, NULL);
    if (!end->infos)
        return -ENOMEM;
    end->count = 1;
    end->infos[0].family = family;
    end->infos[0].type = SOCK_DGRAM;
    end->infos[0].proto = options->proto || !internet ? options->proto : IPPROTO_UDP;
    end->infos[0].address = *end->given;
    return 0;
}

static int end_resolve(struct end *end, const weft_datagram_options *options)
{
    const weft_addrinfo_hints hints = {options->family, SOCK_DGRAM, options->proto, options->flags};

    if (end->given)
        return end_from_address(end, options);
    if (!end_is_wanted(end))
        return 0;
    int count = weft_getaddrinfo(end->host, end->port, &hints, &end->infos);
    if (count == 0) /* DGRM-04 */
        return weft_fail(-EADDRNOTAVAIL, "host \"%s\", port \"%s\": no addresses",
                         end->host ? end->host : "", end->port ? end->port : "");
    end->count = count;
    return count < 0 ? count : 0;
}

/* Addresses by family and protocol, in the order in which those come. As in asyncio the last one of a
 * kind counts. How many pairs. */
static int pair_up(const struct end ends[ENDS], struct pair *pairs)
{
    int count = 0;

    for (int which = 0; which < ENDS; which++) {
        for (int i = 0; i < ends[which].count; i++) {
            const weft_addrinfo *info = &ends[which].infos[i];
            int place = 0;
            while (place < count &&
                   (pairs[place].family != info->family || pairs[place].proto != info->proto))
                place++;
            if (place == count)
                pairs[count++] = (struct pair){.family = info->family, .proto = info->proto};
            pairs[place].ends[which] = &info->address;
        }
    }
    return count;
}

static int fail_at(int code, const char *doing, const weft_address *address)
{
    char text[WEFT_ADDRESS_TEXT];
    return weft_fail(code, "%s %s: %s", doing, weft_address_text(address, text, sizeof(text)),
                     weft_strerror(code));
}

/* A socket for a pair, from one attempt to the next. */
struct opening {
    const weft_datagram_options *options;
    weft_socket *sock;
    const weft_address *remote; /* of sock */
    bool hopeless;              /* it would be the same with other addresses */
};

static int set_options(struct opening *opening)
{
    int on = 1, rc = 0;

    if (opening->options->reuse_port) { /* DGRM-07 */
        rc = weft_socket_setsockopt(opening->sock, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
        opening->hopeless = rc != 0;
        if (rc)
            return weft_fail(-EINVAL, "reuse_port cannot be had: %s", weft_strerror(rc));
    }
    if (opening->options->allow_broadcast) {
        rc = weft_socket_setsockopt(opening->sock, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on));
        if (rc)
            return weft_fail(rc, "allow_broadcast: %s", weft_strerror(rc));
    }
    return 0;
}

static int bind_and_connect(struct opening *opening, const struct pair *pair)
{
    const weft_address *local = pair->ends[LOCAL], *remote = pair->ends[REMOTE];
    int rc = set_options(opening);

    if (!rc && local) {
        rc = weft_socket_bind(opening->sock, local);
        if (rc)
            return fail_at(rc, "bind to", local);
    }
    if (!rc && remote && !opening->options->allow_broadcast) /* DGRM-08 */
        rc = weft_sock_connect(opening->sock, remote);
    return rc;
}

static int open_pair(struct opening *opening, const struct pair *pair)
{
    opening->sock = weft_socket_new(pair->family, SOCK_DGRAM, pair->proto);
    if (!opening->sock)
        return weft_fail(-errno, "no datagram socket: %s", weft_strerror(-errno));
    int rc = bind_and_connect(opening, pair);
    if (rc) { /* DGRM-06 */
        weft_socket_close(opening->sock);
        opening->sock = NULL;
    }
    opening->remote = pair->ends[REMOTE];
    return rc;
}

/* The first pair that has all that is wanted, and of which there can be a socket. Of the errors the
 * first one counts. */
static int open_first(struct opening *opening, const struct pair *pairs, int count, bool local,
                      bool remote)
{
    weft_error *first = NULL;
    int code = 0;

    for (int i = 0; i < count; i++) {
        if ((local && !pairs[i].ends[LOCAL]) || (remote && !pairs[i].ends[REMOTE]))
            continue;
        int rc = open_pair(opening, &pairs[i]);
        if (!rc || rc == WEFT_ECANCELLED || opening->hopeless) {
            weft_error_unref(first);
            return rc;
        }
        if (!code) {
            code = rc;
            first = weft_catch(rc);
        }
    }
    if (first)
        return weft_raise(first);
    return code ? code : weft_fail(-EINVAL, "the addresses do not go together"); /* DGRM-03 */
}

/* The transport takes the socket: *sock becomes NULL then. */
static int transport_make(weft_protocol *protocol, weft_socket **sock, const weft_address *remote,
                          weft_transport **ret_transport)
{
    struct source *source = &(*sock)->source;
    weft_future *waiter = weft_create_future();
    const struct datagram_transport_options options = {remote, waiter};

    if (!waiter)
        return -ENOMEM;
    int fd = wf_source_detach(source);
    weft_transport *transport =
        fd < 0 ? NULL : wf_datagram_transport_new(loop_current(), fd, protocol, &options);
    if (!transport) {
        if (fd >= 0)
            wf_source_init(source, fd, true, source->tcp);
        weft_unref(waiter);
        return fd < 0 ? fd : -ENOMEM;
    }
    weft_socket_close(*sock);
    *sock = NULL;
    int rc = weft_join(waiter, NULL);
    if (rc)
        return wf_connect_give_up(transport, rc);
    *ret_transport = transport;
    return 0;
}

static int endpoint_of_pairs(weft_protocol *protocol, const struct end ends[ENDS],
                             const weft_datagram_options *options, weft_transport **ret_transport)
{
    int most = ends[LOCAL].count + ends[REMOTE].count;
    bool any = most == 0; /* the family alone is given */
    size_t bytes = (size_t)(any ? 1 : most) * sizeof(struct pair);
    struct pair *pairs = mem_alloc(bytes);
    struct opening opening = {.options = options};

    if (!pairs)
        return -ENOMEM;
    int count = pair_up(ends, pairs);
    if (any)
        pairs[count++] = (struct pair){.family = options->family, .proto = options->proto};
    if (pairs[0].family == AF_UNIX && pairs[0].ends[LOCAL]) /* DGRM-16 */
        wf_unix_remove_stale(loop_current(), pairs[0].ends[LOCAL]);
    int rc = open_first(&opening, pairs, count, end_is_wanted(&ends[LOCAL]),
                        end_is_wanted(&ends[REMOTE]));
    if (opening.sock) {
        rc = transport_make(protocol, &opening.sock, opening.remote, ret_transport);
        weft_socket_close(opening.sock); /* if it is no transport's */
    }
    mem_free(pairs, bytes);
    return rc;
}

/* A socket that the program has made (DGRM-05). */
static int endpoint_of_socket(weft_protocol *protocol, const weft_datagram_options *options,
                              weft_transport **ret_transport)
{
    weft_socket *sock = options->sock;
    const struct source *source = &sock->source;

    if (weft_socket_type(sock) == SOCK_STREAM)
        return weft_fail(-EINVAL, "the socket is a stream socket");
    if (options->local_host || options->local_port || options->local_address ||
        options->remote_host || options->remote_port || options->remote_address ||
        options->family || options->proto || options->flags || options->reuse_port ||
        options->allow_broadcast)
        return weft_fail(-EINVAL, "with a socket no other option has a meaning");
    if (sock->users)
        return weft_fail(-EBUSY, "a task waits for the socket");
    if (source->poller && source->poller != &loop_current()->poller)
        return weft_fail(WEFT_EWRONGTHREAD, "the socket is registered with another loop");
    return transport_make(protocol, &sock, NULL, ret_transport);
}

int weft_create_datagram_endpoint(weft_protocol *protocol, const weft_datagram_options *options,
                                  weft_transport **ret_transport)
{
    if (!protocol || !options || !ret_transport)
        return -EINVAL;
    if (!task_current())
        return weft_fail(WEFT_ENOTASK, "only a task can make an endpoint");
    if (options->sock)
        return endpoint_of_socket(protocol, options, ret_transport);
    struct end ends[ENDS] = {
        {options->local_host, options->local_port, options->local_address, NULL, 0},
        {options->remote_host, options->remote_port, options->remote_address, NULL, 0},
    };
    if (!options->family && !end_is_wanted(&ends[LOCAL]) && !end_is_wanted(&ends[REMOTE]))
        return weft_fail(-EINVAL, "neither an address nor a family is given"); /* DGRM-03 */
    int rc = 0;
    for (int which = 0; which < ENDS && !rc; which++)
        rc = end_check(&ends[which]);
    for (int which = 0; which < ENDS && !rc; which++)
        rc = end_resolve(&ends[which], options);
    if (!rc)
        rc = endpoint_of_pairs(protocol, ends, options, ret_transport);
    weft_addrinfo_free(ends[LOCAL].infos);
    weft_addrinfo_free(ends[REMOTE].infos);
    return rc;
}
