/*
 * task_group.c - one of three tasks fails: the others are cancelled, and the error comes out of the
 * group.
 */
#include <stdio.h>
#include <weft/weft.h>

static int child(void *arg, void **result)
{
    const char *name = arg;
    (void)result;
    int err = weft_sleep(*name == 'b' ? 1 : 10);
    if (err == WEFT_ECANCELLED)
        printf("%s: cancelled\n", name);
    if (err)
        return err;
    printf("%s: fails\n", name);
    return weft_fail(-EIO, "%s has failed", name);
}

static int main_task(void *arg, void **result)
{
    (void)arg, (void)result;
    weft_task_group group = WEFT_TASK_GROUP_INIT;
    int err = weft_task_group_begin(&group);
    if (err)
        return err;
    weft_unref(weft_task_group_create_task(&group, child, "a", NULL));
    weft_unref(weft_task_group_create_task(&group, child, "b", NULL));
    weft_unref(weft_task_group_create_task(&group, child, "c", NULL));
    err = weft_task_group_end(&group, 0);
    if (err != WEFT_EGROUP)
        return err;
    weft_error *group_error = weft_error_current();
    printf("%s\n", weft_error_message(group_error));
    for (size_t i = 0; i < weft_error_count(group_error); i++)
        printf("  %s\n", weft_error_message(weft_error_at(group_error, i)));
    return 0;
}

int main(void)
{
    return weft_run(main_task, NULL, NULL) ? 1 : 0;
}
