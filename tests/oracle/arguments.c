/*
 * arguments.c - what is given to statements and declarations.
 */
#include <string.h>

#include "tests/oracle/parser.h"

bool parse_integer(struct parser *parser, const char *word, long *ret_number)
{
    return word_is_integer(word, ret_number) ||
           lines_complain(&parser->lines, parser->lines.number, "bad integer %s", word);
}

static bool parse_error(struct parser *parser, const char *word, struct argument *argument)
{
    for (int i = 0; raisable_errors[i]; i++) {
        if (!strcmp(raisable_errors[i], word)) {
            argument->word = word;
            return true;
        }
    }
    argument->failure = true;
    return parse_integer(parser, word, &argument->number);
}

static bool parse_choice(struct parser *parser, const char *word, unsigned kind,
                         struct argument *argument)
{
    const char *const *choices = argument_choices(kind);
    for (int i = 0; choices[i]; i++) {
        if (!strcmp(choices[i], word)) {
            argument->number = i;
            return true;
        }
    }
    return lines_complain(&parser->lines, parser->lines.number, "%s is no choice here", word);
}

/* One word as an argument. */
static bool parse_argument(struct parser *parser, const char *word, unsigned kind,
                           struct argument *argument)
{
    argument->given = true;
    switch (kind & ARG_KIND) {
    case ARG_DURATION:
        if (!strcmp(word, "none")) {
            argument->none = true;
            return true;
        }
        return parse_integer(parser, word, &argument->number);
    case ARG_INT:
        return parse_integer(parser, word, &argument->number);
    case ARG_WORD:
        argument->word = word;
        return word_is_plain(word) ||
               lines_complain(&parser->lines, parser->lines.number, "bad word %s", word);
    case ARG_ERROR:
        return parse_error(parser, word, argument);
    case ARG_GATHER_MODE:
    case ARG_WAIT_MODE:
    case ARG_ITERATION_MODE:
    case ARG_IMMEDIATE:
        return parse_choice(parser, word, kind, argument);
    default:
        if (kind & ARG_SETS)
            argument->name = name_define(parser, word, argument_type(kind));
        else
            argument->name = name_use(parser, word, kind);
        return argument->name != NULL;
    }
}

static void parse_list(struct parser *parser, int word, unsigned kind, struct argument *argument)
{
    const struct lines *lines = &parser->lines;
    argument->given = true;
    argument->count = (size_t)(lines->count - word);
    argument->names =
        arena_get(&parser->scenario->arena, (argument->count + 1) * sizeof(struct name *));
    for (size_t i = 0; i < argument->count; i++)
        argument->names[i] = name_use(parser, lines->words[word + (int)i], kind);
}

bool parse_arguments(struct parser *parser, struct statement *statement)
{
    struct lines *lines = &parser->lines;
    const struct operation *operation = statement->operation;
    int word = 1;

    for (int i = 0; operation->arguments[i]; i++) {
        struct argument *argument = &statement->arguments[i];
        unsigned kind = operation->arguments[i];
        if (kind == ARG_DECLARATION) {
            argument->declaration = parse_declaration(parser, word);
            return argument->declaration != NULL;
        }
        if (kind & ARG_LIST) {
            parse_list(parser, word, kind, argument);
            return true;
        }
        if (word == lines->count) {
            if (kind & ARG_OPTIONAL)
                break;
            return lines_complain(lines, lines->number, "%s needs more", operation->name);
        }
        if (!parse_argument(parser, lines->words[word++], kind, argument))
            return false;
    }
    return word == lines->count ||
           lines_complain(lines, lines->number, "too much for %s", operation->name);
}

struct declaration *parse_declaration(struct parser *parser, int word)
{
    struct lines *lines = &parser->lines;
    char *const *words = lines->words + word;
    const struct declaration_kind *kind = word < lines->count ? declaration_find(words[0]) : NULL;

    if (!kind || (word && kind->id == DECLARE_CONTEXTVAR) ||
        lines->count - word != (kind->takes == TAKES_NOTHING ? 2 : 3)) {
        lines_complain(lines, lines->number, "bad declaration");
        return NULL;
    }
    struct declaration *declaration = arena_get(&parser->scenario->arena, sizeof(*declaration));
    declaration->kind = kind;
    declaration->name = name_define(parser, words[1], kind->type);
    if (!declaration->name)
        return NULL;
    if (kind->takes == TAKES_NUMBER && !parse_integer(parser, words[2], &declaration->number))
        return NULL;
    if (kind->takes == TAKES_LOCK && strcmp(words[2], "-") != 0)
        declaration->lock = name_use(parser, words[2], ARG_LOCK);
    return declaration;
}
