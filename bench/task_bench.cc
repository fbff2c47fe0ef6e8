/*
 * task_bench.cc - what a task costs: to let others run, to be made, and to be joined.
 *
 * One loop in one thread. allocs and syscalls are per item, and 0 in the steady state. Not
 * measured: tasks that touch much of their stack, and the first tasks of a program, which have
 * their stacks mapped.
 */
#include "bench/in_runtime.h"

namespace
{

int return_arg(void *arg, void **result)
{
    *result = arg;
    return 0;
}

int yield_until(void *arg, void **)
{
    while (!*static_cast<bool *>(arg)) {
        if (int error = weft_yield())
            return error;
    }
    return 0;
}

/* A round of all tasks, each yielding once: grows with what the loop does between two steps, and
 * from 2 to 1000 tasks with the cache lines that a switch touches. */
void yield_round(benchmark::State &state)
{
    in_loop(state, [&] {
        bool stop = false;
        auto others = state.range(0) - 1;
        for (int64_t i = 0; i < others; i++)
            weft_unref(weft_create_task(yield_until, &stop, nullptr));
        measure(
            state, [] { BENCH_REQUIRE(weft_yield() == 0); }, others + 1);
        stop = true;
    });
}
BENCHMARK(yield_round)->Arg(1)->Arg(2)->Arg(1000);

/* The same through weft_sleep(0), as asyncio's users write it: must not differ. */
void sleep_zero(benchmark::State &state)
{
    in_loop(state, [&] { measure(state, [] { BENCH_REQUIRE(weft_sleep(0) == 0); }); });
}
BENCHMARK(sleep_zero);

void create_and_join(benchmark::State &state, const weft_task_options *options)
{
    in_loop(state, [&] {
        measure(state, [&] {
            void *result = nullptr;
            weft_task *task = weft_create_task(return_arg, &state, options);
            BENCH_REQUIRE(weft_join(task, &result) == 0 && result == &state);
        });
    });
}

/* The whole life of a task that another awaits: two switches, a stack and a task from the free
 * lists and back, one completion. */
void create_join(benchmark::State &state)
{
    create_and_join(state, nullptr);
}
BENCHMARK(create_join);

/* Without going through the ready queue: the difference to create_join is the price of waiting. */
void create_join_eager(benchmark::State &state)
{
    weft_task_options options = {};
    options.eager_start = 1;
    create_and_join(state, &options);
}
BENCHMARK(create_join_eager);

/* What the copy of a name adds. */
void create_join_named(benchmark::State &state)
{
    weft_task_options options = {};
    options.name = "a task with a name";
    create_and_join(state, &options);
}
BENCHMARK(create_join_named);

/* What the stealable ring adds when there is nobody to steal. */
void spawn_join(benchmark::State &state)
{
    in_loop(state, [&] {
        measure(state, [&] {
            void *result = nullptr;
            weft_task *task = weft_spawn(return_arg, &state, nullptr);
            BENCH_REQUIRE(weft_join(task, &result) == 0 && result == &state);
        });
    });
}
BENCHMARK(spawn_join);

/* Many tasks that run before they are awaited: they share one hot stack. */
void create_then_join_many(benchmark::State &state)
{
    constexpr int MANY = 1000;
    in_loop(state, [&] {
        weft_task *tasks[MANY];
        measure(
            state,
            [&] {
                for (weft_task *&task : tasks)
                    task = weft_create_task(return_arg, nullptr, nullptr);
                for (weft_task *task : tasks)
                    BENCH_REQUIRE(weft_join(task, nullptr) == 0);
            },
            MANY);
    });
}
BENCHMARK(create_then_join_many);

/* A task that is cancelled before its first step never gets a stack. */
void create_cancel_join(benchmark::State &state)
{
    in_loop(state, [&] {
        measure(state, [&] {
            weft_task *task = weft_create_task(return_arg, nullptr, nullptr);
            weft_cancel(task);
            BENCH_REQUIRE(weft_join(task, nullptr) == WEFT_ECANCELLED);
        });
    });
}
BENCHMARK(create_cancel_join);

} // namespace

BENCHMARK_MAIN();
