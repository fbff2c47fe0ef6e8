/*
 * rings.h - a poller that has a ring, or the system's reason why not; and looks at it.
 */
#ifndef WEFT_TESTS_URING_RINGS_H
#define WEFT_TESTS_URING_RINGS_H

#include <check.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "runtime/uring/uring.h"
#include "tests/support/grace.h"

#define LOOKS_MAX 100000

static struct poller poller;

/* Why the poller has no ring, or none that receives; 0: it has all. */
static inline int ring_refusal(void)
{
    if (strcmp(poller_name(&poller), "io_uring") != 0)
        return poller.extra ? ((const struct uring *)poller.extra)->refused : -ENOMEM;
    struct uring *uring = poller.extra;
    struct buffers others = {0};
    if (uring->receives)
        return 0;
    int rc = wf_buffers_open(&others, &uring->ring.io);
    wf_buffers_close(&others);
    return rc ? rc : -ENOMEM; /* meanwhile there is room for them */
}

/* 0: the poller has a ring that can do all; or why it has none. */
static inline int open_ring(void)
{
    for (int tries = 0;; tries++) {
        wf_poller_init(&poller, POLLER_URING);
        int rc = ring_refusal();
        if (rc != -ENOMEM || tries == GRACE_PERIODS_MAX)
            return rc;
        wf_poller_close(&poller);
        grace_period();
    }
}

/* As many as there may be. */
static inline void allow_descriptors(void)
{
    struct rlimit files;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = files.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
}

static inline void nobody(void *watcher, void *arg)
{
    (void)watcher;
    (void)arg;
    ck_abort_msg("there are no watchers");
}

/* One look at the poller: what it queues is run. */
static inline void look(int64_t timeout_ns)
{
    struct poller_news news = {.found = nobody};
    ck_assert_int_eq(wf_poller_wait(&poller, timeout_ns, &news), 0);
    for (struct runnable *r = news.ready.first, *next; r; r = next) {
        next = r->next;
        r->run(r, NULL);
    }
}

#endif
