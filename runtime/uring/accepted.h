/*
 * accepted.h - connections that were accepted ahead, in the order in which they came.
 *
 * A queue that grows: an accept that is cancelled still brings what was under way.
 */
#ifndef WEFT_RUNTIME_URING_ACCEPTED_H
#define WEFT_RUNTIME_URING_ACCEPTED_H

#include <stddef.h>
#include <sys/socket.h>

struct accepted {
    unsigned room;  /* a power of two */
    unsigned first; /* its place */
    unsigned count;
    int fds[]; /* a ring */
};

static inline unsigned accepted_count(const struct accepted *accepted)
{
    return accepted ? accepted->count : 0;
}

/* Makes it, if it is NULL, or makes it grow: room for so many, a power of two. 0 or -ENOMEM. */
int wf_accepted_reserve(struct accepted **accepted, unsigned room);

/* The descriptor is the queue's from now on; room was reserved once. -ENOMEM, beyond that: it is closed. */
int wf_accepted_add(struct accepted **accepted, int fd);

/* The first one, of at least one, and its peer's address, unless that is NULL; that has 0 bytes when the
 * connection was reset meanwhile. */
int wf_accepted_take(struct accepted *accepted, struct sockaddr *ret_address, socklen_t *bytes);

/* Closes them all and frees it: NULL from now on. */
void wf_accepted_drop(struct accepted **accepted);

#endif
