/*
 * framing_test.c - the fuzz target's check as an ordinary test: on the corpus, on pseudo-random inputs,
 * and on every way to cut short streams. WEFT_FUZZ_RUNS in the environment: so many inputs.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/framing.h"
#include "tests/support/suite.h"

#define RUNS 5000ul

/* What is in a file of the corpus is one scenario. */
static size_t file_read(const char *folder, const char *name, uint8_t *buffer, size_t size)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s", path);
    size_t bytes = fread(buffer, 1, size, file);
    fclose(file);
    return bytes;
}

START_TEST(corpus)
{
    static const char folder[] = "tests/fuzz/corpus/framing";
    static uint8_t buffer[65536];
    DIR *dir = opendir(folder);
    int count = 0;

    ck_assert_msg(dir != NULL, "%s", folder);
    for (const struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        const char *difference =
            framing_check(buffer, file_read(folder, entry->d_name, buffer, sizeof(buffer)));
        ck_assert_msg(!difference, "%s: %s", entry->d_name, difference ? difference : "");
        count++;
    }
    closedir(dir);
    ck_assert_int_ge(count, 8);
}
END_TEST

/* xorshift64 */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

START_TEST(pseudo_random)
{
    const char *wish = getenv("WEFT_FUZZ_RUNS");
    unsigned long runs = wish ? strtoul(wish, NULL, 10) : RUNS;
    uint8_t input[400];

    for (unsigned long seed = 1; seed <= runs; seed++) {
        uint64_t state = seed * 0x9e3779b97f4a7c15u;
        size_t size = 8 + next_random(&state) % (sizeof(input) - 8);
        for (size_t i = 0; i < size; i++)
            input[i] = (uint8_t)(next_random(&state) >> 32);
        const char *difference = framing_check(input, size);
        ck_assert_msg(!difference, "seed %lu: %s", seed, difference ? difference : "");
    }
}
END_TEST

/* Every cut of these streams, with each kind of call, and limits about as long as they are. */
START_TEST(every_cut)
{
    static const char *const streams[] = {"aabaabaac",  "ab\nab\nb",  "\n\n\naaaa\n",
                                          "abcabcabca", "bbbbbbbb\n", "c"};
    enum { HEAD = 6, CALLS = 3 };

    for (size_t i = 0; i < sizeof(streams) / sizeof(*streams); i++) {
        size_t length = strlen(streams[i]);
        for (unsigned cuts = 0; cuts < 1u << (length - 1); cuts++) {
            for (unsigned variant = 0; variant < 5 * 6; variant++) {
                uint8_t input[64] = {(uint8_t)(variant / 5 * 2), 8 | (cuts & 2), 0x12, 0x01, 0x26};
                size_t used = HEAD, pieces = 0, piece = 0;
                input[used++] = (uint8_t)((1 + variant % 5) | 3 << 3);
                input[used++] = (uint8_t)(2 << 3);
                input[used++] = 6; /* one more piece comes, unasked for */
                for (size_t j = 0; j < length; j++, piece++) {
                    if (j && (cuts >> (j - 1) & 1)) {
                        input[used++] = (uint8_t)(piece - 1);
                        pieces++;
                        piece = 0;
                    }
                }
                input[used++] = (uint8_t)(piece - 1);
                input[HEAD - 1] = (uint8_t)((CALLS - 1) | pieces << 4);
                memcpy(input + used, streams[i], length);
                const char *difference = framing_check(input, used + length);
                ck_assert_msg(!difference, "stream %zu, cuts %x, variant %u: %s", i, cuts, variant,
                              difference ? difference : "");
            }
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("framing");
    TCase *tests = tcase_create("framing");

    tcase_add_test(tests, corpus);
    tcase_add_test(tests, pseudo_random);
    tcase_add_test(tests, every_cut);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
