/*
 * outcome_scene.h - an outcome and its waiters, as the models of outcome_test.c find them.
 */
#ifndef WEFT_TESTS_MODEL_OUTCOME_SCENE_H
#define WEFT_TESTS_MODEL_OUTCOME_SCENE_H

#include "runtime/task/outcome.h"
#include "tests/model/model.h"

enum { WAITERS = 3, COMPLETERS = 2 };

struct waiter {
    struct remote_waiter link;
    unsigned contents;
    bool told;
    bool taken_back;
};

char wf_outcome_marks[4];

static struct outcome outcome;
static struct outcome other;
static struct touching touching; /* the owner's */
static struct waiter waiters[WAITERS];
static bool drops_barrier; /* a bug: see missing_barrier_is_caught */
static bool uses_late;     /* another: see late_use_is_caught */
static unsigned payload;   /* what belongs to the value: an error, or what a result points to */
static unsigned guarded;   /* what only one may use at a time */
static bool won[COMPLETERS];
static unsigned freed;

void wf_outcome_barrier(void)
{
    if (!drops_barrier)
        model_membarrier();
}

static void setup(enum outcome_bias bias)
{
    outcome_init(&outcome, bias, 1);
    outcome_init(&other, bias, 1);
    atomic_init(&touching.what, NULL);
    for (unsigned i = 0; i < WAITERS; i++)
        waiters[i] = (struct waiter){.contents = 0};
    payload = 0;
    guarded = 0;
    won[0] = won[1] = false;
    freed = 0;
}

static void setup_biased(void)
{
    setup(BIAS_OWNER);
}

static void setup_shared(void)
{
    setup(BIAS_SHARED);
}

static void write_payload(void)
{
    model_data_write(&payload);
    payload = 1;
}

static void read_payload(void)
{
    model_data_read(&payload);
    model_require(payload == 1);
}

static void tell(struct remote_waiter *first)
{
    for (struct remote_waiter *w = first; w;) {
        struct remote_waiter *next = w->next;
        struct waiter *waiter = (struct waiter *)w;
        model_data_write(waiter);
        model_require(waiter->contents == 1);
        model_require(!waiter->told && !waiter->taken_back);
        waiter->told = true;
        w = next;
    }
}

static void tell_all(void)
{
    tell(outcome_take_waiters(&outcome));
}

static void check_one_won(void)
{
    model_require(won[0] != won[1]);
    model_require(outcome_is_done(&outcome));
}

static void check_freed(void)
{
    model_require(freed == 1);
}

#endif
