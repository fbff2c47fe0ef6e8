/*
 * transfers.h - a poller, a pair of sockets of which the first is a source, and waits for it that are counted.
 */
#ifndef WEFT_TESTS_IO_TRANSFERS_H
#define WEFT_TESTS_IO_TRANSFERS_H

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/io/source.h"
#include "tests/support/suite.h"

#define LOOKS_MAX 100000

static struct poller poller;
static int pair[2]; /* two sockets; the first is the source's */
static struct source source;

/* A wait, and how often it was queued. */
struct waiter {
    struct runnable ready;
    struct source_wait wait;
    int queued;
};

static inline void was_queued(struct runnable *self, struct weft_loop *loop)
{
    (void)loop;
    ((struct waiter *)(void *)self)->queued++; /* its first member */
}

static inline void nobody(void *watcher, void *arg)
{
    (void)watcher;
    (void)arg;
    ck_abort_msg("there are no watchers");
}

/* One look at the poller: what it queues is run. */
static inline int look(int64_t timeout_ns)
{
    struct poller_news news = {.found = nobody};
    int rc = wf_poller_wait(&poller, timeout_ns, &news);
    for (struct runnable *r = news.ready.first, *next; r; r = next) {
        next = r->next;
        r->run(r, NULL);
    }
    return rc;
}

static inline int watch(struct source *of, enum poller_side side, struct waiter *waiter)
{
    waiter->ready.run = was_queued;
    waiter->wait.ready = &waiter->ready;
    waiter->queued = 0;
    return wf_source_watch(of, &poller, side, &waiter->wait);
}

/* Waits until the side may be ready. */
static inline int wait_for(struct source *of, enum poller_side side)
{
    struct waiter waiter = {.queued = 0};
    int rc = watch(of, side, &waiter);
    for (int looks = 0; !rc && !waiter.queued; looks++) {
        ck_assert_int_lt(looks, LOOKS_MAX);
        (void)look(-1);
    }
    return rc;
}

static inline ssize_t receive(struct source *from, void *buffer, size_t bytes)
{
    for (int looks = 0; looks < LOOKS_MAX; looks++) {
        ssize_t n = wf_source_recv(from, buffer, bytes);
        if (n != -EAGAIN)
            return n;
        int rc = wait_for(from, POLLER_READ);
        if (rc)
            return rc;
    }
    ck_abort_msg("nothing comes");
}

static inline void make_pair(int type)
{
    ck_assert_int_eq(socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, pair), 0);
}

static inline void make_source(void)
{
    wf_source_init(&source, pair[0], true, false);
    source.stream = true;
}

static inline void open_all(void)
{
    wf_poller_init(&poller, POLLER_DEFAULT);
    make_pair(SOCK_STREAM);
    make_source();
}

static inline void close_all(void)
{
    wf_source_close(&source);
    wf_poller_clear(&poller, nobody, NULL);
    wf_poller_close(&poller);
    close(pair[1]);
}

#endif
