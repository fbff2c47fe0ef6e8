/*
 * program.h - what the examples' programs have in common: descriptors, numbers among the arguments, where a server is
 * and how it ends, and how each of them complains.
 */
#ifndef EXAMPLES_COMMON_PROGRAM_H
#define EXAMPLES_COMMON_PROGRAM_H

#include <stdbool.h>

#include <weft/weft.h>

/* As many connections as may be open need as many descriptors; what is refused shows in time. */
void raise_limit_of_files(void);

/* A number of more than 0, up to a million. False: the text is none. */
bool positive(const char *text, double *ret_number);

/* Says on standard output where the server is, between the two texts. 0; a negative error. */
int say_where(const weft_server *server, const char *before, const char *after);

/*
 * Says on standard output where the server is, and waits until SIGTERM or Ctrl-C asks for the end.
 *
 * Context: a task of the main thread's loop
 * Return:  0; a negative error
 */
int serve_until_asked(const weft_server *server);

/* Says on standard error what has failed: for the end of main(), to which it gives EXIT_FAILURE. */
int complain(const char *program, int err);

#endif
