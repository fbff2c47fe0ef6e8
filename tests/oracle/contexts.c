/*
 * contexts.c - context variables, which hold numbers.
 */
#include "tests/oracle/body.h"
#include "tests/oracle/statements.h"
#include "tests/oracle/values.h"

int statement_ctx_set(struct call *call)
{
    const struct argument *arguments = call->statement->arguments;
    void *value = value_of_number(arguments[1].number);
    weft_context_var *variable = call->objects[0]->variable;

    if (!arguments[2].given)
        return weft_context_var_set(variable, value, NULL);
    struct object *object = object_new(call->run, TYPE_TOKEN);
    int rc = weft_context_var_set(variable, value, &object->token);
    if (rc)
        return rc;
    call_bind(call, 2, object);
    return FLOW_ON;
}

int statement_ctx_get(struct call *call)
{
    void *value = NULL;
    int rc = weft_context_var_get(call->objects[0]->variable, &value);
    if (rc)
        return rc;
    write_value(&call->run->out, value);
    return FLOW_ON;
}

int statement_ctx_reset(struct call *call)
{
    return weft_context_var_reset(call->objects[0]->variable, &call->objects[1]->token);
}
