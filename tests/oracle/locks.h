/*
 * locks.h - locks, semaphores and conditions, as one.
 */
#ifndef WEFT_TESTS_ORACLE_LOCKS_H
#define WEFT_TESTS_ORACLE_LOCKS_H

#include "tests/oracle/objects.h"

int lock_acquire(struct object *object);
int lock_release(struct object *object);
int lock_is_locked(const struct object *object);

#endif
