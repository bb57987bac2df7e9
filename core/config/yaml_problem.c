#include "config/yaml_problem.h"

#include "config/text.h"

#include <stdio.h>
#include <string.h>

scl_place scl_yaml_mark_place(const scl_yaml_source *source, yaml_mark_t mark)
{
    scl_place place = {.file = source->label};
    if (!source->is_argument) {
        place.line = (uint32_t)mark.line + 1;
        place.column = (uint32_t)mark.column + 1;
    }
    return place;
}

/* What to say for each of libyaml's problem texts, found by a part of it. */
static const struct {
    const char *problem;
    bool at_context; /* the mistake is where the construct began, not where it was noticed */
    const char *advice;
} advices[] = {
    {"mapping values are not allowed", false,
     "a `:` is not expected here: check the indentation of this line, that the line above ends its "
     "key with `:`, and put a text that holds `: ` in quotes"},
    {"did not find expected key", false,
     "expected a key here: indent it like its neighbours, and let nothing follow a closing quote "
     "or bracket"},
    {"did not find expected '-' indicator", false,
     "expected `-` here: all items of a list must be indented alike"},
    {"did not find expected ',' or ']'", true,
     "this `[` is not closed: expected `,` or `]` between and after its items"},
    {"did not find expected ',' or '}'", true,
     "this `{` is not closed: expected `,` or `}` between and after its keys"},
    {"could not find expected ':'", true,
     "expected `:` and a value after this key, or this line is not indented as it should be"},
    {"found unexpected end of stream", true, "this quote is never closed"},
    {"found unexpected document indicator", true, "this quote is never closed"},
    {"found unknown escape character", false,
     "a backslash starts an escape inside double quotes: write `\\\\`, or use single quotes"},
    {"did not find expected hexdecimal number", false,
     "a backslash starts an escape inside double quotes: write `\\\\`, or use single quotes"},
    {"invalid Unicode character escape code", false, "this escape names no Unicode character"},
    {"alphabetic or numeric character", true,
     "a text that begins with `*` or `&` must be in quotes, as in \"*.weight\": bare, they mark "
     "YAML aliases and anchors"},
    {"tag", true, "tags are not supported: put a text that begins with `!` in quotes"},
    {"block sequence entries are not allowed", false,
     "a list item (`- `) is not expected here: start it on a line of its own, below its key"},
    {"mapping keys are not allowed", false, "`? ` is not expected here: write `key: value`"},
    {"expected <document start>", false,
     "this does not belong to what stands above it: check the indentation and the brackets"},
    {"found incompatible YAML document", false, "only YAML 1.1 and 1.2 are supported"},
    {"directive", true, "a line must not begin with `%`: put such a text in quotes"},
};

/* Start of a line (counted from 0) of the source, or its end. */
static const char *line_start(const scl_yaml_source *source, size_t line)
{
    const char *p = source->text, *end = source->text + source->size;
    while (line > 0 && p < end) {
        bool carriage_return = *p == '\r' && p + 1 < end && p[1] == '\n';
        line -= *p == '\n' || (*p == '\r' && !carriage_return);
        p++;
    }
    return p;
}

/* The tab within the white space that begins this line; NULL: none. */
static const char *indenting_tab(const char *start, const char *end)
{
    while (start < end && *start == ' ')
        start++;
    return start < end && *start == '\t' ? start : NULL;
}

static const char *mark_text(const scl_yaml_source *source, yaml_mark_t mark)
{
    const char *p = line_start(source, mark.line), *end = source->text + source->size;
    for (size_t column = 0; column < mark.column && p < end; column++)
        p += scl_character_bytes(p, end);
    return p;
}

static void explain_bytes(const yaml_parser_t *parser, const scl_yaml_source *source,
                          scl_diagnostics *diagnostics)
{
    yaml_mark_t mark = {0};
    const char *end = source->text + source->size, *bad = source->text + parser->problem_offset;
    for (const char *p = source->text; p < bad && p < end; p += scl_character_bytes(p, end)) {
        mark.column++;
        if (*p == '\n') {
            mark.line++;
            mark.column = 0;
        }
    }
    scl_place place = scl_yaml_mark_place(source, mark);
    if (strstr(parser->problem, "UTF-8") != NULL)
        scl_diagnostics_add(diagnostics, place,
                            "expected UTF-8 text, found the byte 0x%02x: save the file as UTF-8",
                            (unsigned)parser->problem_value & 0xff);
    else if (parser->problem_value == 0)
        scl_diagnostics_add(diagnostics, place, "expected text, found a NUL byte");
    else
        scl_diagnostics_add(diagnostics, place, "the control character 0x%02x is not allowed",
                            (unsigned)parser->problem_value);
}

/* Names the character at the mark; "the end" past the last one. */
static const char *name_character(const scl_yaml_source *source, yaml_mark_t mark, scl_arena *arena)
{
    const char *p = mark_text(source, mark), *end = source->text + source->size;
    if (p >= end || *p == '\n' || *p == '\r')
        return "the end of the line";
    char text[8] = {0};
    size_t bytes = scl_character_bytes(p, end);
    memcpy(text, p, bytes < sizeof text ? bytes : sizeof text - 1);
    const char *named = scl_arena_printf(arena, "`%s`", scl_text_quote(arena, text));
    return named != NULL ? named : "a character";
}

static void explain_syntax(const yaml_parser_t *parser, const scl_yaml_source *source,
                           scl_diagnostics *diagnostics)
{
    scl_place place = scl_yaml_mark_place(source, parser->problem_mark);
    const char *problem = parser->problem != NULL ? parser->problem : "unknown";
    if (strstr(problem, "cannot start any token") != NULL) {
        scl_diagnostics_add(diagnostics, place, "a value cannot begin with %s: put it in quotes",
                            name_character(source, parser->problem_mark, &diagnostics->arena));
        return;
    }
    if (strstr(problem, "expected node content") != NULL) {
        scl_diagnostics_add(diagnostics, place, "expected a value here, found %s",
                            name_character(source, parser->problem_mark, &diagnostics->arena));
        return;
    }
    for (size_t i = 0; i < sizeof advices / sizeof advices[0]; i++) {
        if (strstr(problem, advices[i].problem) == NULL)
            continue;
        if (advices[i].at_context && parser->context != NULL)
            place = scl_yaml_mark_place(source, parser->context_mark);
        scl_diagnostics_add(diagnostics, place, "%s", advices[i].advice);
        return;
    }
    scl_diagnostics_add(diagnostics, place, "this is not YAML: %s", problem);
}

void scl_yaml_explain(const yaml_parser_t *parser, const scl_yaml_source *source,
                      scl_diagnostics *diagnostics)
{
    if (parser->error == YAML_MEMORY_ERROR) {
        scl_diagnostics_out_of_memory(diagnostics, source->size);
        return;
    }
    if (parser->error == YAML_READER_ERROR && parser->problem != NULL) {
        explain_bytes(parser, source, diagnostics);
        return;
    }
    yaml_mark_t mark = parser->problem_mark;
    const char *start = line_start(source, mark.line);
    const char *tab = indenting_tab(start, source->text + source->size);
    if (tab == NULL) {
        explain_syntax(parser, source, diagnostics);
        return;
    }
    mark.column = (size_t)(tab - start);
    scl_diagnostics_add(diagnostics, scl_yaml_mark_place(source, mark),
                        "a tab is used for indentation: YAML allows only spaces there");
}
