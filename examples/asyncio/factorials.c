/*
 * factorials.c - three factorials at the same time, gathered.
 */
#include <stdio.h>
#include <weft/weft.h>

struct job {
    const char *name;
    long number;
};

static int factorial(void *arg, void **result)
{
    const struct job *job = arg;
    long f = 1;
    for (long i = 2; i <= job->number; i++) {
        printf("Task %s: Compute factorial(%ld), currently i=%ld...\n", job->name, job->number, i);
        int err = weft_sleep(1);
        if (err)
            return err;
        f *= i;
    }
    printf("Task %s: factorial(%ld) = %ld\n", job->name, job->number, f);
    *result = (void *)f;
    return 0;
}

static int main_task(void *arg, void **result)
{
    (void)arg, (void)result;
    struct job a = {"A", 2}, b = {"B", 3}, c = {"C", 4};
    weft_future *jobs[] = {
        weft_create_task(factorial, &a, NULL),
        weft_create_task(factorial, &b, NULL),
        weft_create_task(factorial, &c, NULL),
    };
    int err = weft_join(weft_gather(jobs, 3, 0), NULL);
    long f[3] = {0};
    for (int i = 0; i < 3; i++) {
        void *value = NULL;
        if (!err && !weft_result(jobs[i], &value))
            f[i] = (long)value;
        weft_unref(jobs[i]);
    }
    printf("[%ld, %ld, %ld]\n", f[0], f[1], f[2]);
    return err;
}

int main(void)
{
    return weft_run(main_task, NULL, NULL) ? 1 : 0;
}
