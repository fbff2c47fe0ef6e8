/*
 * atomic.h - the atomic operations that the lock-free files are written with.
 *
 * They are C11's own names, nothing more. The model tests compile the very same files with
 * -DWEFT_MODEL, and then every operation goes to the checker in tests/model/, which decides the
 * interleaving and which of the allowed values a load returns.
 *
 * Two rules keep that possible, and keep ThreadSanitizer's eyes open: the order stands on the
 * operation (no stand-alone fences), and an operation is always the _explicit form.
 */
#ifndef WEFT_RUNTIME_BASE_ATOMIC_H
#define WEFT_RUNTIME_BASE_ATOMIC_H

#ifdef WEFT_MODEL
#include "tests/model/atomics.h"
#else
#include <stdatomic.h>

/* Plain data that atomics hand from one thread to another. The model checks that no two threads
 * race for it; here these are the bare accesses, which ThreadSanitizer sees. */
#define plain_load(object_)          (*(object_))
#define plain_store(object_, value_) (*(object_) = (value_))
#endif

/* Fields with different writers are this far apart. */
#define CACHE_LINE 64

/* Tell the processor that this is a spin loop: it saves power and lets the sibling thread run. */
static inline void cpu_relax(void)
{
#if defined(WEFT_MODEL)
    model_yield();
#elif defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory"); /* as long as a pause; "yield" is a no-op there */
#else
    __asm__ volatile("" ::: "memory");
#endif
}

#endif
