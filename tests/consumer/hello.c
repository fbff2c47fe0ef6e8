/*
 * hello.c - a program of somebody who uses weft: the test beside it builds it outside the tree, as
 * C and as C++, in every way in which weft can be linked.
 */
#include <stdint.h>
#include <stdio.h>

#include <weft/weft.h>

static int square(void *arg, void **result)
{
    intptr_t n = (intptr_t)arg;
    int err = weft_sleep(0.001);
    if (err)
        return err;
    *result = (void *)(n * n);
    return 0;
}

/* Blocks its thread, so it goes to the pool. */
static int square_blocking(void *arg, void **result)
{
    intptr_t n = (intptr_t)arg;
    *result = (void *)(n * n);
    return 0;
}

static int hello(void *arg, void **result)
{
    weft_future *jobs[] = {
        weft_create_task(square, (void *)(intptr_t)2, NULL),  /* this loop */
        weft_spawn(square, (void *)(intptr_t)3, NULL),        /* any core */
        weft_to_thread(square_blocking, (void *)(intptr_t)4), /* the pool */
    };
    intptr_t sum = 0;
    int err = 0;
    (void)arg;

    for (int i = 0; i < 3; i++) {
        void *value = NULL;
        int failed = weft_join(jobs[i], &value);
        if (failed)
            err = failed;
        else
            sum += (intptr_t)value;
    }
    *result = (void *)sum;
    return err;
}

int main(void)
{
    void *sum = NULL;
    int err = weft_run(hello, NULL, &sum);
    if (err) {
        fprintf(stderr, "hello: %s\n", weft_strerror(err));
        return 1;
    }
    printf("the sum is %d\n", (int)(intptr_t)sum);
    return 0;
}
