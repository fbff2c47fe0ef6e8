/*
 * process_stdio.h - the standard descriptors of a process that is to be started: what it gets, and our ends of
 * its pipes.
 */
#ifndef WEFT_API_PROCESS_STDIO_H
#define WEFT_API_PROCESS_STDIO_H

#include <stdbool.h>
#include <weft/subprocess.h>

struct stdio {
    int child[3];  /* as child_plan.stdio */
    bool made[3];  /* child[] was opened here */
    int parent[3]; /* our ends, non-blocking; -1: no pipe */
};

/* 0 and all that the options ask for, each descriptor closed on exec; or -errno with a message, and
 * nothing is open. */
int wf_stdio_open(const weft_subprocess_options *options, struct stdio *ret_stdio);

/* What the child has of its own now. */
void wf_stdio_close_child(struct stdio *stdio);

/* Our ends that nobody has taken. */
void wf_stdio_close_parent(struct stdio *stdio);

#endif
