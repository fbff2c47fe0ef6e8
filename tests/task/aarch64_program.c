/*
 * aarch64_program.c - what aarch64_test cross-compiles and runs under qemu: the same switch and the
 * same stacks on the other processor. Prints the check that failed, or "ok".
 */
#include <execinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/task/flow.h"
#include "tests/task/registers.h"

#define CHECK(condition)                                                 \
    do {                                                                 \
        if (!(condition)) {                                              \
            printf("line %d: %s does not hold\n", __LINE__, #condition); \
            exit(1);                                                     \
        }                                                                \
    } while (0)

static struct stack_cache cache;
static struct context self;

/* A context's stack is a multiple of 16 at entry: the processor faults where it is not. */
static void body_alignment(struct flow *flow, void *arg)
{
    _Alignas(16) char block[64];
    char *volatile escaped = block;

    (void)flow;
    memset(escaped, 1, sizeof(block));
    CHECK((uintptr_t)escaped % 16 == 0);
    CHECK((uintptr_t)__builtin_frame_address(0) % 16 == 0);
    ++*(int *)arg;
}

static void test_entry(void)
{
    int runs = 0;

    for (int i = 0; i < 40; i++) {
        struct flow flow;
        flow_init(&flow, stack_get(&cache, STACK_NORMAL), body_alignment, &runs);
        flow_resume(&flow, &self);
        CHECK(flow.ended);
    }
    CHECK(runs == 40);
}

__attribute__((noinline)) static void pause_called(void *flow)
{
    flow_pause((struct flow *)flow);
}

static void body_registers(struct flow *flow, void *arg)
{
    long seed = *(long *)arg;

    for (int i = 0; i < 10; i++)
        CHECK(registers_changed(pause_called, flow, seed + i * 64) == 0);
}

/* Each flow puts its own values into x19-x29 and d8-d15, and so does the flow that resumes them. */
static void test_registers(void)
{
    struct flow flows[3];
    long seeds[3] = {1000000, 2000000, 3000000};
    int running = 3;

    for (int i = 0; i < 3; i++)
        flow_init(&flows[i], stack_get(&cache, STACK_NORMAL), body_registers, &seeds[i]);
    while (running) {
        running = 0;
        for (int i = 0; i < 3; i++)
            if (!flows[i].ended) {
                flow_resume(&flows[i], &self);
                running++;
            }
    }
}

enum { RING = 1000, ROUNDS = 100 };
static struct flow ring[RING];
static long ring_hops;

static void body_ring(struct flow *flow, void *arg)
{
    long next = ((flow - ring) + 1) % RING;
    double sum = (double)next;

    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        ring_hops++;
        context_switch(&flow->context, &ring[next].context);
        sum += 0.5;
    }
    CHECK(sum == (double)next + ROUNDS * 0.5);
    context_exit(&flow->context, &self);
}

static void test_ring(void)
{
    for (int i = 0; i < RING; i++)
        flow_init(&ring[i], stack_get(&cache, STACK_SMALL), body_ring, NULL);
    context_switch(&self, &ring[0].context);
    CHECK(ring_hops == (long)RING * ROUNDS);
}

enum { FRAMES_MAX = 50 };

__attribute__((noinline)) static int nested(struct flow *flow, int depth)
{
    void *frames[FRAMES_MAX];
    int found = 0;

    if (depth) {
        found = nested(flow, depth - 1);
    } else {
        flow_pause(flow);
        found = backtrace(frames, FRAMES_MAX);
    }
    __asm__ volatile("" ::: "memory"); /* no tail call */
    return found;
}

static void body_backtrace(struct flow *flow, void *arg)
{
    *(int *)arg = nested(flow, 10);
}

/* The unwinder goes from the innermost frame to the entry, and ends there. */
static void test_backtrace(void)
{
    struct flow flow;
    int found = 0;

    flow_init(&flow, stack_get(&cache, STACK_LARGE), body_backtrace, &found);
    flow_resume(&flow, &self);
    flow_resume(&flow, &self);
    CHECK(found >= 12 && found <= 18);
}

int main(void)
{
    wf_stack_cache_init(&cache);
    context_init_thread(&self);
    test_entry();
    test_registers();
    test_ring();
    test_backtrace();
    context_fini_thread(&self);
    printf("ok\n");
    return 0;
}
