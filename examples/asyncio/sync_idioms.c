/*
 * sync_idioms.c - what is held is given back on every way: a lock, a condition, a semaphore, a
 * bounded semaphore.
 */
#include <stdio.h>
#include <weft/weft.h>

static weft_lock lock = WEFT_LOCK_INIT;
static weft_condition condition = WEFT_CONDITION_INIT(NULL);
static weft_semaphore permits = WEFT_SEMAPHORE_INIT(2);
static weft_semaphore bounded = WEFT_BOUNDED_SEMAPHORE_INIT(1);
static int shared, inside, most;

/* async with lock: */
static int adds(void *arg, void **result)
{
    (void)result;
    int err = weft_lock_acquire(&lock);
    if (err)
        return err;
    int seen = shared;
    err = weft_sleep(1); /* nobody else gets in meanwhile */
    shared = seen + (int)(long)arg;
    weft_lock_release(&lock);
    return err;
}

static int is_six(void *arg)
{
    return *(int *)arg == 6;
}

/* async with condition: await condition.wait_for(...) */
static int waits_for_six(void *arg, void **result)
{
    (void)arg, (void)result;
    int err = weft_condition_acquire(&condition);
    if (err)
        return err;
    err = weft_condition_wait_for(&condition, is_six, &shared);
    if (err >= 0)
        printf("condition: shared is %d\n", shared);
    weft_condition_release(&condition);
    return err < 0 ? err : 0;
}

/* async with semaphore: */
static int works(void *arg, void **result)
{
    (void)arg, (void)result;
    int err = weft_semaphore_acquire(&permits);
    if (err)
        return err;
    if (++inside > most)
        most = inside;
    err = weft_sleep(1);
    inside--;
    weft_semaphore_release(&permits);
    return err;
}

/* Starts a coroutine so many times and waits for all. */
static int run_all(weft_coroutine fn, int count)
{
    weft_task_group group = WEFT_TASK_GROUP_INIT;
    int err = weft_task_group_begin(&group);
    for (long i = 1; !err && i <= count; i++)
        weft_unref(weft_task_group_create_task(&group, fn, (void *)i, NULL));
    return weft_task_group_end(&group, err);
}

static int main_task(void *arg, void **result)
{
    (void)arg, (void)result;
    weft_task *waiter = weft_create_task(waits_for_six, NULL, NULL);
    int err = run_all(adds, 3);
    printf("lock: 1 + 2 + 3 = %d\n", shared);
    weft_condition_acquire(&condition);
    weft_condition_notify_all(&condition);
    weft_condition_release(&condition);
    int waited = weft_join(waiter, NULL);

    int worked = run_all(works, 5);
    printf("semaphore: at most %d inside\n", most);
    if (weft_semaphore_release(&bounded) == -EINVAL)
        puts("bounded semaphore: released too often");
    return err ? err : waited ? waited : worked;
}

int main(void)
{
    return weft_run(main_task, NULL, NULL) ? 1 : 0;
}
