/*
 * weft/signal.h - signals as callbacks of a loop.
 */
#ifndef WEFT_SIGNAL_H
#define WEFT_SIGNAL_H

#include <weft/base.h>

WEFT_BEGIN

/**
 * weft_loop_add_signal_handler - have fn run in the loop when the process gets a signal
 * @number: such as SIGTERM
 * @fn:     an ordinary callback of the loop, soon after the signal; in a copy of the context that is
 *          current now
 *
 * A signal has one handler in the process: a second one replaces the first, that of another loop
 * too. Signals in quick succession may be merged, but fn runs after the last of them. Interrupted
 * system calls are restarted. Closing the loop removes its handlers. In a forked child the signals
 * have their default effect.
 *
 * Beyond asyncio, the loop may run on any thread, and the caller be anywhere.
 *
 * Context: any thread
 * Return:  0; -EINVAL for what is no signal, or no function; WEFT_ERUNTIME for one that cannot be
 *          caught; WEFT_ELOOPCLOSED; -ENOMEM; -errno
 * asyncio: loop.add_signal_handler(number, fn)
 */
WEFT_API int weft_loop_add_signal_handler(weft_loop *loop, int number, weft_callback fn, void *arg);

/**
 * weft_loop_remove_signal_handler - take it off, and give the signal its default effect back
 *
 * Context: any thread
 * Return:  1; 0 if the loop has none for this signal; -EINVAL for what is no signal
 * asyncio: loop.remove_signal_handler(number)
 */
WEFT_API int weft_loop_remove_signal_handler(weft_loop *loop, int number);

WEFT_END

#endif
