/*
 * cancel_me.c - a task is cancelled, cleans up, and passes the cancellation on.
 */
#include <stdio.h>
#include <weft/weft.h>

static int cancel_me(void *arg, void **result)
{
    (void)arg, (void)result;
    puts("cancel_me(): before sleep");
    int err = weft_sleep(3600); /* an hour */
    if (err == WEFT_ECANCELLED)
        puts("cancel_me(): cancel sleep");
    puts("cancel_me(): after sleep");
    return err;
}

static int main_task(void *arg, void **result)
{
    (void)arg, (void)result;
    weft_task *task = weft_create_task(cancel_me, NULL, NULL);
    int err = weft_sleep(1);
    if (err)
        return err;
    weft_cancel(task);
    if (weft_join(task, NULL) == WEFT_ECANCELLED)
        puts("main(): cancel_me is cancelled now");
    return 0;
}

int main(void)
{
    return weft_run(main_task, NULL, NULL) ? 1 : 0;
}
