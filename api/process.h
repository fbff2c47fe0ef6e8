/*
 * process.h - a process of the user: a child, its streams, and the tasks that wait for its end.
 *
 * S1  `handles` are the program's references. While the child is watched the loop has the process too:
 *     it is freed when neither is left.
 * S2  The end is noticed once: the child is reaped, `returncode` is stored, its pidfd closed, and those
 *     who wait are told. Nothing signals the child afterwards (PROC-24).
 * S3  When the loop is closed nobody watches any more. A child that nobody has is destroyed then, any
 *     other one with its last handle.
 */
#ifndef WEFT_API_PROCESS_H
#define WEFT_API_PROCESS_H

#include <weft/subprocess.h>
#include <weft/sync.h>

#include "api/child.h"
#include "api/process_stdio.h"
#include "runtime/io/source.h"
#include "runtime/sched/resident.h"

struct weft_process {
    weft_loop *loop;    /* NULL: it was closed, and nobody watches */
    struct child child; /* its pidfd is the source's while it is watched */
    struct source source;
    struct source_wait end;
    struct loop_timer again; /* again.fire is queued when the child may have ended */
    struct resident resident;
    weft_event ended;
    _Atomic int returncode; /* written once, by the loop, before `ended` is set */
    uint32_t handles;       /* S1; the loop's thread */
    bool watched;
    weft_transport *pipes[3];      /* of what is a pipe; each a reference */
    weft_stream_writer *input;     /* owned, or NULL */
    weft_stream_reader *output[2]; /* of 1 and 2; owned, or NULL */
};

/* A process with one handle and no child. NULL: no memory. */
weft_process *wf_process_new(weft_loop *loop);

/* From here on its end is noticed. 0, or -errno. */
int wf_process_watch(weft_process *process);

/* Makes streams of our ends of its pipes, which are the process's from here on, or closed. */
int wf_process_connect(weft_process *process, struct stdio *stdio, size_t limit);

/* Closes its streams, and gives them back. */
void wf_process_close_streams(weft_process *process);

/* Somebody else has reaped the child: it counts as ended (PROC-35). */
void wf_process_lost(weft_process *process);

#endif
