/* verb_info.c — samcl info: what is in a file. */
#include "cli.h"
#include "describe.h"

#include "base/mem.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const cli_option options[] = {
    {"--json", NULL, "one JSON object a file, in a list", false},
};

#define KEY_COLUMNS 20

/* Texts of a file are shown on one line. */
static void print_text(const char *text)
{
    for (; *text != '\0'; text++)
        putchar(iscntrl((unsigned char)*text) ? ' ' : *text);
}

static void print_scalar(const cJSON *item)
{
    if (cJSON_IsString(item)) {
        print_text(item->valuestring);
    } else if (cJSON_IsNull(item)) {
        printf("none");
    } else if (cJSON_IsBool(item)) {
        printf(cJSON_IsTrue(item) ? "yes" : "no");
    } else {
        char *text = cJSON_PrintUnformatted(item);
        printf("%s", text != NULL ? text : "?");
        cJSON_free(text);
    }
}

static bool is_nested(const cJSON *item)
{
    return cJSON_IsObject(item) && strcmp(item->string, "dtypes") != 0;
}

/* [1, 2] and {"F32": 4} on one line. */
static void print_inline(const cJSON *list)
{
    for (const cJSON *item = list->child; item != NULL; item = item->next) {
        printf("%s", item == list->child ? "" : ", ");
        if (cJSON_IsObject(list))
            printf("%s ", item->string);
        print_scalar(item);
    }
    if (list->child == NULL)
        printf("none");
}

static void print_members(const cJSON *object, int indent)
{
    for (const cJSON *item = object->child; item != NULL; item = item->next) {
        printf("%*s%-*s ", indent, "", KEY_COLUMNS - indent, item->string);
        if (is_nested(item)) {
            printf("\n");
            print_members(item, indent + 2);
            continue;
        }
        if (cJSON_IsArray(item) || cJSON_IsObject(item))
            print_inline(item);
        else
            print_scalar(item);
        printf("\n");
    }
}

static scl_status print_json(const cJSON *files, scl_error *err)
{
    char *text = cJSON_Print(files);
    if (text == NULL)
        return scl_out_of_memory(err, 1 << 16, "the JSON text");
    printf("%s\n", text);
    cJSON_free(text);
    return SCL_OK;
}

/* All files are looked at before anything is printed. */
static scl_status describe_all(const cli_args *args, cJSON *files, scl_error *err)
{
    for (size_t i = 0; i < args->word_count; i++) {
        cJSON *file = NULL;
        const char *path = args->words[i];
        SCL_TRY(describe_is_run(path) ? describe_run(path, &file, err)
                                      : describe_weights(path, &file, err));
        cJSON_AddItemToArray(files, file);
    }
    return SCL_OK;
}

static scl_status run(const cli_args *args, scl_error *err)
{
    if (args->word_count == 0)
        return scl_fail(err, SCL_BAD_CONFIG, "expected a file or folder: samcl info FILE...");
    cJSON *files = cJSON_CreateArray();
    scl_status status = describe_all(args, files, err);
    if (status == SCL_OK && cli_given(args, "--json"))
        status = print_json(files, err);
    else if (status == SCL_OK)
        for (const cJSON *file = files->child; file != NULL; file = file->next) {
            printf("%s", file == files->child ? "" : "\n");
            print_members(file, 0);
        }
    cJSON_Delete(files);
    return status;
}

const cli_verb verb_info = {
    .name = "info",
    .summary = "says what is in a checkpoint, a tuned file or a run folder",
    .usage = "FILE...",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .most_words = CLI_MAX_VALUES,
    .notes = "examples:\n"
             "  samcl info sam_vit_b_01ec64.pth\n"
             "  samcl info --json runs/cells runs/cells/checkpoints/best.safetensors",
    .run = run,
};
