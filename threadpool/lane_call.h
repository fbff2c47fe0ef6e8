/*
 * lane_call.h - a blocking function in the thread pool, with at most half of its threads for all of
 * its kind: look-ups of names, which may hang for long and must not keep other work waiting.
 */
#ifndef WEFT_THREADPOOL_LANE_CALL_H
#define WEFT_THREADPOOL_LANE_CALL_H

#include <weft/base.h>

/*
 * Runs fn in the lane of the default executor of the running loop. arg belongs to the call if it succeeds:
 * arg_drop is called once, when fn is over or will never run. Cancelling the future ends it at once,
 * whatever fn does; a result that nobody takes goes to result_drop.
 *
 * NULL with errno: -WEFT_ESHUTDOWN, ENOMEM, or EAGAIN when no thread can be made.
 */
weft_future *wf_run_in_lane(weft_coroutine fn, void *arg, weft_drop arg_drop,
                            weft_drop result_drop);

#endif
