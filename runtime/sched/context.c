/*
 * context.c - context variables in the current context: weft/context.h.
 *
 * A token holds the map before its set() and the one after it. As long as the latter is still the
 * context's, a reset is an exchange of two pointers; else the old value is put into today's map.
 */
#include <errno.h>
#include <string.h>
#include <weft/context.h>

#include "runtime/base/mem.h"
#include "runtime/sched/current_scope.h"

weft_context_var *weft_context_var_new(const weft_context_var *model)
{
    if (!model) {
        errno = EINVAL;
        return NULL;
    }
    size_t bytes = model->name ? strlen(model->name) + 1 : 0;
    weft_context_var *var = mem_alloc(sizeof(*var));
    char *name = var && bytes ? mem_alloc(bytes) : NULL;
    if (!var || (bytes && !name)) {
        mem_free(var, sizeof(*var));
        errno = ENOMEM;
        return NULL;
    }
    *var = *model;
    var->name = bytes ? memcpy(name, model->name, bytes) : NULL;
    var->refs_ = 1;
    return var;
}

void weft_context_var_free(weft_context_var *var)
{
    if (var)
        wf_context_var_unref(var);
}

static const struct binding *current_binding(const weft_context_var *var)
{
    return bindings_find(scope_bindings(scope_current()), var);
}

int weft_context_var_get(const weft_context_var *var, void **ret_value)
{
    if (unlikely(!var || !ret_value))
        return -EINVAL;
    const struct binding *binding = current_binding(var);
    if (binding)
        *ret_value = binding->value;
    else if (var->has_default)
        *ret_value = var->default_value;
    else
        return weft_fail(WEFT_ELOOKUP, "%s is not set", var->name ? var->name : "the variable");
    return 0;
}

void *weft_context_var_get_or(const weft_context_var *var, void *fallback)
{
    const struct binding *binding = likely(var != NULL) ? current_binding(var) : NULL;
    return binding ? binding->value : fallback;
}

/* The map becomes the context's; the old one's reference passes to the caller. */
static struct bindings *context_exchange(weft_context *context, struct bindings *map)
{
    struct bindings *old = context->map;
    context->map = map;
    return old;
}

int weft_context_var_set(weft_context_var *var, void *value, weft_context_token *ret_token)
{
    if (unlikely(!var))
        return -EINVAL;
    weft_context *context = wf_scope_innermost(scope_current());
    struct binding *binding = context ? wf_binding_new(var, value) : NULL;
    if (unlikely(!binding))
        return -ENOMEM;
    struct bindings *map = wf_bindings_with(context->map, binding);
    if (unlikely(!map)) {
        wf_binding_discard(binding);
        return -ENOMEM;
    }
    wf_binding_unref(binding); /* the map holds it */
    struct bindings *old = context_exchange(context, map);
    if (ret_token)
        *ret_token = (weft_context_token){
            .var = var,
            .context = weft_context_ref(context),
            .before = old,
            .after = bindings_ref(map),
        };
    else
        wf_bindings_unref(old); /* last: it may drop values, and a drop may do anything */
    return 0;
}

void weft_context_token_fini(weft_context_token *token)
{
    if (!token || !token->context)
        return;
    weft_context_token was = *token;
    *token = (weft_context_token){.used = 1};
    wf_bindings_unref(was.after);
    wf_bindings_unref(was.before);
    weft_context_unref(was.context);
}

int weft_context_var_reset(weft_context_var *var, weft_context_token *token)
{
    if (!var || !token)
        return -EINVAL;
    if (token->used)
        return weft_fail(WEFT_ERUNTIME, "the token has been used already");
    if (token->var != var)
        return weft_fail(-EINVAL, "the token was made by another variable");
    weft_context *context = scope_context(scope_current());
    if (token->context != context)
        return weft_fail(-EINVAL, "the token was made in another context");
    struct bindings *map = NULL;
    if (likely(context->map == token->after)) {
        map = bindings_ref(token->before);
    } else {
        struct binding *old = bindings_find(token->before, var);
        int rc = old ? 0 : wf_bindings_without(context->map, var, &map);
        if (old)
            map = wf_bindings_with(context->map, old);
        if (rc || (old && !map))
            return -ENOMEM;
    }
    struct bindings *left = context_exchange(context, map);
    weft_context_token_fini(token);
    wf_bindings_unref(left);
    return 0;
}

weft_context_var *weft_context_token_var(const weft_context_token *token)
{
    return token ? token->var : NULL;
}

int weft_context_token_old_value(const weft_context_token *token, void **ret_value)
{
    const struct binding *old =
        token && token->var ? bindings_find(token->before, token->var) : NULL;
    if (old && ret_value)
        *ret_value = old->value;
    return old != NULL;
}

weft_context *weft_copy_context(void)
{
    weft_context *copy = weft_context_new();
    if (copy)
        copy->map = bindings_ref(scope_bindings(scope_current()));
    return copy;
}

int weft_context_run(weft_context *context, weft_coroutine fn, void *arg, void **ret_result)
{
    if (!context || !fn)
        return -EINVAL;
    struct scope *scope = scope_current();
    if (!wf_scope_enter(scope, context))
        return weft_fail(WEFT_ERUNTIME, "the context is entered already");
    void *result = NULL;
    int code = fn(arg, &result);
    wf_scope_leave(scope); /* a task stays on its thread, so this is still the scope */
    if (code == 0 && ret_result)
        *ret_result = result;
    return code;
}

weft_context *weft_task_get_context(weft_task *task)
{
    if (!task || !future_is_task(task)) {
        errno = EINVAL;
        return NULL;
    }
    return wf_scope_outermost(&task_of(task)->scope);
}
