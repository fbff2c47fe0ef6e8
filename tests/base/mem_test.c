/*
 * mem_test.c - the memory calls, on the table that is linked in: built once with jemalloc's and
 * once with malloc's.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>

#include "runtime/base/mem.h"
#include "tests/support/suite.h"

static bool is_aligned(const void *memory, size_t alignment)
{
    return (uintptr_t)memory % alignment == 0;
}

/* Any type fits where a block starts, and the whole block can be written. */
START_TEST(alloc_fits_any_type)
{
    for (size_t bytes = 1; bytes <= 1 << 20; bytes = bytes * 2 + 1) {
        void *memory = mem_alloc(bytes);
        ck_assert_ptr_nonnull(memory);
        ck_assert(is_aligned(memory, _Alignof(max_align_t)));
        memset(memory, 0xa5, bytes);
        mem_free(memory, bytes);
    }
}
END_TEST

/* A zeroed block is zero, although the block before it in the same place was not. */
START_TEST(zalloc_is_zero)
{
    enum { BYTES = 300 };
    for (int round = 0; round < 100; round++) {
        unsigned char *memory = (unsigned char *)mem_zalloc(BYTES);
        ck_assert_ptr_nonnull(memory);
        for (int i = 0; i < BYTES; i++)
            ck_assert_uint_eq(memory[i], 0);
        memset(memory, 0xff, BYTES);
        mem_free(memory, BYTES);
    }
}
END_TEST

/* Resizing keeps what was there, up and down, and resizing nothing allocates. */
START_TEST(resize_keeps_the_contents)
{
    size_t bytes = 8;
    char *memory = (char *)mem_resize(NULL, 0, bytes);
    ck_assert_ptr_nonnull(memory);
    memcpy(memory, "0123456", bytes);
    for (size_t next = 16; next <= 1 << 20; next *= 4) {
        memory = (char *)mem_resize(memory, bytes, next);
        ck_assert_ptr_nonnull(memory);
        bytes = next;
        ck_assert_str_eq(memory, "0123456");
    }
    memory = (char *)mem_resize(memory, bytes, 8);
    ck_assert_str_eq(memory, "0123456");
    mem_free(memory, 8);
}
END_TEST

/* A line block starts on a cache line, whatever its size. */
START_TEST(line_blocks_start_on_a_line)
{
    enum { BLOCKS = 100 };
    void *blocks[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = mem_alloc_line(i * 7 + 1);
        ck_assert_ptr_nonnull(blocks[i]);
        ck_assert(is_aligned(blocks[i], MEM_CACHE_LINE));
        memset(blocks[i], 0x5a, i * 7 + 1);
    }
    for (size_t i = 0; i < BLOCKS; i++)
        mem_free_line(blocks[i], i * 7 + 1);
}
END_TEST

/* Freeing nothing is nothing. */
START_TEST(free_takes_null)
{
    mem_free(NULL, 64);
    mem_free_line(NULL, 64);
}
END_TEST

/* Each way to allocate fails through the seam; a failed resize leaves the old block as it was. */
START_TEST(faults_reach_every_call)
{
    char *memory = (char *)mem_alloc(8);
    memcpy(memory, "abcdefg", 8);

    wf_fault_arm(FAULT_ALLOC, 1, ENOMEM, true);
    ck_assert_ptr_null(mem_alloc(8));
    ck_assert_ptr_null(mem_zalloc(8));
    ck_assert_ptr_null(mem_alloc_line(8));
    ck_assert_ptr_null(mem_resize(memory, 8, 64));
    ck_assert_uint_eq(wf_fault_calls(FAULT_ALLOC), 4);
    wf_fault_reset();

    ck_assert_str_eq(memory, "abcdefg");
    mem_free(memory, 8);
}
END_TEST

/* More than the address space is NULL, not a crash. */
START_TEST(too_much_is_null)
{
    ck_assert_ptr_null(mem_alloc(SIZE_MAX / 4));
    ck_assert_ptr_null(mem_alloc_line(SIZE_MAX / 4));
}
END_TEST

enum { BLOCKS = 1000, BLOCK_BYTES = 192 };

static void *free_blocks(void *arg)
{
    void **blocks = (void **)arg;
    for (int i = 0; i < BLOCKS; i++)
        mem_free_line(blocks[i], BLOCK_BYTES);
    return NULL;
}

/* What one thread allocated another may free. */
START_TEST(any_thread_may_free)
{
    void *blocks[BLOCKS];
    pthread_t thread;
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < BLOCKS; i++) {
            blocks[i] = mem_alloc_line(BLOCK_BYTES);
            ck_assert_ptr_nonnull(blocks[i]);
        }
        ck_assert_int_eq(pthread_create(&thread, NULL, free_blocks, blocks), 0);
        ck_assert_int_eq(pthread_join(thread, NULL), 0);
    }
}
END_TEST

static Suite *mem_suite(void)
{
    Suite *suite = suite_create("mem");
    TCase *tests = tcase_create("mem");
    tcase_add_checked_fixture(tests, NULL, wf_fault_reset);
    tcase_add_test(tests, alloc_fits_any_type);
    tcase_add_test(tests, zalloc_is_zero);
    tcase_add_test(tests, resize_keeps_the_contents);
    tcase_add_test(tests, line_blocks_start_on_a_line);
    tcase_add_test(tests, free_takes_null);
    tcase_add_test(tests, faults_reach_every_call);
    tcase_add_test(tests, too_much_is_null);
    tcase_add_test(tests, any_thread_may_free);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return suite_main(mem_suite());
}
