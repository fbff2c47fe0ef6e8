/*
 * generators.c - asynchronous generators.
 */
#include "tests/oracle/body.h"
#include "tests/oracle/statements.h"
#include "tests/oracle/trace.h"
#include "tests/oracle/values.h"

/* What a generator is given. */
struct generation {
    struct run *run;
    const struct body *body;
};

static int generator_body(weft_generator *generator, void *arg)
{
    const struct generation *generation = arg;
    struct frame frame = {.run = generation->run, .task = WHO_NOBODY, .generator = generator};
    int flow = frame_run(&frame, &generation->body->block);
    return flow < 0 ? flow : 0;
}

int statement_agen_open(struct call *call)
{
    struct run *run = call->run;
    struct generation *generation = arena_get(&run->arena, sizeof(*generation));
    *generation = (struct generation){run, call->statement->arguments[1].name->body};
    weft_generator *generator = weft_generator_new(generator_body, generation, NULL);

    if (!generator)
        return -errno;
    struct object *object = object_new(run, TYPE_GENERATOR);
    object->generator = generator;
    call_bind(call, 0, object);
    return FLOW_ON;
}

/* The value that a generator has given, or not. */
static int given(struct call *call, int rc, void *value)
{
    if (rc)
        return rc;
    say(call, "ok ");
    write_value(&call->run->out, value);
    return FLOW_ON;
}

int statement_anext(struct call *call)
{
    void *value = NULL;
    int rc = weft_generator_next(call->objects[0]->generator, &value);
    return given(call, rc, value);
}

int statement_athrow(struct call *call)
{
    void *value = NULL;
    int code = raise_argument(&call->statement->arguments[1]);
    int rc = weft_generator_throw(call->objects[0]->generator, code, &value);
    return given(call, rc, value);
}

int statement_aclose(struct call *call)
{
    return weft_generator_close(call->objects[0]->generator);
}

/* The line is written before the value is given; what comes back is no outcome of this line. */
int statement_yield_value(struct call *call)
{
    long number = call->statement->arguments[0].number;
    trace_line(call->run, call->who, call->statement->line, "yield_value %ld", number);
    call->silent = true;
    return weft_generator_yield(call->frame->generator, value_of_number(number), NULL);
}
