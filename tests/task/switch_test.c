/*
 * switch_test.c - a switch of stacks keeps what a call keeps, and the tools follow it.
 */
#include <alloca.h>
#include <execinfo.h>
#include <fenv.h>
#include <pthread.h>
#include <string.h>

#include "runtime/task/switch.h"
#include "tests/support/suite.h"
#include "tests/task/flow.h"
#include "tests/task/registers.h"

static struct stack_cache cache;
static struct context self;

static void setup(void)
{
    wf_stack_cache_init(&cache);
    context_init_thread(&self);
}

static void teardown(void)
{
    context_fini_thread(&self);
    wf_stack_cache_fini(&cache);
}

/* ---- entry ---- */

static struct {
    void *arg;
    uintptr_t misaligned; /* address bits below the alignment */
    bool on_stack;
    int steps;
} seen;

static void body_note_entry(struct flow *flow, void *arg)
{
    (void)flow;
    seen.arg = arg;
    seen.steps++;
}

/* A fresh flow runs its entry function with its argument, once, and ends in its resumer. */
START_TEST(fresh_flow_gets_its_argument)
{
    struct flow flow;
    int argument;

    flow_init(&flow, stack_get(&cache, STACK_NORMAL), body_note_entry, &argument);
    ck_assert_int_eq(seen.steps, 0);
    flow_resume(&flow, &self);
    ck_assert(flow.ended);
    ck_assert_int_eq(seen.steps, 1);
    ck_assert_ptr_eq(seen.arg, &argument);
    stack_put(&cache, flow.stack);
}
END_TEST

/* Vector code that relies on the stack's alignment, as the compiler is free to. */
static void body_note_alignment(struct flow *flow, void *arg)
{
    _Alignas(16) char aligned[16];
    char *volatile escaped = aligned;

    (void)arg;
    seen.misaligned = (uintptr_t)escaped % sizeof(aligned);
    seen.on_stack =
        escaped < (char *)stack_top(flow->stack) && escaped >= (char *)wf_stack_limit(flow->stack);
    memset(escaped, 1, sizeof(aligned));
}

/* The stack is aligned at entry as the ABI promises, whatever colour the stack has. */
START_TEST(entry_is_aligned)
{
    struct stack *stacks[40];

    for (int i = 0; i < 40; i++) {
        struct flow flow;
        stacks[i] = stack_get(&cache, STACK_SMALL);
        flow_init(&flow, stacks[i], body_note_alignment, NULL);
        flow_resume(&flow, &self);
        ck_assert_uint_eq(seen.misaligned, 0);
#ifndef WEFT_ASAN /* which keeps locals elsewhere */
        ck_assert(seen.on_stack);
#endif
    }
    for (int i = 0; i < 40; i++)
        stack_put(&cache, stacks[i]);
}
END_TEST

/* ---- what is kept ---- */

/* Values that the compiler cannot know, so that all of them live across the pause. */
static long unknown(long value)
{
    long volatile hidden = value;
    return hidden;
}

/* Keeps more integers and floating-point numbers alive over each pause than there are registers. */
static void body_keep_values(struct flow *flow, void *arg)
{
    long seed = *(long *)arg;
    long a = unknown(seed + 1), b = unknown(seed + 2), c = unknown(seed + 3), d = unknown(seed + 4);
    long e = unknown(seed + 5), f = unknown(seed + 6), g = unknown(seed + 7), h = unknown(seed + 8);
    double p = (double)unknown(seed + 9), q = (double)unknown(seed + 10);
    double r = (double)unknown(seed + 11), s = (double)unknown(seed + 12);
    double t = (double)unknown(seed + 13), u = (double)unknown(seed + 14);
    double v = (double)unknown(seed + 15), w = (double)unknown(seed + 16);
    long double x = (long double)unknown(seed + 17);

    for (int i = 0; i < 100; i++) {
        flow_pause(flow);
        a++, b++, c++, d++, e++, f++, g++, h++;
        p += 1, q += 1, r += 1, s += 1, t += 1, u += 1, v += 1, w += 1, x += 1;
    }
    seed += 100;
    ck_assert_int_eq(a, seed + 1);
    ck_assert_int_eq(b, seed + 2);
    ck_assert_int_eq(c, seed + 3);
    ck_assert_int_eq(d, seed + 4);
    ck_assert_int_eq(e, seed + 5);
    ck_assert_int_eq(f, seed + 6);
    ck_assert_int_eq(g, seed + 7);
    ck_assert_int_eq(h, seed + 8);
    ck_assert(p == (double)(seed + 9) && q == (double)(seed + 10) && r == (double)(seed + 11));
    ck_assert(s == (double)(seed + 12) && t == (double)(seed + 13) && u == (double)(seed + 14));
    ck_assert(v == (double)(seed + 15) && w == (double)(seed + 16));
    ck_assert(x == (long double)(seed + 17));
}

/* Each flow finds its variables as it left them, whatever the others put into the registers. */
START_TEST(registers_are_preserved)
{
    enum { FLOWS = 7 };
    struct flow flows[FLOWS];
    long seeds[FLOWS];
    int running = FLOWS;

    for (int i = 0; i < FLOWS; i++) {
        seeds[i] = i * 1000;
        flow_init(&flows[i], stack_get(&cache, STACK_NORMAL), body_keep_values, &seeds[i]);
    }
    while (running) {
        running = 0;
        for (int i = 0; i < FLOWS; i++)
            if (!flows[i].ended) {
                flow_resume(&flows[i], &self);
                running++;
            }
    }
    for (int i = 0; i < FLOWS; i++)
        stack_put(&cache, flows[i].stack);
}
END_TEST

__attribute__((noinline)) static void pause_called(void *flow)
{
    flow_pause((struct flow *)flow);
}

static void body_keep_registers(struct flow *flow, void *arg)
{
    long seed = *(long *)arg;

    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(registers_changed(pause_called, flow, seed + i * 16), 0);
}

/* Every callee-saved register by its name survives a function that switches. */
START_TEST(callee_saved_registers_are_preserved)
{
    struct flow one, two;
    long seeds[] = {1000000, 2000000};

    flow_init(&one, stack_get(&cache, STACK_NORMAL), body_keep_registers, &seeds[0]);
    flow_init(&two, stack_get(&cache, STACK_NORMAL), body_keep_registers, &seeds[1]);
    while (!one.ended || !two.ended) {
        if (!one.ended)
            flow_resume(&one, &self);
        if (!two.ended)
            flow_resume(&two, &self);
    }
    stack_put(&cache, one.stack);
    stack_put(&cache, two.stack);
}
END_TEST

/* What calls may need below the block: the dynamic linker's first look-up of a name saves all
 * vector registers. */
#define CALL_BYTES 8192

static void body_use_whole_stack(struct flow *flow, void *arg)
{
    size_t left =
        (size_t)((char *)__builtin_frame_address(0) - (char *)wf_stack_limit(flow->stack));
    size_t bytes = left - CALL_BYTES;
    char *block = (char *)alloca(bytes);

    (void)arg;
    memset(block, 0x5a, bytes);
    flow_pause(flow);
    for (size_t i = 0; i < bytes; i++)
        seen.steps += block[i] == 0x5a ? 0 : 1;
}

/* A flow may use its stack down to the guard, and a neighbour does not disturb it. */
START_TEST(flow_uses_its_whole_stack)
{
    struct flow flows[3];

    for (int i = 0; i < 3; i++) {
        flow_init(&flows[i], stack_get(&cache, STACK_LARGE), body_use_whole_stack, NULL);
        flow_resume(&flows[i], &self);
    }
    for (int i = 0; i < 3; i++) {
        flow_resume(&flows[i], &self);
        ck_assert(flows[i].ended);
        stack_put(&cache, flows[i].stack);
    }
    ck_assert_int_eq(seen.steps, 0);
}
END_TEST

/* Its address is never taken, and no function that a flow calls writes to it. */
static int turns_left;

__attribute__((noinline)) static void pause_plainly(struct flow *flow)
{
    flow_pause(flow);
}

static void body_count_down(struct flow *flow, void *arg)
{
    int *turns = (int *)arg;

    while (turns_left > 0) {
        turns_left--;
        ++*turns;
        pause_plainly(flow);
    }
}

/* Static variables that other flows change meanwhile are read again after a switch: the compiler
 * must not take a switch for a function that leaves them alone. */
START_TEST(static_variables_are_read_again)
{
    struct flow one, two;
    int turns[2] = {0, 0};

    turns_left = 10;
    flow_init(&one, stack_get(&cache, STACK_NORMAL), body_count_down, &turns[0]);
    flow_init(&two, stack_get(&cache, STACK_NORMAL), body_count_down, &turns[1]);
    while (!one.ended || !two.ended) {
        if (!one.ended)
            flow_resume(&one, &self);
        if (!two.ended)
            flow_resume(&two, &self);
    }
    ck_assert_int_eq(turns[0], 5);
    ck_assert_int_eq(turns[1], 5);
    stack_put(&cache, one.stack);
    stack_put(&cache, two.stack);
}
END_TEST

static void body_round_upward(struct flow *flow, void *arg)
{
    int *mode = (int *)arg;

    fesetround(FE_UPWARD);
    flow_pause(flow);
    *mode = fegetround();
}

/* The rounding mode is the thread's, or with WEFT_SAVE_FPU the flow's own. */
START_TEST(rounding_mode_is_switched_on_request)
{
    struct flow flow;
    int mode = -1;

    fesetround(FE_TONEAREST);
    flow_init(&flow, stack_get(&cache, STACK_NORMAL), body_round_upward, &mode);
    flow_resume(&flow, &self);
#if defined(WEFT_SAVE_FPU) && defined(__x86_64__)
    ck_assert_int_eq(fegetround(), FE_TONEAREST);
#else
    ck_assert_int_eq(fegetround(), FE_UPWARD);
#endif
    flow_resume(&flow, &self);
    ck_assert_int_eq(mode, FE_UPWARD);
    fesetround(FE_TONEAREST);
    stack_put(&cache, flow.stack);
}
END_TEST

/* ---- lives of stacks ---- */

static void body_dirty_frames(struct flow *flow, void *arg)
{
    char frames[512];
    char *volatile escaped = frames;

    (void)arg;
    memset(escaped, 1, sizeof(frames));
    flow_pause(flow);
    seen.steps++;
}

/* One stack carries flow after flow; nothing of one is left over for the next, nor for the tools.
 */
START_TEST(stack_is_reused)
{
    enum { LIVES = 3000 };
    struct stack *stack = stack_get(&cache, STACK_NORMAL);

    for (int i = 0; i < LIVES; i++) {
        struct flow flow;
        flow_init(&flow, stack, body_dirty_frames, NULL);
        flow_resume(&flow, &self);
        flow_resume(&flow, &self);
        ck_assert(flow.ended);
    }
    ck_assert_int_eq(seen.steps, LIVES);
    stack_put(&cache, stack);
}
END_TEST

/* A flow that never ran costs nothing and may be forgotten. */
START_TEST(flow_need_not_run)
{
    struct flow flow;

    flow_init(&flow, stack_get(&cache, STACK_NORMAL), body_note_entry, NULL);
    stack_put(&cache, flow.stack);
    ck_assert_int_eq(seen.steps, 0);
}
END_TEST

enum { RING = 1000, ROUNDS = 20 };
static struct flow ring[RING];
static int ring_hops;

/* Goes straight to the next, as a blocked task does, without a loop in between. */
static void body_ring(struct flow *flow, void *arg)
{
    long next = ((flow - ring) + 1) % RING;

    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        ring_hops++;
        context_switch(&flow->context, &ring[next].context);
    }
    context_exit(&flow->context, &self);
}

/* A thousand flows hand control from one to the next without going back to where they came from. */
START_TEST(flows_switch_directly)
{
    for (int i = 0; i < RING; i++)
        flow_init(&ring[i], stack_get(&cache, STACK_SMALL), body_ring, NULL);
    context_switch(&self, &ring[0].context);
    ck_assert_int_eq(ring_hops, RING * ROUNDS);
}
END_TEST

/* ---- unwinding ---- */

enum { FRAMES_MAX = 50 };

__attribute__((noinline)) static void nested(struct flow *flow, int depth)
{
    if (depth) {
        nested(flow, depth - 1);
    } else {
        void *frames[FRAMES_MAX];
        flow_pause(flow);
        seen.steps = backtrace(frames, FRAMES_MAX);
    }
    __asm__ volatile(""); /* no tail call */
}

static void body_backtrace(struct flow *flow, void *arg)
{
    (void)arg;
    nested(flow, 10);
}

/* The unwinder of exceptions and backtrace() goes from a flow's innermost frame to its entry, and
 * ends there. */
START_TEST(backtrace_ends_at_the_entry)
{
    struct flow flow;

    flow_init(&flow, stack_get(&cache, STACK_LARGE), body_backtrace, NULL);
    flow_resume(&flow, &self);
    flow_resume(&flow, &self);
    ck_assert(flow.ended);
    /* nested() eleven times, the body and the entry perhaps merged, the outermost frame. */
    ck_assert_int_ge(seen.steps, 12);
    ck_assert_int_le(seen.steps, 18);
    stack_put(&cache, flow.stack);
}
END_TEST

/* ---- threads ---- */

static void body_count(struct flow *flow, void *arg)
{
    int *count = (int *)arg;

    for (int i = 0; i < 10; i++) {
        ++*count;
        flow_pause(flow);
    }
}

static void *thread_of_flows(void *arg)
{
    struct stack_cache thread_cache;
    struct context thread_self;
    struct flow flows[80];
    int count = 0;

    (void)arg;
    wf_stack_cache_init(&thread_cache);
    context_init_thread(&thread_self);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 80; i++) {
            struct stack *stack = stack_get(&thread_cache, STACK_NORMAL);
            flow_init(&flows[i], stack, body_count, &count);
        }
        for (int step = 0; step <= 10; step++)
            for (int i = 0; i < 80; i++)
                flow_resume(&flows[i], &thread_self);
        for (int i = 0; i < 80; i++)
            stack_put(&thread_cache, flows[i].stack);
        wf_stack_trim(&thread_cache); /* sends them round to the other threads */
    }
    ck_assert_int_eq(count, 5 * 80 * 10);
    context_fini_thread(&thread_self);
    wf_stack_cache_fini(&thread_cache);
    return NULL;
}

/* Threads have flows of their own at once, and stacks go from one thread to another between flows.
 */
START_TEST(threads_run_flows_of_their_own)
{
    pthread_t threads[3];

    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, thread_of_flows, NULL), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("switch");
    TCase *tcase = tcase_create("switch");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, fresh_flow_gets_its_argument);
    tcase_add_test(tcase, entry_is_aligned);
    tcase_add_test(tcase, registers_are_preserved);
    tcase_add_test(tcase, callee_saved_registers_are_preserved);
    tcase_add_test(tcase, flow_uses_its_whole_stack);
    tcase_add_test(tcase, static_variables_are_read_again);
    tcase_add_test(tcase, rounding_mode_is_switched_on_request);
    tcase_add_test(tcase, stack_is_reused);
    tcase_add_test(tcase, flow_need_not_run);
    tcase_add_test(tcase, flows_switch_directly);
    tcase_add_test(tcase, backtrace_ends_at_the_entry);
    tcase_add_test(tcase, threads_run_flows_of_their_own);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
