/*
 * switch_ring.c - rings of flows (see switch_ring.h).
 */
#include "bench/switch_ring.h"

#include "runtime/task/stack.h"
#include "runtime/task/switch.h"

static struct stack_cache cache;
static struct context thread;
static struct stack *stacks[RING_FLOWS_MAX];
static struct context contexts[RING_FLOWS_MAX];
static void *bare[RING_FLOWS_MAX];
static void *bare_thread;
static int flows, current;
static uint64_t left;

int ring_open(int count)
{
    wf_stack_cache_init(&cache);
    context_init_thread(&thread);
    for (flows = 0; flows < count; flows++) {
        stacks[flows] = stack_get(&cache, STACK_NORMAL);
        if (!stacks[flows]) {
            ring_close();
            return 0;
        }
    }
    return 1;
}

void ring_close(void)
{
    while (flows > 0)
        stack_put(&cache, stacks[--flows]);
    context_fini_thread(&thread);
    wf_stack_cache_fini(&cache);
}

/* ---- weft's switch ---- */

__attribute__((noinline)) static void hop(void)
{
    int from = current, to = from + 1 == flows ? 0 : from + 1;

    current = to;
    context_switch(&contexts[from], &contexts[to]);
}

static void go_round(void *arg)
{
    struct context gone;

    (void)arg;
    while (left-- > 0)
        hop();
    context_exit(&gone, &thread);
}

void ring_run(uint64_t hops)
{
    for (int i = 0; i < flows; i++)
        context_init(&contexts[i], stacks[i], go_round, NULL);
    left = hops;
    current = 0;
    context_switch(&thread, &contexts[0]);
}

static void end_at_once(void *arg)
{
    struct context gone;

    (void)arg;
    context_exit(&gone, &thread);
}

void ring_run_fresh(uint64_t count)
{
    for (; count > 0; count--) {
        context_init(&contexts[0], stacks[0], end_at_once, NULL);
        context_switch(&thread, &contexts[0]);
    }
}

/* ---- the least that a switch can be ---- */

void bare_switch(void **save_sp, void *load_sp);

#if defined(__x86_64__)
__asm__(".text\n.p2align 4\n"
        ".globl bare_switch\n.type bare_switch, @function\n"
        "bare_switch:\n"
        "    pushq %rbp\n    pushq %rbx\n    pushq %r12\n"
        "    pushq %r13\n    pushq %r14\n    pushq %r15\n"
        "    movq %rsp, (%rdi)\n    movq %rsi, %rsp\n"
        "    popq %r15\n    popq %r14\n    popq %r13\n"
        "    popq %r12\n    popq %rbx\n    popq %rbp\n"
        "    ret\n"
        ".size bare_switch, . - bare_switch\n");
#define BARE_REGISTERS 6
#define BARE_RETURN    6 /* where the return address is, in words */
#define BARE_WORDS     8
#elif defined(__aarch64__)
__asm__(".text\n.p2align 4\n"
        ".globl bare_switch\n.type bare_switch, %function\n"
        "bare_switch:\n"
        "    stp x29, x30, [sp, #-160]!\n"
        "    stp x19, x20, [sp, #16]\n    stp x21, x22, [sp, #32]\n"
        "    stp x23, x24, [sp, #48]\n    stp x25, x26, [sp, #64]\n"
        "    stp x27, x28, [sp, #80]\n    stp d8, d9, [sp, #96]\n"
        "    stp d10, d11, [sp, #112]\n    stp d12, d13, [sp, #128]\n"
        "    stp d14, d15, [sp, #144]\n"
        "    mov x9, sp\n    str x9, [x0]\n    mov sp, x1\n"
        "    ldp x19, x20, [sp, #16]\n    ldp x21, x22, [sp, #32]\n"
        "    ldp x23, x24, [sp, #48]\n    ldp x25, x26, [sp, #64]\n"
        "    ldp x27, x28, [sp, #80]\n    ldp d8, d9, [sp, #96]\n"
        "    ldp d10, d11, [sp, #112]\n    ldp d12, d13, [sp, #128]\n"
        "    ldp d14, d15, [sp, #144]\n"
        "    ldp x29, x30, [sp], #160\n"
        "    ret\n"
        ".size bare_switch, . - bare_switch\n");
#define BARE_RETURN 1
#define BARE_WORDS  20
#endif

__attribute__((noinline)) static void hop_bare(void)
{
    int from = current, to = from + 1 == flows ? 0 : from + 1;

    current = to;
    bare_switch(&bare[from], bare[to]);
    __asm__ volatile(""); /* no tail call */
}

static void go_round_bare(void)
{
    void *gone;

    while (left-- > 0)
        hop_bare();
    bare_switch(&gone, bare_thread);
}

void ring_run_bare(uint64_t hops)
{
    for (int i = 0; i < flows; i++) {
        void **sp = (void **)stack_top(stacks[i]) - BARE_WORDS - 2;
        for (int word = 0; word < BARE_WORDS; word++)
            sp[word] = NULL;
        sp[BARE_RETURN] = (void *)(uintptr_t)go_round_bare;
        bare[i] = sp;
    }
    left = hops;
    current = 0;
    bare_switch(&bare_thread, bare[0]);
}
