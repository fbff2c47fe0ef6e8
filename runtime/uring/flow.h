/*
 * flow.h - a source in the ring: its operations in flight, and what was received ahead.
 *
 * F1  A side is in source->events exactly while an operation for it is in flight.
 * F2  While a receive is in flight nobody else reads: what the kernel takes out of the socket comes in the order
 *     of completions. With none in flight, and nothing left of what it brought, the reader calls the kernel itself.
 * F3  At the end of the stream nothing is kept: who calls recv() then is told so again. An
 *     error is kept, since the socket reports it once.
 * F4  What is received ahead of a stream that nobody reads is bounded: a receive that has brought FLOW_HIGH bytes
 *     is cancelled, and the next one begins when all was read and somebody waits.
 * F5  The same holds of connections: while an accept is in flight nobody else accepts, and they are handed out in
 *     the order in which they came, then the error that ended it. An accept that is FLOW_WAITING ahead is
 *     cancelled. Those that nobody took are closed with their source; those that complete later, too.
 */
#ifndef WEFT_RUNTIME_URING_FLOW_H
#define WEFT_RUNTIME_URING_FLOW_H

#include "runtime/io/source.h"
#include "runtime/uring/accepted.h"
#include "runtime/uring/uring.h"

#define FLOW_HIGH    65536u
#define FLOW_WAITING 256u /* connections */

enum flow_op { FLOW_RECV, FLOW_ACCEPT, FLOW_POLL_READ, FLOW_POLL_WRITE };

struct flow {
    struct source *source; /* NULL: it was closed, only completions are awaited */
    struct flow *prev, *next;
    struct pieces pieces;      /* received ahead */
    struct accepted *accepted; /* connections; NULL: it has never accepted ahead */
    int error;                 /* that comes after them */
    uint8_t armed;             /* bit n: enum flow_op n is in flight */
    bool cancelled;            /* the receive, or the accept */
    bool polled; /* nothing comes ahead, that does not work: only readiness is looked at */
};

/* The functions of poller_ops of these names, with a ring. */
int wf_flow_add(struct uring *uring, struct source *source, uint32_t events);
void wf_flow_remove(struct uring *uring, struct source *source);
ssize_t wf_flow_recv(struct uring *uring, struct source *source, void *buffer, size_t bytes);

/* As accept() of poller_ops. */
int wf_flow_accept(struct source *source, struct sockaddr *ret_address, socklen_t *bytes);

/* Ends a receive or an accept in flight. True: it is still to complete. */
bool wf_flow_stop(struct uring *uring, struct source *source);
void wf_flow_moved(struct source *source); /* its flow was another one's */
bool wf_flow_has_input(const struct source *source);

/* An operation has completed. */
void wf_flow_complete(struct uring *uring, const struct io_uring_cqe *cqe, struct runnables *ready);

/* The ring is gone: nothing is in flight, and whoever waits tries again. */
void wf_flows_rouse(struct uring *uring);

#endif
