/* verb_predict.c — samcl predict: masks of one image. */
#include "model_use.h"
#include "predict_files.h"
#include "tracing.h"

#include "base/clock.h"
#include "base/mem.h"
#include "data/image_header.h"

static const cli_option options[] = {
    CLI_CHECKPOINT_OPTIONS,
    CLI_DEVICE_OPTION,
    CLI_MEMORY_OPTION,
    {"--image", "FILE", "a PNG or JPEG picture", false},
    {"--box", "x0,y0,x1,y1", "one mask for each box", true},
    {"--point", "x,y,label", "label 1: part of the object, 0: not; all belong to one mask", true},
    {"--mask-prompt", "FILE", "logits as --logits writes them for one mask, to be refined", true},
    {"--multimask", NULL, "three alternatives for each mask", false},
    {"--out", "FILE.png", "the mask", false},
    {"--overlay", "FILE.png", "the picture with masks and prompts drawn in", false},
    {"--json", "FILE.json", "boxes, areas, predicted IoUs", false},
    {"--logits", "FILE.npy", "low-resolution logits, float32 [masks, size, size]", false},
    CLI_TRACE_OPTION,
};

typedef struct prompts {
    scl_request_point points[CLI_MAX_VALUES];
    scl_request_box boxes[CLI_MAX_VALUES];
    float *masks;
    scl_request request;
} prompts;

static scl_status parse_points(const cli_args *args, prompts *p, scl_error *err)
{
    const char *const *texts;
    size_t count = cli_values(args, "--point", &texts);
    for (size_t i = 0; i < count; i++) {
        double v[3];
        SCL_TRY(cli_numbers("--point", texts[i], 3, v, err));
        if (v[2] != 0 && v[2] != 1)
            return scl_fail(err, SCL_BAD_CONFIG,
                            "--point %s: the label must be 1 (part of the object) or 0 (not)",
                            texts[i]);
        p->points[i] = (scl_request_point){v[0], v[1], (int32_t)v[2]};
    }
    p->request.points = p->points;
    p->request.point_count = count;
    return SCL_OK;
}

static scl_status parse_boxes(const cli_args *args, prompts *p, scl_error *err)
{
    const char *const *texts;
    size_t count = cli_values(args, "--box", &texts);
    for (size_t i = 0; i < count; i++) {
        double v[4];
        SCL_TRY(cli_numbers("--box", texts[i], 4, v, err));
        p->boxes[i] = (scl_request_box){v[0], v[1], v[2], v[3]};
    }
    p->request.boxes = p->boxes;
    p->request.box_count = count;
    return SCL_OK;
}

static scl_status read_masks(const cli_args *args, int64_t size, prompts *p, scl_error *err)
{
    const char *const *paths;
    size_t count = cli_values(args, "--mask-prompt", &paths), plane = (size_t)(size * size);
    if (count == 0)
        return SCL_OK;
    p->masks = scl_calloc(count * plane, sizeof *p->masks);
    if (p->masks == NULL)
        return scl_out_of_memory(err, count * plane * sizeof *p->masks, "mask prompts");
    for (size_t i = 0; i < count; i++)
        SCL_TRY(scl_request_mask_read(paths[i], size, p->masks + i * plane, err));
    p->request.masks = p->masks;
    return SCL_OK;
}

/* What needs no model is told before one is loaded. */
static scl_status check_early(const cli_args *args, const char *image, prompts *p, scl_error *err)
{
    int width, height;
    const char *const *paths;
    p->request.mask_count = cli_values(args, "--mask-prompt", &paths);
    SCL_TRY(scl_image_header_read(image, &width, &height, err));
    scl_frame frame = scl_frame_make(width, height, 1);
    return scl_request_check(&p->request, &frame, 0, err);
}

typedef struct job {
    cli_model model;
    scl_input_image image;
    prompts prompts;
    scl_answer answer;
    predict_paths paths;
    cli_tracing tracing;
} job;

static scl_status find_masks(job *j, predict_result *result, scl_error *err)
{
    const scl_request *request = &j->prompts.request;
    SCL_TRY(cli_tracing_begin(&j->tracing, j->model.device, err));
    double start = scl_clock_seconds();
    SCL_TRY(scl_input_image_encode(&j->image, j->model.predictor, err));
    double encoded = scl_clock_seconds();
    SCL_TRY(scl_answer_make(&j->answer, j->model.predictor, result->config, request,
                            &j->image.frame, err));
    result->encode_seconds = encoded - start;
    result->decode_seconds = scl_clock_seconds() - encoded;
    return SCL_OK;
}

static scl_status predict(job *j, predict_result *result, scl_error *err)
{
    SCL_TRY(cli_tracing_end(&j->tracing, find_masks(j, result, err), err));
    const predict_paths *p = &j->paths;
    if (p->mask == NULL && p->overlay == NULL && p->json == NULL && p->logits == NULL) {
        predict_print(result);
        return SCL_OK;
    }
    return predict_files_write(result, p, err);
}

static scl_status open_and_predict(const cli_args *args, const char *image, job *j, scl_error *err)
{
    SCL_TRY(cli_model_open(args, "auto", &j->model, err));
    const scl_sam_config *config = &j->model.tuned.model->config;
    SCL_TRY(scl_input_image_read(&j->image, image, cli_model_value_range(&j->model),
                                 config->image_size, err));
    SCL_TRY(read_masks(args, scl_sam_mask_size(config), &j->prompts, err));
    SCL_TRY(scl_request_check(&j->prompts.request, &j->image.frame, config->classes, err));
    predict_result result = {.image = &j->image,
                             .request = &j->prompts.request,
                             .answer = &j->answer,
                             .config = config,
                             .class_names = &j->model.tuned.config.data.class_names,
                             .image_path = image,
                             .device = j->model.device->info.name};
    return predict(j, &result, err);
}

static scl_status run(const cli_args *args, scl_error *err)
{
    static job j; /* large */
    const char *image;
    j.paths = (predict_paths){.mask = cli_value(args, "--out"),
                              .overlay = cli_value(args, "--overlay"),
                              .json = cli_value(args, "--json"),
                              .logits = cli_value(args, "--logits")};
    j.prompts.request.multimask = cli_given(args, "--multimask");
    SCL_TRY(cli_require(args, "--image", &image, err));
    SCL_TRY(parse_points(args, &j.prompts, err));
    SCL_TRY(parse_boxes(args, &j.prompts, err));
    SCL_TRY(predict_paths_check(&j.paths, err));
    SCL_TRY(cli_tracing_read(&j.tracing, args, err));
    SCL_TRY(check_early(args, image, &j.prompts, err));
    scl_status status = open_and_predict(args, image, &j, err);
    scl_answer_free(&j.answer);
    scl_free(j.prompts.masks);
    scl_input_image_free(&j.image);
    cli_model_close(&j.model);
    return status;
}

const cli_verb verb_predict = {
    .name = "predict",
    .summary = "finds masks in an image",
    .usage = "--checkpoint FILE --image FILE [prompts] [outputs]",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .notes =
        "Coordinates are pixels of the image file; the centre of its first pixel is 0,0.\n"
        "No prompt asks for one mask of whatever the model finds. Points combine with at most one\n"
        "box. As many mask prompts as boxes belong together, in order.\n"
        "\n"
        "--out      one mask is drawn as 0 and 255. Several are drawn as ids 1, 2, ... in the\n"
        "           order of their prompts, in 16 bits when there are more than 255; where they\n"
        "           overlap, the one of the higher predicted IoU wins. A model with classes gives\n"
        "           class ids. With --multimask, NAME.png holds the alternative of the highest\n"
        "           predicted IoU for each mask, and NAME-1.png to NAME-3.png hold each\n"
        "           alternative.\n"
        "--json     boxes are x0,y0,x1,y1 of the outermost pixels, both included.\n"
        "\n"
        "Without an output, one line for each mask is printed. Outputs are written when all has\n"
        "succeeded, or not at all.\n"
        "\n"
        "examples:\n"
        "  samcl predict --checkpoint sam_vit_b_01ec64.pth --image cat.jpg --point 410,265,1\n"
        "  samcl predict --checkpoint sam_vit_b_01ec64.pth --image cells.png --box 10,20,80,95 \\\n"
        "      --box 120,33,160,70 --out ids.png --overlay seen.png --json masks.json\n"
        "  samcl predict --adapter runs/cells/checkpoints/best.safetensors --image cells.png \\\n"
        "      --out mask.png",
    .run = run,
};
