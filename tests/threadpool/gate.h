/*
 * gate.h - what the tests of the bridge share: a gate that a blocking function waits at.
 */
#ifndef WEFT_TESTS_THREADPOOL_GATE_H
#define WEFT_TESTS_THREADPOOL_GATE_H

#include <check.h>
#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>

/* Static where a thread may still be inside when the test ends. */
struct gate {
    sem_t entered, open;
    _Atomic int calls;
};

static inline void gate_init(struct gate *gate)
{
    sem_init(&gate->entered, 0, 0);
    sem_init(&gate->open, 0, 0);
    gate->calls = 0;
}

static inline void wait_for_sem(sem_t *sem)
{
    while (sem_wait(sem))
        ck_assert_int_eq(errno, EINTR);
}

__attribute__((unused)) static int pass_gate(void *arg, void **result)
{
    struct gate *gate = arg;
    gate->calls++;
    sem_post(&gate->entered);
    wait_for_sem(&gate->open);
    *result = gate;
    return 0;
}

__attribute__((unused)) static int count_call(void *arg, void **result)
{
    atomic_fetch_add((_Atomic int *)arg, 1);
    *result = arg;
    return 0;
}

#endif
