/*
 * faults.h - runs a scenario again and again, each time with a later call of a site failing.
 *
 * Each run has a process of its own, so that it finds nothing that an earlier one left in a cache.
 * The scenario itself says what must hold: either the call that met the fault says so and nothing
 * was done, or the work is done without it. As long as fault_met() says no, all must be well. What is
 * common to all is checked here: the scenario comes to an end, and no descriptor stays open. Lost
 * memory is found by the leak checker.
 */
#ifndef WEFT_TESTS_SUPPORT_FAULTS_H
#define WEFT_TESTS_SUPPORT_FAULTS_H

#include <check.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/fault.h"

/* More calls than any scenario makes. */
#define FAULTS_MAX 2000ul

/* How many names a folder has: descriptors in /proc/self/fd, threads in /proc/self/task. */
static inline int count_entries(const char *path)
{
    DIR *folder = opendir(path);
    int count = 0;

    ck_assert_ptr_nonnull(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static inline int count_descriptors(void)
{
    return count_entries("/proc/self/fd");
}

/* The fault of the run that is under way; nth is 0 where there is none. */
static struct {
    enum fault_site site;
    unsigned long nth;
    int error; /* a positive errno */
} fault_now;

/* Whether the run has met it by now. */
static inline bool fault_met(void)
{
    return fault_now.nth && wf_fault_calls(fault_now.site) >= fault_now.nth;
}

/* A call of the scenario has succeeded, or says that it met the fault. */
static inline void ck_assert_fault_only(int rc)
{
    ck_assert_msg(rc == 0 || (rc == -fault_now.error && fault_met()), "ended with %d", rc);
}

/* One run, in a process of its own: how many calls of the site it made. */
static inline unsigned long run_with_fault(enum fault_site site, unsigned long nth, int error,
                                           bool sticky, void (*scenario)(void))
{
    unsigned long *calls =
        mmap(NULL, sizeof(*calls), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(calls, MAP_FAILED);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        int descriptors = count_descriptors();
        fault_now.site = site;
        fault_now.nth = nth;
        fault_now.error = error;
        wf_fault_arm(site, nth, error, sticky);
        scenario();
        *calls = wf_fault_calls(site);
        wf_fault_reset();
        ck_assert_int_eq(count_descriptors(), descriptors);
        exit(EXIT_SUCCESS);
    }
    int status = -1;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS,
                  "call %lu of site %d fails: status %x", nth, (int)site, (unsigned)status);
    unsigned long made = *calls;
    munmap(calls, sizeof(*calls));
    return made;
}

/*
 * Runs the scenario with call 1, 2, ... of the site failing with a positive errno, until it makes
 * fewer calls than that: that last run meets no fault. Returns how many runs met one.
 */
static inline unsigned long run_with_each_fault(enum fault_site site, int error,
                                                void (*scenario)(void))
{
    unsigned long nth = 1;
    while (run_with_fault(site, nth, error, false, scenario) >= nth)
        ck_assert_uint_lt(nth++, FAULTS_MAX);
    return nth - 1;
}

#endif
