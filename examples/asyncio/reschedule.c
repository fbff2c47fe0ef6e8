/*
 * reschedule.c - a time limit that is not known when the block begins, and one that strikes.
 */
#include <stdio.h>
#include <weft/weft.h>

static int long_running_task(double seconds)
{
    int err = weft_sleep(seconds);
    if (!err)
        puts("finished");
    return err;
}

static int main_task(void *arg, void **result)
{
    (void)arg, (void)result;
    weft_loop *loop = weft_get_running_loop();
    weft_timeout limit;
    weft_timeout_init(&limit, WEFT_FOREVER);
    int err = weft_timeout_begin(&limit);
    if (err)
        return err;
    weft_timeout_reschedule(&limit, weft_loop_time(loop) + 10); /* now we know */
    err = long_running_task(5);
    if (!err) {
        weft_timeout_reschedule(&limit, weft_loop_time(loop) + 2);
        err = long_running_task(5);
    }
    err = weft_timeout_end(&limit, err);
    if (weft_timeout_expired(&limit))
        puts("looks like we haven't finished on time");
    return err == WEFT_ETIMEDOUT ? 0 : err;
}

int main(void)
{
    return weft_run(main_task, NULL, NULL) ? 1 : 0;
}
