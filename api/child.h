/*
 * child.h - a child process as the system has it: started, signalled, reaped. Knows nothing of loops.
 *
 * C1  Until it is reaped, the number of a child is nobody else's, and its pidfd stands for it for good.
 *     So signals and the reaping go through the pidfd, and can reach no other process.
 */
#ifndef WEFT_API_CHILD_H
#define WEFT_API_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct child {
    pid_t pid;
    int pidfd; /* -1: none any more */
};

/* What to start. Everything is borrowed. */
struct child_plan {
    const char *program;
    const char *const *argv;
    const char *const *env; /* NULL: ours */
    const char *cwd;        /* NULL: ours */
    const int
        *stdio; /* three descriptors that become 0, 1 and 2, or CHILD_...: see process_stdio.h */
    const int *pass_fds;
    size_t pass_fds_count;
    bool keep_fds;
    bool new_session;
    pid_t group;
};

/* A descriptor of the child that is not set up from one of ours. */
#define CHILD_KEEPS     (-1) /* stays what it is here */
#define CHILD_AS_OUTPUT (-2) /* the same as the child's descriptor 1 */

/*
 * Starts it, and returns when the program has begun. 0; -ECHILD: it was started, and reaped by another
 * part of the program at once; or -errno with a message, and there is no child. stdio: none of the three is
 * below 3, unless it is at its own place already.
 */
int wf_child_spawn(const struct child_plan *plan, struct child *ret_child);

/*
 * 1: it has ended, is reaped, and the exit code, or -n for signal n, is stored. 0: it runs. -ECHILD:
 * somebody else reaped it, or another error by which nothing will be known of it.
 */
int wf_child_reap(const struct child *child, int *ret_code);

/* 0 (also when it has ended and was not reaped), or -errno. */
int wf_child_signal(const struct child *child, int number);

/* Kills it, and waits for a few seconds at most until it is reaped. True: it is gone. */
bool wf_child_destroy(const struct child *child);

#endif
