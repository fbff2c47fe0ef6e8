/*
 * single_threaded.h - whether this is the only thread of the process.
 *
 * While it is, nobody sees a step half done, and a compare-and-swap may be a comparison and a store:
 * 1 ns in place of 6. The C library keeps the flag for its own locks. It falls before a second thread
 * starts (and glibc 2.36 never raises it again), and that one sees all that was done until then. A
 * step that has looked at it is over before it can fall, if the step calls nothing.
 */
#ifndef WEFT_RUNTIME_BASE_SINGLE_THREADED_H
#define WEFT_RUNTIME_BASE_SINGLE_THREADED_H

#include <stdbool.h>

#if !defined(WEFT_MODEL) && __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>

static inline bool single_threaded(void)
{
    return __libc_single_threaded;
}
#else /* the threads of the model are none of the C library's; another C library may keep no flag */
static inline bool single_threaded(void)
{
    return false;
}
#endif

#endif
