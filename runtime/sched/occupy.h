/*
 * occupy.h - whose a loop is: all but the fields marked otherwise belong to the one party that
 * occupies it.
 *
 *                      run                    a moment's use
 *        RUNNING <-------------> IDLE <----------------------> HELD
 *                                 ^
 *                                 |  made, closed
 *                                 +-------------> TAKEN
 *
 * Y1  Who wants a loop's fields moves `running` from IDLE by a CAS, and back by a store. Nobody
 *     else writes the word, so nobody else has the fields.
 * Y2  Who occupies a loop sees all that was done by those who had it before.
 * Y3  Whoever has the loop is its thread: loop_current() says so to all that it calls, user code
 *     too. So none of that asks for the loop again, and waits for itself.
 * Y4  A HELD loop is free again after a moment: it is waited for. Whoever finds it RUNNING or TAKEN
 *     sends mail, or is told that it is in use.
 * Y5  Who holds one loop does not wait for another, whose holder may want the first: it sends mail.
 * Y6  Whoever gives a loop up looks for mail after that, and whoever posted a question that must
 *     not wait for the next run looks at the word again: one of the two sees the other.
 *
 * The memory of a loop that was freed stays IDLE, and closed: futures that outlived it still use it
 * for their local waiters (L3 of loop.h). Making a loop of it takes it.
 */
#ifndef WEFT_RUNTIME_SCHED_OCCUPY_H
#define WEFT_RUNTIME_SCHED_OCCUPY_H

#include "runtime/sched/loop.h"

/* Occupies the loop (Y4). False: it is RUNNING or TAKEN. */
bool wf_loop_occupy(struct weft_loop *loop, enum loop_running use);

/* Gives it up. */
void wf_loop_vacate(struct weft_loop *loop);

/* A visit: what was current before it. */
struct loop_visit {
    struct weft_loop *outer; /* may be NULL */
    bool held;               /* false: the caller was on the loop's thread anyway */
};

/*
 * The loop's fields are the caller's until wf_loop_leave(): it is on the loop's thread, or stands
 * in for it while nobody runs the loop (Y3). False: another thread has it.
 */
bool wf_loop_enter(struct weft_loop *loop, struct loop_visit *visit);
void wf_loop_leave(struct weft_loop *loop, const struct loop_visit *visit);

#endif
