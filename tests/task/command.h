/*
 * command.h - runs a command of the system's from a test and keeps what it prints.
 */
#ifndef WEFT_TESTS_TASK_COMMAND_H
#define WEFT_TESTS_TASK_COMMAND_H

#include <stdio.h>
#include <sys/wait.h>

/* Runs the shell command with its errors among its output, of which the first bytes - 1 are kept;
 * its exit status, or -1. */
static inline int command_run(const char *command, char *output, size_t bytes)
{
    FILE *pipe = popen(command, "r"); /* NOLINT: the test's own words */
    size_t length = 0, n;
    char rest[512];

    if (!pipe)
        return -1;
    while ((n = fread(output + length, 1, bytes - 1 - length, pipe)) > 0)
        length += n;
    output[length] = '\0';
    while (fread(rest, 1, sizeof(rest), pipe) > 0)
        ; /* the command must not wait for us */
    int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#endif
