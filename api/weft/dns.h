/*
 * weft/dns.h - names and addresses: the system's resolver, without blocking the loop.
 *
 * The resolver runs in the default executor. Look-ups take at most half of its threads, so that a
 * slow name server leaves room for other work; further ones wait, first come first served. What is
 * numeric already needs no thread. In debug mode a slow look-up is reported, as a slow step is.
 */
#ifndef WEFT_DNS_H
#define WEFT_DNS_H

#include <weft/address.h>
#include <weft/base.h>
#include <weft/error.h>

WEFT_BEGIN

/* One way to reach a host: what to make a socket from, and where to connect it to. */
typedef struct weft_addrinfo {
    int family, type, proto;
    const char *canonname; /* of the first one, if AI_CANONNAME was asked for; else NULL */
    weft_address address;
} weft_addrinfo;

/* What is looked for; zero: any. The flags are those of getaddrinfo() (AI_PASSIVE, ...). */
typedef struct weft_addrinfo_hints {
    int family, type, proto, flags;
} weft_addrinfo_hints;

/**
 * weft_getaddrinfo - the addresses of a host and service
 * @host:      a name or numeric address; NULL: this machine, see AI_PASSIVE
 * @port:      a number as text, or the name of a service; "" and NULL: 0
 * @hints:     may be NULL
 * @ret_infos: an array in the resolver's order, owned by the caller: weft_addrinfo_free()
 *
 * A numeric address with a number for a port is not looked up, and the call does not suspend.
 *
 * Context:      a task
 * Cancellation: returns at once; the look-up runs on in its thread, and its result is dropped
 * Return:       how many; WEFT_EAI_NONAME, WEFT_EAI_AGAIN and so on with a message that has both
 *               names; -errno of a system call of the resolver; -EINVAL for a port above 65535;
 *               WEFT_ECANCELLED; WEFT_ENOTASK; WEFT_ESHUTDOWN; -EAGAIN without a thread; -ENOMEM
 * asyncio:      loop.getaddrinfo(host, port, family=..., type=..., proto=..., flags=...)
 */
WEFT_API int weft_getaddrinfo(const char *host, const char *port, const weft_addrinfo_hints *hints,
                              weft_addrinfo **ret_infos);

/* Gives the array back. NULL is allowed. Any thread. */
WEFT_API void weft_addrinfo_free(weft_addrinfo *infos);

/* A host and a service as text; numeric where there is no name, or it was not asked for. */
typedef struct weft_nameinfo {
    char host[1025];
    char service[32];
} weft_nameinfo;

/**
 * weft_getnameinfo - the names of an address
 * @address:  borrowed, of an internet family
 * @flags:    those of getnameinfo(): with NI_NUMERICHOST and NI_NUMERICSERV the call does not suspend
 * @ret_info: filled in
 *
 * Context:      a task
 * Cancellation: as weft_getaddrinfo()
 * Return:       0; otherwise as weft_getaddrinfo()
 * asyncio:      loop.getnameinfo(address, flags)
 */
WEFT_API int weft_getnameinfo(const weft_address *address, int flags, weft_nameinfo *ret_info);

WEFT_END

#endif
