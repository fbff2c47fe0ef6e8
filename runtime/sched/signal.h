/*
 * signal.h - signals that loops are told of.
 */
#ifndef WEFT_RUNTIME_SCHED_SIGNAL_H
#define WEFT_RUNTIME_SCHED_SIGNAL_H

#include <stdbool.h>

#include <weft/loop.h>

/*
 * What a loop does when `count` signals have come. 0, or a negative error for the exception handler
 * (a fatal one ends the run).
 */
typedef int (*signal_fn)(struct weft_loop *loop, unsigned count, void *arg);

/* Whether the signal has its default effect. */
bool wf_signal_is_default(int number);

/*
 * The loop is told of a valid signal from now on. urgent: the third of them that it has not come to
 * ends the process, as it would have without us. 0, -errno, or WEFT_ELOOPCLOSED.
 */
int wf_signal_set(struct weft_loop *loop, int number, signal_fn fn, void *arg, bool urgent);

/*
 * The loop is not told any more, if it was, and by fn and arg (fn NULL: by the program's function): then true. The default effect comes
 * back, unless (if_ours) the program has installed something over our handler.
 */
bool wf_signal_unset(struct weft_loop *loop, int number, signal_fn fn, const void *arg,
                     bool if_ours);

/* The loop is closed: it is told of nothing any more. */
void wf_signals_close(struct weft_loop *loop);

/* Around a fork; and in the child, whose signals have their default effect again. */
void wf_signals_lock(void);
void wf_signals_unlock(void);
void wf_signals_forget(void);

#endif
