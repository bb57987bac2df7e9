/* verb_convert.c — samcl convert: a model, or an adapter, as other programs read it. */
#include "export.h"

static const cli_option options[] = {
    CLI_CHECKPOINT_OPTIONS,
    {"--to", "FORMAT", "meta, hf, samcl, peft or sam_lora", false},
    {"--out", "PATH", "the file, or the folder, which must not exist", false},
};

static scl_status run(const cli_args *args, scl_error *err)
{
    const char *to, *out;
    const export_format *format;
    SCL_TRY(cli_require(args, "--to", &to, err));
    SCL_TRY(cli_require(args, "--out", &out, err));
    SCL_TRY(export_find_format(to, &format, err));
    SCL_TRY(export_check_out(format, out, err));
    return export_model(args, format, out, err);
}

const cli_verb verb_convert = {
    .name = "convert",
    .summary = "writes a model or an adapter for other programs",
    .usage = "--checkpoint FILE [--adapter FILE] --to FORMAT --out PATH",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .notes =
        "A whole model; an adapter of its own is merged into it:\n"
        "meta      one file for segment-anything, .pth or .safetensors; in Python:\n"
        "          segment_anything.build_sam_vit_b(PATH), of a .pth\n"
        "hf        a folder with config.json and model.safetensors; in Python:\n"
        "          transformers.SamModel.from_pretrained(PATH)\n"
        "\n"
        "An adapter, with what was trained beside it:\n"
        "samcl     our file, of any adapter\n"
        "peft      a folder with a LoRA for transformers' SamModel; in Python:\n"
        "          peft.PeftModel.from_pretrained(sam_model, PATH)\n"
        "sam_lora  one file with a LoRA on queries and values: .safetensors as Sam_LoRA has it,\n"
        "          or .pth as SAMed, which reads the decoder, too\n"
        "\n"
        "The base is needed for an adapter, too: that it fits is checked. The model is held in\n"
        "memory at about 12 bytes a parameter.\n"
        "\n"
        "examples:\n"
        "  samcl convert --checkpoint sam_vit_b_01ec64.pth --to hf --out sam-vit-base\n"
        "  samcl convert --checkpoint runs/cells --to meta --out cells.safetensors\n"
        "  samcl convert --checkpoint runs/cells --to peft --out cells-peft\n"
        "  samcl convert --checkpoint sam_vit_b_01ec64.pth --adapter lora_rank4.safetensors \\\n"
        "      --to samcl --out lora.safetensors",
    .run = run,
};
