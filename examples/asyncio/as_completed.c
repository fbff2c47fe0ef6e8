/*
 * as_completed.c - three sleepers, in the order in which they wake.
 */
#include <stdio.h>
#include <weft/weft.h>

static int sleep_for(void *arg, void **result)
{
    *result = arg;
    return weft_sleep((double)(long)arg);
}

static int main_task(void *arg, void **result)
{
    (void)arg, (void)result;
    weft_future *sleepers[] = {
        weft_create_task(sleep_for, (void *)3L, NULL),
        weft_create_task(sleep_for, (void *)1L, NULL),
        weft_create_task(sleep_for, (void *)2L, NULL),
    };
    weft_as_completed iter;
    int err = weft_as_completed_begin(&iter, sleepers, 3, WEFT_FOREVER);
    if (!err) {
        void *seconds;
        while (!(err = weft_as_completed_next_result(&iter, &seconds)))
            printf("slept %ld s\n", (long)seconds);
        weft_as_completed_end(&iter);
    }
    for (int i = 0; i < 3; i++)
        weft_unref(sleepers[i]);
    return err == WEFT_ESTOPITERATION ? 0 : err;
}

int main(void)
{
    return weft_run(main_task, NULL, NULL) ? 1 : 0;
}
