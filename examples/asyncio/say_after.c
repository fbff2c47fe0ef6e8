/*
 * say_after.c - three messages after one, two and three seconds, at the same time.
 */
#include <stdio.h>
#include <weft/weft.h>

struct message {
    double delay;
    const char *what;
};

static int say_after(void *arg, void **result)
{
    const struct message *message = arg;
    (void)result;
    int err = weft_sleep(message->delay);
    if (err)
        return err;
    puts(message->what);
    return 0;
}

static int main_task(void *arg, void **result)
{
    (void)arg, (void)result;
    static struct message messages[] = {{3, "three"}, {1, "one"}, {2, "two"}};
    weft_loop *loop = weft_get_running_loop();
    double begun = weft_loop_time(loop);
    weft_future *tasks[3];
    for (int i = 0; i < 3; i++)
        tasks[i] = weft_create_task(say_after, &messages[i], NULL);
    int err = weft_join(weft_gather(tasks, 3, 0), NULL);
    for (int i = 0; i < 3; i++)
        weft_unref(tasks[i]);
    printf("%.0f s\n", weft_loop_time(loop) - begun);
    return err;
}

int main(void)
{
    return weft_run(main_task, NULL, NULL) ? 1 : 0;
}
