/*
 * main.c - oracle/run FILE: runs a scenario on weft, and prints its trace.
 *
 * The exit status is 0, 1 for a scenario whose run has no trace, 2 for a text that is no scenario.
 */
#include <stdio.h>

#include "tests/oracle/interpret.h"

int main(int argc, char **argv)
{
    struct text text = {0};

    if (argc != 2) {
        fprintf(stderr, "usage: run FILE\n");
        return VERDICT_NO_SCENARIO;
    }
    enum verdict verdict = interpret_file(argv[1], &text);
    if (verdict == VERDICT_TRACE)
        fputs(text_get(&text), stdout);
    else
        fprintf(stderr, "%s: %s\n", argv[1], text_get(&text));
    text_fini(&text);
    return (int)verdict;
}
