/*
 * generator_life.c - generators are made, given up, and closed with their loop.
 */
#include <errno.h>

#include <weft/wait.h>

#include "api/generator.h"
#include "runtime/sched/report.h"

weft_generator *weft_generator_new(weft_generator_fn fn, void *arg,
                                   const weft_generator_options *options)
{
    static const weft_generator_options none = {0};
    const weft_generator_options *o = options ? options : &none;
    enum stack_class class = o->stack_bytes ? wf_stack_class_for(o->stack_bytes) : STACK_CLASSES;

    if (!fn || (o->stack_bytes && class == STACK_CLASSES)) {
        errno = EINVAL;
        return NULL;
    }
    weft_generator *g = mem_zalloc(sizeof(*g));
    size_t name_bytes = o->name ? strlen(o->name) + 1 : 0;
    if (!g || (name_bytes && !(g->name = mem_alloc(name_bytes)))) {
        mem_free(g, sizeof(*g));
        errno = ENOMEM;
        return NULL;
    }
    if (name_bytes)
        memcpy(g->name, o->name, name_bytes);
    g->fn = fn;
    g->arg = arg;
    g->arg_drop = o->arg_drop;
    g->stack_class = (uint8_t) class;
    atomic_init(&g->refs, 1);
    return g;
}

weft_generator *weft_generator_ref(weft_generator *g)
{
    if (g)
        atomic_fetch_add_explicit(&g->refs, 1, memory_order_relaxed); /* the caller holds one */
    return g;
}

static void generator_free(weft_generator *g)
{
    if (g->stack)
        wf_generator_drop_stack(g);
    if (g->arg_drop)
        g->arg_drop(g->arg);
    if (g->name)
        mem_free(g->name, strlen(g->name) + 1);
    mem_free(g, sizeof(*g));
}

/* What went wrong when it was closed, but for a cancellation (AGEN-23). */
static void report_closing(weft_generator *g, int code, weft_error *error)
{
    if (!code || code == WEFT_ECANCELLED)
        return;
    weft_report report = {.message =
                              "an error occurred during the closing of an asynchronous generator",
                          .code = code,
                          .error = error,
                          .asyncgen = g};
    weft_loop_call_exception_handler(loop_current(), &report);
}

/* Closes one that was given up, in a task. Owns a reference. */
static int close_and_unref(void *arg, void **result)
{
    weft_generator *g = arg;
    int rc = weft_generator_close(g);

    (void)result;
    report_closing(g, rc, weft_error_current());
    weft_generator_unref(g);
    return 0;
}

/* Closes one for who waits for that. Owns a reference. */
static int close_for_others(void *arg, void **result)
{
    weft_generator *g = arg;
    int rc = weft_generator_close(g);

    (void)result;
    weft_generator_unref(g);
    return rc;
}

/* Its stack may be referred to, by a deadline or a task group: so it is not freed before that is
 * over, or the loop. */
static void leave_over(weft_generator *g)
{
    atomic_store_explicit(&g->refs, 1, memory_order_relaxed); /* the list's; nobody else has one */
    g->left_over = true;
}

/* The task that was to close it never began. */
static void drop_for_others(void *arg)
{
    weft_generator_unref(arg);
}

/* The same, and nobody else has it. */
static void drop_given_up(void *arg)
{
    weft_generator *g = arg;

    if (loop_is_closed(g->loop))
        generator_free(g);
    else
        leave_over(g);
}

/* The loop is closed without that. Whoever frees one of the others, on whatever thread, does not take
 * it off the list any more (N3). */
static void drop_left_over(struct weft_loop *loop)
{
    struct generator_entry *e = loop->generators.first;

    loop->generators.first = loop->generators.last = NULL;
    while (e) {
        weft_generator *g = generator_of_entry(e);
        e = e->next;
        if (g->left_over)
            generator_free(g);
    }
}

/* Nobody has a reference, and it is suspended: a task of its loop closes it (AGEN-26). */
static void close_given_up(struct weft_loop *loop, weft_generator *g)
{
    weft_task_options options = {.name = g->name, .arg_drop = drop_given_up};

    g->given_up = true;
    atomic_store_explicit(&g->refs, 1, memory_order_relaxed); /* nobody else knows it */
    weft_task *task = weft_task_new(loop, close_and_unref, g, &options);
    if (task)
        weft_unref(task);
    else
        leave_over(g); /* no memory */
}

static void given_up_elsewhere(struct runnable *r, struct weft_loop *loop)
{
    weft_generator *g = container_of(r, weft_generator, mail);

    if (loop && loop_life(loop) == g->life)
        close_given_up(loop, g);
    else
        generator_free(g); /* its loop is closed: nothing happens */
}

void weft_generator_unref(weft_generator *g)
{
    /* Acquire and release: all uses come before the end. */
    if (!g || atomic_fetch_sub_explicit(&g->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (g->state == GENERATOR_NEW || g->state == GENERATOR_FINISHED) {
        generator_free(g);
        return;
    }
    struct weft_loop *loop = g->loop;
    if (g->given_up || g->state == GENERATOR_RUNNING) {
        if (generator_has_loop(g)) /* it has ignored its closing; or a request is under way */
            leave_over(g);
        else
            generator_free(g); /* its task is gone, with the loop */
        return;
    }
    g->mail.run = given_up_elsewhere;
    if (loop == loop_current() && !loop_is_closed(loop))
        given_up_elsewhere(&g->mail, loop);
    else if (!wf_loop_post(loop, &g->mail))
        given_up_elsewhere(&g->mail, NULL);
}

/* Another reference, unless the last one was just given back on another thread. */
static bool try_ref(weft_generator *g)
{
    uint32_t refs = atomic_load_explicit(&g->refs, memory_order_relaxed);
    while (refs) {
        /* Relaxed: what is read of it is its loop's own. */
        if (atomic_compare_exchange_weak_explicit(&g->refs, &refs, refs + 1, memory_order_relaxed,
                                                  memory_order_relaxed))
            return true;
    }
    return false;
}

/*
 * A task for each generator of the list, which has a reference, as the caller has from now on; how
 * many could be made, 0 or -ENOMEM in *ret_rc.
 */
static size_t start_closing(struct weft_loop *loop, weft_task **tasks, weft_generator **generators,
                            int *ret_rc)
{
    size_t count = 0;

    for (struct generator_entry *e = loop->generators.first; e; e = e->next) {
        weft_generator *g = generator_of_entry(e);
        if (g->left_over ? g->state == GENERATOR_RUNNING : (g->given_up || !try_ref(g)))
            continue;
        g->left_over = false;
        weft_task_options options = {.name = g->name, .arg_drop = drop_for_others};
        tasks[count] = weft_task_new(loop, close_for_others, g, &options);
        if (!tasks[count]) {
            weft_generator_unref(g);
            *ret_rc = -ENOMEM;
            break;
        }
        generators[count++] = weft_generator_ref(g);
    }
    return count;
}

/* Waits for all, then reports what went wrong with each, in order. */
static int finish_closing(weft_task *const *tasks, weft_generator *const *generators, size_t count)
{
    int rc = weft_join(weft_gather(tasks, count, WEFT_RETURN_EXCEPTIONS), NULL);

    for (size_t i = 0; i < count && !rc; i++) {
        weft_error *error = NULL;
        if (!weft_exception(tasks[i], &error) && error)
            report_closing(generators[i], weft_error_code(error), error);
        weft_error_unref(error);
    }
    return rc;
}

const struct generators_ops wf_generators_ops = {weft_loop_shutdown_asyncgens, drop_left_over};

int weft_loop_shutdown_asyncgens(weft_loop *loop)
{
    int rc = 0;
    size_t count = 0;

    if (!task_current())
        return weft_fail(WEFT_ENOTASK, "only a task can wait for generators");
    if (loop != loop_current())
        return weft_fail(WEFT_EWRONGTHREAD, "only a task of the loop can wait for its generators");
    loop->generators.shut_down = true;
    for (struct generator_entry *e = loop->generators.first; e; e = e->next)
        count++;
    if (!count)
        return 0;
    weft_task **tasks = mem_alloc(count * sizeof(weft_task *));
    weft_generator **generators = mem_alloc(count * sizeof(weft_generator *));
    if (tasks && generators) {
        size_t started = start_closing(loop, tasks, generators, &rc);
        int finished = finish_closing(tasks, generators, started);
        rc = finished ? finished : rc;
        for (size_t i = 0; i < started; i++) {
            weft_unref(tasks[i]);
            weft_generator_unref(generators[i]);
        }
    } else {
        rc = -ENOMEM;
    }
    if (tasks)
        mem_free(tasks, count * sizeof(weft_task *));
    if (generators)
        mem_free(generators, count * sizeof(weft_generator *));
    return rc;
}
