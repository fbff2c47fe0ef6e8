/*
 * event.c - a task waits for an event.
 */
#include <stdio.h>
#include <weft/weft.h>

static int waiter(void *arg, void **result)
{
    (void)result;
    puts("waiting for it ...");
    int err = weft_event_wait(arg);
    if (err)
        return err;
    puts("... got it!");
    return 0;
}

static int main_task(void *arg, void **result)
{
    (void)arg, (void)result;
    weft_event event = WEFT_EVENT_INIT;
    weft_task *task = weft_create_task(waiter, &event, NULL);
    int err = weft_sleep(1);
    if (!err)
        weft_event_set(&event);
    else
        weft_cancel(task);
    return weft_join(task, NULL);
}

int main(void)
{
    return weft_run(main_task, NULL, NULL) ? 1 : 0;
}
