/*
 * poller.h - which descriptors are ready: epoll, and an eventfd through which other threads wake a
 * sleeper; or a second poller, which keeps both for the watchers and looks after the sources itself.
 *
 * Belongs to one loop; only poller_wake() may be called by others. Nothing is opened before the
 * first descriptor is watched: a loop without any sleeps on a futex. Watchers are level-triggered,
 * as asyncio's add_reader promises: reported in every poll while the descriptor is ready. Sources
 * (source.h) are registered once, edge-triggered, and are what the loop's own operations use.
 */
#ifndef WEFT_RUNTIME_IO_POLLER_H
#define WEFT_RUNTIME_IO_POLLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "runtime/base/fault.h"
#include "runtime/base/runnable.h"

struct poller;
struct poller_news;
struct source;

/* Which poller a loop is to have; the public enum weft_poller has the same values. */
enum poller_kind { POLLER_DEFAULT, POLLER_EPOLL, POLLER_URING };

enum poller_side { POLLER_READ, POLLER_WRITE, POLLER_SIDES };

struct poller_entry {
    void *watcher[POLLER_SIDES]; /* whom to tell; NULL: nobody */
    struct source *source;       /* registered: there are no watchers then */
    /* Counts who has had this number: an event for an earlier one, whose file lives on, is told nobody. */
    uint32_t generation;
};

/*
 * What a second poller does in place of epoll; one that is linked in makes itself known by
 * wf_layer_provide_poller(). It falls back to epoll where the kernel
 * refuses it, and says so by its name.
 */
struct poller_ops {
    const char *(*name)(struct poller *poller); /* of what is in force */
    int (*wait)(struct poller *poller, int64_t timeout_ns, struct poller_news *news);
    /* Sees to it that the source hears of these events, and says in source->events of which it will: of
     * those that it knows to be there already, it unblocks the side. 0, or -errno. */
    int (*add)(struct poller *poller, struct source *source, uint32_t events);
    void (*remove)(struct poller *poller, struct source *source);
    /* For a source that has something `extra`. A count; 0: nothing was received ahead, the call may be
     * made; -EAGAIN: it must not, watch; or another -errno, of the connection. */
    ssize_t (*recv)(struct source *source, void *buffer, size_t bytes);
    /* The same, of wf_source_accept(). A descriptor; -ENODATA: nothing was accepted ahead, the call may be made;
     * -EAGAIN: it must not, watch; or another -errno, of accept4(). */
    int (*accept)(struct source *source, struct sockaddr *ret_address, socklen_t *bytes);
    /* The same: from now on nothing is received ahead. 0; -EBUSY: something was, and is still to be read. */
    int (*settle)(struct source *source);
    /* The same: what it has `extra` was another source's of this descriptor, in all that is registered. */
    void (*moved)(struct source *source);
    /* A run begins, maybe in another thread than the last one. */
    void (*begin)(struct poller *poller);
    void (*close)(struct poller *poller); /* all sources are gone */
};

struct poller {
    int epoll_fd; /* -1: not open */
    int event_fd;
    struct poller_entry *entries; /* by descriptor */
    size_t entries_count;
    bool over;              /* it was cleared: no source is registered any more */
    unsigned watched;       /* watchers */
    unsigned waiting;       /* waits of sources, and what is in `ended` */
    unsigned sources;       /* registered */
    struct runnables ended; /* of waits that ended with their source: reported by the next wait */
    /* Wakers that claimed a sleep, less tokens that were read: above 0, some are still to come. */
    int64_t tokens_due;
    const struct poller_ops *ops; /* NULL: epoll alone. Set before anything is watched */
    void *extra;                  /* of ops */
};

/* Called for each watcher whose descriptor is ready; twice in a wait, at times. */
typedef void (*poller_found)(void *watcher, void *arg);

/* What a wait brings. */
struct poller_news {
    poller_found found;
    void *arg;
    bool all;               /* asked for: all that is ready, not a batch */
    struct runnables ready; /* of sources: to be queued */
};

/* On POLLER_DEFAULT, WEFT_POLLER in the environment decides (epoll, io_uring), else it is epoll. A second poller
 * that is not linked in is silently none. */
void wf_poller_init(struct poller *poller, enum poller_kind kind);
void wf_poller_close(struct poller *poller);

static inline bool poller_is_open(const struct poller *poller)
{
    return poller->epoll_fd >= 0;
}

static inline const char *poller_name(struct poller *poller)
{
    return poller->ops ? poller->ops->name(poller) : "epoll";
}

/* The thread that calls begins to use it. */
static inline void poller_begin(struct poller *poller)
{
    if (poller->extra)
        poller->ops->begin(poller);
}

/* There is something that a poll may report. */
static inline bool poller_is_busy(const struct poller *poller)
{
    return poller->watched + poller->waiting > 0;
}

/* Waits that are over, but not reported yet: a chain. */
static inline struct runnable *poller_take_ended(struct poller *poller)
{
    struct runnable *first = poller->ended.first;
    poller->waiting -= (unsigned)poller->ended.count;
    poller->ended = (struct runnables){0};
    return first;
}

/* Sets who is told when the descriptor is ready on this side; *ret_old: who was. 0; -EBUSY: it has a
 * source; or -errno; and no change. */
int wf_poller_watch(struct poller *poller, int fd, enum poller_side side, void *watcher,
                    void **ret_old);

/* Takes the watcher off; returns it, or NULL if there was none. */
void *wf_poller_unwatch(struct poller *poller, int fd, enum poller_side side);

/* Waits for at most timeout_ns (< 0: no limit) and reports what is ready: all watchers, and a batch of
 * the sources at least; the next call has the others. 0, or -errno (never -EINTR). */
int wf_poller_wait(struct poller *poller, int64_t timeout_ns, struct poller_news *news);

/* For source.c: registers it, or tells epoll of more events that it looks for. 0; -EEXIST: the
 * descriptor has another source; -EBUSY: it has watchers; or -errno. */
int wf_poller_register(struct poller *poller, struct source *source, uint32_t events);
void wf_poller_unregister(struct poller *poller, struct source *source, bool closing);

/* Any thread, for a poller whose owner sleeps in wf_poller_wait(): ends the wait. */
void wf_poller_wake(struct poller *poller);

/* Calls back for every watcher and forgets them all, and every source: its waits are over, untold. None is
 * registered any more: nobody would take what is ended. */
void wf_poller_clear(struct poller *poller, poller_found dropped, void *arg);

/* ---- for a second poller ---- */

/* What the core lends it: a table, since a shared library shows nobody its inner names. */
struct poller_core {
    void (*take_tokens)(struct poller *poller); /* the eventfd is ready */
    /* What is done without a second poller. Waiting: how many events were reported, or -errno. */
    int (*epoll_wait)(struct poller *poller, int64_t timeout_ns, struct poller_news *news);
    int (*epoll_add)(struct poller *poller, struct source *source, uint32_t events);
    void (*epoll_remove)(struct poller *poller, struct source *source);
    /* wf_source_report() and wf_source_rouse() */
    void (*report)(struct source *source, uint32_t events, struct runnables *ready);
    void (*rouse)(struct source *source);
    void *(*alloc)(size_t bytes); /* zeroed; NULL: there is none */
    void (*free)(void *memory, size_t bytes);
    const _Atomic uint64_t *fault_armed; /* see fault.h */
    int (*fault_take)(enum fault_site site);
};

/* Makes it known, before there are loops. For weft's own libraries alone. */
__attribute__((visibility("default"))) const struct poller_core *
wf_layer_provide_poller(const struct poller_ops *ops);

#endif
