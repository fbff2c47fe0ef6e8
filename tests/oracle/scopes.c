/*
 * scopes.c - blocks that are entered and left: timeouts, task groups, and `with`.
 */
#include <stdio.h>

#include "tests/oracle/body.h"
#include "tests/oracle/language.h"
#include "tests/oracle/locks.h"
#include "tests/oracle/statements.h"
#include "tests/oracle/trace.h"
#include "tests/oracle/values.h"

/* How a kind of block is entered and left. */
struct scope {
    int (*enter)(struct object *object);           /* negative: an error */
    int (*leave)(struct object *object, int code); /* code: of the block; returns the whole's */
    bool counts;                                   /* enter() returns a number to show */
    bool expires;                                  /* a timeout */
};

/* Writes the line of an entry or exit: "ok" or another word, or the error that has just come. */
static void write_passage(struct frame *frame, const struct statement *statement, int line,
                          const char *passage, int code, const char *word)
{
    struct text *out = &frame->run->out;

    text_reset(out);
    text_add(out, "%s", passage);
    if (code < 0) {
        text_add(out, " ");
        write_current_error(frame->run, out, code);
    }
    text_add(out, "%s", word);
    trace_outcome(frame->run, frame_who(frame), line, statement->operation->name, text_get(out));
    text_reset(out);
}

static void write_enter(struct frame *frame, const struct statement *statement,
                        const struct scope *scope, int entered)
{
    char number[16] = "";
    if (scope->counts && entered >= 0)
        snprintf(number, sizeof(number), " %d", entered);
    write_passage(frame, statement, statement->line, "enter", entered, number);
}

static void write_exit(struct frame *frame, const struct statement *statement,
                       const struct scope *scope, const struct object *object, int code)
{
    const char *expired = "";
    if (scope->expires)
        expired = weft_timeout_expired(&object->timeout) ? " expired 1" : " expired 0";
    write_passage(frame, statement, statement->end, code < 0 ? "exit" : "exit ok", code, expired);
}

static int run_scope(struct frame *frame, const struct statement *statement,
                     const struct scope *scope, struct object *object)
{
    int entered = scope->enter(object);
    write_enter(frame, statement, scope, entered);
    if (entered < 0)
        return entered;
    int flow = frame_run(frame, &statement->block);
    int code = scope->leave(object, flow < 0 ? flow : 0);
    write_exit(frame, statement, scope, object, code);
    return code < 0 ? code : flow;
}

static int timeout_enter(struct object *object)
{
    return weft_timeout_begin(&object->timeout);
}

static int timeout_leave(struct object *object, int code)
{
    return weft_timeout_end(&object->timeout, code);
}

static int run_timeout(struct frame *frame, const struct statement *statement,
                       int (*init)(weft_timeout *timeout, double time))
{
    static const struct scope scope = {timeout_enter, timeout_leave, .expires = true};
    struct object *object = object_new(frame->run, TYPE_TIMEOUT);
    int rc = init(&object->timeout, argument_seconds(&statement->arguments[1]));

    if (rc)
        return rc;
    statement->arguments[0].name->object = object;
    return run_scope(frame, statement, &scope, object);
}

int block_timeout(struct frame *frame, const struct statement *statement)
{
    return run_timeout(frame, statement, weft_timeout_init);
}

int block_timeout_at(struct frame *frame, const struct statement *statement)
{
    return run_timeout(frame, statement, weft_timeout_init_at);
}

static int group_enter(struct object *object)
{
    return weft_task_group_begin(&object->group);
}

static int group_leave(struct object *object, int code)
{
    return weft_task_group_end(&object->group, code);
}

int block_taskgroup(struct frame *frame, const struct statement *statement)
{
    static const struct scope scope = {group_enter, group_leave, false, false};
    struct object *object = object_new(frame->run, TYPE_GROUP);

    object->group = (weft_task_group)WEFT_TASK_GROUP_INIT;
    statement->arguments[0].name->object = object;
    return run_scope(frame, statement, &scope, object);
}

static int lock_leave(struct object *object, int code)
{
    int rc = lock_release(object);
    return rc < 0 ? rc : code;
}

static int barrier_enter(struct object *object)
{
    return weft_barrier_wait(&object->barrier);
}

static int barrier_leave(struct object *object, int code)
{
    (void)object;
    return code;
}

int block_with(struct frame *frame, const struct statement *statement)
{
    static const struct scope of_lock = {lock_acquire, lock_leave, false, false};
    static const struct scope of_barrier = {barrier_enter, barrier_leave, .counts = true};
    struct object *object = frame_lookup(frame, statement->arguments[0].name);

    if (!object) {
        trace_outcome(frame->run, frame_who(frame), statement->line, "with", "unset");
        return FLOW_ON;
    }
    return run_scope(frame, statement, object->type == TYPE_BARRIER ? &of_barrier : &of_lock,
                     object);
}
