/*
 * connect_socket.c - addresses are resolved and tried.
 */
#include "api/connect.h"

#include <errno.h>
#include <netdb.h>

#include "runtime/base/mem.h"

/* A look-up that has to find something. */
static int resolve(const char *host, const char *port, const weft_connection_options *options,
                   weft_addrinfo **ret_infos)
{
    const weft_addrinfo_hints hints = {options->family, SOCK_STREAM, options->proto,
                                       options->flags};
    int count = weft_getaddrinfo(host, port, &hints, ret_infos);

    if (count == 0) /* CONN-04 */
        return weft_fail(-EADDRNOTAVAIL, "host \"%s\", port \"%s\": no addresses", host ? host : "",
                         port ? port : "");
    return count;
}

static struct connect *connect_alloc(int count, int locals_count)
{
    size_t errors_each = (size_t)locals_count + 1;
    size_t attempt_bytes = sizeof(struct attempt) + errors_each * sizeof(weft_error *);
    size_t bytes = sizeof(struct connect) + (size_t)count * attempt_bytes;
    struct connect *connect = mem_zalloc(bytes);

    if (!connect)
        return NULL;
    connect->bytes = bytes;
    connect->count = count;
    connect->locals_count = locals_count;
    weft_error **errors = (weft_error **)(void *)(connect->attempts + count);
    for (int i = 0; i < count; i++) {
        connect->attempts[i].connect = connect;
        connect->attempts[i].errors = errors + (size_t)i * errors_each;
    }
    return connect;
}

int wf_connect_make(const char *host, const char *port, const weft_connection_options *options,
                    struct connect **ret_connect)
{
    weft_addrinfo *infos = NULL, *locals = NULL;
    bool is_local = options->local_host || options->local_port;
    int locals_count = 0, count = resolve(host, port, options, &infos);

    if (count < 0)
        return count;
    if (is_local)
        locals_count = resolve(options->local_host, options->local_port, options, &locals);
    struct connect *connect = locals_count < 0 ? NULL : connect_alloc(count, locals_count);
    if (!connect) {
        weft_addrinfo_free(infos);
        weft_addrinfo_free(locals);
        return locals_count < 0 ? locals_count : -ENOMEM;
    }
    connect->infos = infos;
    connect->locals = locals;
    connect->is_local = is_local;
    for (int i = 0; i < count; i++)
        connect->attempts[i].info = &infos[i];
    int first = options->interleave;
    if (first == 0 && options->happy_eyeballs_delay > 0) /* CONN-14 */
        first = 1;
    if (first > 0)
        wf_connect_interleave(connect, first);
    *ret_connect = connect;
    return 0;
}

void wf_connect_free(struct connect *connect)
{
    for (int i = 0; i < connect->count; i++)
        for (int j = 0; j < connect->attempts[i].errors_count; j++)
            weft_error_unref(connect->attempts[i].errors[j]);
    weft_addrinfo_free(connect->infos);
    weft_addrinfo_free(connect->locals);
    mem_free(connect, connect->bytes);
}

/* The place in the resolver's order where the family of an address begins. */
static const weft_addrinfo *family_of(const struct connect *connect, const weft_addrinfo *info)
{
    const weft_addrinfo *first = connect->infos;
    while (first->family != info->family)
        first++;
    return first;
}

/* Its round: 0 for those that come before all others; the n-th of each family are in round n. */
static int round_of(const struct connect *connect, const weft_addrinfo *info, int first)
{
    const weft_addrinfo *family = family_of(connect, info);
    int nth = 1;
    for (const weft_addrinfo *before = family; before < info; before++)
        nth += before->family == info->family;
    if (family > connect->infos)
        return nth;
    return nth < first ? 0 : nth - first + 1;
}

static bool comes_before(const struct connect *connect, const struct attempt *a,
                         const struct attempt *b)
{
    if (a->round != b->round)
        return a->round < b->round;
    return family_of(connect, a->info) < family_of(connect, b->info);
}

void wf_connect_interleave(struct connect *connect, int first)
{
    struct attempt *attempts = connect->attempts;

    for (int i = 0; i < connect->count; i++) {
        struct attempt next = attempts[i];
        next.round = round_of(connect, next.info, first);
        int place = i;
        for (; place > 0 && comes_before(connect, &next, &attempts[place - 1]); place--) {
            attempts[place].info = attempts[place - 1].info;
            attempts[place].round = attempts[place - 1].round;
        }
        attempts[place].info = next.info;
        attempts[place].round = next.round;
    }
}

/* The current error, of this code, is kept. CONNECT_FAILED or -ENOMEM. */
static int keep(struct attempt *attempt, int code)
{
    weft_error *error = weft_catch(code);
    if (!error)
        return -ENOMEM;
    attempt->errors[attempt->errors_count++] = error;
    return CONNECT_FAILED;
}

static int fail_at(int code, const char *doing, const weft_address *address)
{
    char text[WEFT_ADDRESS_TEXT];
    return weft_fail(code, "%s %s: %s", doing, weft_address_text(address, text, sizeof(text)),
                     weft_strerror(code));
}

/* CONN-10, CONN-11: the first local address of the family that can be had. */
static int bind_local(struct attempt *attempt, weft_socket *socket)
{
    const struct connect *connect = attempt->connect;

    for (int i = 0; i < connect->locals_count; i++) {
        const weft_addrinfo *local = &connect->locals[i];
        if (local->family != attempt->info->family)
            continue;
        int rc = weft_socket_bind(socket, &local->address);
        if (!rc)
            return 0;
        rc = keep(attempt, fail_at(rc, "bind to", &local->address));
        if (rc != CONNECT_FAILED)
            return rc;
    }
    if (attempt->errors_count)
        return CONNECT_FAILED;
    return keep(attempt, fail_at(-EADDRNOTAVAIL, "no local address of the family of",
                                 &attempt->info->address));
}

int wf_connect_attempt(struct attempt *attempt, weft_socket **ret_socket)
{
    const weft_addrinfo *info = attempt->info;
    weft_socket *socket = weft_socket_new(info->family, info->type, info->proto);

    if (!socket)
        return keep(attempt, fail_at(-errno, "socket for", &info->address));
    int rc = attempt->connect->is_local ? bind_local(attempt, socket) : 0;
    if (!rc) {
        rc = weft_sock_connect(socket, &info->address);
        if (rc && rc != WEFT_ECANCELLED)
            rc = keep(attempt, rc);
    }
    if (rc)
        weft_socket_close(socket);
    else
        *ret_socket = socket;
    return rc;
}

static int connect_in_turn(struct connect *connect, weft_socket **ret_socket)
{
    int rc = CONNECT_FAILED;

    for (int i = 0; i < connect->count && rc == CONNECT_FAILED; i++)
        rc = wf_connect_attempt(&connect->attempts[i], ret_socket);
    return rc;
}

int wf_connect_socket(const char *host, const char *port, const weft_connection_options *options,
                      weft_socket **ret_socket)
{
    double delay = options->happy_eyeballs_delay;
    struct connect *connect;
    int rc = wf_connect_make(host, port, options, &connect);

    if (rc)
        return rc;
    if (delay > 0 && connect->count > 1)
        rc = wf_connect_race(connect, delay, ret_socket);
    else
        rc = connect_in_turn(connect, ret_socket);
    if (rc == CONNECT_FAILED)
        rc = wf_connect_fail(connect, options->all_errors);
    wf_connect_free(connect);
    return rc;
}
