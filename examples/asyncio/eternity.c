/*
 * eternity.c - waits for what takes an hour, but only for a second.
 */
#include <stdio.h>
#include <weft/weft.h>

static int eternity(void *arg, void **result)
{
    (void)arg, (void)result;
    int err = weft_sleep(3600);
    if (err)
        return err;
    puts("yay!");
    return 0;
}

static int main_task(void *arg, void **result)
{
    (void)arg, (void)result;
    weft_task *task = weft_create_task(eternity, NULL, NULL);
    int err = weft_wait_for(task, 1, NULL);
    weft_unref(task);
    if (err != WEFT_ETIMEDOUT)
        return err;
    puts("timeout!");
    return 0;
}

int main(void)
{
    return weft_run(main_task, NULL, NULL) ? 1 : 0;
}
