#include "pictures/cell.h"

#include <math.h>

#define REACH 1.35 /* radii within which a bent oval lies */

static scl_oval draw_oval(scl_rng *rng, double x, double y, double radius, double slimmest)
{
    double turns = scl_rng_uniform(rng), slim = sqrt(scl_draw(rng, slimmest, 1));
    return (scl_oval){
        x, y, scl_wave(turns + 0.25), scl_wave(turns), {radius / slim, radius * slim}};
}

scl_cell scl_cell_draw(scl_rng *rng, double x, double y, double size)
{
    double radius = size * scl_draw(rng, 0.78, 1.25), shade = scl_draw(rng, -0.04, 0.04);
    scl_cell cell = {.cytoplasm = {0.91 + shade, 0.76 + 1.2 * shade, 0.88 + shade},
                     .chromatin = {0.40 + shade, 0.25 + shade, 0.56 + shade}};
    cell.body = draw_oval(rng, x, y, radius, 0.55);
    cell.membrane = scl_draw(rng, 0.1, 0.5);
    cell.nucleoli = scl_draw(rng, 0.3, 1);
    cell.seed = scl_rng_u32(rng);
    double away = 0.22 * radius, turns = scl_rng_uniform(rng);
    double small = radius * scl_draw(rng, 0.42, 0.6);
    cell.nucleus =
        draw_oval(rng, x + away * scl_wave(turns + 0.25), y + away * scl_wave(turns), small, 0.6);
    return cell;
}

static double mean_radius(const scl_oval *oval)
{
    return sqrt(oval->radius[0] * oval->radius[1]);
}

bool scl_cell_touches(const scl_cell *a, const scl_cell *b, double part)
{
    double dx = a->body.x - b->body.x, dy = a->body.y - b->body.y;
    double near = part * (mean_radius(&a->body) + mean_radius(&b->body));
    return dx * dx + dy * dy < near * near;
}

/* In radii: below 1 inside. `bend` is the strength of the dents, whose size is half a radius. */
static double distance_to(const scl_oval *oval, uint32_t seed, double bend, double x, double y)
{
    double dx = x - oval->x, dy = y - oval->y;
    double u = (dx * oval->cosine + dy * oval->sine) / oval->radius[0];
    double v = (dy * oval->cosine - dx * oval->sine) / oval->radius[1];
    double distance = sqrt(u * u + v * v);
    if (distance > REACH || distance < 0.3)
        return distance;
    return distance * (1 + bend * scl_noise(seed, 1.6 * u / distance, 1.6 * v / distance));
}

/* The nearest cell and the second nearest. */
typedef struct nearest {
    int cell; /* -1: none */
    double first, second;
} nearest;

static nearest find_nearest(const scl_cell *cells, int count, double x, double y)
{
    nearest found = {-1, 9, 9};
    for (int i = 0; i < count; i++) {
        const scl_oval *body = &cells[i].body;
        double dx = x - body->x, dy = y - body->y;
        double reach =
            REACH * (body->radius[0] > body->radius[1] ? body->radius[0] : body->radius[1]);
        if (dx * dx + dy * dy > reach * reach)
            continue;
        double distance = distance_to(body, cells[i].seed, 0.22, x, y);
        if (distance < found.first) {
            found.second = found.first;
            found.first = distance;
            found.cell = i;
        } else if (distance < found.second) {
            found.second = distance;
        }
    }
    return found;
}

/* Chromatin in clumps, more of it at the nuclear envelope, and one or two nucleoli. */
static scl_rgb nucleus_color(const scl_cell *cell, double distance, double x, double y, double unit)
{
    double clumps = scl_fractal_noise(cell->seed + 2, x / (3.2 * unit), y / (3.2 * unit), 3);
    double depth = 0.5 + 0.62 * clumps + 0.4 * scl_smoothstep(0.72, 0.95, distance);
    double round = 6.5 * unit;
    double nucleolus = scl_smoothstep(0.30, 0.55, scl_noise(cell->seed + 3, x / round, y / round)) *
                       scl_smoothstep(0.85, 0.6, distance);
    scl_rgb light = scl_rgb_mix(cell->chromatin, (scl_rgb){0.80, 0.66, 0.85}, 0.52);
    scl_rgb color = scl_rgb_mix(light, cell->chromatin, scl_limit(depth, 0, 1.2));
    return scl_rgb_mix(color, (scl_rgb){0.30, 0.12, 0.44}, 0.75 * cell->nucleoli * nucleolus);
}

/* Pale next to the nucleus, granular, darker towards the wall. */
static scl_rgb cytoplasm_color(const scl_cell *cell, double distance, double x, double y,
                               double unit)
{
    double grains = scl_fractal_noise(cell->seed + 4, x / (4.5 * unit), y / (4.5 * unit), 3);
    double light = 1 + 0.055 * grains - 0.06 * scl_smoothstep(0.55, 1, distance);
    return scl_rgb_scale(cell->cytoplasm, light);
}

static void paint_pixel(scl_painting *painting, const scl_cell *cell, const nearest *near, int i,
                        int j, double unit)
{
    double x = i + 0.5, y = j + 0.5, radius = mean_radius(&cell->body);
    double soft = 3.0 * unit / radius; /* a fuzzy border, some pixels wide */
    double alpha = 0.93 * scl_smoothstep(1 + soft, 1 - soft, near->first);
    scl_painting_blend(painting, i, j, cytoplasm_color(cell, near->first, x, y, unit), alpha);
    double rim = (near->first - 0.97) * radius / (1.5 * unit);
    double wall = (near->second - near->first) * radius / (2.4 * unit);
    double line = cell->membrane * 0.5 / (1 + rim * rim);
    if (near->second < 1.1)
        line += (0.25 + 0.4 * cell->membrane) / (1 + wall * wall) * alpha;
    scl_painting_blend(painting, i, j, (scl_rgb){0.66, 0.42, 0.64}, scl_limit(line, 0, 0.7));
    double inside = distance_to(&cell->nucleus, cell->seed + 1, 0.13, x, y);
    double edge = 0.8 * unit / mean_radius(&cell->nucleus);
    double dark = scl_smoothstep(1 + edge, 1 - edge, inside) * scl_smoothstep(1, 0.93, near->first);
    if (dark > 0)
        scl_painting_blend(painting, i, j, nucleus_color(cell, inside, x, y, unit), 0.95 * dark);
}

void scl_cells_paint(scl_painting *painting, scl_rng *rng, const scl_cell *cells, int count,
                     double unit)
{
    double size = 18 * unit;
    uint32_t seed = scl_rng_u32(rng);
    for (int j = 0; j < painting->height; j++)
        for (int i = 0; i < painting->width; i++) {
            /* Bent space: walls are not straight. */
            double bend = 2.6 * unit * scl_fractal_noise(seed, i / size, j / size, 2);
            double skew = 2.6 * unit * scl_fractal_noise(seed + 9, i / size, j / size, 2);
            nearest near = find_nearest(cells, count, i + 0.5 + bend, j + 0.5 + skew);
            if (near.cell < 0)
                continue;
            paint_pixel(painting, &cells[near.cell], &near, i, j, unit);
            if (near.first < 1)
                scl_painting_mark(painting, i, j, near.cell + 1);
        }
}
