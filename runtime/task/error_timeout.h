/*
 * error_timeout.h - a time-out that came out of a block as another error.
 */
#ifndef WEFT_RUNTIME_TASK_ERROR_TIMEOUT_H
#define WEFT_RUNTIME_TASK_ERROR_TIMEOUT_H

#include <weft/error.h>

/*
 * The error, with a time-out put into its contexts before the first cancellation there, and the same
 * for the members of a group: copies, since objects do not change. Takes the reference and gives
 * one; the error as it is if no cancellation led to it, or without memory.
 */
weft_error *wf_error_mention_timeout(weft_error *error);

#endif
