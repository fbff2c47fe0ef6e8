/*
 * sigpipe.h - no SIGPIPE while a thread runs a loop.
 *
 * Whoever writes to a pipe or socket that nobody reads gets an error, which is enough. send() can be told
 * so; write() and sendfile() cannot. The signal goes to the thread that writes: it is blocked there
 * while the loop runs, and one that came is taken back at the end. The program's disposition is
 * left alone.
 */
#ifndef WEFT_RUNTIME_SCHED_SIGPIPE_H
#define WEFT_RUNTIME_SCHED_SIGPIPE_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <time.h>

/* Returns whether it was blocked before. */
static inline bool sigpipe_block(void)
{
    sigset_t pipe, old;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &old);
    return sigismember(&old, SIGPIPE) == 1;
}

static inline void sigpipe_unblock(bool was_blocked)
{
    if (was_blocked)
        return;
    sigset_t pipe;
    const struct timespec at_once = {0};
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    while (sigtimedwait(&pipe, NULL, &at_once) >= 0)
        continue;
    pthread_sigmask(SIG_UNBLOCK, &pipe, NULL);
}

#endif
