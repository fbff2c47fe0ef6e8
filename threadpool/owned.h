/*
 * owned.h - blocking functions whose argument is theirs: whoever asked may be gone before they end.
 */
#ifndef WEFT_THREADPOOL_OWNED_H
#define WEFT_THREADPOOL_OWNED_H

#include <weft/thread.h>

/*
 * As weft_to_thread(), with an argument that passes to the call, also when it fails. fn hands it out as
 * its result, or releases it. `drop` releases it where fn never runs, and where nobody takes the
 * result.
 */
weft_future *wf_to_thread_owned(weft_coroutine fn, void *arg, weft_drop drop);

#endif
