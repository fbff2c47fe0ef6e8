/*
 * run.c - a run, from the declarations to the final states.
 *
 * The loop stops one turn after the main task has ended, as that of weft_run() does.
 */
#include "tests/oracle/run.h"

#include <stdarg.h>
#include <string.h>

#include "tests/oracle/ending.h"
#include "tests/oracle/objects.h"
#include "tests/oracle/tasks.h"
#include "tests/oracle/trace.h"
#include "tests/oracle/values.h"

#define DEADLOCKS   5
#define STACK_BYTES ((size_t)320 * 1024)

struct kept_error {
    weft_error *error;
    struct kept_error *next;
};

int run_break(struct run *run, const char *format, ...)
{
    if (!run_is_broken(run)) {
        va_list args;
        va_start(args, format);
        text_add_args(&run->broken, format, args);
        va_end(args);
    }
    weft_loop_stop(run->loop);
    return weft_fail(WEFT_ERUNTIME, NULL);
}

bool run_is_broken(const struct run *run)
{
    return run->broken.length > 0;
}

weft_error *run_keep_error(struct run *run, weft_error *error)
{
    struct kept_error *kept = arena_get(&run->arena, sizeof(*kept));
    *kept = (struct kept_error){error, run->errors};
    run->errors = kept;
    return error;
}

int run_task_number(const struct run *run, const weft_future *task)
{
    for (int i = 0; task && i < run->task_count; i++)
        if (run->tasks[i]->future == task)
            return i;
    return WHO_NOBODY;
}

/* Every task waits, and no timer is left: the main task is cancelled. */
static int on_idle(void *arg)
{
    struct run *run = arg;

    if (run->cleaning) {
        run_break(run, "a deadlock in the clean-up");
    } else if (++run->deadlocks > DEADLOCKS) {
        run_break(run, "the main task survives deadlocks");
    } else {
        trace_line(run, WHO_NOBODY, 0, "deadlock");
        weft_cancel(run->tasks[0]->future);
    }
    return 0;
}

static bool begins(const char *text, const char *with)
{
    return !strncmp(text, with, strlen(with));
}

static int on_report(weft_loop *loop, const weft_report *report, void *arg)
{
    struct run *run = arg;
    const char *what = NULL;

    (void)loop;
    if (!report->code)
        return 0;
    if (begins(report->message, "Exception in"))
        what = "callback_error ";
    else if (report->asyncgen)
        what = "agen_error ";
    else
        return 0;
    text_reset(&run->out);
    text_add(&run->out, "%s", what);
    write_error(run, &run->out, report->code, report->error);
    trace_line(run, WHO_NOBODY, 0, "%s", text_get(&run->out));
    text_reset(&run->out);
    return 0;
}

/* Runs until the main task has ended, and one turn more. */
static void run_main(struct run *run, struct text *outcome)
{
    struct object *main = task_start_main(run);
    if (!main)
        return;
    int rc = weft_loop_run_until_complete(run->loop, main->future, NULL);
    if (rc < 0) {
        text_add(outcome, "raise ");
        write_current_error(run, outcome, rc);
    } else {
        text_add(outcome, "return ");
        write_result(run, outcome, main);
    }
}

/* The lines behind the run. */
static void write_finals(struct run *run, const struct text *outcome)
{
    struct text *trace = run->trace;

    text_add(trace, "final main %s\n", text_get(outcome));
    for (int i = 1; i < run->task_count; i++) {
        text_add(trace, "final t%d %s ", i, run->bodies[i]->name);
        write_state(run, trace, run->tasks[i]);
        text_add(trace, "\n");
    }
    const struct declaration *declaration = run->scenario->declarations;
    for (; declaration; declaration = declaration->next)
        object_write_final(run, declaration);
}

static bool declare_all(struct run *run)
{
    const struct declaration *declaration = run->scenario->declarations;
    for (; declaration; declaration = declaration->next) {
        if (object_declare(run, declaration)) {
            run_break(run, "%s cannot be declared", declaration->name->text);
            return false;
        }
    }
    return true;
}

static void run_on_loop(struct run *run)
{
    struct text outcome = {0};

    weft_loop_set_exception_handler(run->loop, on_report, run);
    weft_loop_set_idle_callback(run->loop, on_idle, run);
    if (declare_all(run)) {
        run_main(run, &outcome);
        if (!run_is_broken(run))
            ending_clean_up(run);
        if (!run_is_broken(run) && run->scenario->has_generators)
            ending_close_generators(run);
        if (!run_is_broken(run))
            write_finals(run, &outcome);
    }
    run->closed = true;
    text_fini(&outcome);
}

static void run_fini(struct run *run)
{
    objects_end(run);
    weft_loop_free(run->loop);
    objects_free(run);
    for (struct kept_error *kept = run->errors; kept; kept = kept->next)
        weft_error_unref(kept->error);
    text_fini(&run->out);
    text_fini(&run->broken);
    arena_empty(&run->arena);
}

bool run_scenario(const struct scenario *scenario, struct text *trace, struct text *broken)
{
    weft_loop_options options = {
        .clock = WEFT_CLOCK_VIRTUAL, .debug = -1, .stack_bytes = STACK_BYTES};
    struct run run = {.scenario = scenario, .trace = trace};

    run.loop = weft_new_event_loop(&options);
    if (!run.loop)
        die("no loop");
    run_on_loop(&run);
    bool whole = !run_is_broken(&run);
    text_add(broken, "%s", text_get(&run.broken));
    run_fini(&run);
    return whole;
}
