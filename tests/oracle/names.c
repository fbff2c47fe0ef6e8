/*
 * names.c - the names of a scenario: one name, one type.
 */
#include <string.h>

#include "tests/oracle/parser.h"

struct name *name_get(struct parser *parser, const char *text)
{
    struct scenario *scenario = parser->scenario;
    struct name **at = &scenario->names;

    for (; *at; at = &(*at)->next)
        if (!strcmp((*at)->text, text))
            return *at;
    *at = arena_get(&scenario->arena, sizeof(**at));
    (*at)->text = text;
    return *at;
}

struct name *name_define(struct parser *parser, const char *word, enum type type)
{
    int line = parser->lines.number;
    if (!word_is_name(word)) {
        lines_complain(&parser->lines, line, "bad name %s", word);
        return NULL;
    }
    struct name *name = name_get(parser, word);
    if (name->type != TYPE_NONE && name->type != type) {
        lines_complain(&parser->lines, line, "%s is a %s, not a %s", word, type_name(name->type),
                       type_name(type));
        return NULL;
    }
    name->type = type;
    return name;
}

struct name *name_use(struct parser *parser, const char *word, unsigned kind)
{
    struct use *use = arena_get(&parser->scenario->arena, sizeof(*use));
    struct name *name = name_get(parser, word);

    *use = (struct use){parser->lines.number, name, kind, parser->uses};
    parser->uses = use;
    return name;
}

bool names_check(struct parser *parser)
{
    for (const struct use *use = parser->uses; use; use = use->next)
        if (!argument_allows(use->kind, use->name->type))
            return lines_complain(&parser->lines, use->line, "%s is %s", use->name->text,
                                  type_name(use->name->type));
    return true;
}
