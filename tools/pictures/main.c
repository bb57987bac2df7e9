/* samcl-pictures — paints pictures with masks, so that samcl can be tried without any data. */
#include "pictures/folder.h"

#include <stdio.h>

static void print_help(void)
{
    printf(
        "usage: samcl-pictures KIND --out FOLDER [options]\n\n"
        "Paints FOLDER/images/0001.png, ... and FOLDER/masks/0001.png, ...; the same seed gives\n"
        "the same pictures on every machine.\n\n"
        "kinds:\n");
    for (size_t i = 0; i < scl_kind_count; i++)
        printf("  %-10s%s\n", scl_kinds[i].name, scl_kinds[i].summary);
    printf("\noptions:\n"
           "  --count N   how many (16)\n"
           "  --seed S    a whole number (1)\n"
           "  --size WxH  in pixels, %d to %d (256x256)\n"
           "  --binary    masks of 0 and 255 instead of ids\n",
           SCL_PICTURES_MIN_SIDE, SCL_PICTURES_MAX_SIDE);
}

int main(int argc, char **argv)
{
    scl_error err = {0};
    scl_pictures_options options;
    scl_status status = scl_pictures_options_parse(argc, (const char *const *)argv, &options, &err);
    if (status == SCL_OK && options.help) {
        print_help();
        return 0;
    }
    if (status == SCL_OK)
        status = scl_pictures_write(&options, &err);
    if (status != SCL_OK)
        fprintf(stderr, "samcl-pictures: %s\n", err.text);
    return (int)status;
}
