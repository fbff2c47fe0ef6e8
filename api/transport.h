/*
 * transport.h - what all transports have in common, and how each kind says what it does.
 *
 * R1  `refs` counts the program's handles and the loop's own one, which goes after connection_lost.
 * R2  connection_lost is called exactly once, from the ready queue, never inside a call of the user
 *     (TRAN-07). If the loop is closed before, `dropped` is called in its place.
 * R3  The functions of the protocol run on the loop's own stack, in the transport's scope; but
 *     pause_writing runs within the write, and both pause_writing and resume_writing within the
 *     setting of marks.
 *
 * Everything belongs to the loop's thread.
 */
#ifndef WEFT_API_TRANSPORT_H
#define WEFT_API_TRANSPORT_H

#include <weft/transport.h>

#include "api/layer.h"
#include "runtime/base/likely.h"
#include "runtime/sched/loop.h"
#include "runtime/task/scope.h"

#define TRANSPORT_HIGH (64u * 1024)
#define TRANSPORT_LOW  (16u * 1024)

struct weft_ssl_context;

/* A kind of transport. Every member is there, unless it says otherwise. */
struct transport_ops {
    /* At least one byte, on a transport that is open for writing. */
    int (*write)(weft_transport *transport, const struct iovec *pieces, int count);
    /* NULL: no half-close. Once, on a transport that is not closing; `eof` is set. */
    int (*write_eof)(weft_transport *transport);
    /* On a transport that is not closing: sets `closing`. */
    void (*close)(weft_transport *transport);
    /* At any time; nothing once connection_lost is on its way. Drops what is buffered and closes;
     * code and error (borrowed, or NULL) go to connection_lost. */
    void (*force_close)(weft_transport *transport, int code, weft_error *error);
    /* `reading` has changed, on a transport that is not closing. */
    void (*pause_reading)(weft_transport *transport);
    void (*resume_reading)(weft_transport *transport);
    size_t (*buffered)(const weft_transport *transport);
    /* The marks have changed: looks at the buffer again. May be NULL: that is done with `buffered`. */
    void (*limits_changed)(weft_transport *transport);
    const void *(*extra_info)(const weft_transport *transport,
                              const char *name); /* NULL: unknown */
    void (*free)(weft_transport *transport);     /* the last reference is gone; it is closed */
    /* NULL: reads and writes. In a task, with `sending_file` set: sends so many bytes from there on, or
     * to the end of the file, by the system, after all that is buffered. *sent is counted up, also
     * before an error. 0; WEFT_ESENDFILE: the system cannot do that, and nothing was sent; or an error. */
    int (*sendfile)(weft_transport *transport, int fd, off_t offset, size_t count, size_t *sent);
    size_t high;      /* the usual mark, in bytes; 0: TRANSPORT_HIGH */
    const char *what; /* such as "socket", for people */
};

struct weft_transport {
    const struct transport_ops *ops;
    struct weft_loop *loop;
    weft_protocol *protocol;
    struct scope scope; /* of the protocol's functions: a copy of the maker's (R3) */
    uint32_t refs;      /* R1 */
    bool closing;       /* close or abort was called, or the connection is lost */
    bool lost;    /* connection_lost was called; or dropped was, which does not set `closing` */
    bool reading; /* not paused by the user */
    bool eof;     /* write_eof was called */
    bool paused;  /* pause_writing was called */
    bool sending_file; /* a sendfile runs: writes are refused */
    uint8_t writes_after_close;
    size_t high, low;       /* marks, in bytes */
    weft_future *file_wait; /* a sendfile waits, for room or for the end; borrowed from it */
};

/* An open transport, reading, with two references: the caller's and the loop's. */
WEFT_LAYER void wf_transport_init(weft_transport *transport, const struct transport_ops *ops,
                                  struct weft_loop *loop, weft_protocol *protocol);

/* The loop's reference, or that of who never warns of an open transport: it must be closed. */
WEFT_LAYER void wf_transport_release(weft_transport *transport);

/* A reference of the program, as weft_transport_unref(). */
static inline void transport_ref(weft_transport *transport)
{
    transport->refs++;
}

/* Around calls of the protocol from the loop's own flow (R3). */
static inline void transport_enter(weft_transport *transport)
{
    (void)scope_begin(&wf_scope_thread, &transport->scope);
}

static inline void transport_leave(weft_transport *transport)
{
    scope_end(&wf_scope_thread, &transport->scope);
}

/* The same for layers in libraries of their own, which have no way to the thread's scope. */
WEFT_LAYER void wf_transport_enter(weft_transport *transport);
WEFT_LAYER void wf_transport_leave(weft_transport *transport);

/* Calls connection_made, in its scope; a failure is reported, and aborts. */
WEFT_LAYER void wf_transport_made(weft_transport *transport);

/* Calls connection_lost, in its scope (R2). Borrowed: error, which may be NULL. */
WEFT_LAYER void wf_transport_lost(weft_transport *transport, int code, weft_error *error);

/* The loop was closed with the transport open (R2). */
WEFT_LAYER void wf_transport_dropped(weft_transport *transport);

/* A function of the protocol failed with this code (its error object is the current one): reported,
 * and the transport is aborted with it (TRAN-10). */
WEFT_LAYER void wf_transport_protocol_failed(weft_transport *transport, int code,
                                             const char *function);

/* Whether a code is a connection's end, of which nobody need be told but the protocol (TRAN-11). */
bool wf_is_connection_error(int code);

/* Something was to be sent after close: from the fifth time on that is reported (WRIT-16). */
void wf_transport_warn_of_writes(weft_transport *transport, const char *function);

/* An error of the system: reported unless it is a connection's, and aborts. */
WEFT_LAYER void wf_transport_fatal(weft_transport *transport, int code, const char *doing);

WEFT_LAYER void wf_transport_pause_writing(weft_transport *transport);
WEFT_LAYER void wf_transport_resume_writing(weft_transport *transport);

/* The buffer has grown to so many bytes. */
static inline void transport_grew(weft_transport *transport, size_t buffered)
{
    if (unlikely(buffered > transport->high) && !transport->paused)
        wf_transport_pause_writing(transport);
}

/* It has shrunk to so many. */
static inline void transport_shrank(weft_transport *transport, size_t buffered)
{
    if (unlikely(transport->paused) && buffered <= transport->low)
        wf_transport_resume_writing(transport);
}

/* A sendfile that waits looks again. */
void wf_transport_wake_sendfile(weft_transport *transport);

/* The task of a sendfile waits for that. 0; WEFT_ECANCELLED; -ENOMEM; or, when the transport is closed
 * meanwhile, a connection's error. */
int wf_transport_sendfile_wait(weft_transport *transport);

#endif
