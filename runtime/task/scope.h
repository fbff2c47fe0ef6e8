/*
 * scope.h - where a task, a callback or a thread keeps its context: one word, which is NULL as long
 * as no variable was ever set.
 *
 *     0                          the empty context
 *     bindings                   a copy that nobody has changed or asked for yet
 *     context | CONTEXT          a context object: this scope's own, or one that it was given
 *     context | CONTEXT | ENTERED   as above, entered by weft_context_run(); what was there before
 *                                is in context->outer
 *
 * C1  A copy is a reference to the map. It becomes an object when somebody has to tell it from
 *     others: at the first set().
 * C2  The word holds a reference to what it points to.
 * C3  A context object is `entered` by one weft_context_run(), or one callback that was given it, at
 *     a time: by CAS, so that two threads do not both succeed. A task that was given a context does
 *     not enter it at each of its steps: which tasks share one is up to the user.
 * C4  An object's map and outer belong to whoever runs in it.
 */
#ifndef WEFT_RUNTIME_TASK_SCOPE_H
#define WEFT_RUNTIME_TASK_SCOPE_H

#include "runtime/base/likely.h"
#include "runtime/task/bindings.h"

struct scope {
    uintptr_t word;
};

#define SCOPE_CONTEXT ((uintptr_t)1) /* maps and contexts are aligned, so the bits are free */
#define SCOPE_ENTERED ((uintptr_t)2)

struct weft_context {
    _Atomic uint32_t refs; /* any thread, by RMW */
    _Atomic bool entered;  /* C3: set by CAS, reset by who set it */
    struct bindings *map;  /* C4 */
    struct scope outer;    /* C4: while entered by weft_context_run() */
};

/* The scope of code that is no task's. */
extern _Thread_local struct scope wf_scope_thread __attribute__((tls_model("initial-exec")));

static inline weft_context *scope_context(const struct scope *scope)
{
    return scope->word & SCOPE_CONTEXT
               ? (weft_context *)(scope->word & ~(SCOPE_CONTEXT | SCOPE_ENTERED))
               : NULL;
}

/* The innermost context that was entered by weft_context_run(), or NULL. */
static inline weft_context *scope_entered(const struct scope *scope)
{
    return scope->word & SCOPE_ENTERED ? scope_context(scope) : NULL;
}

/* The variables that are set, borrowed. */
static inline struct bindings *scope_bindings(const struct scope *scope)
{
    weft_context *context = scope_context(scope);
    return context ? context->map : (struct bindings *)scope->word;
}

/* Nothing is set. (A runner's main task has an object from the start, and makes many tasks.) */
static inline bool scope_is_empty(const struct scope *scope)
{
    return likely(!scope->word) || !scope_bindings(scope);
}

void wf_scope_init(struct scope *scope, weft_context *context, const struct scope *other);

/* A new scope: in this very context, or (NULL) in a copy of the other scope's. */
static inline void scope_init(struct scope *scope, weft_context *context, const struct scope *other)
{
    scope->word = 0;
    if (unlikely(!scope_is_empty(other)) || unlikely(context != NULL))
        wf_scope_init(scope, context, other);
}

void wf_scope_fini(struct scope *scope);

/* Gives back what the scope holds. */
static inline void scope_fini(struct scope *scope)
{
    if (unlikely(scope->word != 0))
        wf_scope_fini(scope);
}

/* The innermost context, and the outermost one, as objects, borrowed. NULL: no memory. */
weft_context *wf_scope_innermost(struct scope *scope);
weft_context *wf_scope_outermost(struct scope *scope);

/* weft_context_run() begins: false if the context is entered already. And ends. */
bool wf_scope_enter(struct scope *scope, weft_context *context);
void wf_scope_leave(struct scope *scope);

bool wf_scope_begin(struct scope *current, struct scope *own);
void wf_scope_end(struct scope *current, struct scope *own);

/* A callback with a scope of its own begins: the two are exchanged until it ends. False: its context
 * is entered already, and nothing has changed. */
static inline bool scope_begin(struct scope *current, struct scope *own)
{
    return likely(!(current->word | own->word)) || wf_scope_begin(current, own);
}

/* And ends: what it has set is in its own scope again. */
static inline void scope_end(struct scope *current, struct scope *own)
{
    if (unlikely((current->word | own->word) != 0))
        wf_scope_end(current, own);
}

#endif
