/* subject.h — the plugin under test, opened as a run opens it, and where it can be put to use. */
#ifndef SCL_KIT_SUBJECT_H
#define SCL_KIT_SUBJECT_H

#include "graph/graph.h"
#include "model/sam_config.h"
#include "plugin/run_plugins.h"

#define SCL_KIT_SCENES 8

/* A place to use it: a task of a loss, or a site of an adapter. */
typedef struct scl_kit_scene {
    char name[128];   /* "the task binary", "image_encoder.blocks.0.attn.qkv" */
    uint32_t task;    /* scl_task */
    scl_site site;    /* of an adapter, without its tensors; its name is `name` */
    scl_shape weight; /* of the site's layer; ndim 0: it has none */
    bool bias;
} scl_kit_scene;

typedef struct scl_kit_scenes {
    scl_kit_scene items[SCL_KIT_SCENES];
    size_t count, wrapped, trained; /* of an adapter: sites and parameters that it takes */
    char refused[256];              /* why a loss does not take some task; else empty */
} scl_kit_scenes;

/* Zero-initialise. Must not move while it is open. */
typedef struct scl_kit_subject {
    uint32_t kind;
    scl_run_config config;
    scl_run_plugins plugins;
} scl_kit_subject;

/* `params` as YAML, "{alpha: 1}"; a loss may be opened several times in one run, an adapter once.
 * SCL_BAD_CONFIG when the parameters are wrong. Close it whatever the status. */
scl_status scl_kit_subject_open(scl_kit_subject *subject, const char *path, uint32_t kind,
                                const char *const *params, size_t count, scl_error *err);
void scl_kit_subject_close(scl_kit_subject *subject);

/* A small SAM whose sites have the names of ViT-B's; `wide`: as wide as the smallest real ones. */
scl_sam_config scl_kit_model(bool wide);

/* Where the subject can be used: each task that a loss takes, and one site of each form that an
 * adapter wraps. SCL_PLUGIN when there is none. */
scl_status scl_kit_scenes_find(scl_kit_subject *subject, bool wide, scl_kit_scenes *scenes,
                               scl_error *err);

#endif
