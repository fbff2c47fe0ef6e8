/*
 * accepted.c - connections that were accepted ahead (see accepted.h).
 */
#include "runtime/uring/accepted.h"

#include <unistd.h>

#include "runtime/base/likely.h"
#include "runtime/uring/core.h"

static size_t bytes_of(unsigned room)
{
    return sizeof(struct accepted) + room * sizeof(int);
}

static int fd_at(const struct accepted *accepted, unsigned i)
{
    return accepted->fds[(accepted->first + i) & (accepted->room - 1)];
}

int wf_accepted_reserve(struct accepted **accepted, unsigned room)
{
    struct accepted *old = *accepted;
    if (old && room <= old->room)
        return 0;
    struct accepted *bigger = wf_uring_core->alloc(bytes_of(room));
    if (!bigger)
        return -ENOMEM;
    bigger->room = room;
    if (old) {
        for (unsigned i = 0; i < old->count; i++)
            bigger->fds[i] = fd_at(old, i);
        bigger->count = old->count;
        wf_uring_core->free(old, bytes_of(old->room));
    }
    *accepted = bigger;
    return 0;
}

int wf_accepted_add(struct accepted **accepted, int fd)
{
    struct accepted *to = *accepted;
    if (unlikely(to->count == to->room)) {
        int rc = wf_accepted_reserve(accepted, 2 * to->room);
        if (rc) {
            close(fd);
            return rc;
        }
        to = *accepted;
    }
    to->fds[(to->first + to->count++) & (to->room - 1)] = fd;
    return 0;
}

int wf_accepted_take(struct accepted *accepted, struct sockaddr *ret_address, socklen_t *bytes)
{
    int fd = fd_at(accepted, 0);
    accepted->first = (accepted->first + 1) & (accepted->room - 1);
    accepted->count--;
    /* accept4() knows the address of a connection that was reset; nobody can be asked for it now. */
    if (ret_address && getpeername(fd, ret_address, bytes))
        *bytes = 0;
    return fd;
}

void wf_accepted_drop(struct accepted **accepted)
{
    struct accepted *old = *accepted;
    if (!old)
        return;
    for (unsigned i = 0; i < old->count; i++)
        close(fd_at(old, i));
    wf_uring_core->free(old, bytes_of(old->room));
    *accepted = NULL;
}
