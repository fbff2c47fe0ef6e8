/*
 * framing_fuzz.c - the target of libFuzzer: see docs/fuzzing.md.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/framing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *difference = framing_check(data, size);

    if (difference) {
        fprintf(stderr, "the reader and its model differ: %s\n", difference);
        abort();
    }
    return 0;
}
