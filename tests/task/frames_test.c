/*
 * frames_test.c - the walk along frame pointers believes nothing that it finds on a stack.
 */
#include "runtime/base/sanitizer.h"
#include "runtime/task/unwind.h"
#include "tests/support/suite.h"

#ifdef WEFT_ASAN
#include <sanitizer/asan_interface.h>
#endif

static struct stack_cache cache;
static struct stack *stack;

/* The last words of a stack, as many as the tests write frames into. */
#define WORDS 16
static uintptr_t *words;

static void setup(void)
{
    wf_stack_cache_init(&cache);
    stack = stack_get(&cache, STACK_SMALL);
    ck_assert_ptr_nonnull(stack);
    words = (uintptr_t *)stack_top(stack) - WORDS;
    for (int i = 0; i < WORDS; i++)
        words[i] = 0;
}

static void teardown(void)
{
    stack_put(&cache, stack);
    wf_stack_cache_fini(&cache);
}

/* Writes a frame at a word: it returns to `to`, into the frame at `outer`. */
static void put_frame(int word, uintptr_t outer, uintptr_t to)
{
    words[word] = outer;
    words[word + 1] = to;
}

static uintptr_t at(int word)
{
    return (uintptr_t)&words[word];
}

static int walk(uintptr_t from, uintptr_t *frames, int max)
{
    void *found[WORDS] = {0};
    int count = wf_unwind_from((void *)from, stack, found, max);
    for (int i = 0; i < WORDS; i++)
        frames[i] = (uintptr_t)found[i];
    return count;
}

/* Frames are followed from the newest outwards, up to the top of the stack, and no more than asked
 * for. */
START_TEST(frames_are_followed)
{
    uintptr_t frames[WORDS];

    put_frame(0, at(4), 11);
    put_frame(4, at(WORDS - 2), 12);
    put_frame(WORDS - 2, 0, 13);
    ck_assert_int_eq(walk(at(0), frames, WORDS), 3);
    ck_assert_uint_eq(frames[0], 11);
    ck_assert_uint_eq(frames[1], 12);
    ck_assert_uint_eq(frames[2], 13);
    ck_assert_int_eq(walk(at(0), frames, 2), 2);
    ck_assert_uint_eq(frames[2], 0);
    ck_assert_int_eq(walk(at(0), frames, 0), 0);
}
END_TEST

/* A frame pointer that is none ends the walk: none at all, one of another memory, off the stack by a
 * word, not aligned, at the ends of the address space. */
START_TEST(nonsense_ends_the_walk)
{
    uintptr_t low = (uintptr_t)wf_stack_limit(stack), high = (uintptr_t)stack_top(stack);
    const uintptr_t nonsense[] = {
        0,
        1,
        sizeof(void *),
        (uintptr_t)&cache,
        low - sizeof(void *),
        high - sizeof(void *),
        high,
        at(4) + 1,
        at(4) + 4,
        UINTPTR_MAX,
        UINTPTR_MAX - 7,
        UINTPTR_MAX - 15,
        UINTPTR_MAX - 23,
    };
    uintptr_t frames[WORDS];

    put_frame(4, 0, 12);
    for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
        ck_assert_int_eq(walk(nonsense[i], frames, WORDS), 0);
        put_frame(0, nonsense[i], 11);
        ck_assert_int_eq(walk(at(0), frames, WORDS), 1);
        ck_assert_uint_eq(frames[0], 11);
    }
}
END_TEST

/* So does one that does not lead outwards: the walk cannot go round in a circle. */
START_TEST(walk_goes_outwards)
{
    uintptr_t frames[WORDS];

    put_frame(4, at(4), 11);
    ck_assert_int_eq(walk(at(4), frames, WORDS), 1);
    put_frame(0, at(4), 10);
    put_frame(4, at(0), 11);
    ck_assert_int_eq(walk(at(0), frames, WORDS), 2);
}
END_TEST

/* A call that returns to nowhere is where a flow began. */
START_TEST(flow_begins_at_zero)
{
    uintptr_t frames[WORDS];

    put_frame(0, at(4), 11);
    put_frame(4, at(8), 0);
    put_frame(8, 0, 13);
    ck_assert_int_eq(walk(at(0), frames, WORDS), 1);
}
END_TEST

/* What looks like a frame may be anything, memory that a sanitizer guards included. */
START_TEST(guarded_words_are_read)
{
    uintptr_t frames[WORDS];

    put_frame(0, at(4), 11);
    put_frame(4, 0, 12);
#ifdef WEFT_ASAN
    __asan_poison_memory_region(words, WORDS * sizeof(words[0]));
#endif
    int count = walk(at(0), frames, WORDS);
#ifdef WEFT_ASAN
    __asan_unpoison_memory_region(words, WORDS * sizeof(words[0]));
#endif
    ck_assert_int_eq(count, 2);
    ck_assert_uint_eq(frames[1], 12);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("frames");

    TCase *walks = tcase_create("walks");
    tcase_add_checked_fixture(walks, setup, teardown);
    tcase_add_test(walks, frames_are_followed);
    tcase_add_test(walks, nonsense_ends_the_walk);
    tcase_add_test(walks, walk_goes_outwards);
    tcase_add_test(walks, flow_begins_at_zero);
    tcase_add_test(walks, guarded_words_are_read);
    suite_add_tcase(suite, walks);

    return suite_main(suite);
}
