/*
 * weft/base.h - what every public header needs: linkage, and the names of the types.
 *
 * Durations are double seconds, as in asyncio. Calls that can fail return 0 (or a count) or a
 * negative code from weft/error.h; constructors return a handle, or NULL with errno set to the
 * positive code.
 *
 * "Context" in a contract says who may call: a task (code that runs inside a coroutine), loop (a
 * task or a callback of that loop; while the loop is not running, the one thread that holds it),
 * any loop (any task or callback), any thread.
 */
#ifndef WEFT_BASE_H
#define WEFT_BASE_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define WEFT_API                 __attribute__((visibility("default")))
#define WEFT_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define WEFT_API
#define WEFT_PRINTF(text, first)
#endif

#ifdef __cplusplus
#define WEFT_BEGIN extern "C" {
#define WEFT_END   }
#else
#define WEFT_BEGIN
#define WEFT_END
#endif

#define WEFT_VERSION_MAJOR 0
#define WEFT_VERSION_MINOR 1
#define WEFT_VERSION_PATCH 0

/* No time limit: asyncio's None where a time-out is expected. */
#define WEFT_FOREVER ((double)INFINITY)

WEFT_BEGIN

typedef struct weft_loop weft_loop;
typedef struct weft_future weft_future;
typedef struct weft_future weft_task; /* a task is a future, so it goes wherever a future goes */
typedef struct weft_handle weft_handle;
typedef struct weft_error weft_error;
typedef struct weft_executor weft_executor;
typedef struct weft_context weft_context; /* values of context variables: weft/context.h */
typedef struct weft_generator weft_generator;

/*
 * A coroutine: 0 and a result, or a negative error. It runs on a stack of its own, and may call
 * everything that suspends. A blocking function for the thread pool has the same form.
 */
typedef int (*weft_coroutine)(void *arg, void **result);

/* A callback of the loop: 0, or a negative error that goes to the loop's exception handler. */
typedef int (*weft_callback)(void *arg);

/* A done callback: as weft_callback, with the future that is done. */
typedef int (*weft_done_callback)(weft_future *future, void *arg);

/* Releases a value that nobody took. */
typedef void (*weft_drop)(void *value);

WEFT_END

#endif
