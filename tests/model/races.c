/*
 * races.c - data races, by vector clocks. A plain access belongs to its thread's next step: what
 * the thread has released so far says nothing of it.
 */
#include "tests/model/races.h"

struct data {
    const void *address;
    unsigned writer;
    unsigned written_at;
    unsigned read_at[MEMORY_THREADS];
};

static struct data data_cells[MEMORY_DATA];
static unsigned data_count;

void races_reset(void)
{
    data_count = 0;
}

static struct data *data_of(const void *address)
{
    for (unsigned i = 0; i < data_count; i++)
        if (data_cells[i].address == address)
            return &data_cells[i];
    if (data_count == MEMORY_DATA)
        explore_give_up("plain objects", MEMORY_DATA);
    data_cells[data_count] = (struct data){.address = address};
    return &data_cells[data_count++];
}

bool races_read(unsigned thread, const struct clock *clock, const void *address)
{
    struct data *d = data_of(address);

    d->read_at[thread] = clock->at[thread] + 1u;
    return d->writer == thread || clock->at[d->writer] >= d->written_at;
}

bool races_write(unsigned thread, const struct clock *clock, const void *address)
{
    struct data *d = data_of(address);
    bool ordered = d->writer == thread || clock->at[d->writer] >= d->written_at;

    for (unsigned i = 0; i < MEMORY_THREADS; i++)
        ordered = ordered && (i == thread || clock->at[i] >= d->read_at[i]);
    d->writer = thread;
    d->written_at = clock->at[thread] + 1u;
    return ordered;
}
