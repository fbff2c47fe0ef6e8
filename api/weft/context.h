/*
 * weft/context.h - context variables: values that belong to a task and not to a thread.
 *
 * A context maps variables to values. Every task runs in a context of its own, which begins as a
 * copy of its creator's; so does every callback; and every thread that runs none of these starts
 * with an empty one. A copy takes constant time, however many variables are set.
 *
 * Who owns a value: set() hands it over. The context holds it, copies of the context hold the same
 * value (not a copy of it), and a token holds the one that its set() replaced. When the last of
 * them has let go of it, the variable's drop function is called, once for each set(), in whatever
 * thread that happens. Without a drop function weft never looks at values, and small numbers can be
 * kept in the pointer itself.
 *
 * A context may travel between threads, but is used by one task, callback or thread at a time: two
 * tasks on different loops must not be given the same one.
 */
#ifndef WEFT_CONTEXT_H
#define WEFT_CONTEXT_H

#include <weft/base.h>
#include <weft/error.h>

WEFT_BEGIN

/* A variable. Usually static, made by one of the macros below; the name of its fields may be used
 * too: `static weft_context_var user = {.name = "user", .drop = free};` */
typedef struct weft_context_var {
    const char *name;    /* for people; may be NULL */
    void *default_value; /* what get() gives where no value is set, with has_default; not dropped */
    int has_default;
    weft_drop drop; /* releases a value that no context and no token holds any more; may be NULL */
    unsigned refs_; /* weft's; 0 */
} weft_context_var;

/* Static initialisers: of a variable without and with a default. */
#define WEFT_CONTEXT_VAR(name)   \
    {                            \
        (name), NULL, 0, NULL, 0 \
    }
#define WEFT_CONTEXT_VAR_DEFAULT(name, value) \
    {                                         \
        (name), (value), 1, NULL, 0           \
    }

/* What a set() has done, to be undone by weft_context_var_reset(). In the caller's storage; it may be
 * moved, but one copy only is to be used. Its contents are weft's. */
typedef struct weft_context_token {
    weft_context_var *var;
    weft_context *context;
    void *before, *after;
    int used;
} weft_context_token;

/**
 * weft_context_var_new - make a variable at run time
 * @model: name (copied), default and drop of the new one; read during the call
 *
 * Context: any thread
 * Return:  to be given back with weft_context_var_free(); NULL with errno EINVAL or ENOMEM
 * asyncio: contextvars.ContextVar(name, default=...)
 */
WEFT_API weft_context_var *weft_context_var_new(const weft_context_var *model);

/* Gives a variable of weft_context_var_new() back; its memory goes when no context or token holds a
 * value of it. NULL is allowed. Any thread. */
WEFT_API void weft_context_var_free(weft_context_var *var);

/**
 * weft_context_var_get - the value in the current context
 * @ret_value: borrowed, until this context lets go of the value: the variable is set again or
 *             reset, or the task has ended. Left alone unless 0 is returned
 *
 * Where no value is set, the variable's default.
 *
 * Context: any thread
 * Return:  0; WEFT_ELOOKUP for a variable that is not set and has no default; -EINVAL
 * asyncio: ContextVar.get()
 */
WEFT_API int weft_context_var_get(const weft_context_var *var, void **ret_value);

/* The value in the current context, else this one, whatever default the variable has. Borrowed.
 * Any thread. asyncio: ContextVar.get(fallback) */
WEFT_API void *weft_context_var_get_or(const weft_context_var *var, void *fallback);

/**
 * weft_context_var_set - set the value in the current context
 * @value:     owned by the context once the call returns 0, still the caller's otherwise
 * @ret_token: NULL if the set() will not be undone; else it is to be ended by
 *             weft_context_var_reset() or weft_context_token_fini()
 *
 * Context: any thread
 * Return:  0; -EINVAL; -ENOMEM with nothing changed
 * asyncio: ContextVar.set(value)
 */
WEFT_API int weft_context_var_set(weft_context_var *var, void *value,
                                  weft_context_token *ret_token);

/**
 * weft_context_var_reset - bring back what was before a set(), be it "not set"
 * @token: of a set() of this variable in the current context; used up once 0 is returned
 *
 * Cannot fail for want of memory, and allocates nothing, when the values that were set in the
 * context since have been reset, newest first.
 *
 * Context: any thread
 * Return:  0; WEFT_ERUNTIME for a token that is used up; -EINVAL for one of another variable or of
 *          another context; -ENOMEM. The token stays good after the last two
 * asyncio: ContextVar.reset(token)
 */
WEFT_API int weft_context_var_reset(weft_context_var *var, weft_context_token *token);

/* Gives back what a token holds, without resetting; a used one holds nothing. Any thread. asyncio:
 * del token */
WEFT_API void weft_context_token_fini(weft_context_token *token);

/* The variable of a token that is not used up; else NULL. Any thread. asyncio: Token.var */
WEFT_API weft_context_var *weft_context_token_var(const weft_context_token *token);

/**
 * weft_context_token_old_value - the value before the set()
 * @ret_value: borrowed from the token; left alone unless 1 is returned; may be NULL
 *
 * Context: any thread
 * Return:  1; 0 if there was none, or the token is used up
 * asyncio: Token.old_value, Token.MISSING
 */
WEFT_API int weft_context_token_old_value(const weft_context_token *token, void **ret_value);

/* An empty context. Owned by the caller; NULL with errno ENOMEM. Any thread. asyncio: Context() */
WEFT_API weft_context *weft_context_new(void);

/* A copy of the current context, in constant time. Owned by the caller; NULL with errno ENOMEM. Any
 * thread. asyncio: copy_context() */
WEFT_API weft_context *weft_copy_context(void);

/* A copy of a context, in constant time. Owned by the caller; NULL with errno EINVAL or ENOMEM. Any
 * thread. asyncio: Context.copy() */
WEFT_API weft_context *weft_context_copy(const weft_context *context);

/* Another reference; returns the context. NULL is passed through. Any thread. */
WEFT_API weft_context *weft_context_ref(weft_context *context);

/* Gives a reference back; the last one frees. NULL is allowed. Any thread. */
WEFT_API void weft_context_unref(weft_context *context);

/**
 * weft_context_run - call a function with a context as the current one
 * @fn:         called once, before the call returns; inside a task it may suspend, and other tasks
 *              do not see the context meanwhile
 * @arg:        passed to fn
 * @ret_result: may be NULL; left alone unless 0 is returned
 *
 * What fn sets stays in the context. Afterwards the one that was current before is so again.
 *
 * Context: any thread
 * Return:  what fn returned; WEFT_ERUNTIME if the context is entered already, here or elsewhere (fn
 *          was not called); -EINVAL
 * asyncio: Context.run(fn, arg)
 */
WEFT_API int weft_context_run(weft_context *context, weft_coroutine fn, void *arg,
                              void **ret_result);

/* 1 if the variable is set in the context, else 0; its default does not count. asyncio: var in
 * context */
WEFT_API int weft_context_contains(const weft_context *context, const weft_context_var *var);

/**
 * weft_context_get - the value that a context holds
 * @ret_value: borrowed from the context; left alone unless 0 is returned; may be NULL
 *
 * Context: any thread
 * Return:  0; WEFT_ELOOKUP if the variable is not set there: its default does not count; -EINVAL
 * asyncio: context[var]
 */
WEFT_API int weft_context_get(const weft_context *context, const weft_context_var *var,
                              void **ret_value);

/* How many variables are set in the context. asyncio: len(context) */
WEFT_API size_t weft_context_len(const weft_context *context);

/* Gets one variable and its value, borrowed; anything but 0 ends the visit. */
typedef int (*weft_context_visitor)(weft_context_var *var, void *value, void *arg);

/**
 * weft_context_items - visit all variables of a context, in no particular order
 * @visit: called for what the context holds when the visit begins, whatever is set meanwhile
 *
 * Context: any thread
 * Return:  0; what ended the visit; -EINVAL
 * asyncio: context.items()
 */
WEFT_API int weft_context_items(const weft_context *context, weft_context_visitor visit, void *arg);

WEFT_END

#endif
