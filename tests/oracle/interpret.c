/*
 * interpret.c - from a scenario to its trace.
 */
#include "tests/oracle/interpret.h"

#include <string.h>

#include "tests/oracle/parse.h"
#include "tests/oracle/run.h"

enum verdict interpret(const char *text, struct text *ret_text)
{
    struct scenario scenario = {0};
    enum verdict verdict = VERDICT_NO_SCENARIO;
    struct text trace = {0};

    if (parse_scenario(&scenario, text, ret_text)) {
        verdict = run_scenario(&scenario, &trace, ret_text) ? VERDICT_TRACE : VERDICT_NO_TRACE;
        if (verdict == VERDICT_TRACE)
            text_add(ret_text, "%s", text_get(&trace));
    }
    text_fini(&trace);
    arena_empty(&scenario.arena);
    return verdict;
}

enum verdict interpret_file(const char *path, struct text *ret_text)
{
    struct text file = {0};
    enum verdict verdict = VERDICT_NO_SCENARIO;

    int rc = text_read_file(&file, path);
    if (rc)
        text_add(ret_text, "%s", strerror(-rc));
    else
        verdict = interpret(text_get(&file), ret_text);
    text_fini(&file);
    return verdict;
}
