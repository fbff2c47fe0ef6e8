/*
 * weft/queue.h - queues between tasks: first in first out, last in first out, and by priority.
 *
 * They suspend tasks, never threads. Tasks that wait for an item, or for room, are let through in
 * the order in which they came. Beyond asyncio, one queue may be used by tasks of several loops at
 * once, and what does not suspend may be called from any thread.
 *
 * Items are pointers, and the queue never looks at what they point to (a comparison of the user's
 * does). A bounded queue of up to 65,536 items gets all its memory when it is made; others grow.
 */
#ifndef WEFT_QUEUE_H
#define WEFT_QUEUE_H

#include <weft/base.h>
#include <weft/error.h>

WEFT_BEGIN

typedef struct weft_queue weft_queue;

/**
 * weft_queue_new - make a queue that gives items in the order in which they were put
 * @maxsize: how many items it holds; zero or negative: any number
 *
 * Context: any thread
 * Return:  owned by the caller, see weft_queue_free(); NULL with errno ENOMEM
 * asyncio: Queue(maxsize)
 */
WEFT_API weft_queue *weft_queue_new(long maxsize);

/* Likewise, one that gives the item that was put last. asyncio: LifoQueue(maxsize) */
WEFT_API weft_queue *weft_lifo_queue_new(long maxsize);

/**
 * weft_priority_queue_new - make a queue that gives the smallest item first
 * @maxsize: as in weft_queue_new()
 * @compare: negative if the first of two items is smaller; as qsort()'s. Called while the queue is
 *           held: it must be short, and neither suspend nor use the queue
 *
 * Items that compare equal come in any order.
 *
 * Context: any thread
 * Return:  owned by the caller; NULL with errno ENOMEM, or EINVAL without a comparison
 * asyncio: PriorityQueue(maxsize)
 */
WEFT_API weft_queue *weft_priority_queue_new(long maxsize,
                                             int (*compare)(const void *a, const void *b));

/**
 * weft_queue_set_drop - say what becomes of items that nobody takes
 * @queue: borrowed
 * @drop:  called for each item that is thrown away, by a shutdown or by weft_queue_free(); NULL, as
 *         in the beginning: nothing is
 *
 * Context: any thread
 * Return:  0; -EINVAL
 */
WEFT_API int weft_queue_set_drop(weft_queue *queue, weft_drop drop);

/**
 * weft_queue_free - free a queue, and throw away what is in it
 * @queue: no task waits for it, and nobody uses it any more; NULL is allowed
 *
 * The last who is woken may free it, even before the call that woke it has returned.
 *
 * Context: any thread
 * Return:  0; -EBUSY while tasks wait for it: nothing was done then
 */
WEFT_API int weft_queue_free(weft_queue *queue);

/**
 * weft_queue_put - append an item, waiting while the queue is full
 * @queue: borrowed
 * @item:  owned by the queue once the call returns 0, still the caller's otherwise
 *
 * Who waited and finds the room taken by somebody else waits again, after all others.
 *
 * Context:      a task, on any loop
 * Cancellation: a cancelled put has not happened
 * Return:       0; WEFT_ECANCELLED; WEFT_EQUEUESHUTDOWN after weft_queue_shutdown(); -ENOMEM;
 *               WEFT_ENOTASK outside a task, when it would have to wait; -EINVAL
 * asyncio:      await Queue.put(item)
 */
WEFT_API int weft_queue_put(weft_queue *queue, void *item);

/**
 * weft_queue_put_nowait - append an item if there is room
 * @queue, @item: as in weft_queue_put()
 *
 * Never suspends.
 *
 * Context: any thread
 * Return:  0; WEFT_EQUEUEFULL; WEFT_EQUEUESHUTDOWN; -ENOMEM; -EINVAL
 * asyncio: Queue.put_nowait(item)
 */
WEFT_API int weft_queue_put_nowait(weft_queue *queue, void *item);

/**
 * weft_queue_get - take the next item, waiting until there is one
 * @queue:    borrowed
 * @ret_item: the item, which is the caller's now
 *
 * Who waited and finds the item taken by somebody else waits again, after all others.
 *
 * Context:      a task, on any loop
 * Cancellation: nothing was taken
 * Return:       0; WEFT_ECANCELLED; WEFT_EQUEUESHUTDOWN when it is empty after
 *               weft_queue_shutdown(); WEFT_ENOTASK outside a task, when it would have to wait;
 *               -EINVAL
 * asyncio:      await Queue.get()
 */
WEFT_API int weft_queue_get(weft_queue *queue, void **ret_item);

/**
 * weft_queue_get_nowait - take the next item if there is one
 * @queue, @ret_item: as in weft_queue_get()
 *
 * Never suspends.
 *
 * Context: any thread
 * Return:  0; WEFT_EQUEUEEMPTY; WEFT_EQUEUESHUTDOWN; -EINVAL
 * asyncio: Queue.get_nowait()
 */
WEFT_API int weft_queue_get_nowait(weft_queue *queue, void **ret_item);

/**
 * weft_queue_task_done - say that the work on an item that was taken is done
 * @queue: borrowed
 *
 * Context: any thread
 * Return:  0; -EINVAL, also when all items that were put are done already
 * asyncio: Queue.task_done()
 */
WEFT_API int weft_queue_task_done(weft_queue *queue);

/**
 * weft_queue_join - wait until weft_queue_task_done() was called for every item that was put
 * @queue: borrowed
 *
 * Does not suspend if nothing is unfinished. What is put after the count has come to zero is not
 * waited for.
 *
 * Context:      a task, on any loop
 * Cancellation: the wait ends
 * Return:       0; WEFT_ECANCELLED; WEFT_ENOTASK outside a task, when it would have to wait; -EINVAL
 * asyncio:      await Queue.join()
 */
WEFT_API int weft_queue_join(weft_queue *queue);

/**
 * weft_queue_shutdown - take no more items, and fail who waits in vain
 * @queue:     borrowed
 * @immediate: throw away what is inside, each item counting as done; else it can still be taken
 *
 * Context: any thread
 * Return:  0, also when it was shut down before; -EINVAL
 * asyncio: Queue.shutdown(immediate)
 */
WEFT_API int weft_queue_shutdown(weft_queue *queue, int immediate);

/* Any thread; with several loops the answers may be old. asyncio: qsize(), empty(), full(), maxsize */
WEFT_API size_t weft_queue_qsize(const weft_queue *queue);
WEFT_API int weft_queue_empty(const weft_queue *queue);
WEFT_API int weft_queue_full(const weft_queue *queue); /* never, if it is unbounded */
WEFT_API long weft_queue_maxsize(const weft_queue *queue);

/* Writes the queue as text, with its first items, as snprintf() does. Any thread. asyncio:
 * repr(queue) */
WEFT_API int weft_queue_format(const weft_queue *queue, char *buffer, size_t bytes);

WEFT_END

#endif
