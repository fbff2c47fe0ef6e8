/*
 * threadsafe.c - a thread of the program's own hands coroutines to a loop that runs in the
 * background, and waits for their results: with success, and with a time limit.
 */
#include <stdio.h>
#include <weft/weft.h>

static int add_slowly(void *arg, void **result)
{
    int err = weft_sleep(0.01);
    if (err)
        return err;
    *result = (void *)((long)arg + 1);
    return 0;
}

static int never(void *arg, void **result)
{
    (void)arg, (void)result;
    int err = weft_sleep(WEFT_FOREVER);
    if (err == WEFT_ECANCELLED)
        puts("never(): cancelled");
    return err;
}

int main(void)
{
    weft_runner runner;
    if (weft_runner_init(&runner, NULL) || weft_runner_start(&runner))
        return 1;
    weft_loop *loop = weft_runner_get_loop(&runner);

    void *sum = NULL;
    weft_future *f = weft_run_coroutine_threadsafe(add_slowly, (void *)2L, loop);
    int err = weft_future_wait(f, 60, &sum);
    printf("result: %ld\n", err ? -1 : (long)sum);
    weft_unref(f);

    f = weft_run_coroutine_threadsafe(never, NULL, loop);
    err = weft_future_wait(f, 0.1, NULL);
    if (err == WEFT_ETIMEDOUT) {
        puts("the coroutine took too long, cancelling it");
        weft_cancel(f);
    }
    weft_unref(f);
    return weft_runner_close(&runner) ? 1 : 0;
}
