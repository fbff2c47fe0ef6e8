/*
 * hello.c - says hello, and a second later world.
 */
#include <stdio.h>
#include <weft/weft.h>

static int main_task(void *arg, void **result)
{
    (void)arg, (void)result;
    puts("hello");
    int err = weft_sleep(1);
    if (err)
        return err;
    puts("world");
    return 0;
}

int main(void)
{
    return weft_run(main_task, NULL, NULL) ? 1 : 0;
}
