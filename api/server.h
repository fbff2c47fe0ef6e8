/*
 * server.h - what a server is made of: listening sockets on one loop or on several, and those who
 * wait for its end.
 *
 *     server --- part on its own loop ---- listeners --accept--> connections (a socket_group)
 *            \-- part on another loop ---- listeners --accept--> connections
 *                    ^ commands, by mail         ^ the end, by mail back
 *
 * V1  The server belongs to its loop, a part to the part's loop. A part's listeners are made by the
 *     server's loop, and are the part's from START on; their `socket` is never changed.
 * V2  A part is over when it is closed, its connections are gone, and none of its listeners is in a
 *     queue. Those of other loops say so by mail.
 * V3  `refs` counts the program's handles, parts that are not over, and mail. The last one frees.
 * V4  A command is a bit in `wanted`. Who sets the first one posts the part's mail; the part takes them
 *     all at once.
 */
#ifndef WEFT_API_SERVER_H
#define WEFT_API_SERVER_H

#include <weft/dns.h>
#include <weft/server.h>
#include <weft/sync.h>

#include "api/socket_transport.h"
#include "api/stream_protocol.h"
#include "runtime/io/source.h"
#include "runtime/sched/resident.h"

#define SERVER_BACKLOG     100
#define SERVER_RETRY_DELAY 1.0 /* seconds: after resources were exhausted (SRVR-34) */

enum part_command {
    PART_START = 1,
    PART_CLOSE = 2,
    PART_CLOSE_CLIENTS = 4,
    PART_ABORT_CLIENTS = 8,
    PART_MAILED = 16, /* the mail is on its way */
};

/* A listening socket. */
struct listener {
    struct source source;
    struct source_wait wait;
    struct loop_timer retry; /* retry.fire is what is queued, for the wait too */
    bool pending;            /* waits, or its timer is armed, or it is queued, or runs */
    bool nodelay;            /* what it accepts has TCP_NODELAY */
    bool own;                /* its connections are nobody else's: it may be shut down */
    struct server_part *part;
    weft_transport_socket socket;
    /* Of a Unix socket whose file is removed when it is closed, if that is this one still; or "". */
    char path[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
    ino_t inode;
    dev_t device;
};

struct server_part {
    struct weft_server *server;
    struct weft_loop *loop;
    struct listener *listeners;
    int count, room;
    struct socket_group group;
    struct scope scope; /* of who made the server; its handlers get copies */
    bool told;          /* the server's: the part has got a command */
    bool present;       /* the part's: it is on its loop */
    bool closed;        /* no listener is open */
    bool over;          /* V2 */
    struct resident resident;
    struct runnable command;
    _Atomic uint32_t wanted; /* V4: set by the server's loop, taken by the part's */
    _Atomic bool shut;     /* set by the server's loop before it shuts listeners of the part down */
    struct runnable ended; /* the mail back */
};

struct weft_server {
    struct weft_loop *loop;
    _Atomic uint32_t refs; /* V3; RMW by any loop of the server */
    struct stream_handler handler;
    size_t limit; /* of the readers */
    int backlog;
    weft_ssl_context *ssl; /* NULL: none */
    double handshake_timeout, shutdown_timeout;
    bool serving, closed;
    weft_future *forever; /* serve_forever() waits; borrowed */
    weft_event gone;      /* closed, and no connection is left */
    int parts_left;       /* with connections, or not closed */
    int parts_count;
    struct server_part parts[];
};

static inline size_t server_bytes(int parts_count)
{
    return sizeof(struct weft_server) + (size_t)parts_count * sizeof(struct server_part);
}

/* ---- server_listen.c, server_unix.c: a task of the server's loop ---- */

/* Sockets bound to every address of host and port, for each part. 0 or an error: the parts have what
 * was bound before. */
int wf_server_bind(struct weft_server *server, const char *host, const char *port,
                   const weft_server_options *options);

/* The same for one socket, which all parts share: a Unix one, or one that was given. The descriptor
 * is the server's if the call succeeds. */
int wf_server_share(struct weft_server *server, int fd, int family, int proto,
                    const weft_server_options *options);

/* A bound Unix socket at the address: a descriptor or an error. */
int wf_server_bind_unix(struct weft_loop *loop, const weft_address *address);

/* Notes which file belongs to a listener; and removes it, if it is the same still (SRVR-41). */
void wf_listener_note_path(struct listener *listener);
void wf_listener_remove_path(struct listener *listener);

/* ---- server_part.c ---- */

/* Fills in a part with no listeners; that of the server's own loop is there from now on. */
void wf_part_init(struct server_part *part, struct weft_server *server, struct weft_loop *loop);

/* Fills in a listener of a part, with a bound descriptor, which is its own from now on. */
void wf_listener_init(struct listener *listener, struct server_part *part, int fd, int family,
                      int proto);

/* Lets a part do this, on its own loop. */
void wf_part_tell(struct server_part *part, uint32_t command);

/* Mail of a part that is over (V2); on the server's loop. */
void wf_server_part_over(struct weft_server *server);

/* One reference less (V3). */
void wf_server_release(struct weft_server *server);

#endif
