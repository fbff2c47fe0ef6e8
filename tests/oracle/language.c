/*
 * language.c - the tables of the language.
 */
#include "tests/oracle/language.h"

#include <string.h>

#include "tests/oracle/statements.h"

static const struct operation operations[] = {
#define STATEMENT(name, place, ...) {#name, place, {__VA_ARGS__}, statement_##name, NULL},
    STATEMENTS(STATEMENT)
#define BLOCK(name, place, ...) {#name, place, {__VA_ARGS__}, NULL, block_##name},
        BLOCKS(BLOCK)};

const struct operation *operation_find(const char *name)
{
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
        if (!strcmp(operations[i].name, name))
            return &operations[i];
    return NULL;
}

/* The types that variables of an argument may have: a bit each. */
#define BIT(type) (1u << TYPE_##type)
static const unsigned allowed[ARG_KINDS] = {
    [ARG_CORO] = BIT(CORO),
    [ARG_FUNC] = BIT(FUNC),
    [ARG_AGEN] = BIT(AGEN),
    [ARG_TASK] = BIT(TASK),
    [ARG_FUTURE] = BIT(FUTURE),
    [ARG_AGG] = BIT(AGG),
    [ARG_TIMEOUT] = BIT(TIMEOUT),
    [ARG_GROUP] = BIT(GROUP),
    [ARG_HANDLE] = BIT(HANDLE),
    [ARG_TOKEN] = BIT(TOKEN),
    [ARG_GENERATOR] = BIT(GENERATOR),
    [ARG_EVENT] = BIT(EVENT),
    [ARG_LOCK] = BIT(LOCK),
    [ARG_QUEUE] = BIT(QUEUE),
    [ARG_CONDITION] = BIT(CONDITION),
    [ARG_BARRIER] = BIT(BARRIER),
    [ARG_CONTEXTVAR] = BIT(CONTEXTVAR),
    [ARG_COUNTER] = BIT(COUNTER),
    [ARG_AWAITABLE] = BIT(TASK) | BIT(FUTURE) | BIT(AGG),
    [ARG_LOCKISH] = BIT(LOCK) | BIT(SEMAPHORE) | BIT(CONDITION),
    [ARG_WITHABLE] = BIT(LOCK) | BIT(SEMAPHORE) | BIT(CONDITION) | BIT(BARRIER),
};

bool argument_allows(unsigned kind, enum type type)
{
    return allowed[kind & ARG_KIND] >> type & 1u;
}

enum type argument_type(unsigned kind)
{
    return (enum type)__builtin_ctz(allowed[kind & ARG_KIND]);
}

const char *const *argument_choices(unsigned kind)
{
    static const char *const gather[] = {"raise", "collect", NULL};
    static const char *const wait[] = {"all", "first", "exc", NULL};
    static const char *const iteration[] = {"plain", "async", NULL};
    static const char *const immediate[] = {"immediate", NULL};

    switch (kind & ARG_KIND) {
    case ARG_GATHER_MODE:
        return gather;
    case ARG_WAIT_MODE:
        return wait;
    case ARG_ITERATION_MODE:
        return iteration;
    case ARG_IMMEDIATE:
        return immediate;
    default:
        return NULL;
    }
}

const char *type_name(enum type type)
{
    static const char *const names[TYPES] = {
        [TYPE_NONE] = "unknown",
        [TYPE_CORO] = "coro",
        [TYPE_FUNC] = "func",
        [TYPE_AGEN] = "agen",
        [TYPE_TASK] = "task",
        [TYPE_FUTURE] = "future",
        [TYPE_AGG] = "gather",
        [TYPE_TIMEOUT] = "timeout",
        [TYPE_GROUP] = "task group",
        [TYPE_HANDLE] = "handle",
        [TYPE_TOKEN] = "token",
        [TYPE_GENERATOR] = "generator",
        [TYPE_EVENT] = "event",
        [TYPE_LOCK] = "lock",
        [TYPE_QUEUE] = "queue",
        [TYPE_SEMAPHORE] = "semaphore",
        [TYPE_CONDITION] = "condition",
        [TYPE_BARRIER] = "barrier",
        [TYPE_CONTEXTVAR] = "contextvar",
        [TYPE_COUNTER] = "counter",
    };
    return names[type];
}

static const struct declaration_kind declaration_kinds[] = {
    {"future", DECLARE_FUTURE, TYPE_FUTURE, TAKES_NOTHING},
    {"event", DECLARE_EVENT, TYPE_EVENT, TAKES_NOTHING},
    {"lock", DECLARE_LOCK, TYPE_LOCK, TAKES_NOTHING},
    {"queue", DECLARE_QUEUE, TYPE_QUEUE, TAKES_NUMBER},
    {"lifoqueue", DECLARE_LIFOQUEUE, TYPE_QUEUE, TAKES_NUMBER},
    {"priorityqueue", DECLARE_PRIORITYQUEUE, TYPE_QUEUE, TAKES_NUMBER},
    {"semaphore", DECLARE_SEMAPHORE, TYPE_SEMAPHORE, TAKES_NUMBER},
    {"boundedsemaphore", DECLARE_BOUNDEDSEMAPHORE, TYPE_SEMAPHORE, TAKES_NUMBER},
    {"condition", DECLARE_CONDITION, TYPE_CONDITION, TAKES_LOCK},
    {"barrier", DECLARE_BARRIER, TYPE_BARRIER, TAKES_NUMBER},
    {"contextvar", DECLARE_CONTEXTVAR, TYPE_CONTEXTVAR, TAKES_NUMBER},
    {"counter", DECLARE_COUNTER, TYPE_COUNTER, TAKES_NUMBER},
};

const struct declaration_kind *declaration_find(const char *name)
{
    for (size_t i = 0; i < sizeof(declaration_kinds) / sizeof(declaration_kinds[0]); i++)
        if (!strcmp(declaration_kinds[i].name, name))
            return &declaration_kinds[i];
    return NULL;
}

const char *const raisable_errors[] = {"CancelledError", "TimeoutError", "RuntimeError",
                                       "ValueError", NULL};

bool error_kind_is_known(const char *text)
{
    static const char *const kinds[] = {
        "any",
        "Exception",
        "CancelledError",
        "TimeoutError",
        "QueueEmpty",
        "InvalidStateError",
        "QueueFull",
        "QueueShutDown",
        "RuntimeError",
        "BrokenBarrierError",
        "ValueError",
        "UserError",
        "ExceptionGroup",
        "StopAsyncIteration",
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (!strcmp(kinds[i], text))
            return true;
    return false;
}
