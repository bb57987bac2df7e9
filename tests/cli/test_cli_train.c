/* The program: train and eval on a run of seconds, and what they leave. */
#include "cli/models.h"
#include "cli/program.h"

#include "base/file.h"

#include <stdlib.h>

/* The encoder is deep enough for its results to be worth keeping. */
static const char run_text[] =
    "name: base\n"
    "model: {type: custom, image_size: 64, patch_size: 8, embed_dim: 16, depth: 64, num_heads: 2,\n"
    "        window_size: 4, global_attn_indexes: [1], mlp_ratio: 16, prompt_embed_dim: 32,\n"
    "        decoder_depth: 1, decoder_num_heads: 2, decoder_mlp_dim: 32,\n"
    "        iou_head_hidden_dim: 16}\n"
    "data:\n"
    "  train: {images: images, masks: masks}\n"
    "  val: {images: images, masks: masks}\n"
    "  prompts: [{box: {jitter: 0.1}}]\n"
    "adapter: {use: full}\n"
    "losses: [{use: dice}]\n"
    "train: {epochs: 1, batch_size: 2, optimizer: {lr: 1.0e-3}, samples: 1}\n";

#define BASE_MODEL "model={checkpoint: runs/base/checkpoints/best.safetensors}"

static int enter(void **state)
{
    (void)state;
    program_enter_folder();
    write_run_file();
    assert_ok(scl_file_write("train.yaml", run_text, strlen(run_text), &test_error));
    assert_int_equal(RUN("train", "train.yaml").code, 0);
    return 0;
}

static int leave(void **state)
{
    (void)state;
    program_leave_folder();
    return 0;
}

static size_t entries_of(const char *folder)
{
    scl_folder listing;
    assert_ok(scl_folder_list(folder, &listing, &test_error));
    size_t count = listing.count;
    scl_folder_free(&listing);
    return count;
}

/* The three pictures are alike: one entry, for training, validation, base and tuned. */
static void eval_finds_what_training_encoded(void **state)
{
    (void)state;
    outcome o = RUN("train", "train.yaml", "name=decoder", BASE_MODEL, "adapter=none",
                    "train_also=[\"mask_decoder.*\"]", "cache={folder: kept, memory: 0}");
    assert_int_equal(o.code, 0);
    assert_non_null(strstr(o.err, "sees each image once"));
    assert_int_equal(entries_of("kept"), 1);
    EXPECT(0, "change", "eval", "runs/decoder");
    assert_int_equal(entries_of("kept"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eval_finds_what_training_encoded),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
