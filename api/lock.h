/*
 * lock.h - waiting for a lock on behalf of something larger: a condition, which takes its lock back.
 */
#ifndef WEFT_API_LOCK_H
#define WEFT_API_LOCK_H

#include <weft/sync.h>

#include "api/waitq.h"

/*
 * As weft_lock_acquire(), with the caller's place in line. When the wait is abandoned
 * kind->abandoned is called, which passes both on to wf_lock_abandoned().
 */
int wf_lock_wait(weft_lock *lock, struct queued *q, const struct waitq_kind *kind);
void wf_lock_abandoned(struct queued *q, bool woken);

#endif
