/*
 * parser.h - what the files of the parser share.
 */
#ifndef WEFT_TESTS_ORACLE_PARSER_H
#define WEFT_TESTS_ORACLE_PARSER_H

#include "tests/oracle/language.h"
#include "tests/oracle/lines.h"

/* A name that was used: its type is looked at when all is read. */
struct use {
    int line;
    const struct name *name;
    unsigned kind; /* enum argument_kind */
    struct use *next;
};

struct parser {
    struct scenario *scenario;
    struct lines lines;
    struct use *uses;
};

/* names.c: the name with this text, made if need be. */
struct name *name_get(struct parser *parser, const char *text);

/* A word that introduces a name of this type. NULL with a complaint if it cannot. */
struct name *name_define(struct parser *parser, const char *word, enum type type);

/* A word that uses a name of a type that will do for the argument. */
struct name *name_use(struct parser *parser, const char *word, unsigned kind);

/* Whether every use has a name that will do. */
bool names_check(struct parser *parser);

/* arguments.c: the words behind the statement's own, as its operation has them. */
bool parse_arguments(struct parser *parser, struct statement *statement);

/* A declaration, from this word of the line on; NULL with a complaint. */
struct declaration *parse_declaration(struct parser *parser, int word);

/* What arguments.c needs for every integer. */
bool parse_integer(struct parser *parser, const char *word, long *ret_number);

#endif
