/*
 * timed_out.h - how a wait ends whose time was over.
 */
#ifndef WEFT_API_TIMED_OUT_H
#define WEFT_API_TIMED_OUT_H

/* WEFT_ETIMEDOUT as the current error, with the cancellation that it was, the current one until
 * now, as cause (WFOR-03). */
int wf_timed_out(void);

#endif
