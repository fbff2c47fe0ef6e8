/*
 * body.c - executes statements, one after the other.
 */
#include "tests/oracle/body.h"

#include "tests/oracle/language.h"
#include "tests/oracle/trace.h"

int frame_who(const struct frame *frame)
{
    return frame->generator ? run_task_number(frame->run, weft_current_task()) : frame->task;
}

struct object *frame_lookup(const struct frame *frame, const struct name *name)
{
    if (name != frame->run->scenario->self)
        return name->object;
    int who = frame_who(frame);
    return who < 0 ? NULL : frame->run->tasks[who];
}

void call_bind(struct call *call, int argument, struct object *object)
{
    call->statement->arguments[argument].name->object = object;
}

double argument_seconds(const struct argument *argument)
{
    return argument->none ? WEFT_FOREVER : (double)argument->number;
}

/* The variables of a list that are set. */
static void resolve_list(struct call *call, const struct argument *argument)
{
    call->members = arena_get(&call->run->arena, (argument->count + 1) * sizeof(*call->members));
    for (size_t i = 0; i < argument->count; i++) {
        const struct name *name = argument->names[i];
        struct object *object = frame_lookup(call->frame, name);
        if (object)
            call->members[call->member_count++] = (struct member){name->text, object};
    }
}

/* Looks up what the arguments denote; false if a variable that is needed is unset. */
static bool resolve(struct call *call)
{
    const struct statement *statement = call->statement;
    for (int i = 0; i < ARGUMENTS; i++) {
        unsigned kind = statement->operation->arguments[i];
        const struct argument *argument = &statement->arguments[i];
        if (kind & ARG_LIST) {
            resolve_list(call, argument);
        } else if ((kind & ARG_KIND) >= ARG_NAMES && !(kind & ARG_SETS)) {
            call->objects[i] = frame_lookup(call->frame, argument->name);
            if (!call->objects[i])
                return false;
        }
    }
    return true;
}

static int run_statement(struct frame *frame, const struct statement *statement)
{
    struct run *run = frame->run;
    const char *name = statement->operation->name;
    struct call call = {
        .run = run, .frame = frame, .statement = statement, .who = frame_who(frame)};

    if (run_is_broken(run))
        return weft_fail(WEFT_ERUNTIME, NULL);
    if (statement->operation->block)
        return statement->operation->block(frame, statement);
    if (!resolve(&call)) {
        trace_outcome(run, call.who, statement->line, name, "unset");
        return FLOW_ON;
    }
    int flow = statement->operation->run(&call);
    if (flow < 0 && !call.silent)
        trace_error(run, call.who, statement->line, name, flow, "");
    else if (!call.silent)
        trace_outcome(run, call.who, statement->line, name,
                      run->out.length ? text_get(&run->out) : "ok");
    text_reset(&run->out);
    return flow;
}

int frame_run(struct frame *frame, const struct block *block)
{
    for (const struct statement *s = block->first; s; s = s->next) {
        int flow = run_statement(frame, s);
        if (flow != FLOW_ON)
            return flow;
    }
    return FLOW_ON;
}
