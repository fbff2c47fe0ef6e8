/*
 * connect.h - from a host and port to a connected socket: names, local addresses, and the attempts.
 *
 *     resolve --> reorder --> attempt at each address --> a socket, or one error for all
 *
 * Sequential attempts run in the calling task. With happy eyeballs (RFC 8305) each has a task of its
 * own, and they race.
 */
#ifndef WEFT_API_CONNECT_H
#define WEFT_API_CONNECT_H

#include <weft/dns.h>
#include <weft/socket.h>
#include <weft/stream.h>

struct connect;

/* One address. It may fail several times: once for each local address, and the connection. */
struct attempt {
    struct connect *connect;
    const weft_addrinfo *info;
    int round;           /* when its family has its turn */
    weft_error **errors; /* owned, in order; room for one more than there are local addresses */
    int errors_count;
};

/* All of them, on the memory of one block. */
struct connect {
    size_t bytes; /* of the block */
    weft_addrinfo *infos, *locals;
    int count, locals_count;
    bool is_local; /* local addresses were asked for */
    struct attempt attempts[];
};

/*
 * Resolves both ends, and puts the addresses in order. options: not NULL. 0; an error of the resolver;
 * -EADDRNOTAVAIL for an empty result; WEFT_ECANCELLED; -ENOMEM.
 */
int wf_connect_make(const char *host, const char *port, const weft_connection_options *options,
                    struct connect **ret_connect);
void wf_connect_free(struct connect *connect);

/* Reorders the attempts so that families alternate, after the first `first` of the first one. */
void wf_connect_interleave(struct connect *connect, int first);

/* The address was tried in vain, and its errors are kept with the attempt. */
#define CONNECT_FAILED 1

/* One attempt: 0 and a connected socket; CONNECT_FAILED; WEFT_ECANCELLED; -ENOMEM. */
int wf_connect_attempt(struct attempt *attempt, weft_socket **ret_socket);

/* All attempts, in tasks (CONN-12). The same. */
int wf_connect_race(struct connect *connect, double delay, weft_socket **ret_socket);

/* One error for all of those that are kept. */
int wf_connect_fail(struct connect *connect, bool all_errors);

/* All of it: a connected socket of a host and port. options: not NULL, and valid. */
int wf_connect_socket(const char *host, const char *port, const weft_connection_options *options,
                      weft_socket **ret_socket);

/* A transport that was made cannot be used: closes it, waits until nobody will call the protocol any
 * more, and gives the reference back. The code, as the current error. */
int wf_connect_give_up(weft_transport *transport, int code);

#endif
