/*
 * poller.c - the poller on epoll (see poller.h).
 *
 * The table has an entry for every descriptor up to the highest that was ever watched. A descriptor
 * that was closed while it was watched is not in epoll any more: to unwatch it is no error, and to
 * watch its number again adds it anew.
 */
#include "runtime/io/poller.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#include "runtime/base/likely.h"
#include "runtime/base/mem.h"
#include "runtime/base/sys.h"
#include "runtime/io/source.h"

/* How many events are taken at a time. What waits for them runs before the next ones are asked for, while the
 * sockets are in the caches: a batch of 256 takes 8 % more time with a thousand streams. */
#define POLLER_BATCH 32

/* What an event carries: a descriptor, and the generation of its entry. No descriptor has this number. */
#define POLLER_FD_WAKER UINT64_MAX

static uint64_t data_of_fd(int fd, uint32_t generation)
{
    return (uint64_t)generation << 32 | (uint32_t)fd;
}

/* The second poller; written before main() by who is linked in. */
static const struct poller_ops *second;

static void poller_reset(struct poller *poller, const struct poller_ops *ops)
{
    *poller = (struct poller){.epoll_fd = -1, .event_fd = -1, .ops = ops};
}

void wf_poller_init(struct poller *poller, enum poller_kind kind)
{
    if (kind == POLLER_DEFAULT) {
        const char *wish = secure_getenv("WEFT_POLLER");
        kind = wish && !strcmp(wish, "io_uring") ? POLLER_URING : POLLER_EPOLL;
    }
    poller_reset(poller, kind == POLLER_URING ? second : NULL);
}

static int poller_open(struct poller *poller)
{
    if (poller_is_open(poller))
        return 0;
    int event_fd = sys_eventfd();
    if (event_fd < 0)
        return event_fd;
    int epoll_fd = sys_epoll_create();
    if (epoll_fd < 0) {
        close(event_fd);
        return epoll_fd;
    }
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = POLLER_FD_WAKER};
    int rc = sys_epoll_ctl(epoll_fd, EPOLL_CTL_ADD, event_fd, &event);
    if (rc < 0) {
        close(epoll_fd);
        close(event_fd);
        return rc;
    }
    poller->epoll_fd = epoll_fd;
    poller->event_fd = event_fd;
    return 0;
}

/* Takes the tokens out of the eventfd. */
static void poller_take_tokens(struct poller *poller)
{
    uint64_t tokens;
    if (sys_read(poller->event_fd, &tokens, sizeof(tokens)) == (ssize_t)sizeof(tokens))
        poller->tokens_due -= (int64_t)tokens; /* may come before the sleeper knows of the claim */
}

void wf_poller_close(struct poller *poller)
{
    if (poller->extra)
        poller->ops->close(poller);
    if (poller_is_open(poller)) {
        /* A waker may be just before its write: the number must not become another file's
         * meanwhile. */
        while (poller->tokens_due > 0) {
            poller_take_tokens(poller);
            if (poller->tokens_due > 0)
                sched_yield();
        }
        close(poller->epoll_fd);
        close(poller->event_fd);
    }
    mem_free(poller->entries, poller->entries_count * sizeof(poller->entries[0]));
    poller_reset(poller, poller->ops);
}

static int poller_grow(struct poller *poller, size_t count)
{
    if (count <= poller->entries_count)
        return 0;
    size_t room = poller->entries_count ? poller->entries_count : 32;
    while (room < count)
        room *= 2;
    struct poller_entry *entries = mem_resize(
        poller->entries, poller->entries_count * sizeof(entries[0]), room * sizeof(entries[0]));
    if (!entries)
        return -ENOMEM;
    memset(entries + poller->entries_count, 0, (room - poller->entries_count) * sizeof(entries[0]));
    poller->entries = entries;
    poller->entries_count = room;
    return 0;
}

/* Tells epoll what the entry wants. */
static int poller_apply(struct poller *poller, int fd, const struct poller_entry *entry,
                        bool watched_before)
{
    uint32_t events = (entry->watcher[POLLER_READ] ? (uint32_t)EPOLLIN | EPOLLRDHUP : 0u) |
                      (entry->watcher[POLLER_WRITE] ? (uint32_t)EPOLLOUT : 0u);
    struct epoll_event event = {.events = events, .data.u64 = data_of_fd(fd, entry->generation)};
    if (!events)
        return sys_epoll_ctl(poller->epoll_fd, EPOLL_CTL_DEL, fd, &event);
    int rc =
        sys_epoll_ctl(poller->epoll_fd, watched_before ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
    if (rc == -ENOENT) /* closed meanwhile, and its number is another file's now */
        rc = sys_epoll_ctl(poller->epoll_fd, EPOLL_CTL_ADD, fd, &event);
    else if (rc == -EEXIST)
        rc = sys_epoll_ctl(poller->epoll_fd, EPOLL_CTL_MOD, fd, &event);
    return rc;
}

int wf_poller_watch(struct poller *poller, int fd, enum poller_side side, void *watcher,
                    void **ret_old)
{
    if (fd < 0)
        return -EINVAL;
    if ((size_t)fd >= poller->entries_count && !sys_fd_is_open(fd))
        return -EBADF; /* no number makes the table grow, only a descriptor */
    int rc = poller_open(poller);
    if (!rc)
        rc = poller_grow(poller, (size_t)fd + 1);
    if (rc)
        return rc;
    struct poller_entry *entry = &poller->entries[fd], before = *entry;
    if (entry->source)
        return -EBUSY;
    bool watched_before = before.watcher[POLLER_READ] || before.watcher[POLLER_WRITE];
    entry->generation += !watched_before;
    entry->watcher[side] = watcher;
    rc = poller_apply(poller, fd, entry, watched_before);
    if (rc) {
        *entry = before;
        return rc;
    }
    poller->watched += !before.watcher[side];
    *ret_old = before.watcher[side];
    return 0;
}

void *wf_poller_unwatch(struct poller *poller, int fd, enum poller_side side)
{
    if (fd < 0 || (size_t)fd >= poller->entries_count || !poller->entries[fd].watcher[side])
        return NULL;
    struct poller_entry *entry = &poller->entries[fd];
    void *old = entry->watcher[side];
    entry->watcher[side] = NULL;
    poller->watched--;
    /* A failure means that the descriptor was closed: then epoll has forgotten it already. */
    (void)poller_apply(poller, fd, entry, true);
    return old;
}

static void report_watchers(const struct poller_entry *entry, uint32_t bits,
                            const struct poller_news *news)
{
    uint32_t both = EPOLLERR | EPOLLHUP;
    if (entry->watcher[POLLER_READ] && bits & (EPOLLIN | EPOLLRDHUP | both))
        news->found(entry->watcher[POLLER_READ], news->arg);
    if (entry->watcher[POLLER_WRITE] && bits & (EPOLLOUT | both))
        news->found(entry->watcher[POLLER_WRITE], news->arg);
}

/* What the events are for is cold: all of it is asked for before any is looked at. */
static void poller_warm(const struct poller *poller, const struct epoll_event *events, int n)
{
    for (int i = 0; i < n; i++) {
        if (likely(events[i].data.u64 != POLLER_FD_WAKER))
            __builtin_prefetch(poller->entries[(uint32_t)events[i].data.u64].source, 1);
    }
    for (int i = 0; i < n; i++) {
        if (unlikely(events[i].data.u64 == POLLER_FD_WAKER))
            continue;
        const struct source *source = poller->entries[(uint32_t)events[i].data.u64].source;
        if (likely(source != NULL))
            __builtin_prefetch(source->waits[POLLER_READ].first, 1);
    }
}

static void poller_report(struct poller *poller, const struct epoll_event *events, int n,
                          struct poller_news *news)
{
    poller_warm(poller, events, n);
    for (int i = 0; i < n; i++) {
        uint64_t data = events[i].data.u64;
        if (unlikely(data == POLLER_FD_WAKER)) {
            poller_take_tokens(poller);
            continue;
        }
        const struct poller_entry *entry = &poller->entries[(uint32_t)data];
        if (unlikely(entry->generation != (uint32_t)(data >> 32)))
            continue;
        if (likely(entry->source != NULL))
            wf_source_report(entry->source, events[i].events, &news->ready);
        else
            report_watchers(entry, events[i].events, news);
    }
}

static int poller_epoll_wait(struct poller *poller, int64_t timeout_ns, struct poller_news *news)
{
    struct epoll_event events[POLLER_BATCH];
    unsigned seen = 0;
    int n, reported = 0;

    /* epoll goes round what is ready: a full batch may leave some out, which the next one has. Watchers
     * are told in every turn (FDIO-01), sources when it is theirs; but what nobody waits for hides nothing:
     * with nothing to run virtual time goes on. */
    do {
        do
            n = sys_epoll_wait(poller->epoll_fd, events, POLLER_BATCH, seen ? 0 : timeout_ns);
        while (unlikely(n == -EINTR) && (seen || !timeout_ns)); /* a look is a look */
        poller_report(poller, events, n, news);
        reported += n > 0 ? n : 0;
        seen += POLLER_BATCH;
    } while (unlikely(n == POLLER_BATCH) && (poller->watched || news->all || !news->ready.first) &&
             seen <= poller->watched + poller->sources);
    return n < 0 && n != -EINTR ? n : reported;
}

int wf_poller_wait(struct poller *poller, int64_t timeout_ns, struct poller_news *news)
{
    if (unlikely(poller->ended.first != NULL)) {
        news->ready = poller->ended;
        poller_take_ended(poller);
        timeout_ns = 0;
    }
    int rc = poller->ops ? poller->ops->wait(poller, timeout_ns, news)
                         : poller_epoll_wait(poller, timeout_ns, news);
    return rc < 0 ? rc : 0;
}

static int poller_epoll_add(struct poller *poller, struct source *source, uint32_t events)
{
    struct poller_entry *entry = &poller->entries[source->fd];
    entry->generation += !source->events;
    struct epoll_event event = {.events = events | EPOLLET,
                                .data.u64 = data_of_fd(source->fd, entry->generation)};
    int rc = sys_epoll_ctl(poller->epoll_fd, source->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD,
                           source->fd, &event);
    if (unlikely(rc == -EEXIST)) /* a copy of a closed descriptor has got its number back */
        rc = sys_epoll_ctl(poller->epoll_fd, EPOLL_CTL_MOD, source->fd, &event);
    if (!rc)
        source->events = events;
    return rc;
}

static void poller_epoll_remove(struct poller *poller, struct source *source)
{
    struct epoll_event event = {0};
    /* It fails only for a descriptor that is not there, which is as good. */
    (void)sys_epoll_ctl(poller->epoll_fd, EPOLL_CTL_DEL, source->fd, &event);
}

int wf_poller_register(struct poller *poller, struct source *source, uint32_t events)
{
    int rc = poller_open(poller);
    if (!rc)
        rc = poller_grow(poller, (size_t)source->fd + 1);
    if (rc)
        return rc;
    struct poller_entry *entry = &poller->entries[source->fd];
    if (entry->watcher[POLLER_READ] || entry->watcher[POLLER_WRITE])
        return -EBUSY;
    bool known = entry->source == source;
    if (entry->source && !known)
        return -EEXIST;
    rc = poller->ops ? poller->ops->add(poller, source, events)
                     : poller_epoll_add(poller, source, events);
    if (rc)
        return rc;
    entry->source = source;
    poller->sources += !known;
    return 0;
}

void wf_poller_unregister(struct poller *poller, struct source *source, bool closing)
{
    struct poller_entry *entry = &poller->entries[source->fd];
    entry->source = NULL;
    entry->generation++;
    poller->sources--;
    if (poller->ops)
        poller->ops->remove(poller, source);
    else if (!closing) /* which takes it out, or leaves a copy to an earlier generation */
        poller_epoll_remove(poller, source);
}

void wf_poller_wake(struct poller *poller)
{
    uint64_t one = 1;
    /* A full counter (EAGAIN) wakes as well. */
    while (sys_write(poller->event_fd, &one, sizeof(one)) == -EINTR)
        continue;
}

void wf_poller_clear(struct poller *poller, poller_found dropped, void *arg)
{
    poller->over = true;
    for (size_t fd = 0; fd < poller->entries_count; fd++) {
        if (poller->entries[fd].source)
            wf_source_forget(poller->entries[fd].source);
        for (int side = 0; side < POLLER_SIDES; side++) {
            void *watcher = wf_poller_unwatch(poller, (int)fd, (enum poller_side)side);
            if (watcher)
                dropped(watcher, arg);
        }
    }
}

static const struct poller_core core = {
    .take_tokens = poller_take_tokens,
    .epoll_wait = poller_epoll_wait,
    .epoll_add = poller_epoll_add,
    .epoll_remove = poller_epoll_remove,
    .report = wf_source_report,
    .rouse = wf_source_rouse,
    .alloc = mem_zalloc,
    .free = mem_free,
    .fault_armed = &wf_fault_armed,
    .fault_take = wf_fault_take,
};

const struct poller_core *wf_layer_provide_poller(const struct poller_ops *ops)
{
    second = ops;
    return &core;
}
