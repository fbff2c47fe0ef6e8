/*
 * birth_test.c - explores messages to a task that is just being taken by its loop.
 */
#include "runtime/task/birth.h"

#include "runtime/sched/inbox.h"
#include "tests/model/mutants.h"
#include "tests/support/suite.h"

enum { MESSAGES = 3 };

/* All that this needs of a loop. */
struct weft_loop {
    struct inbox inbox;
    unsigned contents; /* written before it takes the task */
};

struct message {
    struct runnable runnable;
    unsigned contents;
};

static struct birth birth;
static struct weft_loop loop;
static struct message messages[MESSAGES];
static bool delivered[MESSAGES];

static void setup(void)
{
    birth_init_unowned(&birth);
    inbox_init(&loop.inbox);
    loop.contents = 0;
    for (unsigned i = 0; i < MESSAGES; i++) {
        messages[i] = (struct message){.contents = 0};
        delivered[i] = false;
    }
}

static void send(unsigned i)
{
    model_data_write(&messages[i]);
    messages[i].contents = i + 1;
    struct weft_loop *owner = birth_post(&birth, &messages[i].runnable);
    if (!owner)
        return;
    model_require(owner == &loop);
    model_data_read(&loop.contents);
    model_require(loop.contents == 1);
    model_require(inbox_push(&owner->inbox, &messages[i].runnable));
}

static void send_two(void)
{
    send(0);
    send(1);
}

static void send_another(void)
{
    send(2);
}

/* Messages 0 and 1 are from one thread, in this order. Returns how many. */
static unsigned receive(struct runnable *chain)
{
    unsigned count = 0;

    for (struct runnable *r = chain; r; r = r->next) {
        struct message *m = (struct message *)r;
        unsigned i = (unsigned)(m - messages);
        model_data_read(m);
        model_require(m->contents == i + 1);
        model_require(!delivered[i]);
        if (i == 1)
            model_require(delivered[0]);
        delivered[i] = true;
        count++;
    }
    return count;
}

static void take(void)
{
    model_data_write(&loop.contents);
    loop.contents = 1;
    unsigned count = receive(birth_bind(&birth, &loop));
    model_require(birth_loop(&birth) == &loop);
    while (count < MESSAGES) {
        unsigned more = receive(inbox_drain(&loop.inbox));
        if (!more)
            model_yield();
        count += more;
    }
}

static const struct model mail = {
    .name = "birth: mail",
    .setup = setup,
    .threads = {take, send_two, send_another},
};

/* B4, for one who only asks. */
static void bind_only(void)
{
    model_data_write(&loop.contents);
    loop.contents = 1;
    model_require(!birth_bind(&birth, &loop));
}

static void ask(void)
{
    struct weft_loop *owner = birth_loop(&birth);

    if (owner) {
        model_data_read(&owner->contents);
        model_require(owner == &loop);
    }
}

static const struct model asking = {
    .name = "birth: asking",
    .setup = setup,
    .threads = {bind_only, ask},
};

/* A task that is born bound has no mail of its own. */
static void setup_bound(void)
{
    setup();
    loop.contents = 1;
    birth_init_bound(&birth, &loop);
}

static void receive_two(void)
{
    unsigned count = 0;

    while (count < 2) {
        unsigned more = receive(inbox_drain(&loop.inbox));
        if (!more)
            model_yield();
        count += more;
    }
}

static const struct model born_bound = {
    .name = "birth: born bound",
    .setup = setup_bound,
    .threads = {receive_two, send_two},
};

static const struct model *const models[] = {&asking, &born_bound, &mail, NULL};

static const char *const harmless[] = {
    NULL,
};

/* B1 to B4 hold in every execution, and each operation is needed for them. */
START_TEST(birth_is_sound_and_no_stronger)
{
    struct mutants mutants = mutants_explore(models, "runtime/task/birth.h", harmless);
    ck_assert_uint_eq(mutants.wrong, 0);
    ck_assert_uint_gt(mutants.caught, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("model/birth");
    TCase *tcase = tcase_create("birth");
    tcase_add_test(tcase, birth_is_sound_and_no_stronger);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
