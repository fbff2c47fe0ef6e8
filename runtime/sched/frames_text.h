/*
 * frames_text.h - return addresses for people.
 */
#ifndef WEFT_RUNTIME_SCHED_FRAMES_TEXT_H
#define WEFT_RUNTIME_SCHED_FRAMES_TEXT_H

#include <stdio.h>

/* A line a frame, with the names of functions that can be seen from outside; without memory for
 * names, a bare address. */
void wf_frames_print(FILE *file, const char *indent, void *const *frames, int count);

#endif
