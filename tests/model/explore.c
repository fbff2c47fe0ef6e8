/*
 * explore.c - runs a model's threads as coroutines, through every list of choices.
 *
 * Control is with one coroutine or with the explorer's own stack at a time. A coroutine that comes
 * to an operation calls explore_step(), which lets schedule() choose who goes on, itself included;
 * when it is chosen it performs the operation. Plain code has no effect on others.
 *
 * Nor have loads, and whatever value a load may get, it may get later, too, since the stores do not
 * go away. So it is enough if all loads of a thread come right before its next operation that
 * others can notice, and nobody comes in between: explore_step() asks only after such an operation.
 * That makes the states several times fewer, and loses no execution (memory_test.c compares). Loads
 * that must get the newest value count as noticeable. A membarrier makes the moment of any load
 * matter; models with one set every_step.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "tests/model/explore.h"
#include "tests/model/memory.h"

enum {
    STACK_BYTES = 64 * 1024,
    TRACES_PRINTED = 100,
    STEPS_MAX = 120,     /* of one execution: more, and it is taken to have no end */
    ACCESSES_MAX = 1000, /* likewise, to plain data */
    CHOICES_MAX = 1000,
    STATES_MAX = 30 * 1000 * 1000,
};

enum status { READY, WAITS_SEMAPHORE, WAITS_FUTEX, WAITS_STORE, DONE };

struct coroutine {
    ucontext_t context;
    void (*run)(void);
    enum status status;
    const struct model_semaphore *semaphore; /* WAITS_SEMAPHORE */
    const volatile void *word;               /* WAITS_FUTEX */
    unsigned stores_needed;                  /* WAITS_STORE */
    bool has_acted;                          /* done something that others can notice: see above */
};

struct choice {
    uint16_t taken;
    uint16_t count;
};

struct trace {
    unsigned thread;
    const struct model_site *site; /* NULL: `what` says it */
    const char *what;
    struct memory_trace memory;
};

static const struct model *model;
static const struct model_mutation *mutation;
static struct model_result result;

static struct coroutine coroutines[MODEL_THREADS + 1]; /* 0 is not used */
static char stacks[MODEL_THREADS][STACK_BYTES] __attribute__((aligned(64)));
static unsigned thread_count;
static unsigned current; /* 0: the explorer's own stack */
static ucontext_t explorer;
static jmp_buf failed;
static bool starting;  /* threads run up to their first operation, one after the other */
static bool abandoned; /* the rest of this execution is known */
static unsigned steps;
static unsigned accesses;
static unsigned preemptions;

static struct choice choices[CHOICES_MAX];
static unsigned choice_count; /* in the list */
static unsigned choice_depth; /* taken in this execution */

static uint64_t *seen_states; /* open addressing; 0 is free */
static uint64_t seen_size;
static uint64_t seen_count;

static struct trace traces[STEPS_MAX];
static unsigned trace_count;

/* ---- Choices and states ---- */

unsigned explore_choose(unsigned count)
{
    if (count <= 1)
        return 0;
    if (choice_depth == choice_count) {
        if (choice_count == CHOICES_MAX)
            explore_give_up("choices", CHOICES_MAX);
        choices[choice_count++] = (struct choice){.taken = 0, .count = (uint16_t)count};
    }
    return choices[choice_depth++].taken;
}

/* Go back to the last choice that has an alternative left, and take it. */
static bool next_choices(void)
{
    while (choice_count > 0) {
        struct choice *c = &choices[choice_count - 1];
        if (++c->taken < c->count)
            return true;
        choice_count--;
    }
    return false;
}

static bool insert_state(uint64_t hash)
{
    uint64_t slot = hash & (seen_size - 1);
    while (seen_states[slot] && seen_states[slot] != hash)
        slot = (slot + 1) & (seen_size - 1);
    if (seen_states[slot])
        return false;
    seen_states[slot] = hash;
    seen_count++;
    return true;
}

static void grow_states(void)
{
    uint64_t *old = seen_states;
    uint64_t old_size = seen_size;

    seen_size = old_size ? old_size * 2 : 1 << 16;
    seen_states = calloc(seen_size, sizeof(*seen_states));
    if (!seen_states) {
        fprintf(stderr, "model: out of memory\n");
        abort();
    }
    seen_count = 0;
    for (uint64_t i = 0; i < old_size; i++)
        if (old[i])
            insert_state(old[i]);
    free(old);
}

static bool can_run(const struct coroutine *c)
{
    switch (c->status) {
    case READY:
        return true;
    case WAITS_SEMAPHORE:
        return c->semaphore->count > 0;
    case WAITS_STORE:
        return memory_stores() >= c->stores_needed;
    case WAITS_FUTEX:
    case DONE:
        break;
    }
    return false;
}

/* Whether this state is new; then it counts as seen. */
static bool state_is_new(void)
{
    uint64_t hash = memory_hash();

    for (unsigned i = 1; i <= thread_count; i++) {
        const struct coroutine *c = &coroutines[i];
        uint64_t status = (uint64_t)c->status << 1 | can_run(c);
        if (c->status == WAITS_SEMAPHORE)
            status |= (uint64_t)c->semaphore->count << 8;
        hash = (hash ^ status) * UINT64_C(0xff51afd7ed558ccd);
        hash ^= hash >> 31;
    }
    if (model->preemptions_max)
        hash ^= (preemptions * 8 + current) * UINT64_C(0x9e3779b97f4a7c15);
    if (seen_count == STATES_MAX)
        explore_give_up("states", STATES_MAX);
    if (seen_count * 2 >= seen_size)
        grow_states();
    return insert_state(hash ? hash : 1);
}

/* ---- Coroutines ---- */

static void go_to(unsigned thread)
{
    unsigned from = current;

    current = thread;
    swapcontext(from ? &coroutines[from].context : &explorer,
                thread ? &coroutines[thread].context : &explorer);
}

/* Abandon this execution and all others. Does not return. */
static void stop(const char *what)
{
    snprintf(result.what, sizeof(result.what), "%s", what);
    if (current == 0)
        longjmp(failed, 1);
    go_to(0);
    abort();
}

void explore_violated(const char *what)
{
    result.violated = true;
    stop(what);
}

void explore_give_up(const char *what, unsigned limit)
{
    char text[80];

    snprintf(text, sizeof(text), "more than %u %s", limit, what);
    result.too_large = true;
    stop(text);
}

/*
 * The thread at hand comes to an operation, waits, or is done: choose who goes on. It must not call
 * this twice without adding to its history in between: the second state would count as seen.
 */
static void schedule(void)
{
    unsigned candidates[MODEL_THREADS];
    unsigned count = 0;
    bool all_done = true;

    if (starting) {
        go_to(0);
        return;
    }
    /* The first alternative is to stay with the thread at hand: it costs no switch. */
    for (unsigned i = 0; i <= thread_count; i++) {
        unsigned thread = i == 0 ? current : i;
        if (thread == 0 || (i > 0 && thread == current))
            continue;
        all_done = all_done && coroutines[thread].status == DONE;
        if (can_run(&coroutines[thread]))
            candidates[count++] = thread;
    }
    if (count == 0) {
        if (!all_done)
            explore_violated("every thread waits");
        abandoned = choice_depth == choice_count && !state_is_new();
        go_to(0);
        return;
    }
    if (choice_depth == choice_count && !state_is_new()) {
        abandoned = true;
        go_to(0);
        return;
    }
    bool stays = candidates[0] == current;
    if (model->preemptions_max && stays && preemptions == model->preemptions_max)
        count = 1;
    unsigned chosen = candidates[explore_choose(count)];
    preemptions += stays && chosen != current;
    if (chosen != current)
        go_to(chosen);
}

static void coroutine_main(void)
{
    struct coroutine *self = &coroutines[current];

    self->run();
    self->status = DONE;
    schedule();
    abort(); /* nobody goes on with a thread that is done */
}

static bool is_over(void)
{
    return result.violated || result.too_large;
}

/* Run a part of an execution on the explorer's own stack; false if it found a violation. */
static bool attempt(void (*part)(void))
{
    if (setjmp(failed))
        return false;
    part();
    return true;
}

/* Run a thread up to its first operation. */
static void start_thread(unsigned thread)
{
    struct coroutine *c = &coroutines[thread];

    memory_begin(thread);
    c->run = model->threads[thread - 1];
    c->status = READY;
    c->has_acted = true;
    getcontext(&c->context);
    c->context.uc_stack.ss_sp = stacks[thread - 1];
    c->context.uc_stack.ss_size = STACK_BYTES;
    makecontext(&c->context, coroutine_main, 0);
    go_to(thread);
}

/* Run one execution to its end, to a violation, or until it is abandoned. */
static void execute(void)
{
    memory_reset();
    current = 0;
    choice_depth = 0;
    steps = 0;
    accesses = 0;
    preemptions = 0;
    trace_count = 0;
    abandoned = false;
    if (!attempt(model->setup))
        return;
    starting = true;
    for (unsigned i = 1; i <= thread_count && !is_over(); i++)
        start_thread(i);
    starting = false;
    if (!is_over())
        schedule();
    if (is_over() || abandoned)
        return;
    for (unsigned i = 1; i <= thread_count; i++)
        memory_end(i);
    if (!model->check || attempt(model->check))
        result.executions++;
}

void model_explore(const struct model *explored, const struct model_mutation *planted,
                   struct model_result *ret_result)
{
    model = explored;
    mutation = planted;
    result = (struct model_result){0};
    thread_count = 0;
    while (thread_count < MODEL_THREADS && model->threads[thread_count])
        thread_count++;
    choice_count = 0;
    free(seen_states);
    seen_states = NULL;
    seen_size = 0;
    grow_states();
    do {
        execute();
        result.steps += steps;
    } while (!is_over() && next_choices());
    result.states = seen_count;
    *ret_result = result;
}

/* ---- What operations ask of the explorer: explore.h ---- */

unsigned explore_current(void)
{
    return current;
}

const struct model_mutation *explore_mutation(void)
{
    return mutation;
}

void explore_step(void)
{
    struct coroutine *self = &coroutines[current];

    if (current == 0)
        return;
    if (++steps > STEPS_MAX)
        explore_violated("it has no end");
    if (self->has_acted || model->every_step)
        schedule();
    self->has_acted = false;
}

void explore_accessed(void)
{
    if (++accesses > ACCESSES_MAX)
        explore_violated("it has no end");
}

void explore_acted(void)
{
    coroutines[current].has_acted = true;
}

static void wait_until(enum status status)
{
    coroutines[current].status = status;
    schedule();
    coroutines[current].status = READY;
    coroutines[current].has_acted = false;
}

void explore_wait_for_semaphore(const struct model_semaphore *semaphore)
{
    coroutines[current].semaphore = semaphore;
    wait_until(WAITS_SEMAPHORE);
}

void explore_wait_for_stores(unsigned needed)
{
    coroutines[current].stores_needed = needed;
    wait_until(WAITS_STORE);
}

void explore_wait_for_futex(const volatile void *word)
{
    coroutines[current].word = word;
    wait_until(WAITS_FUTEX);
    memory_remember(current, 1);
}

void explore_wake_futex(const volatile void *word)
{
    memory_remember(current, 1);
    for (unsigned i = 1; i <= thread_count; i++) {
        if (coroutines[i].status == WAITS_FUTEX && coroutines[i].word == word) {
            coroutines[i].status = READY;
            memory_remember(i, current);
            memory_remember(current, i);
        }
    }
}

void explore_membarrier(void)
{
    if (!model->every_step)
        explore_violated("a membarrier in a model without every_step");
    memory_barrier();
}

/* ---- Traces ---- */

static const char *const order_names[] = {"relaxed", "acquire", "release", "acq_rel", "seq_cst"};

void explore_note(const struct model_site *site, const char *what)
{
    if (trace_count < STEPS_MAX)
        traces[trace_count++] =
            (struct trace){.thread = current, .site = site, .what = what, .memory = memory_last()};
}

void model_print_trace(void)
{
    for (unsigned i = trace_count > TRACES_PRINTED ? trace_count - TRACES_PRINTED : 0;
         i < trace_count; i++) {
        const struct trace *t = &traces[i];
        printf("%*sT%u ", (int)t->thread * 4, "", t->thread);
        if (!t->site) {
            printf("%s\n", t->what);
            continue;
        }
        printf("%s:%d %s %s", t->site->function, t->site->line, t->site->object,
               order_names[t->site->order]);
        if (t->memory.did_read)
            printf(" reads %#llx", (unsigned long long)t->memory.read);
        if (t->memory.age)
            printf(" (%u newer)", t->memory.age);
        if (t->memory.did_write)
            printf(" writes %#llx", (unsigned long long)t->memory.written);
        printf("\n");
    }
    printf("%s\n", result.what);
}
