/*
 * sanitizer.h - which tool the code is being built for: WEFT_ASAN, WEFT_TSAN, or neither.
 * WEFT_VALGRIND is defined by the build (it needs valgrind's header).
 */
#ifndef WEFT_RUNTIME_BASE_SANITIZER_H
#define WEFT_RUNTIME_BASE_SANITIZER_H

#if defined(__SANITIZE_ADDRESS__)
#define WEFT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WEFT_ASAN 1
#endif
#endif

#if defined(__SANITIZE_THREAD__)
#define WEFT_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WEFT_TSAN 1
#endif
#endif

#endif
