/*
 * fork.c - what a forked child inherits: a process in which no loop runs and none is set.
 *
 * Only the thread that forked goes on in the child. The parent's loops have lost their threads
 * there, so nothing of them can be used; new ones can be made and run. For that, no lock that a
 * loop takes may be held by a thread that the child does not have: the forking thread holds them
 * all.
 */
#include "runtime/sched/fork.h"

#include <pthread.h>

#include "runtime/sched/loop.h"
#include "runtime/sched/signal.h"
#include "runtime/sched/watchdog.h"
#include "runtime/task/stack_overflow.h"

static pthread_once_t watched = PTHREAD_ONCE_INIT;

/* The order in which the locks are taken elsewhere too. */
static void before_fork(void)
{
    wf_loop_memory_lock();
    wf_overflow_lock();
    wf_stack_lock();
    wf_signals_lock();
    wf_watchdog_lock();
}

static void after_fork_in_parent(void)
{
    wf_watchdog_unlock();
    wf_signals_unlock();
    wf_stack_unlock();
    wf_overflow_unlock();
    wf_loop_memory_unlock();
}

static void after_fork_in_child(void)
{
    wf_loop_memory_forget();
    wf_signals_forget();
    wf_watchdog_forget();
    after_fork_in_parent();
    wf_loop_forget();
}

static void watch(void)
{
    (void)pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

void wf_fork_watch(void)
{
    pthread_once(&watched, watch);
}
