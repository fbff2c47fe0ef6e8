/*
 * queue_text.c - what people want to know about a queue: how much is in it, and the whole as text.
 */
#include <errno.h>

#include "api/queue.h"
#include "api/text.h"

#define ITEMS_SHOWN 16

/* The word of a queue that is only looked at. */
static _Atomic uint32_t *queue_word(const struct weft_queue *queue)
{
    return (_Atomic uint32_t *)(uintptr_t)&queue->word;
}

size_t weft_queue_qsize(const weft_queue *queue)
{
    if (!queue)
        return 0;
    uint32_t bits = guard_lock(queue_word(queue));
    size_t count = queue->store.count;
    guard_unlock(queue_word(queue), bits);
    return count;
}

int weft_queue_empty(const weft_queue *queue)
{
    return weft_queue_qsize(queue) == 0;
}

int weft_queue_full(const weft_queue *queue)
{
    return queue && weft_queue_qsize(queue) >= queue->limit;
}

long weft_queue_maxsize(const weft_queue *queue)
{
    return queue ? queue->maxsize : 0;
}

int weft_queue_format(const weft_queue *queue, char *buffer, size_t bytes)
{
    if (!queue)
        return -EINVAL;
    const void *items[ITEMS_SHOWN];
    size_t shown = 0;
    uint32_t bits = guard_lock(queue_word(queue));
    const struct store store = queue->store;
    size_t getters = queue->getters.wanted, putters = queue->putters.wanted;
    size_t unfinished = queue->unfinished;
    for (; shown < ITEMS_SHOWN && shown < store.count; shown++)
        items[shown] = *store_slot(&store, shown);
    guard_unlock(queue_word(queue), bits);

    struct text text = {buffer, bytes, 0};
    wf_text_add(&text, "<weft_queue %p maxsize=%ld", (const void *)queue, queue->maxsize);
    for (size_t i = 0; i < shown; i++)
        wf_text_add(&text, "%s%p", i ? ", " : " items=[", items[i]);
    if (shown)
        wf_text_add(&text, shown < store.count ? ", ...]" : "]");
    if (getters)
        wf_text_add(&text, " getters[%zu]", getters);
    if (putters)
        wf_text_add(&text, " putters[%zu]", putters);
    if (unfinished)
        wf_text_add(&text, " tasks=%zu", unfinished);
    wf_text_add(&text, bits & QUEUE_SHUT_DOWN ? " shutdown>" : ">");
    return (int)text.used;
}
