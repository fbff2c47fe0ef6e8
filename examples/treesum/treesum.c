/*
 * treesum - SHA-256 of every file below some directories, on every core.
 *
 *      treesum [--loops N] [--stats] [PATH...]
 *
 * Prints what `find PATH... -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum` prints.
 *
 *      walk ----> start -----------> window -----------> settle ----> report
 *      (pool)     (loop 0)           a task a file       (loop 0)     (loop 0, pool)
 *                 waits for a slot   (any loop, pool)    waits for the oldest
 *
 * The walk finds the files in the order in which they are to be printed. The main task starts a
 * task for each; the tasks run on all loops and end in any order; the main task joins them, oldest
 * first. What is in memory is bounded whatever the size of the trees and files: SLOTS files are
 * being read and hashed, WINDOW files are started or wait for an older one to be printed, and the
 * walk is a batch ahead.
 *
 * Ctrl-C cancels the main task, which cancels the tasks of the window and joins them. A thread of
 * the pool cannot be cancelled: it ends its read, batch or write, and closing the runner waits for
 * it. So all that such a thread touches lives in main(), and is freed after the runner is closed.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <weft/weft.h>

#include "examples/common/program.h"
#include "examples/treesum/hash.h"
#include "examples/treesum/report.h"
#include "examples/treesum/slots.h"
#include "examples/treesum/walk.h"

#define SLOTS  64   /* at most 32 MiB of chunks */
#define WINDOW 4096 /* so far the others may run ahead of one big file */

struct treesum {
    struct walk walk;
    struct walk_batch batches[2]; /* one is started from while the other is filled */
    struct slots slots;
    struct file window[WINDOW]; /* a ring: count files from the oldest on */
    size_t oldest, count;
    struct report report;

    sigset_t signals; /* that end the program: blocked in every thread */
    int signal_fd;
    int signal; /* the one that came, or 0 */
    weft_task *main;
};

/* The file so many places behind the oldest. */
static struct file *window_at(struct treesum *sum, size_t place)
{
    return &sum->window[(sum->oldest + place) % WINDOW];
}

/*
 * Prints the files that are done, oldest first, as far as nothing has to be waited for; and on
 * from there, waiting, until at most keep files are left in the window.
 */
static int settle(struct treesum *sum, size_t keep)
{
    while (sum->count > 0) {
        struct file *file = window_at(sum, 0);
        if (sum->count <= keep && file->task && !weft_done(file->task))
            break;
        if (file->task) {
            file->err = weft_join(file->task, NULL);
            file->task = NULL;
        }
        if (file->err == WEFT_ECANCELLED) /* a read may still use its path: it stays */
            return file->err;
        int err = report_file(&sum->report, file);
        if (err)
            return err;
        free(file->path);
        sum->oldest = (sum->oldest + 1) % WINDOW;
        sum->count--;
    }
    return 0;
}

/* A done callback, which runs on the loop of the main task: so the slots need no lock. */
static int give_slot(weft_future *task, void *slot)
{
    (void)task;
    slots_give(slot);
    return 0;
}

/* Takes a file over from the walk and starts its task, once there is room in the window. */
static int start(struct treesum *sum, struct walk_entry *entry)
{
    int err = settle(sum, WINDOW - 1);
    if (err)
        return err;
    struct file *file = window_at(sum, sum->count++);
    *file = (struct file){.path = entry->path, .err = entry->err};
    entry->path = NULL;
    if (file->err)
        return 0;

    err = slots_take(&sum->slots, &file->slot);
    if (err) {
        file->err = err;
        return err;
    }
    file->task = weft_spawn(hash_file, file, NULL);
    if (!file->task)
        return -errno;
    return weft_add_done_callback(file->task, give_slot, file->slot);
}

/* Sums all files of the walk, which stays a batch ahead in the pool. */
static int sum_walk(struct treesum *sum)
{
    weft_future *walking = weft_to_thread(walk_fill, &sum->batches[0]);
    for (int i = 0;; i = !i) {
        struct walk_batch *batch = &sum->batches[i];
        int err = weft_join(walking, NULL);
        if (err)
            return err;
        bool more = !batch->last;
        if (more && !(walking = weft_to_thread(walk_fill, &sum->batches[!i])))
            return -errno;
        for (size_t k = 0; k < batch->count && !err; k++)
            err = start(sum, &batch->entries[k]);
        if (err && more) {
            weft_cancel(walking);
            weft_unref(walking);
        }
        if (err || !more)
            return err;
    }
}

/* Ends what is still under way; after a good end there is nothing. */
static void abandon(struct treesum *sum)
{
    for (size_t i = 0; i < sum->count; i++) {
        struct file *file = window_at(sum, i);
        if (file->task)
            weft_cancel(file->task);
    }
    for (size_t i = 0; i < sum->count; i++) {
        struct file *file = window_at(sum, i);
        if (file->task)
            weft_join(file->task, NULL);
    }
}

static int on_signal(void *arg)
{
    struct treesum *sum = arg;
    struct signalfd_siginfo info;
    if (read(sum->signal_fd, &info, sizeof(info)) != sizeof(info))
        return 0;
    sum->signal = (int)info.ssi_signo;
    weft_cancel(sum->main);
    /* A second one is not for us any more: it ends the program at once. */
    pthread_sigmask(SIG_UNBLOCK, &sum->signals, NULL);
    return 0;
}

static int sum_trees(void *arg, void **result)
{
    (void)result;
    struct treesum *sum = arg;
    weft_loop *loop = weft_get_running_loop();
    weft_task *progress = NULL;

    sum->main = weft_current_task();
    sum->report.started = weft_loop_time(loop);
    int err = weft_loop_add_reader(loop, sum->signal_fd, on_signal, sum);
    if (err)
        return err;
    if (sum->report.terminal) {
        progress = weft_create_task(report_progress, &sum->report, NULL);
        if (!progress)
            err = -errno;
    }

    if (!err)
        err = sum_walk(sum);
    if (!err)
        err = settle(sum, 0);
    if (!err)
        err = report_flush(&sum->report);

    /* What follows fails too, by being cancelled: the error is put aside. */
    weft_error *error = err ? weft_catch(err) : NULL;
    abandon(sum);
    if (progress) {
        weft_cancel(progress);
        weft_join(progress, NULL);
    }
    weft_loop_remove_reader(loop, sum->signal_fd);
    sum->report.ended = weft_loop_time(loop);
    return error ? weft_raise(error) : err;
}

/* Blocks the signals that end the program, before any thread is made, and opens them as a file. */
static int open_signals(struct treesum *sum)
{
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP};

    sigemptyset(&sum->signals);
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        struct sigaction action;
        /* What we were told to ignore (by nohup, or a shell's &) stays ignored. */
        if (sigaction(ends[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaddset(&sum->signals, ends[i]);
    }
    int err = pthread_sigmask(SIG_BLOCK, &sum->signals, NULL);
    if (err)
        return -err;
    sum->signal_fd = signalfd(-1, &sum->signals, SFD_NONBLOCK | SFD_CLOEXEC);
    return sum->signal_fd < 0 ? -errno : 0;
}

/* Runs the main task in a runtime of its own, and says how it went. */
static int run(struct treesum *sum, int loops, bool stats)
{
    weft_runner runner;
    int err = weft_runner_init(&runner, &(weft_runner_options){.loops = loops});
    if (err)
        return err;
    err = weft_runner_run(&runner, sum_trees, sum, NULL);
    if (!err)
        report_total(&sum->report);
    if (!err && stats)
        err = report_stats(&sum->report, &runner);
    int rc = weft_runner_close(&runner);
    return err ? err : rc;
}

static int usage(FILE *file, int status)
{
    fputs("usage: treesum [--loops N] [--stats] [PATH...]\n"
          "Prints the SHA-256 of every file below the paths (of . without one), sorted by name.\n",
          file);
    return status;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'},
        {"loops", required_argument, NULL, 'l'},
        {"stats", no_argument, NULL, 's'},
        {0},
    };
    static struct treesum sum; /* half a megabyte: not for the stack */
    bool stats = false;
    int loops = 0;

    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        char *end = "";
        switch (option) {
        case 'h':
            return usage(stdout, EXIT_SUCCESS);
        case 'l':
            loops = (int)strtol(optarg, &end, 10);
            if (*end || loops < 1)
                return usage(stderr, EXIT_FAILURE);
            break;
        case 's':
            stats = true;
            break;
        default:
            return usage(stderr, EXIT_FAILURE);
        }
    }

    char *here[] = {"."};
    char **roots = optind < argc ? argv + optind : here;
    int err = walk_init(&sum.walk, roots, optind < argc ? (size_t)(argc - optind) : 1);
    sum.batches[0].walk = sum.batches[1].walk = &sum.walk;
    if (!err)
        err = slots_init(&sum.slots, SLOTS);
    report_init(&sum.report, &sum.slots);
    sum.signal_fd = -1;
    if (!err)
        err = open_signals(&sum);
    if (!err)
        err = run(&sum, loops, stats);

    int status = sum.report.failures ? EXIT_FAILURE : EXIT_SUCCESS;
    if (sum.signal)
        status = 128 + sum.signal;
    else if (err)
        status = complain("treesum", err);

    if (sum.signal_fd >= 0)
        close(sum.signal_fd);
    for (size_t i = 0; i < sum.count; i++)
        free(window_at(&sum, i)->path);
    walk_batch_fini(&sum.batches[0]);
    walk_batch_fini(&sum.batches[1]);
    slots_fini(&sum.slots);
    walk_fini(&sum.walk);
    return status;
}
