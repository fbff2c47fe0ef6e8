/*
 * read_line.c - reads one line from a program: the date, or what another one says.
 *
 *     read_line
 *     read_line uname -r
 */
#include <stdio.h>
#include <weft/weft.h>

static int get_line(const char *const *argv, char *ret_line, size_t size)
{
    weft_process *process;
    char *line;
    int err = weft_create_subprocess_exec(argv, &(weft_subprocess_options){.stdout_fd = WEFT_PIPE},
                                          &process);
    if (err)
        return err;
    ssize_t n = weft_stream_readline(weft_process_stdout(process), &line);
    if (n >= 0)
        snprintf(ret_line, size, "%s", line); /* the line is the reader's */
    err = n < 0 ? (int)n : weft_process_wait(process, NULL);
    weft_process_unref(process);
    return err;
}

static int main_task(void *arg, void **result)
{
    char line[256];
    (void)result;
    int err = get_line(arg, line, sizeof(line));
    if (err)
        fprintf(stderr, "%s\n", weft_error_message(weft_error_current()));
    else
        printf("it says: %s", line);
    return err;
}

int main(int argc, char **argv)
{
    char *date[] = {"date", NULL};
    return weft_run(main_task, argc > 1 ? argv + 1 : date, NULL) ? 1 : 0;
}
