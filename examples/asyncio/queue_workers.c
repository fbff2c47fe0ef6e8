/*
 * queue_workers.c - twenty pieces of work in a queue, three workers; when all is done the workers
 * are cancelled.
 */
#include <stdio.h>
#include <weft/weft.h>

#define ITEMS   20
#define WORKERS 3

static weft_queue *queue;
static int done[WORKERS];

static int worker(void *arg, void **result)
{
    int *count = arg;
    (void)result;
    for (;;) {
        void *item;
        int err = weft_queue_get(queue, &item);
        if (!err)
            err = weft_sleep(*(double *)item);
        if (err)
            return err;
        ++*count;
        weft_queue_task_done(queue);
    }
}

static int main_task(void *arg, void **result)
{
    (void)arg, (void)result;
    static double seconds[ITEMS];
    double total = 0;
    weft_task *workers[WORKERS];
    for (int i = 0; i < ITEMS; i++) {
        seconds[i] = 0.05 + 0.05 * (i * 7 % 20);
        total += seconds[i];
        weft_queue_put_nowait(queue, &seconds[i]);
    }
    double begun = weft_loop_time(weft_get_running_loop());
    for (int i = 0; i < WORKERS; i++)
        workers[i] = weft_create_task(worker, &done[i], NULL);
    int err = weft_queue_join(queue);
    double slept = weft_loop_time(weft_get_running_loop()) - begun;

    for (int i = 0; i < WORKERS; i++)
        weft_cancel(workers[i]);
    int ended = weft_join(weft_gather(workers, WORKERS, WEFT_RETURN_EXCEPTIONS), NULL);
    for (int i = 0; i < WORKERS; i++)
        weft_unref(workers[i]);
    printf("%d workers slept in parallel for %.2f seconds\n", WORKERS, slept);
    printf("total expected sleep time: %.2f seconds\n", total);
    printf("%d items\n", done[0] + done[1] + done[2]);
    return err ? err : ended;
}

int main(void)
{
    queue = weft_queue_new(0);
    int err = queue ? weft_run(main_task, NULL, NULL) : -1;
    weft_queue_free(queue);
    return err ? 1 : 0;
}
