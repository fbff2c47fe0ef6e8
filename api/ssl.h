/*
 * ssl.h - how TLS is reached without being linked: a context says what makes a transport of it.
 *
 * The TLS target makes contexts; what is here knows no more of them than this table.
 */
#ifndef WEFT_API_SSL_H
#define WEFT_API_SSL_H

#include <weft/stream.h>

#define SSL_HANDSHAKE_TIMEOUT 60.0
#define SSL_SHUTDOWN_TIMEOUT  30.0

struct ssl_wrap {
    bool server_side;
    bool connection_made; /* the protocol is told; not when an open stream is upgraded */
    /* Copied. "": no check; NULL: refused where the context wants one (TLSS-02). */
    const char *server_hostname;
    /* The peer's first bytes of TLS, when they came before: copied. */
    const struct iovec *received;
    int received_count;
    double handshake_timeout, shutdown_timeout; /* seconds, more than 0; else -EINVAL (TLSS-04) */
    /*
     * From the loop or from within an abort, once: the handshake is over. code: 0, or why it failed
     * (error borrowed, may be NULL); the connection is being closed then, and the protocol is told
     * nothing of it unless its connection_made was called before the upgrade. WEFT_ELOOPCLOSED: the
     * loop is closed, nothing may be queued; the protocol's dropped() follows. May be NULL.
     */
    void (*shaken)(void *arg, int code, weft_error *error);
    void *arg;
};

struct ssl_ops {
    /*
     * Puts TLS between a transport and a protocol: becomes the protocol of `lower` (a reference to
     * which it gets of its own), sets its marks, and begins the handshake in the loop's next turn. A
     * lower transport that is new and has not yet called its own protocol may be given: that one is
     * called by nobody then. The new transport, owned by the caller; NULL with errno set, and the
     * message as the current error: nothing has changed.
     */
    weft_transport *(*wrap)(weft_ssl_context *context, weft_transport *lower,
                            weft_protocol *protocol, const struct ssl_wrap *wrap);
};

/* What every context begins with. */
struct weft_ssl_context {
    const struct ssl_ops *ops;
};

#endif
