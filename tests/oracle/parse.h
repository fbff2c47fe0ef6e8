/*
 * parse.h - reads the text of a scenario.
 */
#ifndef WEFT_TESTS_ORACLE_PARSE_H
#define WEFT_TESTS_ORACLE_PARSE_H

#include "tests/oracle/scenario.h"
#include "tests/oracle/text.h"

/* Reads a text into a zeroed scenario. False with the reason in complaint if it is none; the
 * scenario is to be given back by arena_empty(&scenario->arena) either way. */
bool parse_scenario(struct scenario *scenario, const char *text, struct text *complaint);

#endif
