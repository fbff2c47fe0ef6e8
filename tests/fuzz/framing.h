/*
 * framing.h - reads of all kinds from a stream that comes in pieces, checked against a simple model.
 */
#ifndef WEFT_TESTS_FUZZ_FRAMING_H
#define WEFT_TESTS_FUZZ_FRAMING_H

#include <stddef.h>
#include <stdint.h>

/*
 * Takes a scenario from these bytes: limit, separators, the calls to make, the cuts, the stream; any
 * bytes are one. Runs it on a reader and on the model beside it. NULL: both agree in all. Else what
 * is different, valid until the next call. From one thread.
 */
const char *framing_check(const uint8_t *data, size_t size);

#endif
