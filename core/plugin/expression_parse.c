/* expression_parse.c — text to tree, by recursive descent: comparisons bind least, then + -, then
 * * /, then signs, then ^, which goes from the right. */
#include "plugin/expression_tree.h"

#include "config/text.h"

#include <string.h>

typedef enum token_kind { TOKEN_END, TOKEN_NUMBER, TOKEN_NAME, TOKEN_TEXT, TOKEN_SIGN } token_kind;

typedef struct token {
    token_kind kind;
    size_t at, length;
    char sign; /* < and > also for <= and >=, which are 2 long */
} token;

typedef struct parser {
    scl_expression *e;
    token next;
    int depth, nodes;
    bool failed; /* the first mistake is told; the text makes no sense from there on */
} parser;

static expression_node *parse_whole(parser *p);
static expression_node *parse_signed(parser *p);

/* ---- tokens */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static size_t number_length(const char *text)
{
    size_t n = strspn(text, "0123456789");
    if (text[n] == '.')
        n += 1 + strspn(text + n + 1, "0123456789");
    if (text[n] == 'e' || text[n] == 'E') {
        size_t sign = text[n + 1] == '+' || text[n + 1] == '-';
        size_t digits = strspn(text + n + 1 + sign, "0123456789");
        n += digits > 0 ? 1 + sign + digits : 0;
    }
    return n;
}

static void *fail(parser *p, size_t at, const char *format, const char *word)
{
    if (!p->failed)
        expression_complain(p->e, at, format, word);
    p->failed = true;
    return NULL;
}

static void *out_of_memory(parser *p)
{
    scl_diagnostics_out_of_memory(&p->e->config->diagnostics, sizeof(expression_node));
    p->failed = true;
    return NULL;
}

/* The token as text, for messages. */
static const char *show(const parser *p, token t)
{
    static const char end[] = "the end";
    scl_arena *arena = &p->e->arena;
    if (t.kind == TOKEN_END)
        return end;
    const char *word = scl_arena_printf(arena, "%.*s", (int)t.length, p->e->text + t.at);
    const char *shown =
        word != NULL ? scl_arena_printf(arena, "`%s`", scl_text_quote(arena, word)) : NULL;
    return shown != NULL ? shown : end;
}

/* What another language would have meant. */
static const char *advice_on(const char *text)
{
    if (strncmp(text, "**", 2) == 0)
        return "write ^ for a power, found %s";
    if (strncmp(text, "==", 2) == 0 || strncmp(text, "!=", 2) == 0)
        return "there is no %s: compare by < and >, or multiply";
    return NULL;
}

static token read_token(parser *p, size_t at)
{
    const char *text = p->e->text;
    at += strspn(text + at, " \t\r\n");
    const char *c = text + at;
    token t = {.at = at, .length = 1, .kind = TOKEN_SIGN, .sign = *c};
    if (*c == '\0') {
        t = (token){.at = at};
    } else if (is_digit(*c) || (*c == '.' && is_digit(c[1]))) {
        t.kind = TOKEN_NUMBER;
        t.length = number_length(c);
    } else if (is_letter(*c)) {
        t.kind = TOKEN_NAME;
        while (is_letter(c[t.length]) || is_digit(c[t.length]))
            t.length++;
    } else if (*c == '\'' || *c == '"') {
        const char *close = strchr(c + 1, *c);
        t.kind = TOKEN_TEXT;
        t.length = close != NULL ? (size_t)(close - c) + 1 : strlen(c);
        if (close == NULL)
            fail(p, at, "this text has no end: expected another %s", *c == '"' ? "\"" : "'");
    } else if (advice_on(c) != NULL) {
        t.length = 2;
        fail(p, at, advice_on(c), show(p, t));
    } else if (strchr("+-*/^(),=<>[]", *c) == NULL) {
        t.length = scl_character_bytes(c, NULL);
        fail(p, at, "expected a number, a name or an operator, found %s", show(p, t));
    } else if ((*c == '<' || *c == '>') && c[1] == '=') {
        t.length = 2;
    }
    return t;
}

static void step(parser *p)
{
    p->next = read_token(p, p->next.at + p->next.length);
}

static bool at_sign(const parser *p, char sign)
{
    return !p->failed && p->next.kind == TOKEN_SIGN && p->next.sign == sign;
}

static bool pass_sign(parser *p, char sign)
{
    bool there = at_sign(p, sign);
    if (there)
        step(p);
    return there;
}

static char *copy_word(parser *p, token t)
{
    if (t.length > SCL_EXPRESSION_MAX_NAME)
        return fail(p, t.at, "%s is too long", show(p, t));
    char *copy = scl_arena_printf(&p->e->arena, "%.*s", (int)t.length, p->e->text + t.at);
    return copy != NULL ? copy : out_of_memory(p);
}

/* ---- nodes */

static expression_node *new_node(parser *p, expression_kind kind, size_t at)
{
    if (p->failed)
        return NULL;
    if (++p->nodes > SCL_EXPRESSION_MAX_NODES)
        return fail(p, at, "the expression is too long%s", "");
    expression_node *node = scl_arena_alloc(&p->e->arena, sizeof *node);
    if (node == NULL)
        return out_of_memory(p);
    node->kind = kind;
    node->at = at;
    return node;
}

static bool add_arg(parser *p, expression_node *node, expression_node *arg)
{
    if (node == NULL || arg == NULL)
        return false;
    size_t count = node->arg_count;
    if ((count & (count - 1)) == 0) { /* a power of 2: the room is used up */
        size_t room = count == 0 ? 1 : 2 * count;
        expression_node **args = scl_arena_alloc(&p->e->arena, room * sizeof(expression_node *));
        if (args == NULL)
            return out_of_memory(p) != NULL;
        if (count > 0)
            memcpy(args, node->args, count * sizeof(expression_node *));
        node->args = args;
    }
    node->args[node->arg_count++] = arg;
    return true;
}

static expression_node *join(parser *p, expression_operator op, size_t at, expression_node *left,
                             expression_node *right)
{
    expression_node *node = new_node(p, EXPRESSION_OPERATOR, at);
    if (!add_arg(p, node, left) || !add_arg(p, node, right))
        return NULL;
    node->op = op;
    return node;
}

/* ---- key=value in a call */

static scl_yaml *new_value(parser *p, scl_yaml_kind kind, token t)
{
    scl_place place = scl_run_config_place_within(p->e->config, p->e->path, t.at);
    scl_yaml *value = scl_yaml_new(&p->e->arena, kind, place);
    return value != NULL ? value : out_of_memory(p);
}

static scl_yaml *parse_scalar(parser *p)
{
    token first = p->next;
    bool minus = pass_sign(p, '-');
    token t = p->next;
    bool is_text = t.kind == TOKEN_TEXT;
    if (t.kind != TOKEN_NUMBER && (minus || (t.kind != TOKEN_NAME && !is_text)))
        return fail(p, t.at, "expected a number, a word or a 'text' as value, found %s",
                    show(p, t));
    step(p);
    scl_yaml *value = new_value(p, SCL_YAML_SCALAR, first);
    if (value == NULL || p->failed)
        return NULL;
    size_t quote = is_text ? 1 : 0;
    value->quoted = is_text;
    value->text = scl_arena_printf(&p->e->arena, "%s%.*s", minus ? "-" : "",
                                   (int)(t.length - 2 * quote), p->e->text + t.at + quote);
    return value->text != NULL ? value : out_of_memory(p);
}

static scl_yaml *parse_value(parser *p)
{
    token open = p->next;
    if (!pass_sign(p, '['))
        return parse_scalar(p);
    scl_yaml *list = new_value(p, SCL_YAML_LIST, open);
    while (list != NULL && !at_sign(p, ']')) {
        scl_yaml *item = parse_scalar(p);
        if (item == NULL || !scl_yaml_append(&p->e->arena, list, NULL, item->place, item))
            return p->failed ? NULL : out_of_memory(p);
        if (!pass_sign(p, ',') && !at_sign(p, ']'))
            return fail(p, p->next.at, "expected `,` or `]` in a list, found %s", show(p, p->next));
    }
    pass_sign(p, ']');
    return list;
}

/* `name` and `=` were seen. */
static bool parse_setting(parser *p, expression_node *call, token name)
{
    if (call->settings == NULL)
        call->settings = new_value(p, SCL_YAML_MAP, name);
    const char *key = copy_word(p, name);
    step(p);
    scl_yaml *value = p->failed ? NULL : parse_value(p);
    if (value == NULL)
        return false;
    if (scl_yaml_find(call->settings, key) != NULL)
        return fail(p, name.at, "`%s` is given twice", key) != NULL;
    scl_place place = scl_run_config_place_within(p->e->config, p->e->path, name.at);
    return scl_yaml_append(&p->e->arena, call->settings, key, place, value) ||
           out_of_memory(p) != NULL;
}

static bool parse_argument(parser *p, expression_node *call)
{
    token name = p->next;
    if (name.kind == TOKEN_NAME) {
        token after = read_token(p, name.at + name.length);
        if (after.kind == TOKEN_SIGN && after.sign == '=' && !p->failed) {
            step(p);
            return parse_setting(p, call, name);
        }
    }
    if (call->settings != NULL)
        return fail(p, name.at, "values come before key=value, found %s", show(p, name)) != NULL;
    return add_arg(p, call, parse_whole(p));
}

static expression_node *parse_call(parser *p, token name)
{
    expression_node *call = new_node(p, EXPRESSION_CALL, name.at);
    if (call == NULL || (call->name = copy_word(p, name)) == NULL)
        return NULL;
    size_t open = p->next.at;
    step(p);
    while (!p->failed && !at_sign(p, ')')) {
        if (p->next.kind == TOKEN_END)
            return fail(p, open, "this `(` is not closed%s", "");
        if (!parse_argument(p, call))
            return NULL;
        if (!pass_sign(p, ',') && !at_sign(p, ')') && p->next.kind != TOKEN_END)
            return fail(p, p->next.at, "expected an operator, `,` or `)`, found %s",
                        show(p, p->next));
    }
    pass_sign(p, ')');
    return p->failed ? NULL : call;
}

/* ---- expressions */

static expression_node *parse_number(parser *p, token t)
{
    expression_node *node = new_node(p, EXPRESSION_NUMBER, t.at);
    const char *word = copy_word(p, t);
    if (node == NULL || word == NULL)
        return NULL;
    if (!scl_text_read_double(word, &node->number))
        return fail(p, t.at, "%s is no number that fits", show(p, t));
    return node;
}

static expression_node *parse_group(parser *p, size_t open)
{
    expression_node *inner = parse_whole(p);
    if (inner == NULL)
        return NULL;
    if (p->next.kind == TOKEN_END)
        return fail(p, open, "this `(` is not closed%s", "");
    if (!pass_sign(p, ')'))
        return fail(p, p->next.at, "expected an operator or `)`, found %s", show(p, p->next));
    return inner;
}

static expression_node *parse_primary(parser *p)
{
    token t = p->next;
    if (p->failed)
        return NULL;
    if (pass_sign(p, '('))
        return parse_group(p, t.at);
    if (t.kind != TOKEN_NUMBER && t.kind != TOKEN_NAME)
        return fail(p, t.at, "expected a number, a name or `(`, found %s", show(p, t));
    step(p);
    if (t.kind == TOKEN_NUMBER)
        return parse_number(p, t);
    if (at_sign(p, '('))
        return parse_call(p, t);
    expression_node *node = new_node(p, EXPRESSION_NAME, t.at);
    if (node != NULL)
        node->name = copy_word(p, t);
    return p->failed ? NULL : node;
}

static expression_node *parse_power(parser *p)
{
    expression_node *base = parse_primary(p);
    size_t at = p->next.at;
    if (base == NULL || !pass_sign(p, '^'))
        return base;
    return join(p, EXPRESSION_POWER, at, base, parse_signed(p));
}

static expression_node *parse_signed(parser *p)
{
    size_t at = p->next.at;
    if (++p->depth > SCL_EXPRESSION_MAX_DEPTH)
        return fail(p, at, "nested too deeply%s", "");
    expression_node *node = NULL;
    if (pass_sign(p, '-')) {
        expression_node *inner = parse_signed(p);
        node = new_node(p, EXPRESSION_NEGATE, at);
        node = add_arg(p, node, inner) ? node : NULL;
    } else {
        node = pass_sign(p, '+') ? parse_signed(p) : parse_power(p);
    }
    p->depth--;
    return node;
}

/* Operands with one of two signs between them, from the left. */
static expression_node *parse_chain(parser *p, expression_node *(*parse_operand)(parser *),
                                    const char signs[2], const expression_operator ops[2])
{
    expression_node *left = parse_operand(p);
    while (left != NULL && (at_sign(p, signs[0]) || at_sign(p, signs[1]))) {
        token t = p->next;
        step(p);
        left = join(p, ops[t.sign == signs[1]], t.at, left, parse_operand(p));
    }
    return left;
}

static expression_node *parse_product(parser *p)
{
    static const expression_operator ops[] = {EXPRESSION_MULTIPLY, EXPRESSION_DIVIDE};
    return parse_chain(p, parse_signed, "*/", ops);
}

static expression_node *parse_sum(parser *p)
{
    static const expression_operator ops[] = {EXPRESSION_ADD, EXPRESSION_SUBTRACT};
    return parse_chain(p, parse_product, "+-", ops);
}

static expression_node *parse_whole(parser *p)
{
    expression_node *left = parse_sum(p);
    if (left == NULL || !(at_sign(p, '<') || at_sign(p, '>')))
        return left;
    token t = p->next;
    bool less = t.sign == '<', equal = t.length == 2;
    expression_operator op = less ? (equal ? EXPRESSION_AT_MOST : EXPRESSION_LESS)
                                  : (equal ? EXPRESSION_AT_LEAST : EXPRESSION_GREATER);
    step(p);
    return join(p, op, t.at, left, parse_sum(p));
}

void expression_parse(scl_expression *expression)
{
    parser p = {.e = expression};
    p.next = read_token(&p, 0);
    expression_node *root = parse_whole(&p);
    if (root != NULL && !p.failed && p.next.kind != TOKEN_END)
        root = fail(&p, p.next.at, "expected an operator or the end, found %s", show(&p, p.next));
    expression->root = p.failed ? NULL : root;
}
