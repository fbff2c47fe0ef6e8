/*
 * contexts_test.c - context variables, contexts, and stacks of exits, without memory.
 */
#include "tests/memory/scarce.h"

static int values[8];

COROUTINE(nothing)
{
    return 0;
}

static int count_item(weft_context_var *var, void *value, void *arg)
{
    (void)var;
    (void)value;
    ++*(int *)arg;
    return 0;
}

static void use_variable(weft_context_var *var)
{
    weft_context_token token;
    void *value = NULL;

    NEVER(ck_assert_ptr_eq(weft_context_var_get_or(var, &values[0]), &values[0]));
    ASKED(weft_context_var_set(var, &values[1], &token), 0);
    NEVER(ck_assert_int_eq(weft_context_var_get(var, &value), 0));
    ck_assert_ptr_eq(value, &values[1]);
    NEVER(ck_assert_ptr_eq(weft_context_token_var(&token), var));
    NEVER(ck_assert_int_eq(weft_context_token_old_value(&token, &value), 0));
    ASKED(weft_context_var_reset(var, &token), 0);
    NEVER(weft_context_token_fini(&token));
    NEVER(ck_assert_ptr_eq(weft_context_var_get_or(var, &values[0]), &values[0]));
}

START_SCARCE(variables, 3)
{
    weft_context_var model = {.name = "made"}, *made;
    MAKE(made, weft_context_var_new(&model));
    use_variable(made);
    for (int i = 0; i < 8; i++)
        ASKED(weft_context_var_set(made, &values[i], NULL), 0);
    NEVER(weft_context_var_free(made));
    return 0;
}

START_SCARCE(contexts, 3)
{
    static weft_context_var var = WEFT_CONTEXT_VAR("var"), other = WEFT_CONTEXT_VAR("other");
    weft_context *fresh, *copy, *of_copy;
    void *value = NULL;
    int items = 0;

    MAKE(fresh, weft_context_new());
    NEVER(ck_assert_uint_eq(weft_context_len(fresh), 0));
    ASKED(weft_context_var_set(&var, &values[2], NULL), 0);
    ASKED(weft_context_var_set(&other, &values[3], NULL), 0);
    MAKE(copy, weft_copy_context());
    MAKE(of_copy, weft_context_copy(copy));
    NEVER(ck_assert_int_eq(weft_context_contains(of_copy, &var), 1));
    NEVER(ck_assert_int_eq(weft_context_get(of_copy, &var, &value), 0));
    ck_assert_ptr_eq(value, &values[2]);
    NEVER(ck_assert_uint_eq(weft_context_len(copy), 2));
    NEVER(ck_assert_int_eq(weft_context_items(copy, count_item, &items), 0));
    ck_assert_int_eq(items, 2);
    NEVER(ck_assert_int_eq(weft_context_run(fresh, nothing, NULL, NULL), 0));
    NEVER(ck_assert_ptr_eq(weft_context_ref(copy), copy));
    NEVER(weft_context_unref(copy));
    NEVER(weft_context_unref(copy));
    weft_context_unref(of_copy);
    weft_context_unref(fresh);
    return 0;
}

static int pass(void *arg, int code)
{
    ++*(int *)arg;
    return code;
}

START_SCARCE(exit_stacks, 0)
{
    weft_exit_stack stack = WEFT_EXIT_STACK_INIT, all;
    weft_exit exits[2];
    int called = 0;

    NEVER(ck_assert_int_eq(weft_exit_stack_push(&stack, &exits[0], pass, &called), 0));
    NEVER(ck_assert_int_eq(weft_exit_stack_push(&stack, &exits[1], pass, &called), 0));
    NEVER(ck_assert_int_eq(weft_exit_stack_pop_all(&stack, &all), 0));
    NEVER(ck_assert_int_eq(weft_exit_stack_close(&stack, 0), 0));
    COPES(ck_assert_int_eq(weft_exit_stack_close(&all, -EIO), -EIO)); /* its error has an object */
    ck_assert_int_eq(called, 2);
    return 0;
}

int main(void)
{
    Suite *suite = suite_create("contexts without memory");
    TCase *tests = tcase_create("contexts without memory");

    tcase_add_test(tests, variables);
    tcase_add_test(tests, contexts);
    tcase_add_test(tests, exit_stacks);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
