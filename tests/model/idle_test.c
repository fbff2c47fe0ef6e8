/*
 * idle_test.c - explores how submitted work finds a parked loop: none is left lying while one
 * sleeps.
 *
 * A loop here takes one piece of work and is busy with it for ever, or goes on until it has had
 * `share` pieces. So work that nobody was woken for stays, its loop sleeps for ever, and that is
 * the violation. Work is a counter: idle.h does not care what it is, only that it is published and
 * re-checked sequentially consistently, as rings and the overflow list are.
 */
#include "runtime/sched/idle.h"

#include "runtime/sched/parking.h"
#include "tests/model/mutants.h"
#include "tests/support/suite.h"

enum { LOOPS = 2 };

static struct idle idle;
static struct parking parkings[LOOPS];
static _Atomic(unsigned) work;
static _Atomic(unsigned) kept; /* what a thief has in its own ring */
static bool steals_two;        /* a loop that finds two pieces keeps one of them there */
static unsigned share;         /* pieces until a loop is busy for ever */
static unsigned had[LOOPS];

/* Bugs in the order of the steps: see order_of_the_steps. */
static enum {
    NO_BUG,
    NO_RECHECK,          /* before the sleep */
    RECHECK_TOO_SOON,    /* before the loop is in the mask */
    TOKEN_KEPT_TOO_LONG, /* given back after the re-check (S3) */
    ANNOUNCED_TOO_LATE,  /* after the loop is in the mask (S4) */
    TOKEN_FORGOTTEN,     /* a picked loop does not search (S4) */
    NO_SUCCESSOR,        /* a searcher with a find wakes nobody */
    SILENT_THIEF,        /* a thief without the token wakes nobody for what it keeps */
} bug;

static void setup_share(unsigned pieces)
{
    idle_init(&idle);
    for (unsigned i = 0; i < LOOPS; i++) {
        parking_init(&parkings[i]);
        had[i] = 0;
    }
    atomic_init(&work, 0);
    atomic_init(&kept, 0);
    steals_two = false;
    share = pieces;
}

static void setup_one_each(void)
{
    setup_share(1);
}

static void setup_two_for_one(void)
{
    setup_share(2);
}

static void wake_one(void)
{
    int loop = idle_pick(&idle);

    if (loop >= 0 && parking_claim_wake(&parkings[loop]) == PARKING_FUTEX)
        model_futex_wake(&parkings[loop].state);
}

static void submit(void)
{
    atomic_fetch_add_explicit(&work, 1, memory_order_seq_cst);
    wake_one();
}

static bool take_from(_Atomic(unsigned) *pieces, unsigned *ret_count)
{
    unsigned left = atomic_load_explicit(pieces, memory_order_relaxed);

    while (left) {
        unsigned count = steals_two ? left : 1;
        if (atomic_compare_exchange_strong_explicit(pieces, &left, left - count,
                                                    memory_order_relaxed, memory_order_relaxed)) {
            *ret_count = count;
            return true;
        }
    }
    return false;
}

static bool recheck(void)
{
    return atomic_load_explicit(&work, memory_order_seq_cst) != 0 ||
           (steals_two && atomic_load_explicit(&kept, memory_order_seq_cst) != 0);
}

/* Look for work, holding the token or not. */
static bool search(bool has_token)
{
    unsigned count = 0;
    bool found = take_from(&work, &count) || (steals_two && take_from(&kept, &count));
    bool keeps = count > 1;

    if (keeps)
        atomic_store_explicit(&kept, count - 1, memory_order_seq_cst);
    if (has_token && bug != TOKEN_KEPT_TOO_LONG) {
        if (idle_end_search(&idle, found) && bug != NO_SUCCESSOR)
            wake_one();
    } else if (keeps && bug != SILENT_THIEF) {
        wake_one();
    }
    return found;
}

static void run_loop(unsigned me)
{
    bool has_token = false;
    bool seen_work = false;

    for (;;) {
        if (!has_token)
            has_token = idle_begin_search(&idle);
        if ((has_token || seen_work) && search(has_token)) {
            if (has_token && bug == TOKEN_KEPT_TOO_LONG && idle_end_search(&idle, true))
                wake_one();
            has_token = false;
            if (++had[me] == share)
                return;
            continue;
        }
        bool early = bug == RECHECK_TOO_SOON && recheck();
        if (bug != ANNOUNCED_TOO_LATE)
            parking_announce(&parkings[me], PARKING_FUTEX);
        idle_enter(&idle, me);
        if (bug == ANNOUNCED_TOO_LATE)
            parking_announce(&parkings[me], PARKING_FUTEX);
        seen_work = early || (bug != RECHECK_TOO_SOON && bug != NO_RECHECK && recheck());
        if (has_token && bug == TOKEN_KEPT_TOO_LONG)
            (void)idle_end_search(&idle, false);
        if (!seen_work)
            model_futex_wait(&parkings[me].state, PARKING_FUTEX);
        (void)parking_retract(&parkings[me]);
        has_token = idle_leave(&idle, me);
        if (bug == TOKEN_FORGOTTEN)
            has_token = false;
    }
}

static void run_loop_0(void)
{
    run_loop(0);
}

static void run_loop_1(void)
{
    run_loop(1);
}

static void submit_two(void)
{
    submit();
    submit();
}

static const struct model one_loop = {
    .name = "idle: one loop",
    .setup = setup_two_for_one,
    .threads = {run_loop_0, submit_two},
};

/* With more threads, few preemptions (but all stale values): this is for the mutants. */
static const struct model two_submitters = {
    .name = "idle: two submitters, 3 preemptions",
    .setup = setup_two_for_one,
    .threads = {run_loop_0, submit, submit},
    .preemptions_max = 3,
};

static const struct model two_loops = {
    .name = "idle: two loops, 2 preemptions",
    .setup = setup_one_each,
    .threads = {run_loop_0, run_loop_1, submit_two},
    .preemptions_max = 2,
};

/* Two pieces come at once, and the loop that finds them keeps one where others can steal it. */
static void setup_steals_two(void)
{
    setup_share(1);
    steals_two = true;
}

static void submit_two_at_once(void)
{
    atomic_fetch_add_explicit(&work, 2, memory_order_seq_cst);
    wake_one();
}

static const struct model stolen = {
    .name = "idle: stolen work, 2 preemptions",
    .setup = setup_steals_two,
    .threads = {run_loop_0, run_loop_1, submit_two_at_once},
    .preemptions_max = 2,
};

/* And as far as there is time for, once. */
static const struct model two_submitters_further = {
    .name = "idle: two submitters",
    .setup = setup_two_for_one,
    .threads = {run_loop_0, submit, submit},
};

static const struct model stolen_further = {
    .name = "idle: stolen work, 3 preemptions",
    .setup = setup_steals_two,
    .threads = {run_loop_0, run_loop_1, submit_two_at_once},
    .preemptions_max = 3,
};

static const struct model two_loops_further = {
    .name = "idle: two loops, 3 preemptions",
    .setup = setup_one_each,
    .threads = {run_loop_0, run_loop_1, submit_two},
    .preemptions_max = 3,
};

/* S2: one of all who want the token has it. */
static bool has_token[2];

static void setup_parked(void)
{
    setup_one_each();
    has_token[0] = has_token[1] = false;
    idle_enter(&idle, 1);
    idle_enter(&idle, 63);
}

static void pick_first(void)
{
    int loop = idle_pick(&idle);

    model_require(loop == 1 || loop == -1); /* the lowest */
    has_token[0] = loop >= 0;
}

static void pick_second(void)
{
    int loop = idle_pick(&idle);

    model_require(loop == 1 || loop == -1);
    has_token[1] = loop >= 0;
}

static void begin_search(void)
{
    has_token[1] = idle_begin_search(&idle);
}

static void check_token(void)
{
    model_require(has_token[0] != has_token[1]);
}

static const struct model two_pick = {
    .name = "idle: two pick",
    .setup = setup_parked,
    .threads = {pick_first, pick_second},
    .check = check_token,
};

static const struct model pick_and_search = {
    .name = "idle: one picks, one searches",
    .setup = setup_parked,
    .threads = {pick_first, begin_search},
    .check = check_token,
};

static const struct model *const models[] = {&two_pick,  &pick_and_search, &one_loop,
                                             &two_loops, &two_submitters,  NULL};

/* Operations that are stronger than S1 needs, so that one reason serves all (see idle.h). */
static const char *const harmless[] = {
    /* A submitter has looked at the token right before; and nothing is handed over with it. */
    "idle_begin_search: cas &idle->searching: seq_cst -> acq_rel",
    "idle_begin_search: cas &idle->searching: failure seq_cst -> acquire",
    /* That a loop has left the mask promises nothing. */
    "idle_leave: rmw &idle->parked: seq_cst -> acq_rel",
    /* The look saves a write to the token. The CAS that follows says the same. */
    "idle_pick: load &idle->searching: left out",
    /* A stale mask is found out in idle_leave(), or by the third look. */
    "idle_pick: load &idle->parked (2): seq_cst -> acquire",
    NULL,
};

/* S1 holds in every execution, and each operation is needed for it. */
START_TEST(idle_is_sound_and_no_stronger)
{
    struct mutants mutants = mutants_explore(models, "runtime/sched/idle.h", harmless);
    ck_assert_uint_eq(mutants.wrong, 0);
    ck_assert_uint_gt(mutants.caught, 0);
}
END_TEST

/* S1 holds with more preemptions, too: in a suite of its own, since it takes long. */
START_TEST(idle_is_sound_further_on)
{
    ck_assert(mutants_sound(&two_submitters_further));
    ck_assert(mutants_sound(&two_loops_further));
    ck_assert(mutants_sound(&stolen_further));
}
END_TEST

/* Each step that idle.h asks of a loop is needed, where it asks for it. */
START_TEST(order_of_the_steps)
{
    bug = NO_RECHECK;
    ck_assert(mutants_caught(&one_loop, "no re-check before the sleep"));
    bug = RECHECK_TOO_SOON;
    ck_assert(mutants_caught(&one_loop, "re-check before the loop is in the mask"));
    bug = TOKEN_KEPT_TOO_LONG;
    ck_assert(mutants_caught(&two_loops, "token given back after the re-check"));
    bug = ANNOUNCED_TOO_LATE;
    ck_assert(mutants_caught(&one_loop, "parking announced after the mask"));
    bug = TOKEN_FORGOTTEN;
    ck_assert(mutants_caught(&one_loop, "a picked loop does not search"));
    bug = NO_SUCCESSOR;
    ck_assert(mutants_caught(&two_loops, "a searcher with a find wakes nobody"));
    bug = NO_BUG;
    ck_assert(mutants_sound(&stolen));
    bug = SILENT_THIEF;
    ck_assert(mutants_caught(&stolen, "a thief without the token wakes nobody"));
}
END_TEST

int main(void)
{
#ifdef WEFT_MODEL_FURTHER
    const bool further = true;
#else
    const bool further = false;
#endif
    Suite *suite = suite_create(further ? "model/idle_further" : "model/idle");
    TCase *tcase = tcase_create("idle");
    tcase_set_timeout(tcase, 600); /* it works all the time */
    if (further) {
        tcase_add_test(tcase, idle_is_sound_further_on);
    } else {
        tcase_add_test(tcase, idle_is_sound_and_no_stronger);
        tcase_add_test(tcase, order_of_the_steps);
    }
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
