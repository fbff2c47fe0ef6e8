/*
 * process.c - the life of a process: its end is noticed, it is waited for, signalled and given back.
 */
#include "api/process.h"

#include <errno.h>
#include <signal.h>

#include "runtime/base/mem.h"
#include "runtime/base/sys.h"
#include "runtime/sched/report.h"

/* What is said of a child that somebody else reaped. */
#define RETURNCODE_UNKNOWN 255

/* Seconds: a child that cannot be watched is looked at from time to time. */
#define LOOK_AGAIN 0.1

/* Relaxed: with who is told by `ended`, that orders it; for others it is a look. */
static int returncode_of(const weft_process *process)
{
    return atomic_load_explicit(&process->returncode, memory_order_relaxed);
}

static void process_free(weft_process *process)
{
    mem_free(process, sizeof(*process));
}

/* The pidfd is the child's again. */
static void unwatch(weft_process *process)
{
    if (!process->watched)
        return;
    process->watched = false;
    (void)wf_source_unwatch(&process->source, POLLER_READ, &process->end);
    (void)wf_source_detach(&process->source);
    resident_remove(process->loop, &process->resident);
}

/* S2 */
static void process_end(weft_process *process, int returncode)
{
    unwatch(process);
    if (process->child.pidfd >= 0)
        sys_close(process->child.pidfd);
    process->child.pidfd = -1;
    atomic_store_explicit(&process->returncode, returncode, memory_order_relaxed);
    if (process->handles)
        (void)weft_event_set(&process->ended);
    else
        process_free(process);
}

void wf_process_lost(weft_process *process)
{
    if (process->handles)
        wf_report(process->loop, "A child process was reaped by others: its returncode is 255", 0,
                  NULL, NULL, NULL);
    process_end(process, RETURNCODE_UNKNOWN);
}

static int watch_again(weft_process *process)
{
    return wf_source_watch(&process->source, &process->loop->poller, POLLER_READ, &process->end);
}

static void process_noticed(struct runnable *r, struct weft_loop *loop)
{
    weft_process *process = container_of(r, struct weft_process, again.fire);
    int code;

    if (!loop) /* the loop is being closed: the resident is told */
        return;
    int rc = wf_child_reap(&process->child, &code);
    if (rc < 0) {
        wf_process_lost(process);
    } else if (rc > 0) {
        process_end(process, code);
    } else {
        process->source.blocked[POLLER_READ] = true; /* it runs on: the poller will say when not */
        if (watch_again(process)) /* its registration is gone, and cannot be had now */
            loop_arm(loop, &process->again.timer, clock_ns(LOOK_AGAIN));
    }
}

/* S3. The poller has forgotten its sources. */
static void process_loop_closed(struct resident *resident, struct weft_loop *loop)
{
    weft_process *process = container_of(resident, struct weft_process, resident);
    (void)loop;
    unwatch(process);
    process->loop = NULL;
    if (process->handles)
        return;
    (void)wf_child_destroy(&process->child);
    sys_close(process->child.pidfd);
    process_free(process);
}

weft_process *wf_process_new(weft_loop *loop)
{
    weft_process *process = mem_zalloc(sizeof(*process));
    if (!process)
        return NULL;
    process->loop = loop;
    process->child.pidfd = -1;
    process->again.fire.run = process_noticed;
    process->end.ready = &process->again.fire;
    atomic_init(&process->returncode, WEFT_PROCESS_RUNNING);
    process->handles = 1;
    return process;
}

int wf_process_watch(weft_process *process)
{
    wf_source_init(&process->source, process->child.pidfd, false, false);
    int rc = watch_again(process);
    if (rc) {
        process->source.fd = -1;
        return rc;
    }
    process->watched = true;
    resident_add(process->loop, &process->resident, process_loop_closed);
    return 0;
}

weft_process *weft_process_ref(weft_process *process)
{
    if (process)
        process->handles++;
    return process;
}

void weft_process_unref(weft_process *process)
{
    if (!process || --process->handles)
        return;
    wf_process_close_streams(process);
    if (process->watched) {
        (void)wf_child_signal(&process->child, SIGKILL); /* PROC-32; reaped when that is noticed */
        return;
    }
    if (process->child.pidfd >= 0) {
        (void)wf_child_destroy(&process->child);
        sys_close(process->child.pidfd);
    }
    process_free(process);
}

int weft_process_wait(weft_process *process, int *ret_returncode)
{
    if (!process)
        return weft_fail(-EINVAL, "no process");
    int rc = weft_event_wait(&process->ended);
    if (rc)
        return rc;
    if (ret_returncode)
        *ret_returncode = returncode_of(process);
    return 0;
}

int weft_process_send_signal(weft_process *process, int number)
{
    if (!process || number < 0)
        return weft_fail(-EINVAL, "no process, or signal %d", number);
    int rc = process->child.pidfd < 0 ? -ESRCH : wf_child_signal(&process->child, number);
    return rc ? weft_fail(rc, "process %ld: %s", (long)process->child.pid, weft_strerror(rc)) : 0;
}

int weft_process_terminate(weft_process *process)
{
    return weft_process_send_signal(process, SIGTERM);
}

int weft_process_kill(weft_process *process)
{
    return weft_process_send_signal(process, SIGKILL);
}

pid_t weft_process_pid(const weft_process *process)
{
    return process ? process->child.pid : -EINVAL;
}

int weft_process_returncode(const weft_process *process)
{
    return process ? returncode_of(process) : -EINVAL;
}

weft_stream_writer *weft_process_stdin(const weft_process *process)
{
    return process ? process->input : NULL;
}

weft_stream_reader *weft_process_stdout(const weft_process *process)
{
    return process ? process->output[0] : NULL;
}

weft_stream_reader *weft_process_stderr(const weft_process *process)
{
    return process ? process->output[1] : NULL;
}
