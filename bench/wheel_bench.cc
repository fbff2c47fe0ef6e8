/*
 * wheel_bench.cc - what a deadline costs, fired or cancelled, on the wheel and on a rival.
 *
 * The rival is a 4-ary heap of (deadline, sequence, timer) with the timer's index kept up to date,
 * so that it cancels without a search: what an event loop would use if it had no wheel. Both are
 * driven by the same code. Time is virtual. Not measured: reading the clock, sleeping, and what a
 * loop does with a timer that has fired.
 */
#include <benchmark/benchmark.h>

#include <math.h>
#include <stdint.h>
#include <time.h>

#include <algorithm>
#include <random>
#include <vector>

extern "C" {
#include "runtime/time/wheel.h"
}

namespace
{

constexpr int64_t MICROSECOND = 1000, SECOND = 1000000000;

/* The wheel, as a loop uses it. */
class Wheel
{
  public:
    using Timer = struct timer;

    void reset()
    {
        wf_wheel_init(&wheel_, 0);
    }
    void arm(Timer *t, int64_t when_ns)
    {
        wheel_arm(&wheel_, t, when_ns);
    }
    void arm_after(Timer *t, int64_t timeout_ns)
    {
        wheel_arm_after(&wheel_, t, timeout_ns);
    }
    void cancel(Timer *t)
    {
        wheel_cancel(&wheel_, t);
    }
    int64_t next_ns()
    {
        return wf_wheel_next_ns(&wheel_);
    }
    size_t fire(int64_t now_ns)
    {
        size_t fired = 0;
        struct timer *chain = wf_wheel_advance(&wheel_, now_ns);
        for (; timer_chain_pop(&chain); fired++)
            ;
        return fired;
    }

  private:
    struct wheel wheel_;
};

/* The rival. */
class Heap
{
  public:
    struct Timer {
        size_t index;
    };

    void reset()
    {
        entries_.clear();
        now_ns_ = 0;
    }
    void arm(Timer *t, int64_t when_ns)
    {
        entries_.push_back({});
        sift_up(entries_.size() - 1, {when_ns, sequence_++, t});
    }
    void arm_after(Timer *t, int64_t timeout_ns)
    {
        arm(t, now_ns_ + timeout_ns);
    }
    void cancel(Timer *t)
    {
        remove(t->index);
    }
    int64_t next_ns()
    {
        return entries_.empty() ? CLOCK_NEVER : entries_[0].when_ns;
    }
    size_t fire(int64_t now_ns)
    {
        size_t fired = 0;
        now_ns_ = now_ns;
        for (; next_ns() <= now_ns; fired++)
            remove(0);
        return fired;
    }

  private:
    struct Entry {
        int64_t when_ns;
        uint64_t sequence;
        Timer *timer;

        bool operator<(const Entry &other) const
        {
            return when_ns < other.when_ns ||
                   (when_ns == other.when_ns && sequence < other.sequence);
        }
    };

    void put(size_t i, const Entry &e)
    {
        entries_[i] = e;
        e.timer->index = i;
    }
    void sift_up(size_t i, Entry e)
    {
        for (; i && e < entries_[(i - 1) / 4]; i = (i - 1) / 4)
            put(i, entries_[(i - 1) / 4]);
        put(i, e);
    }
    void remove(size_t i)
    {
        Entry e = entries_.back();
        entries_.pop_back();
        size_t size = entries_.size();
        if (i == size)
            return;
        for (;;) {
            size_t least = 4 * i + 1;
            if (least >= size)
                break;
            for (size_t child = least + 1; child < least + 4 && child < size; child++)
                if (entries_[child] < entries_[least])
                    least = child;
            if (!(entries_[least] < e))
                break;
            put(i, entries_[least]);
            i = least;
        }
        sift_up(i, e);
    }

    std::vector<Entry> entries_;
    uint64_t sequence_ = 0;
    int64_t now_ns_ = 0;
};

std::vector<int64_t> random_deadlines(size_t count, int64_t span_ns)
{
    std::mt19937_64 random(1);
    std::uniform_int_distribution<int64_t> within(1, span_ns);
    std::vector<int64_t> deadlines(count);
    for (int64_t &when_ns : deadlines)
        when_ns = within(random);
    return deadlines;
}

/* Timers that are there all the time and never fire: other tasks' deadlines. */
template <class Q> void arm_bystanders(Q &queue, std::vector<typename Q::Timer> &timers)
{
    std::vector<int64_t> deadlines = random_deadlines(timers.size(), 60 * SECOND);
    for (size_t i = 0; i < timers.size(); i++)
        queue.arm(&timers[i], SECOND + deadlines[i]);
}

/* The price that a timeout adds to an operation that completes before the loop sleeps: most do.
 * range(0): timers armed besides. It should not depend on them. */
template <class Q> void arm_after_cancel(benchmark::State &state)
{
    static Q queue;
    static std::vector<typename Q::Timer> bystanders;
    queue.reset();
    bystanders.assign((size_t)state.range(0), {});
    arm_bystanders(queue, bystanders);
    queue.fire(0);
    typename Q::Timer t = {};
    for (auto _ : state) {
        queue.arm_after(&t, 5 * SECOND);
        benchmark::DoNotOptimize(&t);
        benchmark::ClobberMemory();
        queue.cancel(&t);
        benchmark::ClobberMemory();
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(arm_after_cancel<Wheel>)->Arg(0)->Arg(10000)->Arg(1000000);
BENCHMARK(arm_after_cancel<Heap>)->Arg(0)->Arg(10000)->Arg(1000000);

/* The same for an absolute deadline, which finds its slot at once. */
template <class Q> void arm_cancel(benchmark::State &state)
{
    static Q queue;
    static std::vector<typename Q::Timer> bystanders;
    queue.reset();
    bystanders.assign((size_t)state.range(0), {});
    arm_bystanders(queue, bystanders);
    queue.fire(0);
    typename Q::Timer t = {};
    int64_t when_ns = 5 * SECOND;
    for (auto _ : state) {
        queue.arm(&t, when_ns++);
        benchmark::DoNotOptimize(&t);
        benchmark::ClobberMemory();
        queue.cancel(&t);
        benchmark::ClobberMemory();
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(arm_cancel<Wheel>)->Arg(0)->Arg(10000)->Arg(1000000);
BENCHMARK(arm_cancel<Heap>)->Arg(0)->Arg(10000)->Arg(1000000);

/* A server of range(0) connections, one after another of which is served, its timeout of 30 s being
 * cancelled and armed anew; the loop sleeps after every 16. Here timeouts do reach the wheel. */
template <class Q> void idle_timeouts(benchmark::State &state)
{
    static Q queue;
    static std::vector<typename Q::Timer> timers;
    queue.reset();
    timers.assign((size_t)state.range(0), {});
    for (auto &t : timers)
        queue.arm_after(&t, 30 * SECOND);
    int64_t now_ns = 0;
    size_t served = 0, fired = 0;
    std::minstd_rand random;
    for (auto _ : state) {
        typename Q::Timer *t = &timers[random() % timers.size()];
        queue.cancel(t);
        queue.arm_after(t, 30 * SECOND);
        if (++served % 16 == 0) {
            now_ns += 20 * MICROSECOND;
            fired += queue.fire(now_ns);
            benchmark::DoNotOptimize(queue.next_ns());
        }
        if (fired)
            return state.SkipWithError("a connection starved");
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(idle_timeouts<Wheel>)->Arg(1000)->Arg(100000)->Iterations(5000000);
BENCHMARK(idle_timeouts<Heap>)->Arg(1000)->Arg(100000)->Iterations(5000000);

/* What timers add to a turn of the loop in which none is due: an advance and the next deadline.
 * range(0): timers armed besides. */
template <class Q> void idle_turn(benchmark::State &state)
{
    static Q queue;
    static std::vector<typename Q::Timer> bystanders;
    queue.reset();
    bystanders.assign((size_t)state.range(0), {});
    arm_bystanders(queue, bystanders);
    int64_t now_ns = 0;
    for (auto _ : state) {
        benchmark::DoNotOptimize(queue.fire(now_ns += 1));
        benchmark::DoNotOptimize(queue.next_ns());
    }
}
BENCHMARK(idle_turn<Wheel>)->Arg(0)->Arg(10000);
BENCHMARK(idle_turn<Heap>)->Arg(0)->Arg(10000);

/* 200,000 sleeps of up to half a second, armed and fired, an item each. range(0): how often the
 * loop turns, in microseconds; 0: whenever the next timer is due; -1: once, after all are due. */
template <class Q> void random_sleeps(benchmark::State &state)
{
    static Q queue;
    const std::vector<int64_t> deadlines = random_deadlines(200000, SECOND / 2);
    std::vector<typename Q::Timer> timers(deadlines.size());
    int64_t turn_ns = state.range(0) * MICROSECOND;
    size_t fired = 0;
    for (auto _ : state) {
        state.PauseTiming();
        queue.reset();
        state.ResumeTiming();
        for (size_t i = 0; i < timers.size(); i++)
            queue.arm_after(&timers[i], deadlines[i]);
        queue.fire(0);
        int64_t now_ns = 0;
        for (int64_t next_ns; (next_ns = queue.next_ns()) != CLOCK_NEVER;) {
            now_ns = turn_ns < 0 ? SECOND : std::max(next_ns, now_ns + turn_ns);
            fired += queue.fire(now_ns);
        }
    }
    if (fired != timers.size() * (size_t)state.iterations())
        state.SkipWithError("timers were lost");
    state.SetItemsProcessed((int64_t)fired);
}
BENCHMARK(random_sleeps<Wheel>)->Arg(0)->Arg(50)->Arg(1000)->Arg(-1)->Unit(benchmark::kMillisecond);
BENCHMARK(random_sleeps<Heap>)->Arg(0)->Arg(50)->Arg(1000)->Arg(-1)->Unit(benchmark::kMillisecond);

/* range(0) tasks that sleep equally long in one turn wake in one turn: the worst burst. */
template <class Q> void equal_sleeps(benchmark::State &state)
{
    static Q queue;
    std::vector<typename Q::Timer> timers((size_t)state.range(0));
    size_t fired = 0;
    for (auto _ : state) {
        state.PauseTiming();
        queue.reset();
        state.ResumeTiming();
        for (auto &t : timers)
            queue.arm_after(&t, SECOND);
        queue.fire(0);
        fired += queue.fire(queue.next_ns());
    }
    if (fired != timers.size() * (size_t)state.iterations())
        state.SkipWithError("timers were lost");
    state.SetItemsProcessed((int64_t)fired);
}
BENCHMARK(equal_sleeps<Wheel>)->Arg(100000)->Arg(1000000)->Unit(benchmark::kMillisecond);
BENCHMARK(equal_sleeps<Heap>)->Arg(100000)->Arg(1000000)->Unit(benchmark::kMillisecond);

} // namespace

BENCHMARK_MAIN();
