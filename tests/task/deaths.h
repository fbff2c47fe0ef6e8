/*
 * deaths.h - child processes that die, by an overflow or else, and what they said.
 */
#ifndef WEFT_TESTS_TASK_DEATHS_H
#define WEFT_TESTS_TASK_DEATHS_H

#include <check.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/task/stack.h"
#include "runtime/task/stack_overflow.h"
#include "tests/task/flow.h"

static struct stack_cache cache;
static struct context self;
static struct overflow_thread overflow;

/* What the owner of a stack is in these tests. */
static inline const char *name_of(void *owner)
{
    return (const char *)owner;
}

static inline void thread_begin(void)
{
    wf_stack_cache_init(&cache);
    context_init_thread(&self);
    ck_assert_int_eq(wf_overflow_thread_init(&overflow), 0);
    atomic_store(&wf_stack_owner_name, name_of);
}

struct death {
    int status; /* as from waitpid() */
    char said[4096];
};

/* Runs scene(arg) in a child, whose standard error is read. */
static inline struct death die_in_child(void (*scene)(void *), void *arg)
{
    struct death death = {0};
    int ends[2];
    size_t length = 0;
    ssize_t n;

    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        /* Not what an earlier layer has put there: the sanitizers' handlers. */
        signal(SIGSEGV, SIG_DFL);
        signal(SIGBUS, SIG_DFL);
        scene(arg);
        _exit(0);
    }
    close(ends[1]);
    while (length < sizeof(death.said) - 1 &&
           (n = read(ends[0], death.said + length, sizeof(death.said) - 1 - length)) != 0)
        if (n > 0)
            length += (size_t)n;
    close(ends[0]);
    ck_assert_int_eq(waitpid(child, &death.status, 0), child);
    return death;
}

static inline bool died_of(const struct death *death, int number)
{
    return WIFSIGNALED(death->status) && WTERMSIG(death->status) == number;
}

static volatile int bottomless = 1;

__attribute__((noinline)) static int recurse(int depth)
{
    char frame[200];
    char *volatile escaped = frame;

    memset(escaped, depth, sizeof(frame));
    if (!bottomless)
        return depth;
    return recurse(depth + 1) + escaped[depth % 200];
}

static inline void body_recurse(struct flow *flow, void *arg)
{
    (void)flow;
    (void)arg;
    recurse(0);
}

struct overflow_scene {
    enum stack_class class;
    const char *name;
};

static inline void scene_overflow(void *arg)
{
    const struct overflow_scene *scene = (const struct overflow_scene *)arg;
    struct flow flow;

    thread_begin();
    flow_init(&flow, stack_get(&cache, scene->class), body_recurse, NULL);
    flow.stack->owner = (void *)(uintptr_t)scene->name;
    flow_resume(&flow, &self);
}

#endif
