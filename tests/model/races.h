/*
 * races.h - who has accessed plain data, and when (M4 of memory.h). Both calls say false if the
 * access races with an earlier one.
 */
#ifndef WEFT_TESTS_MODEL_RACES_H
#define WEFT_TESTS_MODEL_RACES_H

#include "tests/model/clock.h"

void races_reset(void);
bool races_read(unsigned thread, const struct clock *clock, const void *address);
bool races_write(unsigned thread, const struct clock *clock, const void *address);

#endif
