/*
 * httpd.h - what the connections of a server share.
 *
 *      httpd ---> workers, one a loop ---> connections, a task each
 *
 * A worker's fields belong to its loop, so they need no lock; its counters are written there, and
 * read by whoever asks for the metrics.
 */
#ifndef HTTPD_HTTPD_H
#define HTTPD_HTTPD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <weft/weft.h>

#include "examples/httpd/response.h"

struct options {
    const char *host, *port;
    const char *root;       /* of the files; NULL: none are served */
    const char *cert, *key; /* NULL: no TLS */
    int loops;              /* 0: one a CPU */
    int connections_max;    /* more are answered 503 */
    double idle_timeout;    /* seconds that a connection may wait for its next request */
    double request_timeout; /* for all of a request, from its first byte on; for TLS's handshake */
    double send_timeout;    /* without any progress */
    double drain_timeout;   /* for the requests in flight, when the server is to end */
};

struct connection;
struct file_job;

/* Counters of a loop. Relaxed throughout: numbers for the eye. */
struct counters {
    _Atomic uint64_t connections; /* that were accepted */
    _Atomic uint64_t requests;
    _Atomic uint64_t answers[6]; /* by the first digit of the status */
    _Atomic uint64_t timeouts;   /* connections that were closed because of one */
};

struct worker {
    struct httpd *httpd;
    weft_loop *loop;
    struct connection *connections; /* a list */
    struct file_job *jobs;          /* a list: see files.c */
    struct counters counters;
    int64_t date_seconds; /* what date says */
    char date[RESPONSE_DATE_BYTES];
};

struct httpd {
    struct options options;
    int root; /* a descriptor; -1: none */
    struct worker *workers;
    int workers_count;
    double started;          /* the time of the first loop */
    _Atomic int connections; /* that are open, on all loops */
    _Atomic bool draining;   /* no connection gets another request */
    weft_ssl_context *ssl;   /* NULL: no TLS */
};

/* One more of a counter. The counter's own loop only: so no read-modify-write is needed. */
static inline void count(_Atomic uint64_t *counter)
{
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, now + 1, memory_order_relaxed);
}

static inline uint64_t counted(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

#endif
