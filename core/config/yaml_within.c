/* yaml_within.c — the text of a scalar beside how it stands in the file: both are walked together.
 */
#include "config/yaml.h"

#include <string.h>

typedef struct walk {
    const char *at; /* in the file */
    uint32_t line, column;
} walk;

static void pass(walk *w)
{
    if (*w->at == '\n' || (*w->at == '\r' && w->at[1] != '\n')) {
        w->line++;
        w->column = 1;
    } else if (scl_begins_character(*w->at) && *w->at != '\r') {
        w->column++;
    }
    w->at++;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void pass_blanks(walk *w)
{
    while (is_blank(*w->at))
        pass(w);
}

/* To the first character of the text: an anchor, a quote, or the head of a block is before it. */
static char enter(walk *w)
{
    while (*w->at == '&') {
        while (*w->at != '\0' && !is_blank(*w->at))
            pass(w);
        pass_blanks(w);
    }
    char style = *w->at;
    if (style == '"' || style == '\'')
        pass(w);
    else if (style == '|' || style == '>')
        while (*w->at != '\0' && *w->at != '\n')
            pass(w);
    return style;
}

/* Over an escape, which makes one character, or over an escaped end of line, which makes none. */
static bool pass_escape(walk *w)
{
    pass(w);
    int digits = *w->at == 'x' ? 2 : *w->at == 'u' ? 4 : *w->at == 'U' ? 8 : 0;
    if (*w->at == '\n' || *w->at == '\r') {
        pass_blanks(w);
        return false;
    }
    for (int i = 0; i <= digits && *w->at != '\0'; i++)
        pass(w);
    return true;
}

/* Over what makes the next character of the text; NULL: they do not fit. */
static const char *pass_one(walk *w, char style, const char *text)
{
    if (style == '"' && *w->at == '\\')
        return text + (pass_escape(w) ? scl_character_bytes(text, NULL) : 0);
    if (*w->at == *text) {
        if (style == '\'' && *w->at == '\'')
            pass(w);
        const char *next = text + scl_character_bytes(text, NULL);
        for (; text < next; text++)
            pass(w);
        return next;
    }
    if (is_blank(*w->at)) { /* an indent, or a line's end that is folded */
        pass(w);
        return text;
    }
    return *text == ' ' || *text == '\n' ? text + 1 : NULL;
}

scl_place scl_yaml_place_within(const scl_yaml *scalar, size_t offset)
{
    scl_place place = scalar->place;
    const char *text = scalar->text;
    if (scalar->raw == NULL || text == NULL || place.line == 0)
        return place;
    walk w = {.at = scalar->raw, .line = place.line, .column = place.column};
    char style = enter(&w);
    const char *wanted = text + (offset < strlen(text) ? offset : strlen(text));
    while (text != NULL && text < wanted)
        text = pass_one(&w, style, text);
    if (text == NULL)
        return place;
    if (*text != '\0' && !is_blank(*text))
        pass_blanks(&w);
    place.line = w.line;
    place.column = w.column;
    return place;
}
