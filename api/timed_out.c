/*
 * timed_out.c - see timed_out.h.
 */
#include "api/timed_out.h"

#include <weft/error.h>

int wf_timed_out(void)
{
    weft_error *cancelled = weft_catch(WEFT_ECANCELLED);
    weft_fail_from(cancelled, WEFT_ETIMEDOUT, NULL);
    weft_error_unref(cancelled);
    return WEFT_ETIMEDOUT;
}
