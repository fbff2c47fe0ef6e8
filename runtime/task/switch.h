/*
 * switch.h - the one wrapper through which every change of stacks goes.
 *
 * A context is a suspended flow of control: a task's, or the one an OS thread came with. Switching
 * saves the registers that a call must keep, continues the other flow, and tells the sanitizers.
 * The machine's part is in switch_ARCH.h (the switch, inline) and switch_ARCH.S (where a fresh flow
 * begins).
 *
 * C1  A context is continued at most once for each time it was suspended, and by the thread that it
 *     was suspended on.
 * C2  The running flow's context holds nothing until the switch away from it is complete: nobody
 *     may continue it, or tell another thread to, before the next flow runs.
 * C3  The wrappers are inlined into their caller: under ThreadSanitizer a function that switches
 *     fibers must not leave an entry of its own on the shadow call stack.
 * C4  The frames of a flow that has ended by context_exit() never return; its stack may carry the
 *     next flow as soon as another one runs.
 */
#ifndef WEFT_RUNTIME_TASK_SWITCH_H
#define WEFT_RUNTIME_TASK_SWITCH_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/base/sanitizer.h"
#include "runtime/task/stack.h"

#if defined(__x86_64__)
#include "runtime/task/switch_x86_64.h"
#elif defined(__aarch64__)
#include "runtime/task/switch_aarch64.h"
#else
#error "weft runs on x86-64 and aarch64"
#endif

#ifdef WEFT_ASAN
#include <pthread.h>
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef WEFT_TSAN
#include <sanitizer/tsan_interface.h>
#endif

#define CONTEXT_INLINE __attribute__((always_inline)) static inline

/* A suspended flow of control. The registers that its switch did not save are on its stack. */
struct context {
    struct context_registers registers;
#if defined(WEFT_ASAN) || defined(WEFT_TSAN)
    struct stack *stack; /* NULL: an OS thread's own */
#endif
#ifdef WEFT_ASAN
    void *fake_stack;   /* ASan's, while suspended */
    const void *bottom; /* bounds of the real one */
    size_t bytes;
    void (*entry)(void *);
    void *arg;
#endif
#ifdef WEFT_TSAN
    void *fiber; /* an OS thread's own; a task's belongs to its stack */
#endif
};
_Static_assert(offsetof(struct context, registers) == 0, "found by the address of its registers");

/* The first instruction of a fresh flow; in switch_ARCH.S. */
__attribute__((visibility("hidden"))) void wf_context_start(void);

#ifdef WEFT_TSAN
/* A flow that ends leaves its last frames on the fiber's shadow call stack, which holds 65536. */
#define CONTEXT_FIBER_ENDS_MAX 1000

/* The fiber on which *to continues. Made at the first switch to a stack, so that there are none
 * that never ran; kept with the stack, as making one takes a millisecond. */
static inline void *context_fiber(struct context *to)
{
    struct stack *stack = to->stack;

    if (!stack)
        return to->fiber;
    if (stack->fiber && stack->fiber_ends >= CONTEXT_FIBER_ENDS_MAX) {
        __tsan_destroy_fiber(stack->fiber);
        stack->fiber = NULL;
    }
    if (!stack->fiber) {
        stack->fiber = __tsan_create_fiber(0);
        stack->fiber_ends = 0;
    }
    return stack->fiber;
}
#endif

/*
 * Tells the compiler that any code of the program may have run while this flow was suspended. The
 * assembly's memory clobber does not: gcc takes assembly to call nothing, and from one function to
 * its callers assumes that static variables whose address is not taken are as they were. A call
 * that is never made says it, and costs no instruction on the way.
 */
CONTEXT_INLINE void context_anything_ran(void)
{
    __asm__ goto("" : : : : never);
    return;
never:
    wf_context_start();
}

/*
 * Saves the running flow in *from and continues *to. Returns `from`, when somebody switches back:
 * whoever needs it then takes it from here, and the compiler has one value less to keep. Without
 * a sanitizer, from and to may be the same.
 */
CONTEXT_INLINE struct context *context_switch(struct context *from, struct context *to)
{
#ifdef WEFT_ASAN
    __sanitizer_start_switch_fiber(&from->fake_stack, to->bottom, to->bytes);
#endif
#ifdef WEFT_TSAN
    __tsan_switch_to_fiber(context_fiber(to), 0); /* 0: what came before is seen by what follows */
#endif
    struct context *self =
        (struct context *)(void *)switch_registers(&from->registers, &to->registers);
    context_anything_ran();
#ifdef WEFT_ASAN
    __sanitizer_finish_switch_fiber(self->fake_stack, NULL, NULL);
#endif
    return self;
}

/* Continues *to for good: the running flow has ended, and its stack may be used for another as soon
 * as *to runs. *from is scratch space. */
_Noreturn CONTEXT_INLINE void context_exit(struct context *from, struct context *to)
{
#ifdef WEFT_ASAN
    __sanitizer_start_switch_fiber(NULL, to->bottom, to->bytes); /* NULL: drop the fake stack */
#endif
#ifdef WEFT_TSAN
    if (from->stack)
        from->stack->fiber_ends++;
    __tsan_switch_to_fiber(context_fiber(to), 0);
#endif
    (void)from; /* scratch space of the sanitizers */
    switch_leave(&to->registers);
}

#ifdef WEFT_ASAN
/* Completes the first switch to a flow. */
static void context_land(void *arg)
{
    struct context *context = (struct context *)arg;

    __sanitizer_finish_switch_fiber(NULL, NULL, NULL);
    context->entry(context->arg);
}
#endif

/*
 * Prepares *context so that the first switch to it calls entry(arg) at the top of the stack, with
 * the stack aligned as the ABI wants it. entry must not return: it ends in context_exit(). Touches
 * the stack's first cache line.
 */
CONTEXT_INLINE void context_init(struct context *context, struct stack *stack,
                                 void (*entry)(void *), void *arg)
{
    void **sp = (void **)stack->top - 2; /* keeps the alignment of 16 */

#ifdef WEFT_ASAN
    context->bottom = wf_stack_limit(stack);
    context->bytes = (size_t)((char *)stack->top - (char *)context->bottom);
    context->fake_stack = NULL;
    context->entry = entry;
    context->arg = arg;
    /* The frames of the last flow have left their red zones behind. */
    __asan_unpoison_memory_region(context->bottom, context->bytes);
    entry = context_land;
    arg = context;
#endif
#if defined(WEFT_ASAN) || defined(WEFT_TSAN)
    context->stack = stack;
#endif
    sp[0] = (void *)(uintptr_t)entry;
    sp[1] = NULL;
    context->registers.sp = sp;
    context->registers.pc = (void *)(uintptr_t)wf_context_start;
    context->registers.fp = NULL;
    context->registers.bx = arg;
    switch_init_fpu(&context->registers);
}

/* *context, of the running flow, is on the stack of *place from here on: the flow has moved there
 * (into a generator, or out of one), or will. */
CONTEXT_INLINE void context_move(struct context *context, const struct context *place)
{
#if defined(WEFT_ASAN) || defined(WEFT_TSAN)
    context->stack = place->stack;
#endif
#ifdef WEFT_ASAN
    context->bottom = place->bottom;
    context->bytes = place->bytes;
#endif
#ifdef WEFT_TSAN
    context->fiber = place->fiber;
#endif
    (void)context;
    (void)place;
}

/* The context of the calling thread's own stack, for the loop that runs on it. */
static inline void context_init_thread(struct context *context)
{
    *context = (struct context){0};
#ifdef WEFT_ASAN
    pthread_attr_t attr;
    void *bottom = NULL;
    if (!pthread_getattr_np(pthread_self(), &attr)) {
        pthread_attr_getstack(&attr, &bottom, &context->bytes);
        pthread_attr_destroy(&attr);
    }
    context->bottom = bottom;
#endif
#ifdef WEFT_TSAN
    context->fiber = __tsan_get_current_fiber();
#endif
}

/* Undoes context_init_thread(), on the same thread. */
static inline void context_fini_thread(struct context *context)
{
    *context = (struct context){0};
}

#endif
