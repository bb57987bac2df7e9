#include "plugin/pattern_hint.h"

#include "samcl/plugin.h"

#include <string.h>

#define PART_BYTES 64

typedef struct name_list {
    const char *const *items;
    size_t count;
} name_list;

static bool matches_any(const name_list *names, const char *pattern)
{
    for (size_t i = 0; i < names->count; i++)
        if (scl_pattern_matches(pattern, names->items[i]))
            return true;
    return false;
}

/* Copies the part of a name between dots that begins at *at, and moves on to the next one. */
static bool next_part(const char **at, char part[PART_BYTES])
{
    if (**at == '\0')
        return false;
    size_t length = strcspn(*at, "."), kept = length < PART_BYTES ? length : PART_BYTES - 1;
    memcpy(part, *at, kept);
    part[kept] = '\0';
    *at += length + ((*at)[length] == '.');
    return true;
}

/* No wildcard, and no index of a block. */
static bool is_word(const char *part)
{
    return strpbrk(part, "*?") == NULL && part[strspn(part, "0123456789")] != '\0';
}

/* The part of any name that is nearest to `word`, "" when none is near; false: it is one itself. */
static bool find_nearest(const name_list *names, const char *word, char nearest[PART_BYTES])
{
    char part[PART_BYTES];
    nearest[0] = '\0';
    for (size_t i = 0; i < names->count; i++)
        for (const char *at = names->items[i]; next_part(&at, part);) {
            if (strcmp(part, word) == 0)
                return false;
            const char *const pair[] = {part, nearest};
            if (scl_nearest_name(word, pair, nearest[0] != '\0' ? 2 : 1) == part)
                memcpy(nearest, part, PART_BYTES);
        }
    return true;
}

/* Adds the pattern when it, or all that is below it, matches something. */
static bool suggest(const name_list *names, const char *pattern, scl_str *out)
{
    scl_str below = {0};
    scl_str_add(&below, "%s.*", pattern);
    bool whole = matches_any(names, pattern);
    bool found = whole || matches_any(names, scl_str_text(&below));
    if (found)
        scl_str_add(out, ": did you mean `%s`?", whole ? pattern : scl_str_text(&below));
    scl_str_free(&below);
    return found;
}

/* The pattern with its first unknown word put right. */
static bool suggest_corrected(const name_list *names, const char *pattern, scl_str *out)
{
    char word[PART_BYTES], nearest[PART_BYTES];
    const char *at = pattern;
    for (const char *start = at; next_part(&at, word); start = at) {
        if (!is_word(word) || !find_nearest(names, word, nearest))
            continue;
        scl_str corrected = {0};
        scl_str_add(&corrected, "%.*s%s%s", (int)(start - pattern), pattern, nearest,
                    start + strcspn(start, "."));
        bool found = nearest[0] != '\0' && suggest(names, scl_str_text(&corrected), out);
        scl_str_free(&corrected);
        return found;
    }
    return false;
}

static size_t common_prefix(const char *a, const char *b)
{
    size_t length = 0;
    while (a[length] != '\0' && a[length] == b[length])
        length++;
    return length;
}

/* The name that begins most like the pattern, and the first and last ones. */
static void show_names(const char *pattern, const name_list *names, scl_str *out)
{
    const char *alike = names->items[0], *first = alike, *last = names->items[names->count - 1];
    for (size_t i = 1; i < names->count; i++) /* the last of equals shows how far an index goes */
        if (common_prefix(names->items[i], pattern) >= common_prefix(alike, pattern))
            alike = names->items[i];
    bool several = names->count > 1 && strcmp(alike, first) != 0;
    scl_str_add(out, several ? ": names are such as `%s`" : ": a name is such as `%s`", alike);
    if (several)
        scl_str_add(out, ", `%s`", first);
    if (several && strcmp(alike, last) != 0)
        scl_str_add(out, ", `%s`", last);
}

void scl_pattern_hint(const char *pattern, const char *const *names, size_t count, scl_str *out)
{
    name_list list = {.items = names, .count = count};
    if (!suggest(&list, pattern, out) && !suggest_corrected(&list, pattern, out))
        show_names(pattern, &list, out);
}
