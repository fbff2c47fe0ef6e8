/*
 * socket_state.h - what a socket transport is made of, for the files that make it up.
 *
 *     new --step--> connection_made, reads and writes --close, error--> losing --step--> lost
 *
 * T1  Three runnables are embedded: one for each side of the socket, and `step`, which calls
 *     connection_made and connection_lost. A flag says of each whether it is queued, or watched for
 *     by the poller (`*_pending`). The transport is not freed while one is.
 * T2  Reading: at most READS_MAX calls in a turn; the rest in the next one. A paused or closing
 *     transport is not read.
 * T3  Writing goes to the system at once while the buffer is empty; what it does not take is copied
 *     to the buffer, and the write side is watched until that is empty.
 * T4  Once `losing`, nothing is read, written or buffered any more: only connection_lost is to come.
 * T5  The descriptor is closed after connection_lost.
 */
#ifndef WEFT_API_SOCKET_STATE_H
#define WEFT_API_SOCKET_STATE_H

#include "api/socket_transport.h"
#include "api/write_buffer.h"
#include "runtime/io/source.h"
#include "runtime/sched/resident.h"

struct socket_transport {
    struct weft_transport base;
    struct source source;
    struct source_wait read_wait, write_wait;
    struct runnable read_ready, write_ready;
    bool read_pending, write_pending; /* T1 */
    bool at_end;                      /* the peer has ended the stream */
    bool made;                        /* connection_made was called */
    bool losing;                      /* T4 */
    bool step_pending;                /* T1 */
    bool gone;                        /* the loop was closed; what is queued frees it */
    struct write_buffer buffer;
    struct runnable step;
    int lost_code;          /* for connection_lost */
    weft_error *lost_error; /* owned, may be NULL */
    weft_future *waiter;    /* of connection_made; owned, may be NULL */
    struct resident resident;
    struct socket_group *group;
    struct socket_transport *prev, *next; /* in the group */
    weft_transport *upper;                /* that is closed in its place; borrowed; or NULL */
    weft_transport_socket socket;         /* for the user */
    weft_address sockname, peername;
};

static inline struct socket_transport *socket_of(const weft_transport *transport)
{
    return (struct socket_transport *)(uintptr_t)transport;
}

static inline bool wants_to_read(const struct socket_transport *s)
{
    return s->base.reading && !s->base.closing && !s->at_end;
}

/* ---- socket_transport.c ---- */

/* connection_lost is to be called (T4). error: borrowed. */
void wf_socket_lose(struct socket_transport *s, int code, weft_error *error);

/* Once it is lost: the loop's reference goes, unless something of it is in a queue (T1). */
void wf_socket_settle(struct socket_transport *s);

/* ---- socket_read.c ---- */

void wf_socket_read_run(struct runnable *r, struct weft_loop *loop); /* T2 */
void wf_socket_watch_read(struct socket_transport *s);
void wf_socket_stop_reading(struct socket_transport *s);
void wf_socket_pause_reading(weft_transport *transport);
void wf_socket_resume_reading(weft_transport *transport);

/* ---- socket_write.c ---- */

void wf_socket_write_run(struct runnable *r, struct weft_loop *loop); /* T3 */
void wf_socket_stop_writing(struct socket_transport *s);
int wf_socket_write(weft_transport *transport, const struct iovec *pieces, int count);
int wf_socket_write_eof(weft_transport *transport);
size_t wf_socket_buffered(const weft_transport *transport);
int wf_socket_sendfile(weft_transport *transport, int fd, off_t offset, size_t count, size_t *sent);

/* ---- socket_group.c ---- */

void wf_socket_group_join(struct socket_group *group, struct socket_transport *s); /* NULL: none */
void wf_socket_group_leave(struct socket_transport *s);

#endif
