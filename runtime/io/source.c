/*
 * source.c - registered descriptors on epoll (see source.h).
 *
 * The poller is told of a descriptor when somebody first waits for it. What is read first is
 * registered for reading, and for room only when that has run out: a Unix socket would report room
 * on every read of its peer. What waits for room first, as a connection that is being made, will be
 * read later: it is registered for both at once.
 */
#include "runtime/io/source.h"

#include <string.h>

#include "runtime/base/likely.h"
#include "runtime/base/sys.h"
#include "runtime/io/quiet.h"

static const uint32_t side_events[POLLER_SIDES] = {EPOLLIN | EPOLLRDHUP, EPOLLOUT};

void wf_source_init(struct source *source, int fd, bool socket, bool tcp)
{
    *source = (struct source){.fd = fd, .socket = socket, .tcp = tcp, .stream = socket && tcp};
}

/* Whether the side is known to block. */
static inline bool is_blocked(const struct source *source, enum poller_side side)
{
    return source->blocked[side] && !(side == POLLER_READ && source->hung);
}

/* What a call of so many bytes says about the next one (S1). */
static inline ssize_t learn(struct source *source, enum poller_side side, ssize_t n, size_t bytes)
{
    if (n == -EAGAIN || (n > 0 && (size_t)n < bytes && source->tcp))
        source->blocked[side] = true;
    /* What was reported was an error of a datagram, which is taken by now. */
    if (unlikely(source->hung) && n == -EAGAIN && side == POLLER_READ)
        source->hung = false;
    return n;
}

ssize_t wf_source_recv(struct source *source, void *buffer, size_t bytes)
{
    ssize_t n;
    if (is_blocked(source, POLLER_READ))
        return -EAGAIN;
    if (source->extra) {
        n = source->poller->ops->recv(source, buffer, bytes);
        if (n)
            return n;
    }
    if (unlikely(fault_hit(FAULT_SHORT_RECV)) && bytes > 1)
        bytes = 1;
    do {
        n = likely(source->socket) ? sys_recv(source->fd, buffer, bytes)
                                   : sys_read(source->fd, buffer, bytes);
    } while (unlikely(n == -EINTR));
    return learn(source, POLLER_READ, n, bytes);
}

ssize_t wf_source_send(struct source *source, struct iovec *pieces, int count)
{
    ssize_t n;
    size_t bytes = 0;
    if (is_blocked(source, POLLER_WRITE))
        return -EAGAIN;
    struct iovec one;
    if (unlikely(fault_hit(FAULT_SHORT_SEND)) && count > 0) {
        one = (struct iovec){pieces[0].iov_base, pieces[0].iov_len > 0};
        pieces = &one;
        count = 1;
    }
    for (int i = 0; i < count; i++)
        bytes += pieces[i].iov_len;
    do {
        if (unlikely(!source->socket))
            n = wf_quiet_write(source->fd, pieces, count);
        else if (likely(count == 1))
            n = sys_send(source->fd, pieces->iov_base, pieces->iov_len);
        else
            n = sys_sendmsg(source->fd, pieces, count);
    } while (unlikely(n == -EINTR));
    return learn(source, POLLER_WRITE, n, bytes);
}

int wf_source_accept(struct source *source, struct sockaddr *ret_address, socklen_t *bytes)
{
    int fd;
    if (is_blocked(source, POLLER_READ))
        return -EAGAIN;
    if (source->extra) {
        fd = source->poller->ops->accept(source, ret_address, bytes);
        if (fd != -ENODATA)
            return fd;
    }
    do
        fd = sys_accept(source->fd, ret_address, bytes);
    while (fd == -EINTR);
    if (fd == -EAGAIN)
        source->blocked[POLLER_READ] = true;
    return fd;
}

ssize_t wf_source_recvfrom(struct source *source, void *buffer, size_t bytes,
                           struct sockaddr *ret_sender, socklen_t *sender_bytes)
{
    ssize_t n;
    if (is_blocked(source, POLLER_READ))
        return -EAGAIN;
    do
        n = sys_recvfrom(source->fd, buffer, bytes, ret_sender, sender_bytes);
    while (n == -EINTR);
    return learn(source, POLLER_READ, n, bytes);
}

ssize_t wf_source_sendto(struct source *source, const void *buffer, size_t bytes,
                         const struct sockaddr *address, socklen_t address_bytes)
{
    ssize_t n;
    if (is_blocked(source, POLLER_WRITE))
        return -EAGAIN;
    do
        n = sys_sendto(source->fd, buffer, bytes, address, address_bytes);
    while (n == -EINTR);
    return learn(source, POLLER_WRITE, n, bytes);
}

ssize_t wf_source_sendfile(struct source *source, int file, off_t *offset, size_t bytes)
{
    ssize_t n;
    if (is_blocked(source, POLLER_WRITE))
        return -EAGAIN;
    do
        n = wf_quiet_sendfile(source->fd, file, offset, bytes);
    while (n == -EINTR);
    /* A short count may be the file's end as well. */
    if (n == -EAGAIN)
        source->blocked[POLLER_WRITE] = true;
    return n;
}

int wf_source_connect(struct source *source, const struct sockaddr *address, socklen_t bytes,
                      bool again)
{
    source->hung = false; /* what a socket that is not connected reports */
    int rc = sys_connect(source->fd, address, bytes);
    for (; unlikely(rc == -EINTR); again = true) /* the attempt may be under way all the same */
        rc = sys_connect(source->fd, address, bytes);
    if (again && rc == -EISCONN)
        return 0;
    if (rc != -EINPROGRESS && !(again && rc == -EALREADY))
        return rc;
    source->blocked[POLLER_WRITE] = true;
    return -EINPROGRESS;
}

void wf_source_disconnect(struct source *source)
{
    const struct sockaddr none = {.sa_family = AF_UNSPEC};
    /* It fails where there is no such thing; then the attempt is left alone. */
    (void)sys_connect(source->fd, &none, sizeof(none));
}

static void waits_add(struct source_waits *waits, struct source_wait *wait)
{
    wait->waiting = true;
    wait->next = NULL;
    wait->prev = waits->last;
    if (waits->last)
        waits->last->next = wait;
    else
        waits->first = wait;
    waits->last = wait;
}

static void waits_remove(struct source_waits *waits, struct source_wait *wait)
{
    wait->waiting = false;
    if (wait->prev)
        wait->prev->next = wait->next;
    else
        waits->first = wait->next;
    if (wait->next)
        wait->next->prev = wait->prev;
    else
        waits->last = wait->prev;
}

static int source_register(struct source *source, struct poller *poller, enum poller_side side)
{
    uint32_t events = side_events[side];
    if (source->poller && source->poller != poller)
        return -EXDEV;
    if (poller->over)
        return -ECONNABORTED;
    if (source->socket && events == side_events[POLLER_WRITE] && !poller->ops)
        events |= side_events[POLLER_READ];
    if (source->tcp && events & EPOLLIN)
        events |= EPOLLPRI;
    bool blocked = source->blocked[side];
    source->blocked[side] = true; /* until the poller reports it, which it does at once (S2) */
    int rc = wf_poller_register(poller, source, source->events | events);
    if (rc) {
        source->blocked[side] = blocked;
        return rc;
    }
    source->poller = poller;
    return 0;
}

int wf_source_watch(struct source *source, struct poller *poller, enum poller_side side,
                    struct source_wait *wait)
{
    uint32_t events = side_events[side];
    if (unlikely(source->poller != poller || (source->events & events) != events)) {
        int rc = source_register(source, poller, side);
        if (rc)
            return rc;
    }
    poller->waiting++;
    if (unlikely(!is_blocked(source, side)))
        runnables_add(&poller->ended, wait->ready);
    else
        waits_add(&source->waits[side], wait);
    return 0;
}

bool wf_source_unwatch(struct source *source, enum poller_side side, struct source_wait *wait)
{
    if (!wait->waiting)
        return false;
    waits_remove(&source->waits[side], wait);
    source->poller->waiting--;
    return true;
}

/* All waits of the side are over. How many there were. */
static unsigned end_waits(struct source_waits *waits, struct runnables *ready)
{
    unsigned count = 0;
    for (struct source_wait *wait = waits->first, *next; wait; wait = next, count++) {
        next = wait->next;
        wait->waiting = false;
        if (ready)
            runnables_add(ready, wait->ready);
    }
    *waits = (struct source_waits){0};
    return count;
}

static void side_is_ready(struct source *source, enum poller_side side, struct runnables *ready)
{
    source->blocked[side] = false;
    if (source->waits[side].first)
        source->poller->waiting -= end_waits(&source->waits[side], ready);
}

void wf_source_report(struct source *source, uint32_t events, struct runnables *ready)
{
    if (unlikely(events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)))
        source->hung = true;
    if (unlikely(events & EPOLLPRI))
        source->tcp = false; /* S4 */
    if (events & (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        side_is_ready(source, POLLER_READ, ready);
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        side_is_ready(source, POLLER_WRITE, ready);
}

void wf_source_rouse(struct source *source)
{
    for (int side = 0; side < POLLER_SIDES; side++) {
        source->blocked[side] = false;
        /* They stay counted until the next poll has reported them. */
        end_waits(&source->waits[side], &source->poller->ended);
    }
    source->hung = false;
    source->events = 0;
}

static void source_leave(struct source *source, bool closing)
{
    for (int side = 0; side < POLLER_SIDES; side++)
        source->poller->waiting -= end_waits(&source->waits[side], NULL);
    wf_poller_unregister(source->poller, source, closing);
    source->poller = NULL;
    source->events = 0;
}

void wf_source_forget(struct source *source)
{
    source_leave(source, false);
}

static int source_release(struct source *source, bool closing)
{
    int fd = source->fd;
    struct poller *poller = source->poller;
    if (poller) {
        /* They stay counted until the next poll has reported them. */
        for (int side = 0; side < POLLER_SIDES; side++)
            end_waits(&source->waits[side], &poller->ended);
        source_leave(source, closing);
    }
    source->fd = -1;
    return fd;
}

int wf_source_detach(struct source *source)
{
    int rc = source->extra ? source->poller->ops->settle(source) : 0;
    return rc ? rc : source_release(source, false);
}

void wf_source_move(struct source *from, struct source *to)
{
    if (from->extra) {
        to->poller = from->poller;
        to->events = from->events;
        to->hung = from->hung;
        memcpy(to->blocked, from->blocked, sizeof(to->blocked));
        to->extra = from->extra;
        to->poller->entries[to->fd].source = to;
        to->poller->ops->moved(to);
        from->extra = NULL;
        from->poller = NULL;
        from->events = 0;
    }
    (void)source_release(from, false);
}

void wf_source_close(struct source *source)
{
    int fd = source_release(source, true);
    if (fd >= 0)
        sys_close(fd);
}
