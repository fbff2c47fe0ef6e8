/*
 * source_test.c - registered descriptors: who is queued when, and that no event reaches a later descriptor of
 * the same number.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/io/source.h"
#include "tests/support/faults.h"
#include "tests/support/suite.h"

static struct poller poller;

/* Two connected sockets, as a source and its peer. */
struct scene {
    struct source source;
    struct source_wait wait;
    struct runnable ready;
    int peer;
};

static void scene_open(struct scene *scene)
{
    int fds[2];
    *scene = (struct scene){.wait.ready = &scene->ready};
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    wf_source_init(&scene->source, fds[0], true, false);
    scene->peer = fds[1];
}

static void scene_close(struct scene *scene)
{
    wf_source_close(&scene->source);
    close(scene->peer);
}

static void watch(struct scene *scene, enum poller_side side)
{
    ck_assert_int_eq(wf_source_watch(&scene->source, &poller, side, &scene->wait), 0);
}

static void put(int fd)
{
    ck_assert_int_eq(write(fd, "x", 1), 1);
}

static ssize_t take(struct scene *scene)
{
    char bytes[16];
    return wf_source_recv(&scene->source, bytes, sizeof(bytes));
}

static void nobody(void *watcher, void *arg)
{
    (void)watcher;
    (void)arg;
    ck_abort_msg("a watcher was told");
}

/* Looks once; what is queued. */
static struct runnables look(void)
{
    struct poller_news news = {.found = nobody};
    ck_assert_int_eq(wf_poller_wait(&poller, 0, &news), 0);
    return news.ready;
}

static void ck_assert_queued(const struct scene *scene)
{
    struct runnables ready = look();
    ck_assert_uint_eq(ready.count, 1);
    ck_assert_ptr_eq(ready.first, &scene->ready);
    ck_assert(!scene->wait.waiting);
}

static void ck_assert_none_queued(void)
{
    ck_assert_uint_eq(look().count, 0);
}

/* Who waits is queued once, when there is something; what came before it was registered counts (S2). */
START_TEST(queued_once)
{
    struct scene scene;
    scene_open(&scene);
    ck_assert_int_eq(take(&scene), -EAGAIN);
    watch(&scene, POLLER_READ);
    ck_assert_uint_eq(poller.waiting, 1);
    ck_assert_none_queued();
    put(scene.peer);
    ck_assert_queued(&scene);
    ck_assert_uint_eq(poller.waiting, 0);
    ck_assert_none_queued();
    ck_assert_int_eq(take(&scene), 1);
    ck_assert_int_eq(take(&scene), -EAGAIN);
    put(scene.peer); /* nobody waits: the report is not lost */
    ck_assert_none_queued();
    watch(&scene, POLLER_READ);
    ck_assert_queued(&scene);
    scene_close(&scene);

    scene_open(&scene);
    put(scene.peer);
    watch(&scene, POLLER_READ);
    ck_assert_queued(&scene);
    scene_close(&scene);
    ck_assert_uint_eq(poller.sources, 0);
    wf_poller_close(&poller);
}
END_TEST

/* A side that is known to block is not called: the poller has to report it first (S1). */
START_TEST(blocked)
{
    struct scene scene;
    scene_open(&scene);
    watch(&scene, POLLER_READ);
    ck_assert_none_queued();
    ck_assert(wf_source_unwatch(&scene.source, POLLER_READ, &scene.wait));
    ck_assert(!wf_source_unwatch(&scene.source, POLLER_READ, &scene.wait));
    ck_assert_int_eq(take(&scene), -EAGAIN);
    put(scene.peer);
    ck_assert_int_eq(take(&scene), -EAGAIN); /* not reported yet */
    ck_assert_none_queued();                 /* nobody waits */
    ck_assert_int_eq(take(&scene), 1);
    scene_close(&scene);
    wf_poller_close(&poller);
}
END_TEST

/* Both sides, each for itself; what hangs up is ready on both. */
START_TEST(sides)
{
    struct scene scene;
    struct runnable writable;
    struct source_wait writing = {.ready = &writable};
    scene_open(&scene);
    watch(&scene, POLLER_READ);
    ck_assert_none_queued();
    ck_assert_int_eq(wf_source_watch(&scene.source, &poller, POLLER_WRITE, &writing), 0);
    struct runnables ready = look();
    ck_assert_uint_eq(ready.count, 1);
    ck_assert_ptr_eq(ready.first, &writable);
    close(scene.peer);
    ck_assert_queued(&scene);
    ck_assert(scene.source.hung);
    ck_assert_int_eq(take(&scene), 0);
    ck_assert_int_eq(take(&scene), 0);
    wf_source_close(&scene.source);
    wf_poller_close(&poller);
}
END_TEST

/* The number of a closed source is another's at once: what was on its way to the first is gone (S3). */
START_TEST(number_used_again)
{
    struct scene first, second;
    for (int kept = 0; kept < 2; kept++) {
        scene_open(&first);
        int number = first.source.fd, copy = kept ? dup(number) : -1; /* the file lives on */
        watch(&first, POLLER_READ);
        put(first.peer); /* an event waits in the kernel */
        wf_source_close(&first.source);
        struct runnables ready = look(); /* whoever waited is told of the end, once */
        ck_assert_uint_eq(ready.count, 1);
        ck_assert_ptr_eq(ready.first, &first.ready);
        if (kept)
            put(first.peer);
        scene_open(&second);
        ck_assert_int_eq(second.source.fd, number);
        watch(&second, POLLER_READ);
        ck_assert_none_queued();
        put(second.peer);
        ck_assert_queued(&second);
        scene_close(&second);
        close(first.peer);
        if (kept)
            close(copy);
    }
    wf_poller_close(&poller);
}
END_TEST

static int told_of;

static void tell(void *watcher, void *arg)
{
    (void)arg;
    told_of = *(int *)watcher;
}

/* So with watchers, though nobody says that their descriptor is closed: the generation differs. */
START_TEST(watched_number_used_again)
{
    int pipes[2][2], names[2] = {1, 2};
    void *old;
    struct poller_news news = {.found = tell};
    ck_assert_int_eq(pipe2(pipes[0], O_NONBLOCK), 0);
    ck_assert_int_eq(wf_poller_watch(&poller, pipes[0][0], POLLER_READ, &names[0], &old), 0);
    int copy = dup(pipes[0][0]); /* epoll keeps what it knows of the file */
    put(pipes[0][1]);
    close(pipes[0][0]);
    ck_assert_ptr_eq(wf_poller_unwatch(&poller, pipes[0][0], POLLER_READ), &names[0]);
    ck_assert_int_eq(pipe2(pipes[1], O_NONBLOCK), 0);
    ck_assert_int_eq(pipes[1][0], pipes[0][0]);
    ck_assert_int_eq(wf_poller_watch(&poller, pipes[1][0], POLLER_READ, &names[1], &old), 0);
    ck_assert_int_eq(wf_poller_wait(&poller, 0, &news), 0);
    ck_assert_int_eq(told_of, 0);
    put(pipes[1][1]);
    ck_assert_int_eq(wf_poller_wait(&poller, 0, &news), 0);
    ck_assert_int_eq(told_of, 2);
    close(copy);
    close(pipes[0][1]);
    close(pipes[1][0]);
    close(pipes[1][1]);
    wf_poller_close(&poller);
}
END_TEST

/* A closed poller forgets its sources, which can be registered with another. */
START_TEST(forgotten)
{
    struct scene scene;
    struct poller second;
    wf_poller_init(&second, POLLER_DEFAULT);
    scene_open(&scene);
    watch(&scene, POLLER_READ);
    ck_assert_int_eq(wf_source_watch(&scene.source, &second, POLLER_READ, &scene.wait), -EXDEV);
    wf_poller_clear(&poller, nobody, NULL);
    ck_assert_uint_eq(poller.waiting + poller.sources, 0);
    ck_assert(!scene.wait.waiting);
    wf_poller_close(&poller);
    ck_assert_int_eq(wf_source_watch(&scene.source, &second, POLLER_READ, &scene.wait), 0);
    scene_close(&scene);
    ck_assert_ptr_eq(poller_take_ended(&second), &scene.ready);
    wf_poller_close(&second);
}
END_TEST

enum { MANY = 400 };
static struct scene scenes[MANY];

/* Many sources in a few looks, so that who waited for the first ones runs in between. */
START_TEST(many)
{
    for (int i = 0; i < MANY; i++) {
        scene_open(&scenes[i]);
        watch(&scenes[i], POLLER_READ);
    }
    ck_assert_none_queued();
    for (int i = 0; i < MANY; i++)
        put(scenes[i].peer);
    uint64_t found = look().count;
    ck_assert_uint_lt(found, MANY);
    for (int looks = 0; looks < MANY && found < MANY; looks++)
        found += look().count;
    ck_assert_uint_eq(found, MANY);
    ck_assert_none_queued();
    for (int i = 0; i < MANY; i++)
        scene_close(&scenes[i]);
    wf_poller_close(&poller);
}
END_TEST

static void count_watcher(void *watcher, void *arg)
{
    (void)arg;
    ++*(int *)watcher;
}

/* A watcher beside them is told in every look (FDIO-01). */
START_TEST(beside_a_watcher)
{
    int times = 0, ends[2];
    void *old;
    for (int i = 0; i < MANY; i++) {
        scene_open(&scenes[i]);
        watch(&scenes[i], POLLER_READ);
        put(scenes[i].peer);
    }
    ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
    put(ends[1]);
    ck_assert_int_eq(wf_poller_watch(&poller, ends[0], POLLER_READ, &times, &old), 0);
    for (int looks = 1; looks < 10; looks++) {
        struct poller_news news = {.found = count_watcher};
        ck_assert_int_eq(wf_poller_wait(&poller, 0, &news), 0);
        ck_assert_int_ge(times, looks);
    }
    ck_assert_ptr_nonnull(wf_poller_unwatch(&poller, ends[0], POLLER_READ));
    for (int i = 0; i < MANY; i++)
        scene_close(&scenes[i]);
    close(ends[0]);
    close(ends[1]);
    wf_poller_close(&poller);
}
END_TEST

static void faulty(void)
{
    struct scene scene;
    wf_poller_init(&poller, POLLER_DEFAULT);
    scene_open(&scene);
    int rc = wf_source_watch(&scene.source, &poller, POLLER_READ, &scene.wait);
    if (rc) { /* nothing is watched, and it can be tried again */
        ck_assert_int_eq(rc, -ENOMEM);
        ck_assert_uint_eq(poller.waiting, 0);
        rc = wf_source_watch(&scene.source, &poller, POLLER_READ, &scene.wait);
    }
    ck_assert_int_eq(rc, 0);
    put(scene.peer);
    ck_assert_queued(&scene);
    scene_close(&scene);
    wf_poller_close(&poller);
}

static const enum fault_site sites[] = {FAULT_ALLOC, FAULT_EPOLL_CREATE, FAULT_EPOLL_CTL,
                                        FAULT_EVENTFD};

START_TEST(faults)
{
    ck_assert_uint_gt(run_with_each_fault(sites[_i], ENOMEM, faulty), 0);
}
END_TEST

static void init(void)
{
    wf_poller_init(&poller, POLLER_DEFAULT);
}

int main(void)
{
    Suite *suite = suite_create("source");
    TCase *tests = tcase_create("source");

    tcase_add_checked_fixture(tests, init, NULL);
    tcase_add_test(tests, queued_once);
    tcase_add_test(tests, blocked);
    tcase_add_test(tests, sides);
    tcase_add_test(tests, number_used_again);
    tcase_add_test(tests, watched_number_used_again);
    tcase_add_test(tests, forgotten);
    tcase_add_test(tests, many);
    tcase_add_test(tests, beside_a_watcher);
    tcase_add_loop_test(tests, faults, 0, sizeof(sites) / sizeof(sites[0]));
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
