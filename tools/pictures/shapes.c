/* A varied world in which a small model can learn to find the object that a prompt points at. */
#include "pictures/kinds.h"
#include "pictures/object.h"

#define MOST_OBJECTS 12
#define COLOR_TRIES  12

/* What the objects of one picture have in common. */
typedef struct world {
    double side;
    double light_x, light_y;
    double relief, shadow;          /* how strong they may be */
    double crowding;                /* 1: places are chosen without regard to each other */
    double contrast;                /* least distance of an object's colour from its ground */
    double vividness;               /* saturation of its colours */
    double places[MOST_OBJECTS][3]; /* x, y, radius */
    int count;
} world;

static scl_rgb draw_color(scl_rng *rng, double vividness)
{
    double hue = scl_rng_uniform(rng);
    double saturation = vividness * scl_draw(rng, 0.15, 1), value = scl_draw(rng, 0.15, 1);
    return scl_rgb_from_hsv(hue, saturation, value);
}

/* The second colour: mostly a shade of the first, at times another one. */
static scl_rgb draw_partner(scl_rng *rng, scl_rgb color, double reach, double vividness)
{
    if (scl_draw_chance(rng, 0.25))
        return scl_rgb_mix(color, draw_color(rng, vividness), reach);
    double other = scl_draw_chance(rng, 0.5) ? 0 : 1;
    return scl_rgb_mix(color, (scl_rgb){other, other, other}, reach * scl_draw(rng, 0.15, 0.6));
}

static void paint_background(scl_painting *painting, scl_rng *rng, const world *scene)
{
    double x = painting->width / 2.0, y = painting->height / 2.0;
    scl_texture coarse = scl_texture_draw(rng, x, y, scene->side);
    scl_texture fine = scl_texture_draw(rng, x, y, scene->side);
    coarse.first = draw_color(rng, scene->vividness);
    coarse.second = draw_partner(rng, coarse.first, scl_draw(rng, 0.1, 0.9), scene->vividness);
    fine.first = draw_color(rng, scene->vividness);
    fine.second = draw_partner(rng, fine.first, 0.7, scene->vividness);
    double part = scl_draw_chance(rng, 0.5) ? scl_draw(rng, 0.05, 0.35) : 0;
    double cloud = scl_draw(rng, 0, 0.12), size = scene->side * scl_draw(rng, 0.1, 0.5);
    uint32_t seed = scl_rng_u32(rng);
    for (int j = 0; j < painting->height; j++)
        for (int i = 0; i < painting->width; i++) {
            scl_rgb color = scl_texture_at(&coarse, i + 0.5, j + 0.5);
            if (part > 0)
                color = scl_rgb_mix(color, scl_texture_at(&fine, i + 0.5, j + 0.5), part);
            double light = 1 + cloud * scl_fractal_noise(seed, i / size, j / size, 4);
            scl_painting_set(painting, i, j, scl_rgb_scale(color, light));
        }
}

static world draw_scene(const scl_painting *painting, scl_rng *rng)
{
    double turns = scl_rng_uniform(rng);
    world scene = {.side = scl_painting_side(painting),
                   .light_x = scl_wave(turns + 0.25),
                   .light_y = scl_wave(turns)};
    scene.relief = scl_draw_chance(rng, 0.7) ? scl_draw(rng, 0.2, 0.7) : 0;
    scene.shadow = scl_draw_chance(rng, 0.6) ? scl_draw(rng, 0.2, 0.6) : 0;
    scene.crowding = scl_rng_uniform(rng);
    scene.contrast = scl_draw_chance(rng, 0.25) ? 0.12 : 0.3;
    scene.vividness = scl_draw(rng, 0.35, 1);
    return scene;
}

/* How free a place is: the gap to the nearest object in its radii. */
static double freedom(const world *scene, double x, double y)
{
    double least = 1e9;
    for (int i = 0; i < scene->count; i++) {
        const double *place = scene->places[i];
        double dx = x - place[0], dy = y - place[1];
        double gap = (dx * dx + dy * dy) / (place[2] * place[2]);
        least = gap < least ? gap : least;
    }
    return least;
}

static void draw_place(const scl_painting *painting, world *scene, scl_rng *rng, double radius)
{
    double best = -1, *place = scene->places[scene->count];
    int tries = 1 + (int)(10 * (1 - scene->crowding));
    for (int i = 0; i < tries; i++) {
        double x = scl_draw(rng, 0.04, 0.96) * painting->width;
        double y = scl_draw(rng, 0.04, 0.96) * painting->height;
        double free = freedom(scene, x, y);
        if (free <= best)
            continue;
        best = free;
        place[0] = x;
        place[1] = y;
        place[2] = radius;
    }
    scene->count++;
}

static void draw_surface(scl_painting *painting, const world *scene, scl_rng *rng,
                         scl_object *object)
{
    scl_rgb ground, best = {0};
    double farthest = -1;
    scl_object_ground(painting, object, &ground);
    for (int i = 0; i < COLOR_TRIES && farthest < scene->contrast; i++) {
        scl_rgb color = draw_color(rng, scene->vividness);
        if (scene->contrast < 0.2) /* a faint picture */
            color = scl_rgb_mix(ground, color, 0.4);
        double distance = scl_rgb_distance(color, ground);
        if (distance <= farthest)
            continue;
        farthest = distance;
        best = color;
    }
    double reach = scene->contrast < 0.2 ? 0.3 : scl_draw(rng, 0.2, 0.9);
    object->texture.first = best;
    object->texture.second = draw_partner(rng, best, reach, scene->vividness);
}

static void paint_object(scl_painting *painting, const world *scene, scl_rng *rng, int id)
{
    const double *place = scene->places[id - 1];
    scl_object object = {
        .radius = place[2], .light_x = scene->light_x, .light_y = scene->light_y, .id = id};
    object.relief = scene->relief * scl_rng_uniform(rng);
    object.shadow = scl_draw_chance(rng, 0.8) ? scene->shadow : 0;
    scl_outline_form form = (scl_outline_form)scl_rng_below(rng, SCL_OUTLINE_FORMS);
    if (scl_draw_chance(rng, 0.2))
        form = SCL_OUTLINE_BLOB;
    scl_outline_draw(&object.outline, form, rng, place[0], place[1], place[2]);
    object.texture = scl_texture_draw(rng, place[0], place[1], 2 * place[2]);
    draw_surface(painting, scene, rng, &object);
    if (scl_draw_chance(rng, 0.25)) {
        object.border = scl_draw(rng, 0.006, 0.014) * scene->side;
        object.border_color = scl_rgb_scale(object.texture.first, scl_draw(rng, 0.1, 0.6));
    }
    scl_object_paint(painting, &object);
}

static void take(scl_painting *painting, scl_rng *rng)
{
    bool sharp = scl_draw_chance(rng, 0.5);
    scl_camera camera = {0};
    camera.blur_passes = sharp ? 0 : scl_draw_whole(rng, 1, 3);
    camera.blur = scl_draw(rng, 0.3, 1);
    camera.vignette = scl_draw_chance(rng, 0.3) ? scl_draw(rng, 0.1, 0.5) : 0;
    camera.contrast = scl_draw(rng, -0.25, 0.35);
    camera.brightness = scl_draw(rng, -0.1, 0.1);
    camera.bend = scl_draw(rng, -0.4, 0.4);
    camera.gray = scl_draw_chance(rng, 0.15) ? 1 : 0;
    camera.noise = scl_draw_chance(rng, 0.6) ? scl_draw(rng, 0, 0.05) : 0;
    camera.seed = scl_rng_u32(rng);
    scl_camera_take(&camera, painting);
}

int scl_paint_shapes(scl_painting *painting, scl_rng *rng)
{
    world scene = draw_scene(painting, rng);
    paint_background(painting, rng, &scene);
    int count = scl_draw_whole(rng, 2, MOST_OBJECTS);
    double least = 0.06, most = 0.4 - 0.016 * count;
    for (int i = 0; i < count; i++) {
        double size = scl_rng_uniform(rng);
        size *= scl_draw(rng, 0.4, 1);
        draw_place(painting, &scene, rng, scene.side * (least + (most - least) * size));
    }
    for (int id = 1; id <= count; id++)
        paint_object(painting, &scene, rng, id);
    take(painting, rng);
    return scl_painting_renumber(painting);
}
