/*
 * parse.c - reads the text of a scenario: its head, declarations, and bodies with their blocks.
 */
#include "tests/oracle/parse.h"

#include <string.h>

#include "tests/oracle/parser.h"

/* Where a statement stands. */
struct place_in {
    enum type body; /* TYPE_CORO, TYPE_FUNC, TYPE_AGEN */
    bool except;
};

static const char *first_word(const struct parser *parser)
{
    return parser->lines.words[0];
}

static bool is_word(const struct parser *parser, const char *word)
{
    return !strcmp(first_word(parser), word);
}

static bool complain(struct parser *parser, const char *what)
{
    return lines_complain(&parser->lines, parser->lines.number, "%s: %s", first_word(parser), what);
}

static bool may_stand(struct parser *parser, unsigned place, struct place_in in)
{
    if (in.body == TYPE_FUNC && place & NOT_IN_FUNC)
        return complain(parser, "not in a func");
    if (in.body == TYPE_AGEN && place & NOT_IN_AGEN)
        return complain(parser, "not in an agen");
    if (in.body != TYPE_AGEN && place & ONLY_IN_AGEN)
        return complain(parser, "only in an agen");
    if (!in.except && place & ONLY_IN_EXCEPT)
        return complain(parser, "only in except");
    return true;
}

static bool parse_statement(struct parser *parser, struct block *block, struct place_in in);

/* Statements up to the `end`; in a try up to the next clause as well. */
static bool parse_block(struct parser *parser, struct block *block, struct place_in in,
                        bool clauses)
{
    for (;;) {
        if (!lines_next(&parser->lines))
            return false;
        if (is_word(parser, "end"))
            return parser->lines.count == 1 || complain(parser, "stands alone");
        if (clauses && (is_word(parser, "except") || is_word(parser, "finally")))
            return true;
        if (!parse_statement(parser, block, in))
            return false;
    }
}

static struct clause *clause_here(struct parser *parser, const char *kind)
{
    struct clause *clause = arena_get(&parser->scenario->arena, sizeof(*clause));
    clause->line = parser->lines.number;
    clause->kind = kind;
    return clause;
}

static bool parse_try(struct parser *parser, struct statement *statement, struct place_in in)
{
    struct place_in in_except = {in.body, true};
    struct clause **at = &statement->clauses;

    if (!parse_block(parser, &statement->block, in, true))
        return false;
    for (; is_word(parser, "except"); at = &(*at)->next) {
        const struct lines *lines = &parser->lines;
        if (lines->count != 2 || !error_kind_is_known(lines->words[1]))
            return complain(parser, "a kind of error expected");
        *at = clause_here(parser, lines->words[1]);
        if (!parse_block(parser, &(*at)->block, in_except, true))
            return false;
    }
    if (is_word(parser, "finally")) {
        statement->final = clause_here(parser, NULL);
        if (!parse_block(parser, &statement->final->block, in, false))
            return false;
    }
    return statement->clauses || statement->final || complain(parser, "try without a clause");
}

static bool parse_statement(struct parser *parser, struct block *block, struct place_in in)
{
    struct statement *statement = arena_get(&parser->scenario->arena, sizeof(*statement));

    statement->line = parser->lines.number;
    statement->operation = operation_find(first_word(parser));
    if (!statement->operation)
        return complain(parser, "unknown statement");
    if (!may_stand(parser, statement->operation->place, in) || !parse_arguments(parser, statement))
        return false;
    if (statement->operation->block) {
        bool is_try = is_word(parser, "try");
        if (is_try ? !parse_try(parser, statement, in)
                   : !parse_block(parser, &statement->block, in, false))
            return false;
        statement->end = parser->lines.number;
    }
    if (block->last)
        block->last->next = statement;
    else
        block->first = statement;
    block->last = statement;
    return true;
}

/* A body, from the line behind its first. */
static struct body *parse_body(struct parser *parser, enum type kind, const char *name)
{
    struct body *body = arena_get(&parser->scenario->arena, sizeof(*body));

    body->kind = kind;
    body->line = parser->lines.number;
    body->name = name;
    return parse_block(parser, &body->block, (struct place_in){kind, false}, false) ? body : NULL;
}

static bool parse_named_body(struct parser *parser, enum type kind)
{
    if (parser->lines.count != 2)
        return complain(parser, "one name expected");
    struct name *name = name_define(parser, parser->lines.words[1], kind);
    if (!name)
        return false;
    if (name->body)
        return complain(parser, "the name has a body already");
    name->body = parse_body(parser, kind, name->text);
    return name->body != NULL;
}

/* A declaration or a body. */
static bool parse_item(struct parser *parser, struct declaration ***at)
{
    struct scenario *scenario = parser->scenario;

    if (declaration_find(first_word(parser))) {
        **at = parse_declaration(parser, 0);
        if (!**at)
            return false;
        *at = &(**at)->next;
        return true;
    }
    if (is_word(parser, "main") && parser->lines.count == 1) {
        scenario->main_body = parse_body(parser, TYPE_CORO, "main");
        return scenario->main_body != NULL;
    }
    if (is_word(parser, "coro"))
        return parse_named_body(parser, TYPE_CORO);
    if (is_word(parser, "func"))
        return parse_named_body(parser, TYPE_FUNC);
    if (is_word(parser, "agen")) {
        scenario->has_generators = true;
        return parse_named_body(parser, TYPE_AGEN);
    }
    return complain(parser, "a declaration expected");
}

static bool parse_head(struct parser *parser)
{
    const struct lines *lines = &parser->lines;

    if (!lines_next(&parser->lines))
        return false;
    if (!is_word(parser, "scenario") || lines->count != 2)
        return complain(parser, "scenario WORD expected");
    if (!lines_next(&parser->lines))
        return false;
    if (!is_word(parser, "uses") || lines->count < 2 || lines->number != 2)
        return complain(parser, "uses FEATURE... expected on line 2");
    return true;
}

/* Whether nothing but empty lines and comments is left. */
static bool at_end(const struct lines *lines)
{
    const char *rest = lines->rest;
    for (;;) {
        rest += strspn(rest, " \t\r\f\v\n");
        if (*rest != '#')
            return !*rest;
        rest = strchrnul(rest, '\n');
    }
}

bool parse_scenario(struct scenario *scenario, const char *text, struct text *complaint)
{
    struct parser parser = {
        .scenario = scenario,
        .lines = {.rest = text, .arena = &scenario->arena, .complaint = complaint},
    };
    struct declaration **declarations = &scenario->declarations;

    scenario->main = name_get(&parser, "main");
    scenario->self = name_get(&parser, "self");
    scenario->main->type = scenario->self->type = TYPE_TASK;
    if (!parse_head(&parser))
        return false;
    while (!at_end(&parser.lines))
        if (!lines_next(&parser.lines) || !parse_item(&parser, &declarations))
            return false;
    if (!scenario->main_body)
        return lines_complain(&parser.lines, 0, "no main");
    return names_check(&parser);
}
