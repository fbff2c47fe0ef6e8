/*
 * run_cmd.c - runs commands of the shell at the same time, and shows what each has written.
 *
 *     run_cmd 'ls /zzz' 'sleep 1; echo hello'
 */
#include <stdio.h>
#include <weft/weft.h>

static int run(void *cmd, void **result)
{
    const weft_subprocess_options pipes = {.stdout_fd = WEFT_PIPE, .stderr_fd = WEFT_PIPE};
    weft_process *process;
    weft_process_output output;

    (void)result;
    int err = weft_create_subprocess_shell(cmd, &pipes, &process);
    if (err)
        return err;
    err = weft_process_communicate(process, NULL, 0, &output);
    if (!err) {
        printf("['%s' exited with %d]\n", (char *)cmd, weft_process_returncode(process));
        if (output.stdout_bytes)
            printf("[stdout]\n%s", output.stdout_data);
        if (output.stderr_bytes)
            printf("[stderr]\n%s", output.stderr_data);
    }
    weft_process_unref(process);
    return err;
}

static int main_task(void *arg, void **result)
{
    char **commands = arg;
    weft_task_group group = WEFT_TASK_GROUP_INIT;

    (void)result;
    int err = weft_task_group_begin(&group);
    if (err)
        return err;
    for (; *commands; commands++)
        weft_unref(weft_task_group_create_task(&group, run, *commands, NULL));
    return weft_task_group_end(&group, 0);
}

int main(int argc, char **argv)
{
    char *usual[] = {"ls /zzz", NULL};
    return weft_run(main_task, argc > 1 ? argv + 1 : usual, NULL) ? 1 : 0;
}
