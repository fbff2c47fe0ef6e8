/*
 * trace.h - a record of what happened in which order: words with blanks between them.
 *
 * A test writes down the words of what it sees with trace(), on any thread, and compares the record
 * with asyncio's order by ck_assert_trace(). Who compares has waited for those who write: nothing
 * here orders the threads, so that the thread sanitizer still sees what does not.
 */
#ifndef WEFT_TESTS_SUPPORT_TRACE_H
#define WEFT_TESTS_SUPPORT_TRACE_H

#include <check.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static char trace_text[2048];     /* zeros behind the words */
static _Atomic size_t trace_used; /* its bytes; those who write take their places from it */

__attribute__((format(printf, 1, 2), unused)) static void trace(const char *format, ...)
{
    char word[400]; /* a task's stack is small */
    va_list args;

    va_start(args, format);
    size_t length = (size_t)vsnprintf(word, sizeof(word), format, args);
    va_end(args);

    size_t used = atomic_load_explicit(&trace_used, memory_order_relaxed), begin, end;
    do {
        begin = used + (used != 0);
        end = begin + length;
    } while (!atomic_compare_exchange_weak_explicit(&trace_used, &used, end, memory_order_relaxed,
                                                    memory_order_relaxed));
    if (length >= sizeof(word) || end >= sizeof(trace_text))
        ck_abort_msg("the record has no room for \"%s\"", word);
    if (used)
        trace_text[used] = ' ';
    memcpy(trace_text + begin, word, length);
}

/* Begins a new record. */
__attribute__((unused)) static void trace_clear(void)
{
    memset(trace_text, 0, sizeof(trace_text));
    trace_used = 0;
}

/* Compares the record, and begins a new one. */
#define ck_assert_trace(expected)               \
    do {                                        \
        ck_assert_str_eq(trace_text, expected); \
        trace_clear();                          \
    } while (0)

#endif
