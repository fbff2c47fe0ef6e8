/*
 * scope.c - context objects, and the scopes that hold them.
 */
#include "runtime/task/scope.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "runtime/base/mem.h"

_Thread_local struct scope wf_scope_thread __attribute__((tls_model("initial-exec")));

/* What a thread's scope holds when it ends is given back by a destructor. */
static _Thread_local bool thread_known;
static pthread_once_t thread_once = PTHREAD_ONCE_INIT;
static pthread_key_t thread_key;
static bool thread_key_made; /* written once, under thread_once */

static void thread_end(void *scope)
{
    scope_fini(scope);
}

static void thread_make_key(void)
{
    thread_key_made = pthread_key_create(&thread_key, thread_end) == 0;
}

/* The scope is about to hold something. Without a key, or memory for the thread's entry, a thread
 * that ends takes its last values along. */
static void scope_register(const struct scope *scope)
{
    if (scope != &wf_scope_thread || thread_known)
        return;
    thread_known = true;
    pthread_once(&thread_once, thread_make_key);
    if (thread_key_made)
        (void)pthread_setspecific(thread_key, scope);
}

/* An object with this map, whose reference passes to it; NULL: no memory, and it does not. */
static weft_context *context_make(struct bindings *map)
{
    weft_context *context = mem_alloc(sizeof(*context));
    if (!context) {
        errno = ENOMEM;
        return NULL;
    }
    atomic_init(&context->refs, 1);
    atomic_init(&context->entered, false);
    context->map = map;
    context->outer = (struct scope){0};
    return context;
}

weft_context *weft_context_new(void)
{
    return context_make(NULL);
}

weft_context *weft_context_copy(const weft_context *context)
{
    if (!context) {
        errno = EINVAL;
        return NULL;
    }
    weft_context *copy = context_make(context->map);
    if (copy)
        bindings_ref(copy->map);
    return copy;
}

weft_context *weft_context_ref(weft_context *context)
{
    if (context)
        atomic_fetch_add_explicit(&context->refs, 1, memory_order_relaxed); /* the caller has one */
    return context;
}

void weft_context_unref(weft_context *context)
{
    /* Acquire and release: all uses come before the free. */
    if (!context || atomic_fetch_sub_explicit(&context->refs, 1, memory_order_acq_rel) != 1)
        return;
    wf_bindings_unref(context->map);
    mem_free(context, sizeof(*context));
}

int weft_context_contains(const weft_context *context, const weft_context_var *var)
{
    return context && var && bindings_find(context->map, var);
}

int weft_context_get(const weft_context *context, const weft_context_var *var, void **ret_value)
{
    if (!context || !var)
        return -EINVAL;
    const struct binding *binding = bindings_find(context->map, var);
    if (!binding)
        return weft_fail(WEFT_ELOOKUP, "the context has no value for %s",
                         var->name ? var->name : "the variable");
    if (ret_value)
        *ret_value = binding->value;
    return 0;
}

size_t weft_context_len(const weft_context *context)
{
    return context ? bindings_count(context->map) : 0;
}

int weft_context_items(const weft_context *context, weft_context_visitor visit, void *arg)
{
    if (!context || !visit)
        return -EINVAL;
    struct bindings *map = bindings_ref(context->map); /* the visitor may set what it likes */
    int rc = wf_bindings_each(map, visit, arg);
    wf_bindings_unref(map);
    return rc;
}

void wf_scope_init(struct scope *scope, weft_context *context, const struct scope *other)
{
    scope->word = context ? (uintptr_t)weft_context_ref(context) | SCOPE_CONTEXT
                          : (uintptr_t)bindings_ref(scope_bindings(other));
}

static bool context_claim(weft_context *context)
{
    bool entered = false;
    /* Acquire, with the release in context_give_up(): what was set in it elsewhere is seen. */
    return atomic_compare_exchange_strong_explicit(&context->entered, &entered, true,
                                                   memory_order_acquire, memory_order_relaxed);
}

static void context_give_up(weft_context *context)
{
    atomic_store_explicit(&context->entered, false, memory_order_release);
}

static void scope_exchange(struct scope *a, struct scope *b)
{
    struct scope was = *a;
    *a = *b;
    *b = was;
}

bool wf_scope_begin(struct scope *current, struct scope *own)
{
    weft_context *context = scope_context(own);
    if (context && !context_claim(context))
        return false;
    scope_exchange(current, own);
    return true;
}

void wf_scope_end(struct scope *current, struct scope *own)
{
    scope_exchange(current, own);
    weft_context *context = scope_context(own);
    if (context) /* perhaps made by its first set(), and then entered by nobody else */
        context_give_up(context);
}

/* The scope of what was current before weft_context_run(). */
static struct scope *scope_outer(const struct scope *scope)
{
    return &scope_context(scope)->outer;
}

weft_context *wf_scope_innermost(struct scope *scope)
{
    weft_context *context = scope_context(scope);
    if (context)
        return context;
    context = context_make((struct bindings *)scope->word);
    if (context) {
        scope_register(scope);
        scope->word = (uintptr_t)context | SCOPE_CONTEXT;
    }
    return context;
}

weft_context *wf_scope_outermost(struct scope *scope)
{
    while (scope->word & SCOPE_ENTERED)
        scope = scope_outer(scope);
    return wf_scope_innermost(scope);
}

bool wf_scope_enter(struct scope *scope, weft_context *context)
{
    const struct scope *outermost = scope;

    if (!context_claim(context))
        return false;
    while (outermost->word & SCOPE_ENTERED)
        outermost = scope_outer(outermost);
    if (scope_context(outermost) == context) { /* the task's own, which it has never entered (C3) */
        context_give_up(context);
        return false;
    }
    scope_register(scope);
    context->outer = *scope;
    scope->word = (uintptr_t)weft_context_ref(context) | SCOPE_CONTEXT | SCOPE_ENTERED;
    return true;
}

void wf_scope_leave(struct scope *scope)
{
    weft_context *context = scope_context(scope);

    *scope = context->outer;
    context->outer = (struct scope){0};
    context_give_up(context);
    weft_context_unref(context);
}

void wf_scope_fini(struct scope *scope)
{
    while (scope->word & SCOPE_ENTERED) /* a task that was ended inside weft_context_run() */
        wf_scope_leave(scope);
    struct scope last = *scope;
    *scope = (struct scope){0};
    if (last.word & SCOPE_CONTEXT)
        weft_context_unref(scope_context(&last));
    else
        wf_bindings_unref((struct bindings *)last.word);
}
