/*
 * transport.h - what all transports have in common, and how each kind says what it does.
 *
 * R1  `refs` counts the program's handles and the loop's own one, which goes after connection_lost.
 * R2  connection_lost is called exactly once, from the ready queue, never inside a call of the user
 *     (TRAN-07).
 */
#ifndef WEFT_API_TRANSPORT_H
#define WEFT_API_TRANSPORT_H

#include <weft/transport.h>

#include "runtime/sched/loop.h"

#define TRANSPORT_HIGH (64u * 1024)
#define TRANSPORT_LOW  (16u * 1024)

struct weft_ssl_context;

/* A kind of transport. Every member is there, unless it says otherwise. */
struct transport_ops {
    int (*write)(weft_transport *transport, const struct iovec *pieces, int count);
    int (*write_eof)(weft_transport *transport); /* NULL: no half-close */
    void (*close)(weft_transport *transport);
    /* Drops what is buffered and closes; code and error (borrowed, or NULL) go to connection_lost. */
    void (*force_close)(weft_transport *transport, int code, weft_error *error);
    void (*pause_reading)(weft_transport *transport);
    void (*resume_reading)(weft_transport *transport);
    size_t (*buffered)(const weft_transport *transport);
    /* The marks have changed: looks at the buffer again. */
    void (*limits_changed)(weft_transport *transport);
    const void *(*extra_info)(const weft_transport *transport,
                              const char *name); /* NULL: unknown */
    void (*free)(weft_transport *transport);     /* the last reference is gone; it is closed */
    /* NULL: reads and writes. Otherwise as weft_transport_sendfile(). */
    ssize_t (*sendfile)(weft_transport *transport, int fd, off_t offset, size_t count);
    const char *what; /* such as "socket", for people */
};

struct weft_transport {
    const struct transport_ops *ops;
    struct weft_loop *loop;
    weft_protocol *protocol;
    uint32_t refs; /* R1; the loop's thread */
    bool closing;  /* close or abort was called, or the connection is lost */
    bool lost;     /* connection_lost was called */
    bool reading;  /* not paused by the user */
    bool eof;      /* write_eof was called */
    bool paused;   /* pause_writing was called */
    bool sending_file;
    uint8_t writes_after_close;
    size_t high, low; /* marks, in bytes */
};

#endif
