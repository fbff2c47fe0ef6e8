/*
 * tasks.c - tasks: making them, running bodies in them, and what they know of themselves.
 */
#include "tests/oracle/tasks.h"

#include <stdlib.h>
#include <string.h>

#include "tests/oracle/body.h"
#include "tests/oracle/statements.h"
#include "tests/oracle/trace.h"
#include "tests/oracle/values.h"

#define UNNAMED "Task-"

/* What a task is given. */
struct birth {
    struct run *run;
    int number;
};

/* The number of an unnamed task among those of the process; 0 for a named one. */
static long unnamed_number(const char *name)
{
    return strncmp(name, UNNAMED, strlen(UNNAMED)) ? 0 : strtol(name + strlen(UNNAMED), NULL, 10);
}

/* Writes a task's name; unnamed ones are counted over the run. */
static void write_name(const struct run *run, struct text *text, weft_task *task)
{
    const char *name = weft_task_get_name(task);
    long number = unnamed_number(name);
    if (number)
        text_add(text, UNNAMED "%ld", number - run->names_before_main);
    else
        text_add(text, "%s", name);
}

static int task_body(void *arg, void **result)
{
    const struct birth *birth = arg;
    struct run *run = birth->run;
    const struct body *body = run->bodies[birth->number];
    struct frame frame = {.run = run, .task = birth->number};

    run->tasks[birth->number]->future = weft_current_task(); /* an eager one is not known yet */
    trace_outcome(run, birth->number, 0, "start", body->name);
    int flow = frame_run(&frame, &body->block);
    if (flow < 0) {
        trace_error(run, birth->number, 0, "end raise", flow, "");
        return flow;
    }
    run->tasks[birth->number]->returned = true;
    text_reset(&run->out);
    write_value(&run->out, frame.value);
    trace_outcome(run, birth->number, 0, "end return", text_get(&run->out));
    text_reset(&run->out);
    *result = frame.value;
    return 0;
}

/* Takes a number for a new task; its object is to get the future. NULL with a broken run. */
static struct birth *task_number(struct run *run, const struct body *body)
{
    struct birth *birth = arena_get(&run->arena, sizeof(*birth));
    if (run->task_count == RUN_TASKS) {
        run_break(run, "more than %d tasks", RUN_TASKS);
        return NULL;
    }
    *birth = (struct birth){run, run->task_count++};
    run->bodies[birth->number] = body;
    run->tasks[birth->number] = object_new(run, TYPE_TASK);
    return birth;
}

static struct object *task_own(const struct birth *birth, weft_task *task)
{
    struct object *object = birth->run->tasks[birth->number];
    object->future = task;
    object->owned = true;
    return object;
}

struct object *task_start_main(struct run *run)
{
    struct birth *birth = task_number(run, run->scenario->main_body);
    weft_task *task = weft_create_task_on(run->loop, task_body, birth, NULL);
    if (!task) {
        run_break(run, "no main task");
        return NULL;
    }
    run->names_before_main = unnamed_number(weft_task_get_name(task)) - 1;
    run->scenario->main->object = task_own(birth, task);
    return run->scenario->main->object;
}

/* The statement's arguments from `first` on: the variable, the coroutine, a name. */
static int spawn(struct call *call, int first, weft_task_group *group, int eager)
{
    const struct argument *arguments = &call->statement->arguments[first];
    struct run *run = call->run;
    weft_task_options options = {.name = arguments[2].word, .eager_start = eager};
    struct birth *birth = task_number(run, arguments[1].name->body);

    if (!birth)
        return weft_fail(WEFT_ERUNTIME, NULL);
    weft_task *task = group ? weft_task_group_create_task(group, task_body, birth, &options)
                            : weft_create_task(task_body, birth, &options);
    if (!task) {
        int code = -errno;
        run->task_count--;
        return code;
    }
    call_bind(call, first, task_own(birth, task));
    say(call, "t%d", birth->number);
    return FLOW_ON;
}

int statement_spawn(struct call *call)
{
    return spawn(call, 0, NULL, 0);
}

int statement_spawn_eager(struct call *call)
{
    return spawn(call, 0, NULL, 1);
}

int statement_tg_spawn(struct call *call)
{
    return spawn(call, 1, &call->objects[0]->group, 0);
}

int statement_eager_mode(struct call *call)
{
    bool on = call->statement->arguments[0].number;
    return weft_loop_set_task_factory(call->run->loop, on ? weft_eager_task_factory : NULL, NULL);
}

int statement_sleep(struct call *call)
{
    return weft_sleep((double)call->statement->arguments[0].number);
}

int statement_yield(struct call *call)
{
    (void)call;
    return weft_yield();
}

int statement_uncancel(struct call *call)
{
    int left = weft_uncancel(call->objects[0]->future);
    if (left >= 0)
        say(call, "%d", left);
    return left < 0 ? left : FLOW_ON;
}

int statement_set_name(struct call *call)
{
    return weft_task_set_name(call->objects[0]->future, call->statement->arguments[1].word);
}

int statement_query(struct call *call)
{
    struct text *out = &call->run->out;
    weft_future *future = call->objects[0]->future;

    write_state(call->run, out, call->objects[0]);
    if (call->objects[0]->type == TYPE_TASK) {
        text_add(out, " cancelling %d name ", weft_cancelling(future));
        write_name(call->run, out, future);
    }
    return FLOW_ON;
}

int statement_all_tasks(struct call *call)
{
    weft_task **tasks = NULL;
    long count = weft_all_tasks(NULL, &tasks);
    if (count < 0)
        return (int)count;
    weft_task_list_free(tasks, count);
    say(call, "%ld", count);
    return FLOW_ON;
}

int statement_current_task(struct call *call)
{
    weft_task *task = weft_current_task();
    if (task)
        write_name(call->run, &call->run->out, task);
    else
        say(call, "none");
    return FLOW_ON;
}
