/*
 * seq_cst.c - the order of the sequentially consistent operations.
 *
 * a is before b in it if a happens before b; if both write an object, and a's store is the earlier
 * one in modification order; if b overwrites what a has read. In each case directly or through any
 * number of stores in between.
 */
#include "tests/model/seq_cst.h"

/* A set of operations. */
typedef unsigned __int128 event_set;

struct event {
    unsigned object;
    unsigned thread;
    unsigned step;
    unsigned read;
    unsigned written;  /* MEMORY_NONE: it only reads */
    event_set reaches; /* the operations that are after this one, itself included */
};

static struct event events[MEMORY_SEQ_CST];
static unsigned event_count;

void seq_cst_reset(void)
{
    event_count = 0;
}

static bool happens_before(const struct event *e, const struct seq_cst_event *event)
{
    return event->seen->at[e->thread] >= e->step ||
           (event->acquired && event->acquired->at[e->thread] >= e->step);
}

/* The operations that must come before it, and those that must come after it with all of theirs. */
static void neighbours(const struct seq_cst_event *event, event_set *ret_before,
                       event_set *ret_after)
{
    event_set before = 0;
    event_set after = 0;

    for (unsigned i = 0; i < event_count; i++) {
        const struct event *e = &events[i];
        event_set bit = (event_set)1 << i;
        if (happens_before(e, event))
            before |= bit;
        if (e->object != event->object)
            continue;
        bool e_writes = e->written != MEMORY_NONE;
        if (event->writes && e_writes) {
            if (memory_position(e->written) < event->position)
                before |= bit;
            else
                after |= e->reaches;
        }
        if (event->writes && e->read != MEMORY_NONE && memory_position(e->read) < event->position)
            before |= bit; /* it has read what this one overwrites */
        if (event->read != MEMORY_NONE && e_writes &&
            memory_position(e->written) > memory_position(event->read))
            after |= e->reaches; /* it overwrites what this one reads */
    }
    *ret_before = before;
    *ret_after = after;
}

bool seq_cst_allows(const struct seq_cst_event *event)
{
    event_set before;
    event_set after;

    neighbours(event, &before, &after);
    return !(before & after);
}

void seq_cst_add(const struct seq_cst_event *event)
{
    event_set before;
    event_set after;

    if (event_count == MEMORY_SEQ_CST)
        explore_give_up("sequentially consistent operations", MEMORY_SEQ_CST);
    neighbours(event, &before, &after);
    unsigned number = event_count++;
    after |= (event_set)1 << number;
    events[number] = (struct event){
        .object = event->object,
        .thread = event->thread,
        .step = event->seen->at[event->thread],
        .read = event->read,
        .written = event->writes ? event->written : MEMORY_NONE,
        .reaches = after,
    };
    for (unsigned i = 0; i < number; i++)
        if (events[i].reaches & before)
            events[i].reaches |= after;
}
