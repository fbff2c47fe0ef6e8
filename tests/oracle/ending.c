/*
 * ending.c - what weft_run() does when its main task has ended, with lines about it.
 */
#include "tests/oracle/ending.h"

#include "tests/oracle/trace.h"
#include "tests/oracle/values.h"

static void write_shutdown_errors(struct run *run, weft_task *const *tasks, long count)
{
    for (long i = 0; i < count; i++) {
        weft_error *error = NULL;
        if (weft_exception(tasks[i], &error) || !error)
            continue;
        text_reset(&run->out);
        write_error(run, &run->out, weft_error_code(error), error);
        trace_line(run, WHO_NOBODY, 0, "shutdown_error t%d %s", run_task_number(run, tasks[i]),
                   text_get(&run->out));
        text_reset(&run->out);
        weft_error_unref(error);
    }
}

/* Cancels the tasks, and runs until all of them have ended. */
static void end_tasks(struct run *run, weft_task *const *tasks, long count)
{
    for (long i = 0; i < count; i++)
        weft_cancel(tasks[i]);
    weft_future *all = weft_gather(tasks, (size_t)count, WEFT_RETURN_EXCEPTIONS);
    if (!all || weft_loop_run_until_complete(run->loop, all, NULL))
        run_break(run, "the clean-up failed");
    weft_unref(all);
}

void ending_clean_up(struct run *run)
{
    weft_task **tasks = NULL;
    long count = weft_all_tasks(run->loop, &tasks);

    run->cleaning = true;
    if (count < 0) {
        run_break(run, "no list of the tasks");
        return;
    }
    text_reset(&run->out);
    text_add(&run->out, "cleanup");
    for (long i = 0; i < count; i++)
        text_add(&run->out, " t%d", run_task_number(run, tasks[i]));
    trace_line(run, WHO_NOBODY, 0, "%s", text_get(&run->out));
    text_reset(&run->out);
    if (count) {
        end_tasks(run, tasks, count);
        write_shutdown_errors(run, tasks, count);
    }
    weft_task_list_free(tasks, count);
}

static int shut_generators(void *loop, void **result)
{
    (void)result;
    return weft_loop_shutdown_asyncgens(loop);
}

void ending_close_generators(struct run *run)
{
    weft_task *task = weft_create_task_on(run->loop, shut_generators, run->loop, NULL);
    if (!task || weft_loop_run_until_complete(run->loop, task, NULL))
        run_break(run, "the generators cannot be closed");
    weft_unref(task);
}
