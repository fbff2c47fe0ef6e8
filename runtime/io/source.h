/*
 * source.h - a descriptor that is registered with the poller once, and who waits for it.
 *
 * The call comes first: source_recv() and the like make the system call, and give -EAGAIN when it would
 * block. Who gets that calls wf_source_watch(), and is queued once when the side may be ready;
 * then it tries again. The poller is edge-triggered:
 *
 * S1  A side is `blocked` from the moment at which a call found (or a short count showed) that another
 *     one would be in vain, until the poller reports it. A blocked side is not called.
 * S2  Registering reports what is ready at that time, so nothing that came before it is missed. To watch a
 *     side that is not blocked ends the wait with the next look at the poller.
 * S3  The poller knows a source by its descriptor and a generation, which changes when the source is gone.
 *     So no event reaches a later descriptor of the same number, nor a freed source, though a copy of
 *     the descriptor may keep its file in the poller. Reports queue only: no user code runs before a
 *     batch of events is used up.
 * S4  A TCP socket that gave less than there was room for has no more, unless it stands at urgent data: one
 *     that has ever had such data is not `tcp` any more. A Unix socket may stop at descriptors that
 *     were passed, a pipe between packets: only -EAGAIN says that they are empty.
 *
 * Belongs to the thread of the poller's loop; before it is registered, to whoever holds it.
 */
#ifndef WEFT_RUNTIME_IO_SOURCE_H
#define WEFT_RUNTIME_IO_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "runtime/base/runnable.h"
#include "runtime/io/poller.h"

/* A wait for one side, where the waiter has room for it; zeroed before its first use. */
struct source_wait {
    struct source_wait *prev, *next;
    struct runnable *ready; /* queued when the side may be ready; the wait is over then */
    bool waiting;
};

struct source_waits {
    struct source_wait *first, *last;
};

struct source {
    int fd;   /* -1: closed */
    bool tcp; /* S4; else a short count says nothing */
    bool
        stream; /* a stream socket: it may be received ahead of. As tcp at first; its owner may set it */
    /* It listens, and nobody else does on its descriptor: connections may be accepted ahead. Its owner sets it. */
    bool listens;
    bool socket; /* recv and send; else read and write */
    bool hung;   /* the peer has hung up, or there is an error: a call is never in vain */
    bool blocked[POLLER_SIDES];
    uint32_t events;       /* what the poller looks for; 0: it was never told, or has ceased to */
    struct poller *poller; /* with which it is registered; NULL: none */
    struct source_waits waits[POLLER_SIDES];
    void *extra; /* the poller's own */
};

/* A non-blocking descriptor, which is the source's from now on. */
void wf_source_init(struct source *source, int fd, bool socket, bool tcp);

/* The system calls, each repeated when a signal interrupts it. A count, or -errno; -EAGAIN: watch. */
ssize_t wf_source_recv(struct source *source, void *buffer, size_t bytes);
ssize_t wf_source_send(struct source *source, struct iovec *pieces,
                       int count); /* pieces: unchanged */

/* A new descriptor, non-blocking and closed by exec, or -errno. What was accepted ahead and was reset
 * meanwhile has an address of 0 bytes. */
int wf_source_accept(struct source *source, struct sockaddr *ret_address, socklen_t *bytes);

/* The same of a datagram socket, and of sendfile(). */
ssize_t wf_source_recvfrom(struct source *source, void *buffer, size_t bytes,
                           struct sockaddr *ret_sender, socklen_t *sender_bytes);
ssize_t wf_source_sendto(struct source *source, const void *buffer, size_t bytes,
                         const struct sockaddr *address, socklen_t address_bytes);
ssize_t wf_source_sendfile(struct source *source, int file, off_t *offset, size_t bytes);

/* Begins a connection, and after the watch of POLLER_WRITE asks what became of it: 0; -EINPROGRESS: watch;
 * or -errno. */
int wf_source_connect(struct source *source, const struct sockaddr *address, socklen_t bytes,
                      bool again);

/* A connection that was begun is given up; another one can be begun. */
void wf_source_disconnect(struct source *source);

/*
 * Queues wait->ready on the loop of the poller, in the next look at it at the earliest, when the side may
 * be ready. 0; -errno: nothing is watched; -EXDEV: it is registered with another poller; -ECONNABORTED: the
 * poller is being closed.
 */
__attribute__((nonnull)) int wf_source_watch(struct source *source, struct poller *poller,
                                             enum poller_side side, struct source_wait *wait);

/* The wait is over: true. False if it was over already: its runnable has been queued, or will be. */
bool wf_source_unwatch(struct source *source, enum poller_side side, struct source_wait *wait);

/* Takes it out of the poller and gives the descriptor back: see S3. Waits are ended by queueing them. -EBUSY, and
 * it stays where it is: something that was received ahead has still to be read. */
int wf_source_detach(struct source *source);

/* The descriptor goes to another source, which was made with it, and with it what was received ahead. Nobody may be
 * waiting; the other one is for the same poller. */
void wf_source_move(struct source *from, struct source *to);

/* As detaching it, and closes it; what was received ahead is lost. */
void wf_source_close(struct source *source);

/* For the poller: epoll's events have come; the runnables of waits that are over go to the chain. */
void wf_source_report(struct source *source, uint32_t events, struct runnables *ready);

/* For a second poller, which looks at it no more: whoever waits tries again, and then it is added anew. */
void wf_source_rouse(struct source *source);

/* For the poller: it is closed. The waits are over, and nobody is told. */
void wf_source_forget(struct source *source);

#endif
