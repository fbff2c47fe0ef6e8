/*
 * trace.c - the lines of a trace.
 */
#include "tests/oracle/trace.h"

#include <math.h>
#include <stdarg.h>

#include "tests/oracle/values.h"

#define TRACE_LINES 2000

long trace_clock(const struct run *run)
{
    return lround(weft_loop_time(run->loop));
}

/* Begins a line; false if nothing is to be written any more. */
static bool trace_begin(struct run *run, int who, int line)
{
    if (run->closed || run_is_broken(run))
        return false;
    if (run->lines++ == TRACE_LINES) {
        run_break(run, "more than %d lines", TRACE_LINES);
        return false;
    }
    text_add(run->trace, "%ld ", trace_clock(run));
    text_add(run->trace, who < 0 ? "-" : "t%d", who);
    text_add(run->trace, line ? " %d " : " - ", line);
    return true;
}

void trace_line(struct run *run, int who, int line, const char *format, ...)
{
    va_list args;

    if (!trace_begin(run, who, line))
        return;
    va_start(args, format);
    text_add_args(run->trace, format, args);
    va_end(args);
    text_add(run->trace, "\n");
}

void trace_outcome(struct run *run, int who, int line, const char *name, const char *outcome)
{
    if (trace_begin(run, who, line))
        text_add(run->trace, "%s %s\n", name, outcome);
}

void trace_error(struct run *run, int who, int line, const char *name, int code, const char *behind)
{
    if (!trace_begin(run, who, line))
        return;
    text_add(run->trace, "%s ", name);
    write_current_error(run, run->trace, code);
    text_add(run->trace, "%s\n", behind);
}
