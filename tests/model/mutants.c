/*
 * mutants.c - enumerates the bugs that can be planted, and runs the models with each.
 */
#include "tests/model/mutants.h"

#include <stdio.h>
#include <string.h>

enum { NAME_BYTES = 200, FAULTS_MAX = 8, HARMLESS_MAX = 64 };

static const char *const orders[] = {"relaxed", "acquire", "release", "acq_rel", "seq_cst"};
static const char *const kinds[] = {"load", "store", "rmw", "cas"};

bool mutants_sound(const struct model *model)
{
    struct model_result result;

    model_explore(model, NULL, &result);
    if (result.violated || result.too_large) {
        printf("%s: %s: %s\n", model->name, result.violated ? "VIOLATED" : "TOO LARGE",
               result.what);
        model_print_trace();
        return false;
    }
    printf("%s: %llu executions, %llu states, %llu steps\n", model->name,
           (unsigned long long)result.executions, (unsigned long long)result.states,
           (unsigned long long)result.steps);
    fflush(stdout);
    return true;
}

bool mutants_caught(const struct model *model, const char *bug)
{
    struct model_result result;

    model_explore(model, NULL, &result);
    printf("%s %s: %s (%s)\n", result.violated ? "caught" : "MISSED", model->name, bug,
           result.what);
    return result.violated;
}

/* The next weaker orders; how many. */
static unsigned weaker(enum model_kind kind, memory_order order, memory_order *ret_orders)
{
    switch (order) {
    case memory_order_seq_cst:
        ret_orders[0] = kind == MODEL_LOAD    ? memory_order_acquire
                        : kind == MODEL_STORE ? memory_order_release
                                              : memory_order_acq_rel;
        return 1;
    case memory_order_acq_rel:
        ret_orders[0] = memory_order_acquire;
        ret_orders[1] = memory_order_release;
        return 2;
    case memory_order_acquire:
    case memory_order_release:
        ret_orders[0] = memory_order_relaxed;
        return 1;
    case memory_order_relaxed:
        break;
    }
    return 0;
}

static unsigned faults_at(struct model_site *site, struct model_mutation *ret_mutations)
{
    memory_order choice[2];
    unsigned count = 0;

    for (unsigned i = weaker(site->kind, site->order, choice); i-- > 0;)
        ret_mutations[count++] = (struct model_mutation){site, MODEL_ORDER, choice[i]};
    if (site->kind == MODEL_CAS)
        for (unsigned i = weaker(MODEL_LOAD, site->failure_order, choice); i-- > 0;)
            ret_mutations[count++] = (struct model_mutation){site, MODEL_FAILURE_ORDER, choice[i]};
    bool is_look = site->kind == MODEL_LOAD && site->order == memory_order_seq_cst;
    if (is_look || site->kind == MODEL_STORE || site->kind == MODEL_RMW)
        ret_mutations[count++] = (struct model_mutation){.site = site, .fault = MODEL_SKIP};
    if (site->kind == MODEL_RMW || site->kind == MODEL_CAS)
        ret_mutations[count++] = (struct model_mutation){.site = site, .fault = MODEL_SPLIT};
    return count;
}

/* Which of several like it in its function a place is; 0 if it is the only one. */
static unsigned ordinal_of(const struct model_site *site)
{
    unsigned before = 0;
    unsigned all = 0;

    for (const struct model_site *s = model_sites(); s; s = s->next) {
        if (strcmp(s->function, site->function) != 0 || s->kind != site->kind ||
            strcmp(s->object, site->object) != 0)
            continue;
        before += s->line <= site->line;
        all++;
    }
    return all > 1 ? before : 0;
}

static void name_of(const struct model_mutation *m, char name[NAME_BYTES])
{
    const struct model_site *site = m->site;
    unsigned ordinal = ordinal_of(site);
    int length =
        snprintf(name, NAME_BYTES, "%s: %s %s", site->function, kinds[site->kind], site->object);

    if (ordinal)
        length += snprintf(name + length, NAME_BYTES - (size_t)length, " (%u)", ordinal);
    name += length;
    size_t room = NAME_BYTES - (size_t)length;
    switch (m->fault) {
    case MODEL_ORDER:
        snprintf(name, room, ": %s -> %s", orders[site->order], orders[m->order]);
        break;
    case MODEL_FAILURE_ORDER:
        snprintf(name, room, ": failure %s -> %s", orders[site->failure_order], orders[m->order]);
        break;
    case MODEL_SKIP:
        snprintf(name, room, ": left out");
        break;
    case MODEL_SPLIT:
        snprintf(name, room, ": torn");
        break;
    case MODEL_SOUND:
        break;
    }
}

static void try_mutant(const struct model *const *models, const struct model_mutation *mutation,
                       const char *const *harmless, bool *found, struct mutants *total)
{
    char name[NAME_BYTES];
    struct model_result result = {.violated = false};
    bool listed = false;

    name_of(mutation, name);
    for (unsigned i = 0; harmless[i]; i++) {
        if (strcmp(harmless[i], name) == 0) {
            found[i] = true;
            listed = true;
        }
    }
    unsigned i = 0;
    for (; models[i]; i++) {
        model_explore(models[i], mutation, &result);
        if (result.violated)
            break;
        if (result.too_large) {
            printf("WRONG: too large %s (%s: %s)\n", name, models[i]->name, result.what);
            total->wrong++;
            return;
        }
    }
    total->wrong += result.violated == listed;
    total->caught += result.violated;
    total->harmless += !result.violated;
    printf("%s%s %s", result.violated == listed ? "WRONG: " : "",
           result.violated ? "caught" : "harmless", name);
    if (result.violated)
        printf(" (%s: %s)", models[i]->name, result.what);
    printf("\n");
    fflush(stdout);
}

/* __FILE__ may begin with "./" or an absolute path. */
static bool is_in_file(const struct model_site *site, const char *file)
{
    size_t bytes = strlen(site->file);
    size_t file_bytes = strlen(file);

    return bytes >= file_bytes && strcmp(site->file + bytes - file_bytes, file) == 0;
}

struct mutants mutants_explore(const struct model *const *models, const char *file,
                               const char *const *harmless)
{
    struct mutants total = {0};
    bool found[HARMLESS_MAX] = {false};

    for (unsigned i = 0; models[i]; i++)
        if (!mutants_sound(models[i]))
            total.wrong++;
    if (total.wrong)
        return total;
    for (struct model_site *site = model_sites(); site; site = site->next) {
        struct model_mutation mutations[FAULTS_MAX];
        unsigned count = is_in_file(site, file) ? faults_at(site, mutations) : 0;
        for (unsigned i = 0; i < count; i++)
            try_mutant(models, &mutations[i], harmless, found, &total);
    }
    for (unsigned i = 0; harmless[i]; i++) {
        if (!found[i]) {
            printf("WRONG: no such mutant: %s\n", harmless[i]);
            total.wrong++;
        }
    }
    printf("%u mutants caught, %u harmless, %u wrong\n", total.caught, total.harmless, total.wrong);
    return total;
}
