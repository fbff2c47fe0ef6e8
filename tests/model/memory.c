/*
 * memory.c - stores and views: what each operation may read, and where its store may go.
 */
#include "tests/model/memory.h"

#include <string.h>

#include "tests/model/races.h"
#include "tests/model/seq_cst.h"

enum { NONE = MEMORY_NONE, HASH_SLOTS = 256 };

/* For each object, the number of a store; NONE: the first one. */
struct view {
    uint8_t store[MEMORY_OBJECTS];
};

/* What a release hands to the acquire that reads it. */
struct knowledge {
    struct view view;
    struct clock clock;
};

struct store {
    uint64_t value;
    uint64_t identity; /* the same in every execution in which it is made: thread and step */
    uint8_t position;  /* in modification order */
    uint8_t thread;
    bool is_rmw;
    bool releases; /* whether `released` holds anything beyond this store itself */
    struct knowledge released;
};

/* An atomic object. Objects keep their numbers from one execution to the next. */
struct object {
    const volatile void *address;
    bool touched; /* in this execution */
    uint8_t count;
    uint8_t order[MEMORY_STORES + 1]; /* numbers of stores, oldest first */
};

struct thread {
    struct knowledge seen;
    struct knowledge fenced;  /* what a relaxed store releases: the view at the last fence */
    struct knowledge pending; /* what a fence will acquire: released by stores read relaxed */
    bool has_pending;
    bool has_fenced;
    uint64_t looked_at;   /* objects loaded since the last memory_spin() */
    unsigned looked_when; /* how many stores there were at the first such load; 0: one was stale */
    uint64_t fresh;       /* objects whose next load is not stale */
    uint64_t history;     /* hash of all that it has done and read */
};

static struct store stores[MEMORY_STORES + 1];
static unsigned store_count;
static struct object objects[MEMORY_OBJECTS];
static unsigned object_count;
static uint8_t object_slots[HASH_SLOTS]; /* by address: number + 1 */
static struct thread threads[MEMORY_THREADS];
static struct memory_trace last;

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

static bool acquires(memory_order order)
{
    return order == memory_order_acquire || order >= memory_order_acq_rel;
}

static bool releases(memory_order order)
{
    return order >= memory_order_release;
}

void memory_reset(void)
{
    for (unsigned i = 0; i < object_count; i++)
        objects[i].touched = false;
    store_count = 0;
    seq_cst_reset();
    races_reset();
    memset(threads, 0, sizeof(threads));
}

static unsigned new_store(uint64_t value, uint64_t identity)
{
    if (store_count == MEMORY_STORES)
        explore_give_up("stores", MEMORY_STORES);
    unsigned number = ++store_count;
    struct store *s = &stores[number];
    s->value = value;
    s->identity = identity;
    s->thread = 0;
    s->is_rmw = false;
    s->releases = false;
    return number;
}

static struct object *object_of(const volatile void *address, unsigned bytes)
{
    unsigned slot = (unsigned)((uintptr_t)address / 4 * 31 % HASH_SLOTS);
    while (object_slots[slot] && objects[object_slots[slot] - 1].address != address)
        slot = (slot + 1) % HASH_SLOTS;
    if (!object_slots[slot]) {
        if (object_count == MEMORY_OBJECTS)
            explore_give_up("atomic objects", MEMORY_OBJECTS);
        objects[object_count].address = address;
        objects[object_count].touched = false;
        object_slots[slot] = (uint8_t)++object_count;
    }
    struct object *o = &objects[object_slots[slot] - 1];
    if (!o->touched) {
        uint64_t value = 0;
        memcpy(&value, (const void *)(uintptr_t)address, bytes);
        o->touched = true;
        o->count = 1;
        o->order[0] = (uint8_t)new_store(value, 0);
        stores[o->order[0]].position = 0;
    }
    return o;
}

static unsigned index_of(const struct object *o)
{
    return (unsigned)(o - objects);
}

unsigned memory_position(unsigned store)
{
    return store == NONE ? 0 : stores[store].position;
}

static void join(struct knowledge *into, const struct knowledge *from)
{
    for (unsigned i = 0; i < object_count; i++)
        if (memory_position(from->view.store[i]) > memory_position(into->view.store[i]))
            into->view.store[i] = from->view.store[i];
    clock_join(&into->clock, &from->clock);
}

void memory_begin(unsigned thread)
{
    threads[0].seen.clock.at[0]++;
    threads[thread].seen = threads[0].seen;
}

void memory_end(unsigned thread)
{
    threads[thread].seen.clock.at[thread]++;
    join(&threads[0].seen, &threads[thread].seen);
}

/* The oldest store that the thread may read. */
static unsigned oldest(const struct thread *t, const struct object *o)
{
    return memory_position(t->seen.view.store[index_of(o)]);
}

/* The event that a sequentially consistent operation would be (M3). */
static struct seq_cst_event event_of(unsigned thread, const struct object *o, unsigned read,
                                     bool writes, unsigned position)
{
    const struct thread *t = &threads[thread];

    return (struct seq_cst_event){
        .object = index_of(o),
        .thread = thread,
        .seen = &t->seen.clock,
        .acquired = read != NONE && stores[read].releases ? &stores[read].released.clock : NULL,
        .read = read,
        .writes = writes,
        .position = position,
        .written = store_count + 1,
    };
}

static void commit_event(unsigned thread, const struct object *o, unsigned read, bool writes,
                         unsigned position, memory_order order)
{
    struct seq_cst_event event = event_of(thread, o, read, writes, position);

    if (thread != 0 && order == memory_order_seq_cst)
        seq_cst_add(&event);
}

/* Whether the event may come to be; anything but seq_cst always may. */
static bool allowed(unsigned thread, const struct object *o, unsigned read, bool writes,
                    unsigned position, memory_order order)
{
    struct seq_cst_event event = event_of(thread, o, read, writes, position);

    return thread == 0 || order != memory_order_seq_cst || seq_cst_allows(&event);
}

static void take(unsigned thread, struct object *o, unsigned store, memory_order order)
{
    struct thread *t = &threads[thread];
    const struct store *s = &stores[store];

    if (s->position > oldest(t, o))
        t->seen.view.store[index_of(o)] = (uint8_t)store;
    if (s->releases && acquires(order)) {
        join(&t->seen, &s->released);
    } else if (s->releases) {
        join(&t->pending, &s->released);
        t->has_pending = true;
    }
    t->history = mix(t->history, s->identity + 1);
    last.did_read = true;
    last.read = s->value;
    last.age = o->count - 1u - s->position;
}

/* Make room at a position of the modification order (M1) and put a new store there. */
static unsigned put(unsigned thread, struct object *o, unsigned position, uint64_t value,
                    unsigned read, memory_order order)
{
    struct thread *t = &threads[thread];
    unsigned number =
        new_store(value, mix((uint64_t)thread << 32 | t->seen.clock.at[thread], index_of(o) + 1));
    struct store *s = &stores[number];

    for (unsigned i = o->count; i > position; i--) {
        o->order[i] = o->order[i - 1];
        stores[o->order[i]].position = (uint8_t)i;
    }
    o->count++;
    o->order[position] = (uint8_t)number;
    s->position = (uint8_t)position;
    s->thread = (uint8_t)thread;
    s->is_rmw = read != NONE;
    t->seen.view.store[index_of(o)] = (uint8_t)number;

    const struct store *previous = &stores[o->order[position - 1]];
    bool carries = previous->releases && read != NONE;
    s->releases = releases(order) || t->has_fenced || carries;
    if (s->releases) {
        if (releases(order))
            s->released = t->seen;
        else
            s->released = t->fenced;
        if (carries)
            join(&s->released, &previous->released);
    }
    t->fresh = 0;
    last.did_write = true;
    last.written = value;
    return number;
}

/* The beginning of each operation: one more step of the thread. */
static struct object *begin(unsigned thread, const volatile void *address, unsigned bytes,
                            unsigned kind)
{
    struct object *o = object_of(address, bytes);
    struct thread *t = &threads[thread];

    t->seen.clock.at[thread]++;
    t->history = mix(t->history, index_of(o) << 3 | kind);
    last = (struct memory_trace){0};
    return o;
}

uint64_t memory_load(unsigned thread, const volatile void *object, unsigned bytes,
                     memory_order order, bool latest)
{
    struct object *o = begin(thread, object, bytes, MODEL_LOAD);
    unsigned candidates[MEMORY_STORES];
    unsigned count = 0;

    struct thread *t = &threads[thread];
    uint64_t bit = UINT64_C(1) << index_of(o);
    latest = latest || (t->fresh & bit);
    for (unsigned i = o->count; i-- > oldest(t, o);) {
        if (allowed(thread, o, o->order[i], false, 0, order))
            candidates[count++] = o->order[i];
        if (latest)
            break;
    }
    unsigned store = candidates[explore_choose(count)];
    bool is_stale = stores[store].position + 1u < o->count;
    t->fresh &= ~bit;
    if (!t->looked_at)
        t->looked_when = store_count;
    if (is_stale)
        t->looked_when = 0;
    t->looked_at |= bit;
    take(thread, o, store, order);
    last.was_forced = latest;
    commit_event(thread, o, store, false, 0, order);
    return stores[store].value;
}

void memory_store(unsigned thread, volatile void *object, unsigned bytes, uint64_t value,
                  memory_order order)
{
    struct object *o = begin(thread, object, bytes, MODEL_STORE);

    if (thread == 0) { /* while it sets up, there is only the present */
        stores[o->order[o->count - 1]].value = value;
        return;
    }
    unsigned candidates[MEMORY_STORES];
    unsigned count = 0;
    for (unsigned i = o->count; i > oldest(&threads[thread], o); i--) {
        const struct store *next = i < o->count ? &stores[o->order[i]] : NULL;
        bool splits = next && next->is_rmw;
        if (!splits && allowed(thread, o, NONE, true, i, order))
            candidates[count++] = i;
    }
    unsigned position = candidates[explore_choose(count)];
    commit_event(thread, o, NONE, true, position, order);
    put(thread, o, position, value, NONE, order);
}

/* Whether a read-modify-write may read the store at a position (M2). */
static bool can_modify(unsigned thread, const struct object *o, unsigned position,
                       memory_order order)
{
    bool taken = position + 1 < o->count && stores[o->order[position + 1]].is_rmw;

    return !taken && allowed(thread, o, o->order[position], true, position + 1, order);
}

static void modify(unsigned thread, struct object *o, unsigned position, uint64_t value,
                   memory_order order)
{
    unsigned read = o->order[position];

    take(thread, o, read, order);
    commit_event(thread, o, read, true, position + 1, order);
    put(thread, o, position + 1, value, read, order);
}

static uint64_t calculate(enum model_rmw operation, uint64_t old, uint64_t operand)
{
    switch (operation) {
    case MODEL_ADD:
        return old + operand;
    case MODEL_SUB:
        return old - operand;
    case MODEL_AND:
        return old & operand;
    case MODEL_OR:
        return old | operand;
    case MODEL_EXCHANGE:
        break;
    }
    return operand;
}

uint64_t memory_rmw(unsigned thread, volatile void *object, unsigned bytes,
                    enum model_rmw operation, uint64_t operand, memory_order order)
{
    struct object *o = begin(thread, object, bytes, MODEL_RMW);
    unsigned candidates[MEMORY_STORES];
    unsigned count = 0;

    for (unsigned i = o->count; i-- > oldest(&threads[thread], o);)
        if (can_modify(thread, o, i, order))
            candidates[count++] = i;
    unsigned position = candidates[explore_choose(count)];
    uint64_t old = stores[o->order[position]].value;
    uint64_t mask = UINT64_MAX >> (64 - 8 * bytes);
    modify(thread, o, position, calculate(operation, old, operand) & mask, order);
    return old;
}

bool memory_cas(unsigned thread, volatile void *object, unsigned bytes, uint64_t *expected,
                uint64_t desired, memory_order order, memory_order failure_order)
{
    struct object *o = begin(thread, object, bytes, MODEL_CAS);
    unsigned candidates[MEMORY_STORES];
    unsigned count = 0;

    for (unsigned i = o->count; i-- > oldest(&threads[thread], o);) {
        bool equal = stores[o->order[i]].value == *expected;
        if (equal ? can_modify(thread, o, i, order)
                  : allowed(thread, o, o->order[i], false, 0, failure_order))
            candidates[count++] = i;
    }
    unsigned position = candidates[explore_choose(count)];
    unsigned store = o->order[position];
    if (stores[store].value == *expected) {
        modify(thread, o, position, desired, order);
        return true;
    }
    take(thread, o, store, failure_order);
    commit_event(thread, o, store, false, 0, failure_order);
    *expected = stores[store].value;
    return false;
}

void memory_barrier(void)
{
    struct knowledge all = threads[0].seen;

    for (unsigned i = 1; i < MEMORY_THREADS; i++) {
        struct thread *t = &threads[i];
        if (t->has_pending)
            join(&t->seen, &t->pending);
        t->has_pending = false;
        t->seen.clock.at[i]++;
        join(&all, &t->seen);
    }
    uint64_t when = memory_hash();
    for (unsigned i = 1; i < MEMORY_THREADS; i++) {
        threads[i].seen = all;
        threads[i].fenced = all;
        threads[i].has_fenced = true;
        threads[i].history = mix(threads[i].history, when);
    }
    last = (struct memory_trace){0};
}

bool memory_data_read(unsigned thread, const void *address)
{
    return races_read(thread, &threads[thread].seen.clock, address);
}

bool memory_data_write(unsigned thread, const void *address)
{
    return races_write(thread, &threads[thread].seen.clock, address);
}

unsigned memory_spin(unsigned thread)
{
    struct thread *t = &threads[thread];
    unsigned needed = (t->looked_at ? t->looked_when : store_count) + 1;

    t->fresh = t->looked_at;
    t->looked_at = 0;
    t->history = mix(t->history, MEMORY_STORES);
    return needed;
}

unsigned memory_stores(void)
{
    return store_count;
}

struct memory_trace memory_last(void)
{
    return last;
}

uint64_t memory_hash(void)
{
    uint64_t hash = 0;

    for (unsigned i = 1; i < MEMORY_THREADS; i++)
        hash = mix(hash, threads[i].history);
    for (unsigned i = 0; i < object_count; i++) {
        const struct object *o = &objects[i];
        if (!o->touched)
            continue;
        for (unsigned j = 0; j < o->count; j++)
            hash = mix(hash, stores[o->order[j]].identity + i + 1);
    }
    return hash;
}

void memory_remember(unsigned thread, uint64_t what)
{
    threads[thread].history = mix(threads[thread].history, what);
}
