/*
 * queue.c - a queue between tasks: who waits for items, for room, for the end of the work.
 *
 * What is in it and in which order is the store's business (store.h).
 *
 * U1  Who is woken is out of line, and is given nothing: it looks again. If somebody took the item
 *     or the room meanwhile, it waits again, at the end (QUEU-10).
 * U2  While there are items and getters in line, at least as many getters have been woken and have
 *     not looked yet as there are items, or all. For: each put wakes one, each get takes an item
 *     away, and a woken getter that will not look wakes another (QUEU-11). The same for putters and
 *     room.
 */
#include "api/queue.h"

#include <errno.h>

#include "runtime/base/mem.h"

#define LIMIT_NONE SIZE_MAX

/* A bounded queue of so many or fewer has all its slots from the beginning: no put allocates. */
#define SLOTS_AT_ONCE ((size_t)1 << 16)

static bool queue_is_full(const struct weft_queue *queue)
{
    return queue->store.count >= queue->limit;
}

/* A getter that was woken will not look: somebody else has to (U2). */
static void getter_abandoned(struct queued *q, bool woken)
{
    struct weft_queue *queue = q->wait.object;
    struct wakes wakes = {NULL, NULL};
    uint32_t bits = guard_lock(&queue->word);

    if (woken && queue->store.count)
        (void)waitq_pop(&queue->getters, &wakes);
    guard_unlock(&queue->word, bits);
    wakes_send(&wakes);
}

/* The same for a putter. */
static void putter_abandoned(struct queued *q, bool woken)
{
    struct weft_queue *queue = q->wait.object;
    struct wakes wakes = {NULL, NULL};
    uint32_t bits = guard_lock(&queue->word);

    if (woken && !queue_is_full(queue))
        (void)waitq_pop(&queue->putters, &wakes);
    guard_unlock(&queue->word, bits);
    wakes_send(&wakes);
}

static const struct waitq_kind getter_kind = {WAITQ_OPS("queue get"), getter_abandoned};
static const struct waitq_kind putter_kind = {WAITQ_OPS("queue put"), putter_abandoned};
static const struct waitq_kind joiner_kind = {WAITQ_OPS("queue join"), NULL};

/* Waits in a line; the guard is held, and given back. 0: woken, and out of line. */
static __attribute__((noinline)) int queue_wait(struct weft_queue *queue, struct waitq *line,
                                                const struct waitq_kind *kind, uint32_t bits)
{
    struct task *task = task_current();
    struct queued q;

    if (unlikely(!task)) {
        guard_unlock(&queue->word, bits);
        return weft_fail(WEFT_ENOTASK, "only a task can wait for a queue");
    }
    waitq_join(line, &q, kind, queue, &queue->word, task);
    guard_unlock(&queue->word, bits);
    int rc = queued_wait(&q);
    if (likely(!rc))
        return 0;
    if (queued_state(&q) == QUEUED_WOKEN) {
        if (kind->abandoned)
            kind->abandoned(&q, true);
        return rc;
    }
    bits = guard_lock(&queue->word);
    waitq_leave(&q);
    guard_unlock(&queue->word, bits);
    return rc;
}

/* ---- Items go in ---- */

/* Larger slots; the guard is not held. */
static __attribute__((noinline)) int queue_grow(struct weft_queue *queue, size_t capacity)
{
    size_t more = capacity ? capacity * 2 : STORE_SLOTS_MIN;
    if (more > SIZE_MAX / 2 / sizeof(void *))
        return -ENOMEM;
    void **slots = mem_alloc(more * sizeof(*slots));
    if (!slots)
        return -ENOMEM;
    uint32_t bits = guard_lock(&queue->word);
    (void)store_adopt(&queue->store, &slots, &more);
    guard_unlock(&queue->word, bits);
    mem_free(slots, more * sizeof(*slots));
    return 0;
}

static int put(struct weft_queue *queue, void *item, bool waits)
{
    for (;;) {
        struct wakes wakes = {NULL, NULL};
        uint32_t bits = guard_lock(&queue->word);
        int rc;

        if (unlikely(bits & QUEUE_SHUT_DOWN)) {
            guard_unlock(&queue->word, bits);
            return WEFT_EQUEUESHUTDOWN;
        }
        if (likely(!queue_is_full(queue)) && likely(store_has_room(&queue->store))) {
            if (unlikely(store_compares(&queue->store)))
                guard_show(&queue->word, bits);
            store_push(&queue->store, item);
            queue->unfinished++;
            (void)waitq_pop(&queue->getters, &wakes);
            guard_unlock(&queue->word, bits);
            wakes_send(&wakes);
            return 0;
        }
        if (!queue_is_full(queue)) {
            size_t capacity = queue->store.capacity;
            guard_unlock(&queue->word, bits);
            rc = queue_grow(queue, capacity);
            if (unlikely(rc)) { /* if it was woken for the room, another may have more luck (U2) */
                struct queued q = {.wait.object = queue};
                putter_abandoned(&q, true);
            }
        } else if (waits) {
            rc = queue_wait(queue, &queue->putters, &putter_kind, bits);
        } else {
            guard_unlock(&queue->word, bits);
            return WEFT_EQUEUEFULL;
        }
        if (unlikely(rc))
            return rc;
    }
}

int weft_queue_put(weft_queue *queue, void *item)
{
    return likely(queue != NULL) ? put(queue, item, true) : -EINVAL;
}

int weft_queue_put_nowait(weft_queue *queue, void *item)
{
    return likely(queue != NULL) ? put(queue, item, false) : -EINVAL;
}

/* ---- Items come out ---- */

static int get(struct weft_queue *queue, void **ret_item, bool waits)
{
    for (;;) {
        struct wakes wakes = {NULL, NULL};
        uint32_t bits = guard_lock(&queue->word);

        if (likely(queue->store.count)) {
            if (unlikely(store_compares(&queue->store)))
                guard_show(&queue->word, bits);
            void *item = store_pop(&queue->store);
            (void)waitq_pop(&queue->putters, &wakes);
            guard_unlock(&queue->word, bits);
            wakes_send(&wakes);
            *ret_item = item;
            return 0;
        }
        if (unlikely(bits & QUEUE_SHUT_DOWN) || !waits) {
            guard_unlock(&queue->word, bits);
            return bits & QUEUE_SHUT_DOWN ? WEFT_EQUEUESHUTDOWN : WEFT_EQUEUEEMPTY;
        }
        int rc = queue_wait(queue, &queue->getters, &getter_kind, bits);
        if (unlikely(rc))
            return rc;
    }
}

int weft_queue_get(weft_queue *queue, void **ret_item)
{
    return likely(queue != NULL) && likely(ret_item != NULL) ? get(queue, ret_item, true) : -EINVAL;
}

int weft_queue_get_nowait(weft_queue *queue, void **ret_item)
{
    return likely(queue != NULL) && likely(ret_item != NULL) ? get(queue, ret_item, false)
                                                             : -EINVAL;
}

/* ---- The end of the work ---- */

/* Guarded: so many items are done; if all are, nobody has to wait for them any more. */
static void finish(struct weft_queue *queue, size_t count, struct wakes *wakes)
{
    queue->unfinished -= count < queue->unfinished ? count : queue->unfinished;
    while (!queue->unfinished && waitq_pop(&queue->joiners, wakes))
        ;
}

int weft_queue_task_done(weft_queue *queue)
{
    if (unlikely(!queue))
        return -EINVAL;
    struct wakes wakes = {NULL, NULL};
    uint32_t bits = guard_lock(&queue->word);
    bool unfinished = queue->unfinished > 0;

    finish(queue, 1, &wakes);
    guard_unlock(&queue->word, bits);
    wakes_send(&wakes);
    return likely(unfinished) ? 0 : weft_fail(-EINVAL, "task_done was called too often");
}

int weft_queue_join(weft_queue *queue)
{
    if (unlikely(!queue))
        return -EINVAL;
    uint32_t bits = guard_lock(&queue->word);
    if (queue->unfinished)
        return queue_wait(queue, &queue->joiners, &joiner_kind, bits);
    guard_unlock(&queue->word, bits);
    return 0;
}

/* Drops what is in a store that is nobody else's, in the order in which it would come out. */
static void store_clear(struct store *store, weft_drop drop)
{
    while (drop && store->count)
        drop(store_pop(store));
    mem_free(store->slots, store->capacity * sizeof(*store->slots));
}

int weft_queue_shutdown(weft_queue *queue, int immediate)
{
    if (unlikely(!queue))
        return -EINVAL;
    struct wakes wakes = {NULL, NULL};
    uint32_t bits = guard_lock(&queue->word);
    struct store thrown = queue->store;
    weft_drop drop = queue->drop;

    if (immediate) {
        queue->store.slots = NULL;
        queue->store.capacity = queue->store.head = queue->store.count = 0;
        finish(queue, thrown.count, &wakes);
    }
    while (waitq_pop(&queue->getters, &wakes))
        ;
    while (waitq_pop(&queue->putters, &wakes))
        ;
    guard_unlock(&queue->word, bits | QUEUE_SHUT_DOWN);
    wakes_send(&wakes);
    if (immediate)
        store_clear(&thrown, drop);
    return 0;
}

/* ---- A queue's life ---- */

static weft_queue *queue_new(long maxsize, enum store_order order,
                             int (*compare)(const void *a, const void *b))
{
    struct weft_queue *queue = mem_alloc_line(sizeof(*queue));
    if (!queue)
        goto fail;
    memset(queue, 0, sizeof(*queue));
    queue->maxsize = maxsize;
    queue->limit = maxsize > 0 ? (size_t)maxsize : LIMIT_NONE;
    queue->store.order = order;
    queue->store.compare = compare;
    if (queue->limit > SLOTS_AT_ONCE)
        return queue;
    size_t capacity = 1;
    while (capacity < queue->limit)
        capacity *= 2;
    queue->store.slots = mem_alloc(capacity * sizeof(*queue->store.slots));
    if (!queue->store.slots)
        goto free_queue;
    queue->store.capacity = capacity;
    return queue;

free_queue:
    mem_free_line(queue, sizeof(*queue));
fail:
    errno = ENOMEM;
    return NULL;
}

weft_queue *weft_queue_new(long maxsize)
{
    return queue_new(maxsize, STORE_FIRST_IN, NULL);
}

weft_queue *weft_lifo_queue_new(long maxsize)
{
    return queue_new(maxsize, STORE_LAST_IN, NULL);
}

weft_queue *weft_priority_queue_new(long maxsize, int (*compare)(const void *a, const void *b))
{
    if (compare)
        return queue_new(maxsize, STORE_SMALLEST, compare);
    errno = EINVAL;
    return NULL;
}

int weft_queue_set_drop(weft_queue *queue, weft_drop drop)
{
    if (!queue)
        return -EINVAL;
    uint32_t bits = guard_lock(&queue->word);
    queue->drop = drop;
    guard_unlock(&queue->word, bits);
    return 0;
}

int weft_queue_free(weft_queue *queue)
{
    if (!queue)
        return 0;
    uint32_t bits = guard_lock(&queue->word);
    bool waited = queue->getters.first || queue->putters.first || queue->joiners.first;
    guard_unlock(&queue->word, bits);
    if (waited)
        return weft_fail(-EBUSY, "tasks wait for the queue");
    store_clear(&queue->store, queue->drop);
    mem_free_line(queue, sizeof(*queue));
    return 0;
}
