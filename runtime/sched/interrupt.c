/*
 * interrupt.c - Ctrl-C while a runner runs its main task (SIGI).
 */
#include "runtime/sched/interrupt.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/sched/future_ops.h"
#include "runtime/sched/signal.h"

/* The first one cancels the main task; a further one, or one that finds it done, ends the run. */
static int interrupted(struct weft_loop *loop, unsigned count, void *arg)
{
    struct interrupt *interrupt = arg;
    bool first = interrupt->count == 0;

    (void)loop;
    interrupt->count += count;
    if (!first || count > 1 || future_is_done(interrupt->main))
        return WEFT_EINTERRUPTED; /* SIGI-12, SIGI-15 */
    (void)wf_future_cancel(interrupt->main, NULL);
    return 0;
}

static bool is_main_thread(void)
{
    return syscall(SYS_gettid) == getpid();
}

void wf_interrupt_begin(struct interrupt *interrupt, struct weft_loop *loop, weft_task *main)
{
    *interrupt = (struct interrupt){.loop = loop, .main = main};
    interrupt->installed = is_main_thread() && wf_signal_is_default(SIGINT) &&
                           !wf_signal_set(loop, SIGINT, interrupted, interrupt, true);
}

int wf_interrupt_end(struct interrupt *interrupt, int code)
{
    if (interrupt->installed)
        (void)wf_signal_unset(interrupt->loop, SIGINT, interrupted, interrupt, true);
    /* SIGI-06, SIGI-11: its own request is taken back; others may have asked too. */
    if (code == WEFT_ECANCELLED && interrupt->count && weft_uncancel(interrupt->main) == 0)
        return weft_fail(WEFT_EINTERRUPTED, "SIGINT");
    return code;
}
