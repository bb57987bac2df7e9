#include "tuned/train_state.h"

#include "base/mem.h"
#include "base/str.h"
#include "io/json.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

scl_train_state scl_train_state_start(void)
{
    return (scl_train_state){.best_epoch = -1, .best_metric = NAN};
}

/* name of each whole number, in the struct and in the file */
#define INTEGERS(X)                                                                                \
    X(epoch)                                                                                       \
    X(batch)                                                                                       \
    X(update)                                                                                      \
    X(best_epoch)                                                                                  \
    X(stale_epochs)                                                                                \
    X(epoch_steps)                                                                                 \
    X(metric_lines)                                                                                \
    X(results_lines)

char *scl_train_state_to_json(const scl_train_state *state)
{
    scl_str out = {0};
#define X(name)                                                                                    \
    scl_str_add(&out, "%s\"%s\": %" PRId64, out.length > 0 ? ", " : "{", #name, state->name);
    INTEGERS(X)
#undef X
    if (state->averaged > 0)
        scl_str_add(&out, ", \"averaged\": %" PRId64, state->averaged);
    if (!isnan(state->best_metric))
        scl_str_add(&out, ", \"best_metric\": %.17g", state->best_metric);
    scl_str_add(&out, ", \"epoch_loss\": %.17g, \"seconds\": %.17g}", state->epoch_loss,
                state->seconds);
    if (out.failed)
        scl_str_free(&out);
    return out.text;
}

static scl_status read_members(const cJSON *root, const char *where, scl_train_state *state,
                               scl_error *err)
{
    int64_t value = 0;
#define X(name)                                                                                    \
    SCL_TRY(scl_json_integer(root, #name, where, &value, err));                                    \
    if (value < -1)                                                                                \
        return scl_fail(err, SCL_BAD_DATA, "%s: %s must be at least -1", where, #name);            \
    state->name = value;
    INTEGERS(X)
#undef X
    if (cJSON_HasObjectItem(root, "averaged"))
        SCL_TRY(scl_json_integer(root, "averaged", where, &state->averaged, err));
    if (cJSON_HasObjectItem(root, "best_metric"))
        SCL_TRY(scl_json_number(root, "best_metric", where, &state->best_metric, err));
    SCL_TRY(scl_json_number(root, "epoch_loss", where, &state->epoch_loss, err));
    return scl_json_number(root, "seconds", where, &state->seconds, err);
}

scl_status scl_train_state_from_json(const char *json, const char *where, scl_train_state *state,
                                     scl_error *err)
{
    cJSON *root = NULL;
    *state = scl_train_state_start();
    SCL_TRY(scl_json_parse(json, strlen(json), where, &root, err));
    scl_status status = read_members(root, where, state, err);
    cJSON_Delete(root);
    return status;
}
