/*
 * report.c - lines as sha256sum prints them, complaints, the progress line and the totals.
 *
 * All of it runs on the first loop, but for one thing: standard output may be a pipe that nobody
 * reads for a while. Lines gather in its buffer, and a thread of the pool writes them out before
 * the buffer is full.
 */
#include "examples/treesum/report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>
#include <unistd.h>

/* Of standard output's buffer: what is enough to write out, and one more line, always fit. */
#define OUTPUT_BYTES  65536
#define OUTPUT_ENOUGH 32768

#define PROGRESS_SECONDS 0.1
#define CLEAR_LINE       "\r\033[K"

void report_init(struct report *report, const struct slots *slots)
{
    *report = (struct report){.slots = slots, .terminal = isatty(STDERR_FILENO) == 1};
    /* glibc takes the size only together with a buffer. */
    static char buffer[OUTPUT_BYTES];
    setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
}

static double megabytes(const struct report *report)
{
    return 1e-6 * (double)atomic_load_explicit(&report->slots->hashed_bytes, memory_order_relaxed);
}

static bool needs_escape(const char *name)
{
    return strpbrk(name, "\\\n\r") != NULL;
}

/* Prints a name on one line, whatever is in it. */
static void print_escaped(const char *name, FILE *file)
{
    if (!needs_escape(name)) {
        fputs(name, file);
        return;
    }
    for (; *name; name++) {
        switch (*name) {
        case '\\':
            fputs("\\\\", file);
            break;
        case '\n':
            fputs("\\n", file);
            break;
        case '\r':
            fputs("\\r", file);
            break;
        default:
            putc(*name, file);
        }
    }
}

static void print_sum(const struct file *file)
{
    static const char hex[] = "0123456789abcdef";
    char digits[2 * DIGEST_BYTES + 1] = {0};
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        digits[2 * i] = hex[file->digest[i] >> 4];
        digits[2 * i + 1] = hex[file->digest[i] & 15];
    }
    /* A backslash in front says that the name is escaped. */
    printf("%s%s  ", needs_escape(file->path) ? "\\" : "", digits);
    print_escaped(file->path, stdout);
    putchar('\n');
}

int report_file(struct report *report, const struct file *file)
{
    if (file->err) {
        report->failures++;
        fprintf(stderr, "%streesum: ", report->terminal ? CLEAR_LINE : "");
        print_escaped(file->path, stderr);
        fprintf(stderr, ": %s\n", weft_strerror(file->err));
        return 0;
    }
    report->files++;
    print_sum(file);
    return __fpending(stdout) < OUTPUT_ENOUGH ? 0 : report_flush(report);
}

/* In the pool. */
static int write_out(void *arg, void **result)
{
    (void)arg;
    (void)result;
    return fflush(stdout) ? weft_fail(-errno, "write error") : 0;
}

int report_flush(struct report *report)
{
    report->held = true;
    if (report->terminal)
        fputs(CLEAR_LINE, stderr);
    int err = weft_join(weft_to_thread(write_out, NULL), NULL);
    report->held = false;
    return err;
}

int report_progress(void *arg, void **result)
{
    (void)result;
    const struct report *report = arg;
    weft_loop *loop = weft_get_running_loop();
    int err = 0;

    while (!err) {
        double seconds = weft_loop_time(loop) - report->started;
        if (!report->held)
            fprintf(stderr, CLEAR_LINE "%zu files, %.1f MB, %.1f MB/s", report->files,
                    megabytes(report), seconds > 0 ? megabytes(report) / seconds : 0);
        err = weft_sleep(PROGRESS_SECONDS);
    }
    fputs(CLEAR_LINE, stderr);
    return err;
}

void report_total(const struct report *report)
{
    fprintf(stderr, "treesum: %zu files, %.1f MB", report->files, megabytes(report));
    if (report->failures)
        fprintf(stderr, "; %zu could not be read", report->failures);
    fputc('\n', stderr);
}

int report_stats(const struct report *report, weft_runner *runner)
{
    double seconds = report->ended - report->started;
    if (seconds > 0)
        fprintf(stderr, "treesum: %.3f s, %.0f files/s, %.1f MB/s\n", seconds,
                (double)report->files / seconds, megabytes(report) / seconds);
    for (int i = 0; i < weft_runner_loops(runner); i++) {
        weft_loop_stats stats;
        int err = weft_loop_get_stats(weft_runner_loop_at(runner, i), &stats);
        if (err)
            return err;
        fprintf(stderr, "treesum: loop %d ran %" PRIu64 " tasks, %" PRIu64 " of them stolen\n", i,
                stats.tasks, stats.stolen);
    }
    return 0;
}
