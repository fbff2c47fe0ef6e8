/*
 * runner.c - several coroutines, one after the other, on one loop; a task goes on from one run to
 * the next.
 */
#include <stdio.h>
#include <weft/weft.h>

static int background(void *arg, void **result)
{
    (void)arg, (void)result;
    for (int i = 1;; i++) {
        int err = weft_sleep(1);
        if (err) {
            puts("background: cancelled by the close");
            return err;
        }
        printf("background: %d\n", i);
    }
}

static int first(void *arg, void **result)
{
    *result = arg;
    weft_unref(weft_create_task(background, NULL, NULL));
    return weft_sleep(1.5);
}

static int second(void *arg, void **result)
{
    (void)arg, (void)result;
    return weft_sleep(1);
}

int main(void)
{
    weft_runner runner;
    void *value = NULL;
    int err = weft_runner_init(&runner, NULL);
    if (err)
        return 1;
    err = weft_runner_run(&runner, first, "hello", &value);
    printf("first: %s\n", err ? weft_strerror(err) : (const char *)value);
    err = weft_runner_run(&runner, second, NULL, NULL);
    printf("second: %s\n", err ? weft_strerror(err) : "done");
    weft_runner_close(&runner);
    return err ? 1 : 0;
}
