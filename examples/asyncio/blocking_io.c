/*
 * blocking_io.c - a call that blocks, in the thread pool, beside a sleep: one second, and not two.
 */
#include <stdio.h>
#include <unistd.h>
#include <weft/weft.h>

static double begun;

static int blocking_io(void *arg, void **result)
{
    (void)arg, (void)result;
    puts("start blocking_io");
    sleep(1); /* any call that blocks its thread */
    puts("blocking_io complete");
    return 0;
}

static int sleeper(void *arg, void **result)
{
    (void)arg, (void)result;
    return weft_sleep(1);
}

static int main_task(void *arg, void **result)
{
    (void)arg, (void)result;
    weft_loop *loop = weft_get_running_loop();
    begun = weft_loop_time(loop);
    puts("started main");
    weft_future *jobs[] = {weft_to_thread(blocking_io, NULL),
                           weft_create_task(sleeper, NULL, NULL)};
    int err = weft_join(weft_gather(jobs, 2, 0), NULL);
    weft_unref(jobs[0]);
    weft_unref(jobs[1]);
    double seconds = weft_loop_time(loop) - begun;
    printf("finished main after %s\n", seconds < 2 ? "one second" : "two seconds");
    return err;
}

int main(void)
{
    return weft_run(main_task, NULL, NULL) ? 1 : 0;
}
