/*
 * files.c - a file is written and read in the thread pool: the system has no way to wait for a file that
 * would not block its thread.
 */
#include <stdio.h>
#include <unistd.h>
#include <weft/weft.h>

struct page {
    char path[64];
    char text[256];
};

static int save(void *arg, void **result)
{
    struct page *page = arg;
    FILE *file = fopen(page->path, "w");
    (void)result;
    if (!file)
        return weft_fail(-errno, "%s cannot be written", page->path);
    int bad = fputs(page->text, file) < 0;
    return fclose(file) || bad ? weft_fail(-EIO, "%s was not written", page->path) : 0;
}

static int load(void *arg, void **result)
{
    struct page *page = arg;
    FILE *file = fopen(page->path, "r");
    (void)result;
    if (!file)
        return weft_fail(-errno, "%s cannot be read", page->path);
    size_t bytes = fread(page->text, 1, sizeof(page->text) - 1, file);
    page->text[bytes] = '\0';
    fclose(file);
    return 0;
}

static int main_task(void *arg, void **result)
{
    /* Not on this stack: a thread goes on with it if the task is cancelled. */
    static struct page page = {.text = "written and read beside the loop\n"};
    (void)arg, (void)result;
    snprintf(page.path, sizeof(page.path), "/tmp/weft-files-%ld.txt", (long)getpid());
    int err = weft_join(weft_to_thread(save, &page), NULL);
    if (err)
        return err;
    page.text[0] = '\0';
    err = weft_join(weft_to_thread(load, &page), NULL);
    remove(page.path);
    if (!err)
        fputs(page.text, stdout);
    return err;
}

int main(void)
{
    return weft_run(main_task, NULL, NULL) ? 1 : 0;
}
