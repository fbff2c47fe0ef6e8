/*
 * explore.c - runs a model's threads as coroutines, through every list of choices.
 *
 * Control is with one coroutine or with the explorer's own stack at a time. A coroutine that comes
 * to an operation calls schedule(), which chooses who goes on, itself included; when it is chosen
 * it performs the operation. Nothing else is a point where others may come in: plain code has no
 * effect on them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "tests/model/memory.h"
#include "tests/model/model.h"

enum {
    STACK_BYTES = 64 * 1024,
    TRACES_PRINTED = 100,
    STEPS_MAX = 400, /* of one execution: more, and it is taken to have no end */
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
static unsigned preemptions;

static struct choice choices[CHOICES_MAX];
static unsigned choice_count; /* in the list */
static unsigned choice_depth; /* taken in this execution */

static uint64_t *seen_states; /* open addressing; 0 is free */
static uint64_t seen_size;
static uint64_t seen_count;

static struct trace traces[STEPS_MAX];
static unsigned trace_count;
static struct model_site *sites;

/* ---- Choices and states ---- */

unsigned explore_choose(unsigned count)
{
    if (count <= 1)
        return 0;
    if (choice_depth == choice_count) {
        if (choice_count == CHOICES_MAX)
            explore_fail("more than %d choices", CHOICES_MAX);
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

void explore_fail(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(result.what, sizeof(result.what), format, arguments);
    va_end(arguments);
    result.violated = true;
    if (current == 0)
        longjmp(failed, 1);
    go_to(0);
    abort();
}

/* The thread at hand comes to an operation, waits, or is done: choose who goes on. */
static void schedule(void)
{
    unsigned candidates[MODEL_THREADS];
    unsigned count = 0;
    bool all_done = true;

    if (starting) {
        go_to(0);
        return;
    }
    if (++steps > STEPS_MAX)
        explore_fail("no end after %d steps", STEPS_MAX);
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
            explore_fail("every thread waits");
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
    preemptions = 0;
    trace_count = 0;
    abandoned = false;
    if (!attempt(model->setup))
        return;
    starting = true;
    for (unsigned i = 1; i <= thread_count && !result.violated; i++)
        start_thread(i);
    starting = false;
    if (!result.violated)
        schedule();
    if (result.violated || abandoned)
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
        if (!result.violated && seen_count > STATES_MAX) {
            result.violated = true;
            snprintf(result.what, sizeof(result.what), "more than %d states", STATES_MAX);
        }
    } while (!result.violated && next_choices());
    result.states = seen_count;
    *ret_result = result;
}

/* ---- Operations ---- */

static const char *const order_names[] = {"relaxed", "acquire", "release", "acq_rel", "seq_cst"};

static void note(const struct model_site *site, const char *what)
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

static void learn_site(struct model_site *site, memory_order order, memory_order failure_order)
{
    site->order = order;
    site->failure_order = failure_order;
    if (site->known || current == 0)
        return;
    struct model_site **at = &sites;
    while (*at && (strcmp((*at)->function, site->function) < 0 ||
                   (strcmp((*at)->function, site->function) == 0 && (*at)->line < site->line)))
        at = &(*at)->next;
    site->known = true;
    site->next = *at;
    *at = site;
}

struct model_site *model_sites(void)
{
    return sites;
}

/* The bug planted here, if there is one. */
static enum model_fault fault_at(const struct model_site *site)
{
    return mutation && mutation->site == site && current != 0 ? mutation->fault : MODEL_SOUND;
}

static memory_order order_at(const struct model_site *site, memory_order order)
{
    return fault_at(site) == MODEL_ORDER ? mutation->order : order;
}

static void step(void)
{
    if (current != 0)
        schedule();
}

static uint64_t load(struct model_site *site, const volatile void *object, unsigned bytes,
                     memory_order order)
{
    step();
    uint64_t value = memory_load(current, object, bytes, order, false);
    note(site, NULL);
    return value;
}

static void store(struct model_site *site, volatile void *object, unsigned bytes, uint64_t value,
                  memory_order order)
{
    step();
    memory_store(current, object, bytes, value, order);
    note(site, NULL);
}

uint64_t model_load(struct model_site *site, const volatile void *object, unsigned bytes,
                    memory_order order)
{
    learn_site(site, order, order);
    if (fault_at(site) == MODEL_SKIP)
        return 0;
    return load(site, object, bytes, order_at(site, order));
}

void model_store(struct model_site *site, volatile void *object, unsigned bytes, uint64_t value,
                 memory_order order)
{
    learn_site(site, order, order);
    if (fault_at(site) == MODEL_SKIP)
        return;
    store(site, object, bytes, value, order_at(site, order));
}

static memory_order load_half(memory_order order)
{
    return order == memory_order_acq_rel   ? memory_order_acquire
           : order == memory_order_release ? memory_order_relaxed
                                           : order;
}

static memory_order store_half(memory_order order)
{
    return order == memory_order_acq_rel   ? memory_order_release
           : order == memory_order_acquire ? memory_order_relaxed
                                           : order;
}

uint64_t model_rmw(struct model_site *site, volatile void *object, unsigned bytes,
                   enum model_rmw operation, uint64_t operand, memory_order order)
{
    learn_site(site, order, order);
    if (fault_at(site) == MODEL_SKIP)
        return load(site, object, bytes, load_half(order));
    if (fault_at(site) == MODEL_SPLIT) {
        uint64_t old = load(site, object, bytes, load_half(order));
        uint64_t value = operation == MODEL_ADD   ? old + operand
                         : operation == MODEL_SUB ? old - operand
                         : operation == MODEL_AND ? (old & operand)
                         : operation == MODEL_OR  ? (old | operand)
                                                  : operand;
        store(site, object, bytes, value & (UINT64_MAX >> (64 - 8 * bytes)), store_half(order));
        return old;
    }
    step();
    uint64_t old = memory_rmw(current, object, bytes, operation, operand, order_at(site, order));
    note(site, NULL);
    return old;
}

bool model_cas(struct model_site *site, volatile void *object, unsigned bytes, uint64_t *expected,
               uint64_t desired, memory_order order, memory_order failure_order)
{
    learn_site(site, order, failure_order);
    if (fault_at(site) == MODEL_SPLIT) {
        uint64_t seen = load(site, object, bytes, load_half(order));
        if (seen != *expected) {
            *expected = seen;
            return false;
        }
        store(site, object, bytes, desired, store_half(order));
        return true;
    }
    if (fault_at(site) == MODEL_FAILURE_ORDER)
        failure_order = mutation->order;
    step();
    bool swapped =
        memory_cas(current, object, bytes, expected, desired, order_at(site, order), failure_order);
    note(site, NULL);
    return swapped;
}

void model_yield(void)
{
    struct coroutine *self = &coroutines[current];

    self->stores_needed = memory_spin(current);
    self->status = WAITS_STORE;
    schedule();
    self->status = READY;
}

/* ---- What models state ---- */

void model_require_that(bool holds, const char *text)
{
    if (!holds)
        explore_fail("not so: %s", text);
}

unsigned model_stores(void)
{
    return memory_stores();
}

void model_data_read(const void *data)
{
    if (!memory_data_read(current, data))
        explore_fail("data race: a read in thread %u", current);
}

void model_data_write(const void *data)
{
    if (!memory_data_write(current, data))
        explore_fail("data race: a write in thread %u", current);
}

/* ---- The operating system ---- */

void model_semaphore_post(struct model_semaphore *semaphore)
{
    step();
    semaphore->count++;
    memory_remember(current, (uintptr_t)semaphore);
    note(NULL, "posts a semaphore");
}

void model_semaphore_wait(struct model_semaphore *semaphore)
{
    struct coroutine *self = &coroutines[current];

    self->semaphore = semaphore;
    self->status = WAITS_SEMAPHORE;
    schedule();
    self->status = READY;
    semaphore->count--;
    memory_remember(current, (uintptr_t)semaphore);
    note(NULL, "waited for a semaphore");
}

void model_futex_wait(const volatile void *word, uint32_t value)
{
    struct coroutine *self = &coroutines[current];

    step();
    /* The kernel looks at the word itself: relaxed, but never stale. */
    if (memory_load(current, word, sizeof(value), memory_order_relaxed, true) != value)
        return;
    note(NULL, "waits on a futex");
    self->word = word;
    self->status = WAITS_FUTEX;
    schedule();
    note(NULL, "was woken");
}

void model_futex_wake(const volatile void *word)
{
    step();
    note(NULL, "wakes a futex");
    memory_remember(current, 1);
    for (unsigned i = 1; i <= thread_count; i++) {
        if (coroutines[i].status == WAITS_FUTEX && coroutines[i].word == word) {
            coroutines[i].status = READY;
            memory_remember(i, current);
            memory_remember(current, i);
        }
    }
}

void model_membarrier(void)
{
    step();
    memory_barrier();
    note(NULL, "membarrier");
}
