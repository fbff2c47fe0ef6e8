/*
 * pool_bench.cc - what it costs to have a function run by the pool, without tasks and futures.
 *
 * The jobs are empty, so the pool has nothing to hide behind. A thread that submits and then looks
 * for the answer stands for a loop; it is one processor's work, and the pool has the others. Beside
 * it stand the least that two threads can do (a futex each way) and the simplest alternative (a
 * thread for each call). Not measured: what a loop does with an answer.
 */
#include <benchmark/benchmark.h>

#include <errno.h>
#include <linux/futex.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

extern "C" {
#include "threadpool/pool.h"
}

namespace
{

using Word = std::atomic<uint32_t>;

void futex_wait(Word *word, uint32_t value)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
}

void futex_wake(Word *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

void pause_a_moment()
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#else
    std::this_thread::yield();
#endif
}

/* Counts answers; whoever waits for them looks, or sleeps. */
struct alignas(64) Answers {
    Word count{0};
    std::atomic<bool> sleeping{false};

    void add()
    {
        count.fetch_add(1);
        if (sleeping.load())
            futex_wake(&count);
    }
    void look_for(uint32_t goal)
    {
        while (static_cast<int32_t>(count.load(std::memory_order_acquire) - goal) < 0)
            pause_a_moment();
    }
    void sleep_for(uint32_t goal)
    {
        sleeping.store(true);
        for (uint32_t seen; static_cast<int32_t>((seen = count.load()) - goal) < 0;)
            futex_wait(&count, seen);
        sleeping.store(false);
    }
};

struct Job {
    pool_job job; /* first */
    Answers *answers;
};

void run(pool_job *job)
{
    reinterpret_cast<Job *>(job)->answers->add();
}

class Pool
{
  public:
    explicit Pool(int max_threads = 0, unsigned queue_max = 1 << 20)
    {
        pool_options options = {};
        options.max_threads = max_threads;
        options.queue_max = queue_max;
        wf_pool_new(&pool_, &options);
    }
    ~Pool()
    {
        wf_pool_close(pool_, INT64_MAX, false, nullptr, 0, nullptr);
        wf_pool_free(pool_);
    }
    bool submit(Job *job, Answers *answers)
    {
        job->job.run = run;
        job->job.name_of = reinterpret_cast<const void *>(run);
        job->answers = answers;
        return wf_pool_submit(pool_, &job->job, POOL_TRY) == 0;
    }
    bool cancel(Job *job)
    {
        return wf_pool_cancel(pool_, &job->job);
    }

  private:
    pool *pool_ = nullptr;
};

constexpr auto IDLE = 300; /* microseconds, after which everybody sleeps */

/* One call after the other, while both sides are awake. More than a microsecond or two means that
 * somebody goes to sleep in between. */
void round_trip(benchmark::State &state)
{
    Pool pool;
    Answers answers;
    Job job;
    uint32_t goal = 0;
    for (auto _ : state) {
        pool.submit(&job, &answers);
        answers.look_for(++goal);
    }
}
BENCHMARK(round_trip)->UseRealTime();

/* As an application that calls now and then sees it: both sides asleep. To be compared with
 * futex_round_trip_idle. */
void round_trip_idle(benchmark::State &state)
{
    Pool pool;
    Answers answers;
    Job job;
    uint32_t goal = 0;
    for (auto _ : state) {
        usleep(IDLE);
        auto start = std::chrono::steady_clock::now();
        pool.submit(&job, &answers);
        answers.sleep_for(++goal);
        state.SetIterationTime(
            std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
}
BENCHMARK(round_trip_idle)->UseManualTime()->Iterations(2000);

/* The least for two threads that sleep. */
void futex_round_trip_idle(benchmark::State &state)
{
    Answers questions, answers;
    std::atomic<bool> stop{false};
    std::thread peer([&] {
        for (uint32_t goal = 1;; goal++) {
            questions.sleep_for(goal);
            if (stop.load())
                return;
            answers.add();
        }
    });
    uint32_t goal = 0;
    for (auto _ : state) {
        usleep(IDLE);
        auto start = std::chrono::steady_clock::now();
        questions.add();
        answers.sleep_for(++goal);
        state.SetIterationTime(
            std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    stop.store(true);
    questions.add();
    peer.join();
}
BENCHMARK(futex_round_trip_idle)->UseManualTime()->Iterations(2000);

/* Many calls at once, then all answers: per call. A jump for small bursts means that threads are
 * woken for jobs which others do in less time than a wake-up takes. */
void burst(benchmark::State &state)
{
    Pool pool;
    Answers answers;
    auto size = static_cast<uint32_t>(state.range(0));
    std::vector<Job> jobs(size);
    uint32_t goal = 0;
    for (auto _ : state) {
        for (Job &job : jobs)
            pool.submit(&job, &answers);
        answers.look_for(goal += size);
    }
    state.SetItemsProcessed(state.iterations() * size);
}
BENCHMARK(burst)->Arg(2)->Arg(10)->Arg(100)->Arg(1000)->UseRealTime();

/* The same with one pool thread: what the ramp-up to several costs or brings is the difference. */
void burst_one_thread(benchmark::State &state)
{
    Pool pool(1);
    Answers answers;
    auto size = static_cast<uint32_t>(state.range(0));
    std::vector<Job> jobs(size);
    uint32_t goal = 0;
    for (auto _ : state) {
        for (Job &job : jobs)
            pool.submit(&job, &answers);
        answers.look_for(goal += size);
    }
    state.SetItemsProcessed(state.iterations() * size);
}
BENCHMARK(burst_one_thread)->Arg(1000)->UseRealTime();

/* Several threads submit bursts to one pool: how the submitters' lock holds out. */
void burst_from_threads(benchmark::State &state)
{
    static Pool *pool;
    constexpr uint32_t SIZE = 100;
    if (state.thread_index() == 0)
        pool = new Pool;
    Answers answers;
    std::vector<Job> jobs(SIZE);
    uint32_t goal = 0;
    for (auto _ : state) {
        for (Job &job : jobs)
            pool->submit(&job, &answers);
        answers.sleep_for(goal += SIZE);
    }
    state.SetItemsProcessed(state.iterations() * SIZE);
    if (state.thread_index() == 0)
        delete pool;
}
BENCHMARK(burst_from_threads)->Threads(1)->Threads(2)->Threads(8)->UseRealTime();

struct Gate {
    pool_job job; /* first */
    Word open{0};
};

void wait_at_gate(pool_job *job)
{
    Word *open = &reinterpret_cast<Gate *>(job)->open;
    while (!open->load())
        futex_wait(open, 0);
}

/* A job is queued behind many others and cancelled: it must not matter how many. */
void submit_cancel(benchmark::State &state)
{
    pool_options options = {};
    options.max_threads = 1;
    options.queue_max = 1 << 20;
    pool *pool = nullptr;
    wf_pool_new(&pool, &options);
    Gate gate;
    gate.job.run = wait_at_gate;
    gate.job.name_of = &gate;
    wf_pool_submit(pool, &gate.job, POOL_TRY);

    Answers answers;
    std::vector<Job> others(static_cast<size_t>(state.range(0)));
    Job job;
    job.job.run = run;
    job.job.name_of = &job;
    for (Job &other : others) {
        other.job = job.job;
        other.answers = &answers;
        wf_pool_submit(pool, &other.job, POOL_TRY);
    }
    for (auto _ : state) {
        wf_pool_submit(pool, &job.job, POOL_TRY);
        if (!wf_pool_cancel(pool, &job.job))
            state.SkipWithError("it ran");
    }
    gate.open.store(1);
    futex_wake(&gate.open);
    wf_pool_close(pool, INT64_MAX, false, nullptr, 0, nullptr);
    wf_pool_free(pool);
}
BENCHMARK(submit_cancel)->Arg(1)->Arg(100000);

/* What a program without a pool does. */
void thread_for_each_call(benchmark::State &state)
{
    Answers answers;
    for (auto _ : state)
        std::thread([&] { answers.add(); }).join();
}
BENCHMARK(thread_for_each_call)->UseRealTime();

} // namespace

BENCHMARK_MAIN();
