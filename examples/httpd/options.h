/*
 * options.h - the command line.
 */
#ifndef HTTPD_OPTIONS_H
#define HTTPD_OPTIONS_H

#include "examples/httpd/httpd.h"

/* Fills in what is not given. < 0: go on; else the exit status, everything has been said. */
int options_parse(int argc, char **argv, struct options *ret_options);

#endif
