/*
 * bindings_test.c - the map of context variables against an array that says what must be in it.
 *
 * The map only compares variables, so most tests use addresses that nothing is at, chosen for their
 * hashes; their bindings are the test's own and outlive the maps.
 */
#include "runtime/task/bindings.h"

#include <errno.h>
#include <stdlib.h>

#include "tests/support/faults.h"
#include "tests/support/suite.h"

/* The inverse of the factor in bindings_hash(): the variable that has this hash. */
#define HASH_INVERSE UINT64_C(0xf1de83e19937733d)

static weft_context_var *var_of_hash(uint64_t hash)
{
    return (weft_context_var *)(uintptr_t)(hash * HASH_INVERSE);
}

/* A binding of the test's, with a reference that is never given back. */
static struct binding binding_of(weft_context_var *var, void *value)
{
    struct binding binding = {.var = var, .value = value};
    atomic_init(&binding.refs, 1);
    return binding;
}

static uint64_t random_state = 1;

static uint64_t random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* An assertion writes to a pipe; those that are made a million times write when they fail only. */
#define check(condition)                    \
    do {                                    \
        if (!(condition))                   \
            ck_abort_msg("%s", #condition); \
    } while (0)

/* B3, and that the counts are right. Returns the count. */
static uint32_t check_shape(const struct bindings *node, bool root)
{
    uint32_t count = 0;

    check((node->deeper & ~node->filled) == 0);
    for (unsigned rest = node->filled; rest; rest &= rest - 1) {
        unsigned place = rest & -rest;
        void *slot = node->slots[bindings_index(node, place)];
        count += node->deeper & place ? check_shape(slot, false) : 1;
    }
    check(node->count == count);
    check(count >= (root ? 1 : 2));
    return count;
}

#define KEYS 64

/* Which value each of the keys has, or NULL. */
struct model {
    void *values[KEYS];
};

static weft_context_var *keys[KEYS];

static int check_item(weft_context_var *var, void *value, void *arg)
{
    struct model *left = arg;
    for (int i = 0; i < KEYS; i++) {
        if (keys[i] == var) {
            check(left->values[i] == value);
            left->values[i] = NULL;
            return 0;
        }
    }
    ck_abort_msg("a variable that nobody has put in");
    return 0;
}

static void check_map(const struct bindings *map, const struct model *model)
{
    struct model left = *model;
    uint32_t count = 0;

    for (int i = 0; i < KEYS; i++) {
        const struct binding *binding = bindings_find(map, keys[i]);
        check((binding ? binding->value : NULL) == model->values[i]);
        count += binding != NULL;
    }
    check(bindings_count(map) == count);
    if (map)
        check_shape(map, true);
    check(wf_bindings_each(map, check_item, &left) == 0);
    for (int i = 0; i < KEYS; i++)
        check(left.values[i] == NULL);
}

/* Keys whose hashes differ late, early, and anywhere: the deepest levels are used. */
static void choose_keys(void)
{
    for (int i = 0; i < KEYS; i++) {
        uint64_t hash = random_next();
        if (i % 4 == 0)
            hash = (uint64_t)i; /* the last two levels */
        else if (i % 4 == 1)
            hash = UINT64_C(0x1234567800000000) + ((uint64_t)i << 28);
        keys[i] = var_of_hash(hash);
        ck_assert_uint_eq(bindings_hash(keys[i]), hash);
        for (int j = 0; j < i; j++)
            ck_assert_ptr_ne(keys[i], keys[j]);
    }
}

#define VERSIONS 16
#define STEPS    3000
#define VALUES   (KEYS * 4)

/* Random changes to random older versions: each gives what the array says, and none of the versions
 * that are kept is changed by what is made from them. */
START_TEST(behaves_as_an_array)
{
    static struct binding bindings[VALUES];
    static struct model models[VERSIONS];
    struct bindings *maps[VERSIONS] = {NULL};

    choose_keys();
    for (size_t i = 0; i < VALUES; i++)
        bindings[i] = binding_of(keys[i % KEYS], &bindings[i]);
    for (int step = 0; step < STEPS; step++) {
        size_t from = random_next() % VERSIONS, to = random_next() % VERSIONS;
        size_t which = random_next() % VALUES;
        struct model model = models[from];
        struct bindings *map = NULL;
        /* More is put in than taken out, until a later phase empties the maps again. */
        bool puts = random_next() % 8 < (step / 300 % 2 ? 2u : 6u);
        if (puts) {
            map = wf_bindings_with(maps[from], &bindings[which]);
            model.values[which % KEYS] = bindings[which].value;
            ck_assert_ptr_nonnull(map);
        } else {
            ck_assert_int_eq(wf_bindings_without(maps[from], keys[which % KEYS], &map), 0);
            model.values[which % KEYS] = NULL;
        }
        wf_bindings_unref(maps[to]);
        maps[to] = map;
        models[to] = model;
        check_map(map, &model);
        if (step % 50 == 0)
            for (int i = 0; i < VERSIONS; i++)
                check_map(maps[i], &models[i]);
    }
    for (int i = 0; i < VERSIONS; i++)
        wf_bindings_unref(maps[i]);
    /* Nobody holds a binding any more but the test. */
    for (size_t i = 0; i < VALUES; i++)
        ck_assert_uint_eq(atomic_load(&bindings[i].refs), 1);
}
END_TEST

/* What two maps have in common is there once: a change makes the nodes on its way, and shares the
 * others. */
START_TEST(shares_what_is_the_same)
{
    struct binding bindings[64];
    struct bindings *map = NULL;

    for (uint64_t i = 0; i < 64; i++) { /* four under each of sixteen places */
        bindings[i] = binding_of(var_of_hash((i % 16) << 60 | (i / 16) << 56 | 1), NULL);
        struct bindings *more = wf_bindings_with(map, &bindings[i]);
        wf_bindings_unref(map);
        map = more;
    }
    struct binding other = binding_of(bindings[5].var, &other);
    struct bindings *changed = wf_bindings_with(map, &other);
    for (unsigned i = 0; i < 16; i++) {
        if (i == 5) {
            ck_assert_ptr_ne(changed->slots[i], map->slots[i]);
            continue;
        }
        ck_assert_ptr_eq(changed->slots[i], map->slots[i]);
        ck_assert_uint_eq(atomic_load(&((struct bindings *)map->slots[i])->refs), 2);
    }
    ck_assert_ptr_eq(bindings_find(changed, other.var)->value, &other);
    ck_assert_ptr_null(bindings_find(map, other.var)->value);
    wf_bindings_unref(map);
    wf_bindings_unref(changed);
}
END_TEST

/* Taking out a variable that is not there gives the same map. */
START_TEST(without_nothing_is_the_same)
{
    struct binding one = binding_of(var_of_hash(1), NULL);
    struct bindings *map = wf_bindings_with(NULL, &one), *same = NULL;

    ck_assert_int_eq(wf_bindings_without(map, var_of_hash(2), &same), 0);
    ck_assert_ptr_eq(same, map);
    wf_bindings_unref(same);
    ck_assert_int_eq(wf_bindings_without(map, one.var, &same), 0);
    ck_assert_ptr_null(same);
    ck_assert_int_eq(wf_bindings_without(NULL, one.var, &same), 0);
    ck_assert_ptr_null(same);
    wf_bindings_unref(map);
}
END_TEST

static int stop_at_second(weft_context_var *var, void *value, void *arg)
{
    (void)var;
    (void)value;
    return ++*(int *)arg == 2 ? -EINTR : 0;
}

/* A visit ends when the visitor says so. */
START_TEST(visit_can_be_ended)
{
    struct binding bindings[4];
    struct bindings *map = NULL;
    int seen = 0;

    for (uint64_t i = 0; i < 4; i++) {
        bindings[i] = binding_of(var_of_hash(i), NULL);
        struct bindings *more = wf_bindings_with(map, &bindings[i]);
        wf_bindings_unref(map);
        map = more;
    }
    ck_assert_int_eq(wf_bindings_each(map, stop_at_second, &seen), -EINTR);
    ck_assert_int_eq(seen, 2);
    wf_bindings_unref(map);
}
END_TEST

static int drops;
static void *dropped;

static void count_drop(void *value)
{
    drops++;
    dropped = value;
}

/* The value goes with the last map that holds it, once; one that was never put in stays the
 * caller's. */
START_TEST(value_is_dropped_with_the_last_map)
{
    static weft_context_var var = {.name = "var", .drop = count_drop};
    static weft_context_var other = WEFT_CONTEXT_VAR("other");
    int value;
    struct binding *binding = wf_binding_new(&var, &value);
    struct binding *second = wf_binding_new(&other, NULL);
    struct bindings *one = wf_bindings_with(NULL, binding);
    struct bindings *two = wf_bindings_with(one, second), *none = NULL;

    wf_binding_unref(binding);
    wf_binding_unref(second);
    wf_bindings_unref(one);
    ck_assert_int_eq(drops, 0);
    ck_assert_int_eq(wf_bindings_without(two, &var, &none), 0);
    ck_assert_int_eq(drops, 0);
    wf_bindings_unref(two);
    ck_assert_int_eq(drops, 1);
    ck_assert_ptr_eq(dropped, &value);
    wf_bindings_unref(none);
    wf_binding_discard(wf_binding_new(&var, &value));
    ck_assert_int_eq(drops, 1);
}
END_TEST

/* Hashes that differ at their end only make the longest line of nodes, and the most allocations. */
static void change_under_faults(void)
{
    static weft_context_var var = {.name = "var", .drop = count_drop};
    struct binding near[3];
    struct bindings *maps[4] = {NULL}, *less = NULL;
    int value;

    for (uint64_t i = 0; i < 3; i++)
        near[i] = binding_of(var_of_hash(i), NULL);
    for (int i = 0; i < 3; i++) {
        maps[i + 1] = wf_bindings_with(maps[i], &near[i]);
        if (!maps[i + 1]) {
            maps[i + 1] = wf_bindings_with(maps[i], &near[i]);
            ck_assert_ptr_nonnull(maps[i + 1]);
        }
        ck_assert_uint_eq(bindings_count(maps[i + 1]), (uint32_t)i + 1);
        check_shape(maps[i + 1], true);
    }
    if (wf_bindings_without(maps[3], near[1].var, &less)) {
        ck_assert_ptr_null(less);
        ck_assert_int_eq(wf_bindings_without(maps[3], near[1].var, &less), 0);
    }
    ck_assert_uint_eq(bindings_count(less), 2);
    check_shape(less, true);
    struct binding *binding = wf_binding_new(&var, &value);
    if (!binding)
        binding = wf_binding_new(&var, &value);
    wf_binding_discard(binding);
    wf_bindings_unref(less);
    for (int i = 0; i < 4; i++)
        wf_bindings_unref(maps[i]);
    for (int i = 0; i < 3; i++)
        ck_assert_uint_eq(atomic_load(&near[i].refs), 1);
}

/* Without memory a change fails, and everything is as it was: the next attempt does it. */
START_TEST(change_without_memory)
{
    ck_assert_uint_ge(run_with_each_fault(FAULT_ALLOC, ENOMEM, change_under_faults), 30);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bindings");
    TCase *tcase = tcase_create("bindings");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, behaves_as_an_array);
    tcase_add_test(tcase, shares_what_is_the_same);
    tcase_add_test(tcase, without_nothing_is_the_same);
    tcase_add_test(tcase, visit_can_be_ended);
    tcase_add_test(tcase, value_is_dropped_with_the_last_map);
    tcase_add_test(tcase, change_without_memory);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
