/*
 * thread_stack.c - the bounds of the calling thread's own stack.
 */
#include "runtime/task/thread_stack.h"

#include <pthread.h>
#include <stddef.h>

static _Thread_local uintptr_t known_low, known_high;

bool wf_thread_stack(uintptr_t *ret_low, uintptr_t *ret_high)
{
    if (!known_high) {
        pthread_attr_t attr;
        void *bottom = NULL;
        size_t bytes = 0;
        if (pthread_getattr_np(pthread_self(), &attr))
            return false;
        int error = pthread_attr_getstack(&attr, &bottom, &bytes);
        pthread_attr_destroy(&attr);
        if (error)
            return false;
        known_low = (uintptr_t)bottom;
        known_high = known_low + bytes;
    }
    *ret_low = known_low;
    *ret_high = known_high;
    return true;
}
