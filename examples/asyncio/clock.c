/*
 * clock.c - prints the time each second, for five seconds.
 */
#include <stdio.h>
#include <weft/weft.h>

static int main_task(void *arg, void **result)
{
    (void)arg, (void)result;
    weft_loop *loop = weft_get_running_loop();
    double begun = weft_loop_time(loop), end = begun + 5;
    for (;;) {
        printf("%.0f s\n", weft_loop_time(loop) - begun);
        if (weft_loop_time(loop) + 1 >= end)
            return 0;
        int err = weft_sleep(1);
        if (err)
            return err;
    }
}

int main(void)
{
    return weft_run(main_task, NULL, NULL) ? 1 : 0;
}
