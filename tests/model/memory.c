/*
 * memory.c - stores, views, clocks and the order of the sequentially consistent operations.
 */
#include "tests/model/memory.h"

#include <string.h>

enum { NONE = 0, HASH_SLOTS = 256 };

/* For each object, the number of a store; NONE: the first one. */
struct view {
    uint8_t store[MEMORY_OBJECTS];
};

/* For each thread, how many of its steps are known. */
struct clock {
    uint16_t at[MEMORY_THREADS];
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

struct seq_cst {
    uint8_t object;
    uint8_t read;    /* number of the store, or NONE */
    uint8_t written; /* likewise */
    uint8_t thread;
    uint16_t step;
    uint64_t reaches; /* the events that are after this one in the order, itself included */
};

struct data {
    const void *address;
    unsigned writer;
    uint16_t written_at;
    uint16_t read_at[MEMORY_THREADS];
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
static struct seq_cst events[MEMORY_SEQ_CST];
static unsigned event_count;
static struct data data_cells[MEMORY_DATA];
static unsigned data_count;
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
    event_count = 0;
    data_count = 0;
    memset(threads, 0, sizeof(threads));
}

static unsigned new_store(uint64_t value, uint64_t identity)
{
    if (store_count == MEMORY_STORES)
        explore_fail("more than %d stores", MEMORY_STORES);
    unsigned number = ++store_count;
    struct store *s = &stores[number];
    s->value = value;
    s->identity = identity;
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
            explore_fail("more than %d atomic objects", MEMORY_OBJECTS);
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

static unsigned position_of(unsigned store)
{
    return store == NONE ? 0 : stores[store].position;
}

static void join(struct knowledge *into, const struct knowledge *from)
{
    for (unsigned i = 0; i < object_count; i++)
        if (position_of(from->view.store[i]) > position_of(into->view.store[i]))
            into->view.store[i] = from->view.store[i];
    for (unsigned i = 0; i < MEMORY_THREADS; i++)
        if (from->clock.at[i] > into->clock.at[i])
            into->clock.at[i] = from->clock.at[i];
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
    return position_of(t->seen.view.store[index_of(o)]);
}

/*
 * The neighbours that a sequentially consistent event would have in the order (M3): it reads
 * `read` (or NONE) and, when `writes`, takes the position `position`. False if it closes a cycle;
 * else, with `commit`, it is added.
 */
static bool order_event(unsigned thread, const struct object *o, unsigned read, bool writes,
                        unsigned position, unsigned written, bool commit)
{
    const struct thread *t = &threads[thread];
    const struct clock *released =
        read != NONE && stores[read].releases ? &stores[read].released.clock : &t->seen.clock;
    uint64_t before = 0;
    uint64_t after = 0;

    for (unsigned i = 0; i < event_count; i++) {
        const struct seq_cst *e = &events[i];
        uint64_t bit = UINT64_C(1) << i;
        if (t->seen.clock.at[e->thread] >= e->step || released->at[e->thread] >= e->step)
            before |= bit; /* happens before */
        if (e->object != index_of(o))
            continue;
        if (writes && e->written != NONE) {
            if (position_of(e->written) < position)
                before |= bit; /* modification order */
            else
                after |= bit;
        }
        if (writes && e->read != NONE && position_of(e->read) < position)
            before |= bit; /* it read what this one overwrites */
        if (read != NONE && e->written != NONE && position_of(e->written) > position_of(read))
            after |= bit; /* this one reads what it overwrites */
    }
    uint64_t reaches = 0;
    for (unsigned i = 0; i < event_count; i++)
        if (after >> i & 1)
            reaches |= events[i].reaches;
    if (reaches & before)
        return false;
    if (!commit)
        return true;

    if (event_count == MEMORY_SEQ_CST)
        explore_fail("more than %d sequentially consistent operations", MEMORY_SEQ_CST);
    unsigned number = event_count++;
    reaches |= UINT64_C(1) << number;
    events[number] = (struct seq_cst){
        .object = (uint8_t)index_of(o),
        .read = (uint8_t)read,
        .written = (uint8_t)written,
        .thread = (uint8_t)thread,
        .step = (uint16_t)(t->seen.clock.at[thread]),
        .reaches = reaches,
    };
    for (unsigned i = 0; i < number; i++)
        if (events[i].reaches & before)
            events[i].reaches |= reaches;
    return true;
}

/* Whether the event may come to be; anything but seq_cst always may. */
static bool allowed(unsigned thread, const struct object *o, unsigned read, bool writes,
                    unsigned position, memory_order order)
{
    return thread == 0 || order != memory_order_seq_cst ||
           order_event(thread, o, read, writes, position, NONE, false);
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
    s->is_rmw = read != NONE;
    t->seen.view.store[index_of(o)] = (uint8_t)number;

    bool carries = read != NONE && stores[read].releases;
    s->releases = releases(order) || t->has_fenced || carries;
    if (s->releases) {
        if (releases(order))
            s->released = t->seen;
        else
            s->released = t->fenced;
        if (carries)
            join(&s->released, &stores[read].released);
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
    if (thread != 0 && order == memory_order_seq_cst)
        order_event(thread, o, store, false, 0, NONE, true);
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
        bool splits = i < o->count && stores[o->order[i]].is_rmw;
        if (!splits && allowed(thread, o, NONE, true, i, order))
            candidates[count++] = i;
    }
    unsigned position = candidates[explore_choose(count)];
    if (order == memory_order_seq_cst)
        order_event(thread, o, NONE, true, position, store_count + 1, true);
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
    if (thread != 0 && order == memory_order_seq_cst)
        order_event(thread, o, read, true, position + 1, store_count + 1, true);
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
    if (thread != 0 && failure_order == memory_order_seq_cst)
        order_event(thread, o, store, false, 0, NONE, true);
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

static struct data *data_of(const void *address)
{
    for (unsigned i = 0; i < data_count; i++)
        if (data_cells[i].address == address)
            return &data_cells[i];
    if (data_count == MEMORY_DATA)
        explore_fail("more than %d plain objects", MEMORY_DATA);
    data_cells[data_count] = (struct data){.address = address};
    return &data_cells[data_count++];
}

/* Plain accesses belong to the thread's next step: what it has released so far says nothing of
 * them. */
bool memory_data_read(unsigned thread, const void *address)
{
    struct data *d = data_of(address);
    const struct clock *clock = &threads[thread].seen.clock;

    d->read_at[thread] = (uint16_t)(clock->at[thread] + 1);
    return d->writer == thread || clock->at[d->writer] >= d->written_at;
}

bool memory_data_write(unsigned thread, const void *address)
{
    struct data *d = data_of(address);
    const struct clock *clock = &threads[thread].seen.clock;
    bool ordered = d->writer == thread || clock->at[d->writer] >= d->written_at;

    for (unsigned i = 0; i < MEMORY_THREADS; i++)
        ordered = ordered && (i == thread || clock->at[i] >= d->read_at[i]);
    d->writer = thread;
    d->written_at = (uint16_t)(clock->at[thread] + 1);
    return ordered;
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
