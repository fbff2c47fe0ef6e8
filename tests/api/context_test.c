/*
 * context_test.c - context variables, tokens and contexts (CTXV).
 *
 * Values that run through a context from its maker to tasks, callbacks and threads are in
 * context_flow_test.c and context_callback_test.c.
 */
#include <pthread.h>

#include "tests/api/contexts.h"

static weft_context_var precision = WEFT_CONTEXT_VAR_DEFAULT("precision", (void *)28);

static weft_context_token set_token(weft_context_var *var, long n)
{
    weft_context_token token;
    ck_assert_int_eq(weft_context_var_set(var, number(n), &token), 0);
    return token;
}

/* CTXV-01: the value, else the default of the call, else the variable's, else LookupError. */
START_TEST(get_looks_in_four_places)
{
    void *value = number(77);

    ck_assert_int_eq(weft_context_var_get(&plain, &value), WEFT_ELOOKUP);
    ck_assert_ptr_eq(value, number(77));
    ck_assert_str_eq(weft_error_message(weft_error_current()), "plain is not set");
    ck_assert_int_eq(weft_context_var_get(&precision, &value), 0);
    ck_assert_ptr_eq(value, number(28));
    ck_assert_ptr_eq(weft_context_var_get_or(&precision, number(3)), number(3));
    ck_assert_ptr_eq(weft_context_var_get_or(&plain, number(4)), number(4));
    set(&precision, 50);
    set(&plain, 0);
    ck_assert_int_eq(weft_context_var_get(&precision, &value), 0);
    ck_assert_ptr_eq(value, number(50));
    ck_assert_ptr_eq(weft_context_var_get_or(&precision, number(3)), number(50));
    ck_assert_int_eq(weft_context_var_get(&plain, &value), 0);
    ck_assert_ptr_null(value);
    ck_assert_int_eq(weft_context_var_get(NULL, &value), -EINVAL);
    ck_assert_int_eq(weft_context_var_get(&plain, NULL), -EINVAL);
    ck_assert_int_eq(weft_context_var_set(NULL, NULL, NULL), -EINVAL);
}
END_TEST

/* CTXV-02: a token knows the variable and the old value, or that there was none. */
START_TEST(token_knows_what_was)
{
    void *old = number(5);
    weft_context_token first = set_token(&precision, 1);
    weft_context_token second = set_token(&precision, 2);

    ck_assert_ptr_eq(weft_context_token_var(&first), &precision);
    ck_assert_int_eq(weft_context_token_old_value(&first, &old), 0); /* the default is no value */
    ck_assert_ptr_eq(old, number(5));
    ck_assert_int_eq(weft_context_token_old_value(&second, &old), 1);
    ck_assert_ptr_eq(old, number(1));
    weft_context_token_fini(&second);
    ck_assert_ptr_null(weft_context_token_var(&second));
    ck_assert_int_eq(weft_context_token_old_value(&second, &old), 0);
    ck_assert_int_eq(current(&precision), 2);
    weft_context_token_fini(&first);
    weft_context_token_fini(NULL);
}
END_TEST

/* CTXV-03: reset brings back exactly what was before that set(), also "not set", in any order. */
START_TEST(reset_restores_what_was)
{
    weft_context_token first = set_token(&plain, 1);
    weft_context_token second = set_token(&plain, 2);
    ck_assert_int_eq(weft_context_var_reset(&plain, &second), 0);
    ck_assert_int_eq(current(&plain), 1);
    ck_assert_int_eq(weft_context_var_reset(&plain, &first), 0);
    ck_assert_int_eq(current(&plain), -1);

    first = set_token(&plain, 1);
    second = set_token(&plain, 2);
    weft_context_token other = set_token(&precision, 9);
    ck_assert_int_eq(weft_context_var_reset(&plain, &first), 0);
    ck_assert_int_eq(current(&plain), -1);
    ck_assert_int_eq(weft_context_var_reset(&plain, &second), 0);
    ck_assert_int_eq(current(&plain), 1); /* what was before the second set() */
    ck_assert_int_eq(current(&precision), 9);
    ck_assert_int_eq(weft_context_var_reset(&precision, &other), 0);
    ck_assert_int_eq(current(&precision), -1);
    ck_assert_int_eq(current(&plain), 1);
}
END_TEST

/* CTXV-04: the second use of a token fails, and so does one after it was given back. */
START_TEST(token_is_used_once)
{
    weft_context_token token = set_token(&plain, 1);

    ck_assert_int_eq(weft_context_var_reset(&plain, &token), 0);
    set(&plain, 3);
    ck_assert_int_eq(weft_context_var_reset(&plain, &token), WEFT_ERUNTIME);
    ck_assert_int_eq(current(&plain), 3);
    token = set_token(&plain, 4);
    weft_context_token_fini(&token);
    ck_assert_int_eq(weft_context_var_reset(&plain, &token), WEFT_ERUNTIME);
    ck_assert_int_eq(current(&plain), 4);
}
END_TEST

COROUTINE(reset_elsewhere)
{
    ck_assert_int_eq(weft_context_var_reset(&plain, arg), -EINVAL);
    ck_assert_int_eq(current(&plain), -1);
    set(&plain, 8);
    return weft_context_var_reset(&plain, arg);
}

/* CTXV-05: a token of another variable, or from another context, is refused, and stays good. */
START_TEST(token_belongs_to_variable_and_context)
{
    weft_context_token token = set_token(&plain, 1), never = {0};
    weft_context *context = weft_context_new();

    ck_assert_int_eq(weft_context_var_reset(&precision, &token), -EINVAL);
    ck_assert_int_eq(weft_context_run(context, reset_elsewhere, &token, NULL), -EINVAL);
    ck_assert_int_eq(held(context, &plain), 8);
    ck_assert_int_eq(weft_context_var_reset(&plain, &never), -EINVAL);
    ck_assert_int_eq(weft_context_var_reset(&plain, NULL), -EINVAL);
    ck_assert_int_eq(weft_context_var_reset(&plain, &token), 0);
    ck_assert_int_eq(current(&plain), -1);
    weft_context_unref(context);
}
END_TEST

/* CTXV-06: a copy is a snapshot; changes on either side are not seen on the other. That it takes
 * constant time: it allocates once, however much is set. */
START_TEST(copy_is_a_snapshot)
{
    static weft_context_var many[100];
    for (long i = 0; i < 100; i++)
        set(&many[i], i);
    set(&plain, 1);
    wf_fault_arm(FAULT_ALLOC, FAULTS_MAX, ENOMEM, false);
    weft_context *copy = weft_copy_context();
    ck_assert_uint_eq(wf_fault_calls(FAULT_ALLOC), 1);
    wf_fault_reset();

    ck_assert_uint_eq(weft_context_len(copy), 101);
    set(&plain, 2);
    set(&many[7], 70);
    ck_assert_int_eq(held(copy, &plain), 1);
    ck_assert_int_eq(held(copy, &many[7]), 7);
    weft_context *second = weft_context_copy(copy);
    ck_assert_int_eq(held(second, &plain), 1);
    weft_context_unref(copy);
    ck_assert_int_eq(held(second, &many[99]), 99);
    weft_context_unref(second);
    ck_assert_int_eq(current(&plain), 2);
    ck_assert_ptr_null(weft_context_copy(NULL));
    ck_assert_int_eq(errno, EINVAL);
}
END_TEST

COROUTINE(set_and_return)
{
    set(&plain, 10);
    *result = number(current(&precision));
    return (int)(intptr_t)arg;
}

/* CTXV-07: what the function sets stays in the context, and the one before is back afterwards, also
 * after an error. */
START_TEST(run_keeps_what_is_set)
{
    weft_context *context = weft_context_new();
    void *result = number(1);

    set(&plain, 1);
    set(&precision, 2);
    ck_assert_int_eq(weft_context_run(context, set_and_return, NULL, &result), 0);
    ck_assert_ptr_eq(result, number(-1)); /* an empty context */
    ck_assert_int_eq(current(&plain), 1);
    ck_assert_int_eq(held(context, &plain), 10);
    weft_context *other = weft_copy_context();
    ck_assert_int_eq(weft_context_run(other, set_and_return, number(-EIO), &result), -EIO);
    ck_assert_ptr_eq(result, number(-1));
    ck_assert_int_eq(current(&plain), 1);
    ck_assert_int_eq(held(other, &plain), 10);
    ck_assert_int_eq(weft_context_run(other, NULL, NULL, NULL), -EINVAL);
    ck_assert_int_eq(weft_context_run(NULL, set_and_return, NULL, NULL), -EINVAL);
    weft_context_unref(context);
    weft_context_unref(other);
}
END_TEST

COROUTINE(never_run)
{
    ck_abort_msg("runs in a context that is entered");
    return 0;
}

COROUTINE(enter_again)
{
    ck_assert_int_eq(weft_context_run(arg, never_run, NULL, NULL), WEFT_ERUNTIME);
    return 0;
}

COROUTINE(enter_under_another)
{
    weft_context *inner = weft_context_new();
    ck_assert_int_eq(weft_context_run(inner, enter_again, arg, NULL), 0);
    weft_context_unref(inner);
    return 0;
}

static void *enter_from_thread(void *arg)
{
    return number(weft_context_run(arg, never_run, NULL, NULL));
}

COROUTINE(enter_elsewhere)
{
    pthread_t thread;
    void *rc;
    ck_assert_int_eq(pthread_create(&thread, NULL, enter_from_thread, arg), 0);
    ck_assert_int_eq(pthread_join(thread, &rc), 0);
    ck_assert_ptr_eq(rc, number(WEFT_ERUNTIME));
    return 0;
}

/* CTXV-08: a context that is entered cannot be entered: not again, not below another one, and not by
 * another thread. Afterwards it can. */
START_TEST(entered_context_is_refused)
{
    weft_context *context = weft_context_new();

    ck_assert_int_eq(weft_context_run(context, enter_again, context, NULL), 0);
    ck_assert_int_eq(weft_context_run(context, enter_under_another, context, NULL), 0);
    ck_assert_int_eq(weft_context_run(context, enter_elsewhere, context, NULL), 0);
    ck_assert_int_eq(weft_context_run(context, set_and_return, NULL, NULL), 0);
    weft_context_unref(context);
}
END_TEST

/* CTXV-08: a task's own context is entered for as long as the task runs. */
START_SIM(own_context_is_entered)
{
    weft_context *own = weft_task_get_context(weft_current_task());
    ck_assert_int_eq(weft_context_run(own, never_run, NULL, NULL), WEFT_ERUNTIME);
    return enter_under_another(own, NULL);
}

struct nest {
    weft_context *contexts[2];
    int depth;
};

COROUTINE(set_in_nest)
{
    struct nest *nest = arg;
    int depth = nest->depth;

    ck_assert_int_eq(current(&plain), -1);
    set(&plain, depth);
    if (depth < 2) {
        nest->depth++;
        ck_assert_int_eq(weft_context_run(nest->contexts[depth], set_in_nest, nest, NULL), 0);
    }
    ck_assert_int_eq(current(&plain), depth);
    return 0;
}

/* CTXV-09: contexts nest, and each sees its own values only. */
START_TEST(contexts_nest)
{
    struct nest nest = {{weft_context_new(), weft_context_new()}, 0};

    ck_assert_int_eq(set_in_nest(&nest, NULL), 0);
    ck_assert_int_eq(nest.depth, 2);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(held(nest.contexts[i], &plain), i + 1);
        weft_context_unref(nest.contexts[i]);
    }
}
END_TEST

static int add_item(weft_context_var *var, void *value, void *arg)
{
    *(long *)arg += (long)(intptr_t)value * (var == &plain ? 1 : 100);
    return 0;
}

static int end_visit(weft_context_var *var, void *value, void *arg)
{
    (void)var;
    (void)value;
    ++*(int *)arg;
    return 5;
}

/* CTXV-10: whether it holds a variable, its value (a default does not count), size and items. */
START_TEST(context_can_be_asked)
{
    void *value = number(9);
    long sum = 0;
    int visits = 0;
    weft_context *empty = weft_copy_context();

    ck_assert_uint_eq(weft_context_len(empty), 0);
    ck_assert_int_eq(weft_context_contains(empty, &precision), 0);
    ck_assert_int_eq(weft_context_get(empty, &precision, &value), WEFT_ELOOKUP);
    ck_assert_ptr_eq(value, number(9));
    ck_assert_int_eq(weft_context_items(empty, add_item, &sum), 0);
    ck_assert_int_eq(sum, 0);
    set(&plain, 3);
    set(&precision, 4);
    weft_context *context = weft_copy_context();
    ck_assert_uint_eq(weft_context_len(context), 2);
    ck_assert_int_eq(weft_context_contains(context, &precision), 1);
    ck_assert_int_eq(weft_context_get(context, &plain, &value), 0);
    ck_assert_ptr_eq(value, number(3));
    ck_assert_int_eq(weft_context_items(context, add_item, &sum), 0);
    ck_assert_int_eq(sum, 403);
    ck_assert_int_eq(weft_context_items(context, end_visit, &visits), 5);
    ck_assert_int_eq(visits, 1);
    ck_assert_int_eq(weft_context_items(NULL, end_visit, NULL), -EINVAL);
    ck_assert_int_eq(weft_context_get(context, NULL, &value), -EINVAL);
    ck_assert_int_eq(weft_context_contains(NULL, &plain), 0);
    ck_assert_uint_eq(weft_context_len(NULL), 0);
    weft_context_unref(empty);
    weft_context_unref(context);
    weft_context_unref(NULL);
}
END_TEST

/* CTXV-13: values are shared by reference: what changes inside one is seen through a copy. */
START_TEST(values_are_shared)
{
    int inside = 1;
    void *value;

    ck_assert_int_eq(weft_context_var_set(&plain, &inside, NULL), 0);
    weft_context *copy = weft_copy_context();
    *(int *)weft_context_var_get_or(&plain, NULL) = 2;
    ck_assert_int_eq(weft_context_get(copy, &plain, &value), 0);
    ck_assert_int_eq(*(int *)value, 2);
    weft_context_unref(copy);
}
END_TEST

/* A value is dropped once, when the last of the contexts and tokens that hold it lets go. */
START_TEST(value_goes_with_the_last_holder)
{
    set(&owning, 1);
    weft_context *copy = weft_copy_context();
    weft_context_token token = set_token(&owning, 2);
    weft_context_unref(copy);
    ck_assert_int_eq(drops, 0); /* the token holds the first */
    ck_assert_int_eq(weft_context_var_reset(&owning, &token), 0);
    ck_assert_int_eq(drops, 1); /* the second is gone */
    copy = weft_copy_context();
    set(&owning, 3);
    ck_assert_int_eq(drops, 1);
    weft_context_unref(copy);
    ck_assert_int_eq(drops, 2);
}
END_TEST

static void *set_in_thread(void *arg) /* arg: NULL, or the copy is wanted */
{
    ck_assert_int_eq(current(&plain), -1);
    ck_assert_int_eq(current(&owning), -1);
    set(&plain, 5);
    set(&owning, 6);
    weft_context *copy = weft_copy_context();
    ck_assert_uint_eq(weft_context_len(copy), 2);
    return arg ? copy : (weft_context_unref(copy), NULL);
}

/* CTXV-11, MULT-06: each thread begins with an empty context of its own, which ends with it. */
START_TEST(thread_has_a_context)
{
    pthread_t thread;
    void *copy;

    set(&plain, 1);
    ck_assert_int_eq(pthread_create(&thread, NULL, set_in_thread, NULL), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(drops, 1);
    ck_assert_int_eq(current(&plain), 1);
    /* A context may outlive the thread that made it. */
    ck_assert_int_eq(pthread_create(&thread, NULL, set_in_thread, "keep"), 0);
    ck_assert_int_eq(pthread_join(thread, &copy), 0);
    ck_assert_int_eq(drops, 1);
    ck_assert_int_eq(held(copy, &plain), 5);
    weft_context_unref(copy);
    ck_assert_int_eq(drops, 2);
}
END_TEST

/* A variable made at run time; contexts keep it for as long as they hold a value of it. */
START_TEST(variable_made_at_run_time)
{
    char name[] = "made";
    void *value;
    weft_context_var *var = weft_context_var_new(
        &(weft_context_var){.name = name, .has_default = 1, .default_value = number(6)});

    name[0] = 'f';
    ck_assert_str_eq(var->name, "made");
    ck_assert_int_eq(weft_context_var_get(var, &value), 0);
    ck_assert_ptr_eq(value, number(6));
    weft_context_var_free(var);

    var = weft_context_var_new(&(weft_context_var){.drop = count_drop});
    weft_context_token token = set_token(var, 7);
    weft_context *copy = weft_copy_context();
    ck_assert_int_eq(weft_context_var_reset(var, &token), 0);
    weft_context_var_free(var);
    ck_assert_int_eq(held(copy, var), 7); /* its address still tells it from others */
    ck_assert_int_eq(drops, 0);
    weft_context_unref(copy);
    ck_assert_int_eq(drops, 1);
    ck_assert_ptr_null(weft_context_var_new(NULL));
    ck_assert_int_eq(errno, EINVAL);
    weft_context_var_free(NULL);
}
END_TEST

/* Every call either does its work or says that there is no memory and has changed nothing. */
static void use_without_memory(void)
{
    weft_context_token first, second;
    int rc, dropped = drops;

    while ((rc = weft_context_var_set(&owning, number(1), &first))) {
        ck_assert_int_eq(rc, -ENOMEM);
        ck_assert_int_eq(current(&owning), -1);
    }
    while ((rc = weft_context_var_set(&plain, number(2), &second))) {
        ck_assert_int_eq(rc, -ENOMEM);
        ck_assert_int_eq(current(&plain), -1);
    }
    while ((rc = weft_context_var_reset(&owning, &first))) {
        ck_assert_int_eq(rc, -ENOMEM);
        ck_assert_int_eq(current(&owning), 1);
        ck_assert_int_eq(drops, dropped);
    }
    ck_assert_int_eq(current(&owning), -1);
    weft_context *copy, *second_copy;
    while (!(copy = weft_copy_context()))
        ck_assert_int_eq(errno, ENOMEM);
    while (!(second_copy = weft_context_copy(copy)))
        ck_assert_int_eq(errno, ENOMEM);
    ck_assert_int_eq(held(second_copy, &plain), 2);
    weft_context_var *var;
    while (!(var = weft_context_var_new(&(weft_context_var){.name = "made"})))
        ck_assert_int_eq(errno, ENOMEM);
    weft_context_var_free(var);
    weft_context_token third;
    if (!weft_context_var_set(&plain, number(3), &third)) {
        unsigned long calls = wf_fault_calls(FAULT_ALLOC);
        ck_assert_int_eq(weft_context_var_reset(&plain, &third), 0);
        /* The latest set() is undone without memory. */
        ck_assert_uint_eq(wf_fault_calls(FAULT_ALLOC), calls);
    }
    ck_assert_int_eq(current(&plain), 2);
    weft_context_token_fini(&second);
    weft_context_unref(copy);
    weft_context_unref(second_copy);
    ck_assert_int_eq(drops, dropped + 1);
}

START_TEST(no_memory_changes_nothing)
{
    ck_assert_uint_ge(run_with_each_fault(FAULT_ALLOC, ENOMEM, use_without_memory), 10);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("context");
    TCase *tcase = tcase_create("context");
    tcase_add_test(tcase, get_looks_in_four_places);
    tcase_add_test(tcase, token_knows_what_was);
    tcase_add_test(tcase, reset_restores_what_was);
    tcase_add_test(tcase, token_is_used_once);
    tcase_add_test(tcase, token_belongs_to_variable_and_context);
    tcase_add_test(tcase, copy_is_a_snapshot);
    tcase_add_test(tcase, run_keeps_what_is_set);
    tcase_add_test(tcase, entered_context_is_refused);
    tcase_add_test(tcase, own_context_is_entered);
    tcase_add_test(tcase, contexts_nest);
    tcase_add_test(tcase, context_can_be_asked);
    tcase_add_test(tcase, values_are_shared);
    tcase_add_test(tcase, value_goes_with_the_last_holder);
    tcase_add_test(tcase, thread_has_a_context);
    tcase_add_test(tcase, variable_made_at_run_time);
    tcase_add_test(tcase, no_memory_changes_nothing);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
