/*
 * connection.h - TLS between a transport that carries bytes and a protocol that knows nothing of it.
 *
 *     protocol  <->  struct tls: a transport  <->  SSL  <->  a protocol  <->  lower transport
 *                    write()  -> backlog -> encrypt -> out -> write()
 *                    data_received()  <- decrypt <- in <- buffer_updated()
 *
 *     SHAKING --handshake--> OPEN --close, end--> FLUSHING --all sent--> CLOSING --peer's alert--> ENDED
 *         '----------------------- abort, error, connection lost ----------------------------------^
 *
 * N1  OpenSSL sees two queues of bytes and no descriptor. What it writes goes to the lower transport
 *     before the call that made it write is over: `out` is empty between calls.
 * N2  The lower transport's marks are 0: it is `full` as long as it has anything buffered. While it
 *     is, the protocol's data wait in the backlog as they are; only what OpenSSL says by itself is
 *     sent, and if much of that waits, nothing more is received that it would have to answer.
 * N3  What is received is decrypted at once, unless the protocol has paused reading: then up to
 *     IN_HIGH bytes are kept as they came, and the lower transport is paused.
 * N4  `pending` counts what has this in its hands: the lower transport, whose protocol it is until
 *     connection_lost; queued steps; armed timers. At 0 the loop's reference goes.
 * N5  OpenSSL runs on the loop's stack but for writes, closes and wraps by a task, which take 9 KiB
 *     of the task's at most (measured: tests/tls).
 * N6  After a failure of OpenSSL nothing but SSL_free() is called: ENDED.
 *
 * All of it belongs to the loop's thread.
 */
#ifndef WEFT_TLS_CONNECTION_H
#define WEFT_TLS_CONNECTION_H

#include "api/transport.h"
#include "tls/bytes.h"
#include "tls/context.h"

/* TLSS-13: 512 KiB for writing, 256 KiB for reading, each with a low mark of a quarter. */
#define TLS_WRITE_HIGH ((size_t)512 * 1024)
#define TLS_WRITE_LOW  (TLS_WRITE_HIGH / 4)
#define TLS_IN_HIGH    ((size_t)256 * 1024)
#define TLS_IN_LOW     (TLS_IN_HIGH / 4)

/* No more than this waits for a peer that asks OpenSSL for answers and does not read them. */
#define TLS_UNREAD_HIGH ((size_t)256 * 1024)

#define TLS_RECORD ((size_t)16 * 1024) /* the most data that one record carries */

enum tls_state { TLS_SHAKING, TLS_OPEN, TLS_FLUSHING, TLS_CLOSING, TLS_ENDED };

struct tls;

/* Something to be done in the loop's next turn. */
struct tls_step {
    struct runnable runnable;
    struct tls *tls;
    void (*act)(struct tls *tls);
    bool queued;
};

/* A limit of time. Armed once at most. */
struct tls_limit {
    struct loop_timer timer;
    struct tls *tls;
    void (*act)(struct tls *tls);
    double seconds;
    bool on; /* neither passed nor cancelled */
};

struct tls {
    struct weft_transport transport; /* what the application has */
    weft_protocol below;             /* what the lower transport has */
    weft_transport *lower;           /* a reference, to the very end */
    SSL *ssl;
    struct ssl_wrap wrap;
    weft_ssl_context *context; /* a reference: "sslcontext" */
    enum tls_state state;
    unsigned pending; /* N4 */
    bool shaken;      /* wrap.shaken() was called */
    bool made;        /* the protocol's connection_made was called, by us or before */
    bool eof_told;    /* the protocol's eof_received was called */
    bool eof;         /* the lower transport has come to its end */
    bool full;        /* the lower transport has something buffered (N2) */
    bool lower_paused;
    bool write_waits; /* for something to be received: OpenSSL has to see that first */
    struct tls_bytes in, out, backlog;
    size_t in_size; /* of `in`, when it next gets memory */
    struct tls_step start, again, finish, gone;
    struct tls_limit handshake, shutdown;
    int lost_code; /* for connection_lost */
    weft_error *lost_error;
    X509 *peer; /* owned: "peercert" */
    char alpn[256];
};

static inline struct tls *tls_of(const weft_transport *transport)
{
    return (struct tls *)(uintptr_t)transport;
}

/* N4: whoever has it in its hands gives it back. */
static inline void tls_release(struct tls *tls)
{
    if (--tls->pending == 0)
        wf_transport_release(&tls->transport);
}

/* step.c */
void wf_tls_step_init(struct tls *tls, struct tls_step *step, void (*act)(struct tls *tls));
void wf_tls_step_soon(struct tls_step *step); /* nothing if it is queued */
void wf_tls_limit_init(struct tls *tls, struct tls_limit *limit, double seconds,
                       void (*act)(struct tls *tls));
void wf_tls_limit_start(struct tls_limit *limit);
void wf_tls_limit_stop(struct tls_limit *limit); /* idempotent */

/* bio.c: OpenSSL's end of the queues (N1). NULL: no memory. */
BIO *wf_tls_bio_new(struct tls *tls);

/* handshake.c */
void wf_tls_handshake_start(struct tls *tls);
void wf_tls_handshake(struct tls *tls);
void wf_tls_handshake_late(struct tls *tls); /* the limit has passed */
void wf_tls_handshake_lost(struct tls *tls); /* the peer has ended the stream */
/* It is over: tells who waits for it, once. */
void wf_tls_shaken(struct tls *tls, int code, weft_error *error);

/* write.c */
int wf_tls_write(weft_transport *transport, const struct iovec *pieces, int count);
/* Sends what OpenSSL has written. False: the connection has ended by that. */
bool wf_tls_flush(struct tls *tls);
/* Encrypts and sends the backlog as far as the lower transport takes it. */
void wf_tls_pump(struct tls *tls);
/* From the loop: less is buffered than there was. */
void wf_tls_relax(struct tls *tls);
size_t wf_tls_buffered(const weft_transport *transport);

/* read.c */
/* Decrypts what is there and gives it to the protocol, unless that has paused; OPEN. */
void wf_tls_read(struct tls *tls);
/* Decrypts what is there and drops it; FLUSHING, CLOSING. False: the connection has ended by that. */
bool wf_tls_discard(struct tls *tls);
/* Pauses and resumes the lower transport (N2, N3). */
void wf_tls_listen(struct tls *tls);
void wf_tls_tell_eof(struct tls *tls);

/* below.c: what the lower transport calls. */
extern const weft_protocol_ops wf_tls_below;

/* peer.c: what is known of the connection, by name. NULL: unknown. */
const void *wf_tls_extra_info(const weft_transport *transport, const char *name);
void wf_tls_learn(struct tls *tls); /* after the handshake */

/* shutdown.c */
void wf_tls_shutdown_start(struct tls *tls); /* OPEN */
void wf_tls_shutdown(struct tls *tls);       /* goes on with it; FLUSHING, CLOSING */
void wf_tls_shutdown_late(struct tls *tls);
void wf_tls_finish(struct tls *tls);
/* Drops everything, and closes the lower transport with this error (borrowed). */
void wf_tls_abort(struct tls *tls, int code, weft_error *error);
/* The same with what OpenSSL says. */
void wf_tls_broken(struct tls *tls, const char *what);
/* Nothing more will be sent or received. */
void wf_tls_end(struct tls *tls);

#endif
