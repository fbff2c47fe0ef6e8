/*
 * program.h - what the examples' programs have in common: how a server ends, and how each of them complains.
 */
#ifndef EXAMPLES_COMMON_PROGRAM_H
#define EXAMPLES_COMMON_PROGRAM_H

#include <weft/weft.h>

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
