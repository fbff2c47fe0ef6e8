/*
 * golden_test.c - every scenario gives the trace that was recorded for it.
 *
 * The arguments are folders. Each scenario in them is a test of its own, which names the first line
 * that differs. They share one process, since a fork for each takes longer than all runs together;
 * CK_FORK=yes in the environment brings the forks back, and with them the name of one that crashes.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/oracle/interpret.h"
#include "tests/support/suite.h"

#define PATH_BYTES 512

static char (*paths)[PATH_BYTES]; /* of the scenarios, without their suffix */
static int path_count;

/* The line that begins here, without its end. */
static int line_length(const char *line)
{
    return (int)strcspn(line, "\n");
}

/* Names the first line that differs. */
static void expect_same(const char *path, const char *wanted, const char *got)
{
    for (int line = 1; strcmp(wanted, got) != 0; line++) {
        int wanted_length = line_length(wanted), got_length = line_length(got);
        if (wanted_length != got_length || memcmp(wanted, got, (size_t)wanted_length) != 0 ||
            !wanted[wanted_length] || !got[got_length])
            ck_abort_msg("%s.golden, line %d\n  wanted: %.*s\n  got:    %.*s", path, line,
                         wanted_length, wanted, got_length, got);
        wanted += wanted_length + 1;
        got += got_length + 1;
    }
}

START_TEST(gives_the_recorded_trace)
{
    struct text golden = {0}, trace = {0};
    char path[PATH_BYTES + sizeof(".golden")];

    snprintf(path, sizeof(path), "%s.golden", paths[_i]);
    ck_assert_int_eq(text_read_file(&golden, path), 0);
    snprintf(path, sizeof(path), "%s.scn", paths[_i]);
    if (interpret_file(path, &trace) != VERDICT_TRACE)
        ck_abort_msg("%s: %s", path, text_get(&trace));
    expect_same(paths[_i], text_get(&golden), text_get(&trace));
    text_fini(&golden);
    text_fini(&trace);
}
END_TEST

static int is_scenario(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return length > 4 && !strcmp(entry->d_name + length - 4, ".scn");
}

static void find_scenarios(const char *folder)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, is_scenario, alphasort);

    paths = count > 0 ? realloc(paths, (size_t)(path_count + count) * sizeof(*paths)) : NULL;
    if (!paths) {
        fprintf(stderr, "%s: no scenarios\n", folder);
        exit(EXIT_FAILURE);
    }
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        snprintf(paths[path_count++], PATH_BYTES, "%s/%.*s", folder, (int)strlen(name) - 4, name);
        free(entries[i]);
    }
    free(entries);
}

int main(int argc, char **argv)
{
    Suite *suite = suite_create("golden");
    TCase *tcase = tcase_create("traces");

    setenv("CK_FORK", "no", 0);
    for (int i = 1; i < argc; i++)
        find_scenarios(argv[i]);
    tcase_add_loop_test(tcase, gives_the_recorded_trace, 0, path_count);
    suite_add_tcase(suite, tcase);
    int status = suite_main(suite);
    free(paths);
    return path_count ? status : EXIT_FAILURE;
}
