#include "plugin/expression_names.h"

#include <string.h>

const char *const expression_names[EXPRESSION_NAMES] = {
    [EXPRESSION_X] = "x", [EXPRESSION_P] = "p", [EXPRESSION_LOGP] = "logp",
    [EXPRESSION_T] = "t", [EXPRESSION_W] = "w", [EXPRESSION_IOU] = "iou"};

#define MAP(name)                                                                                  \
    {                                                                                              \
#name, EXPRESSION_MAP, 1, 1, offsetof(scl_builder, name), #name "(value)"                  \
    }
const expression_function_info expression_functions[] = {
    {"mean", EXPRESSION_MEAN, 1, 1, 0, "mean(value per pixel)"},
    {"sum", EXPRESSION_SUM, 1, 1, 0, "sum(value per pixel)"},
    {"over_classes", EXPRESSION_OVER_CLASSES, 1, 1, 0, "over_classes(value per pixel and class)"},
    MAP(exp),
    MAP(log),
    MAP(sqrt),
    MAP(abs),
    MAP(step),
    MAP(sigmoid),
    MAP(tanh),
    MAP(softplus),
    MAP(relu),
    MAP(gelu),
    MAP(stop_gradient),
    {"min", EXPRESSION_MIN, 2, 8, 0, "min(a, b)"},
    {"max", EXPRESSION_MAX, 2, 8, 0, "max(a, b)"},
    {"clamp", EXPRESSION_CLAMP, 3, 3, 0, "clamp(value, low, high)"},
    {"pow", EXPRESSION_POW, 2, 2, 0, "pow(value, exponent)"},
    {"where", EXPRESSION_WHERE, 3, 3, 0, "where(condition, value, otherwise)"},
};
const size_t expression_function_count = sizeof expression_functions / sizeof *expression_functions;

const char *expression_loss_id(const char *name)
{
    if (strcmp(name, "bce") == 0)
        return "bce_with_logits";
    return strcmp(name, "ce") == 0 ? "cross_entropy" : name;
}
