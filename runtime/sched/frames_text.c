/*
 * frames_text.c - return addresses as libc can name them.
 */
#include "runtime/sched/frames_text.h"

#include <execinfo.h>
#include <stdlib.h>

void wf_frames_print(FILE *file, const char *indent, void *const *frames, int count)
{
    char **symbols = backtrace_symbols(frames, count);

    for (int i = 0; i < count; i++) {
        if (symbols)
            fprintf(file, "%s  %s\n", indent, symbols[i]);
        else
            fprintf(file, "%s  [%p]\n", indent, frames[i]);
    }
    free(symbols);
}
