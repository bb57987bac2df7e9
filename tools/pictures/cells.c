/* Stained tissue (as with haematoxylin and eosin): a cell is its dark nucleus and the pale
 * cytoplasm around it, whose border is hard to see. The mask is the whole cell, as a pathologist
 * draws it. */
#include "pictures/cell.h"
#include "pictures/kinds.h"

#define PLACE_TRIES 24

typedef struct slide {
    scl_rgb stroma, fibre, gap;
    double likeness; /* of cytoplasm and stroma, 0..1 */
} slide;

/* One slide is stained more strongly, or more bluish, than another. */
static slide draw_stain(scl_rng *rng)
{
    double warm = scl_draw(rng, -0.03, 0.03), deep = scl_draw(rng, 0.92, 1.03);
    return (slide){.stroma = scl_rgb_scale((scl_rgb){0.87 + warm, 0.67, 0.79 - warm}, deep),
                   .fibre = scl_rgb_scale((scl_rgb){0.78 + warm, 0.50, 0.69 - warm}, deep),
                   .gap = {0.96, 0.93, 0.95},
                   .likeness = scl_draw(rng, 0, 0.6)};
}

/* Wavy fibres along one direction, thinner in places, with clefts of bare glass. */
static void paint_stroma(scl_painting *painting, scl_rng *rng, const slide *stain, double unit)
{
    double turns = scl_rng_uniform(rng);
    double cosine = scl_wave(turns + 0.25), sine = scl_wave(turns);
    uint32_t seed = scl_rng_u32(rng);
    double bareness = scl_draw(rng, 0.28, 0.5);
    for (int j = 0; j < painting->height; j++)
        for (int i = 0; i < painting->width; i++) {
            double x = i / unit, y = j / unit;
            double bend = scl_fractal_noise(seed, x / 70, y / 70, 3);
            double along = x * cosine + y * sine + 14 * bend;
            double across = y * cosine - x * sine + 26 * bend;
            double fibre = scl_fractal_noise(seed + 1, along / 60, across / 7, 4);
            double cleft = scl_fractal_noise(seed + 2, along / 90, across / 26, 4);
            double patch = scl_noise(seed + 3, x / 120, y / 120);
            scl_rgb color = scl_rgb_mix(stain->stroma, stain->fibre,
                                        scl_limit(0.42 + 0.75 * fibre + 0.2 * patch, 0, 1));
            color =
                scl_rgb_mix(color, stain->gap,
                            0.9 * scl_smoothstep(bareness, bareness + 0.12, cleft + 0.12 * fibre));
            scl_painting_set(painting, i, j, color);
        }
}

/* Places for cells that touch but hardly overlap, in clusters. */
static int draw_cells(const scl_painting *painting, scl_rng *rng, double unit, const slide *stain,
                      scl_cell *cells)
{
    int count = 0;
    double size = scl_draw(rng, 17, 25) * unit, density = scl_draw(rng, 0.45, 0.95);
    double area = (double)painting->width * painting->height;
    int wanted = 1 + (int)(density * area / (3.6 * size * size));
    for (int i = 0; i < wanted && count < SCL_CELLS; i++)
        for (int attempt = 0; attempt < PLACE_TRIES; attempt++) {
            double x = scl_draw(rng, 0, painting->width), y = scl_draw(rng, 0, painting->height);
            scl_cell cell = scl_cell_draw(rng, x, y, size);
            cell.cytoplasm =
                scl_rgb_mix(cell.cytoplasm, stain->stroma, stain->likeness * scl_draw(rng, 0.7, 1));
            bool free = true;
            for (int k = 0; k < count && free; k++)
                free = !scl_cell_touches(&cell, &cells[k], 0.86);
            if (!free)
                continue;
            cells[count++] = cell;
            break;
        }
    return count;
}

/* Spindle nuclei of the stroma, small round lymphocytes, red blood cells: none is annotated. */
static void paint_clutter(scl_painting *painting, scl_rng *rng, double unit, int count)
{
    for (int i = 0; i < count; i++) {
        scl_clutter_form form = (scl_clutter_form)scl_rng_below(rng, SCL_CLUTTER_FORMS);
        double x = scl_draw(rng, 0, painting->width), y = scl_draw(rng, 0, painting->height);
        scl_clutter_paint(painting, rng, form, x, y, unit);
    }
}

static void take(scl_painting *painting, scl_rng *rng)
{
    scl_camera camera = {0};
    camera.blur_passes = scl_draw_whole(rng, 0, 2);
    camera.blur = scl_draw(rng, 0.3, 0.8);
    camera.vignette = scl_draw(rng, 0, 0.18);
    camera.contrast = scl_draw(rng, -0.05, 0.18);
    camera.brightness = scl_draw(rng, -0.03, 0.03);
    camera.bend = scl_draw(rng, -0.15, 0.15);
    camera.noise = scl_draw(rng, 0.004, 0.018);
    camera.seed = scl_rng_u32(rng);
    scl_camera_take(&camera, painting);
}

int scl_paint_cells(scl_painting *painting, scl_rng *rng)
{
    scl_cell cells[SCL_CELLS];
    double side = scl_painting_side(painting), unit = (side > 96 ? side : 96) / 256;
    double relative = side / (256 * unit);
    slide stain = draw_stain(rng);
    paint_stroma(painting, rng, &stain, unit);
    paint_clutter(painting, rng, unit, (int)(scl_draw(rng, 8, 22) * relative * relative));
    int count = draw_cells(painting, rng, unit, &stain, cells);
    scl_cells_paint(painting, rng, cells, count, unit);
    paint_clutter(painting, rng, unit, (int)(scl_draw(rng, 0, 5) * relative * relative));
    take(painting, rng);
    return scl_painting_renumber(painting);
}
