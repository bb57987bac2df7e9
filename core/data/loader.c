#include "data/loader.h"

#include "base/mem.h"
#include "base/rng.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define RING SCL_LOADER_BATCHES

struct scl_loader {
    scl_loader_options options;
    int64_t batches; /* of an epoch */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;

    /* Under the lock. Batch number n, counted from the first delivered, is in ring[n % RING]. */
    uint64_t made, taken; /* batches made, and batches given back by the user */
    bool ended;           /* nothing more will be made */
    scl_error failure;    /* why, if not because all is done */
    scl_batch ring[RING];

    atomic_bool stopping; /* read by the thread between images without the lock */

    /* The user's. */
    bool lent; /* the user holds ring[taken % RING] */

    /* The thread's. */
    scl_batch_scratch scratch;
    uint32_t *order; /* [images] of `ordered_epoch` */
    int64_t ordered_epoch;
};

int64_t scl_loader_batches(size_t images, int64_t batch_size)
{
    return ((int64_t)images + batch_size - 1) / batch_size;
}

/* ------------------------------------------------------------------ the thread */

static void order_epoch(scl_loader *loader, int64_t epoch)
{
    if (loader->ordered_epoch == epoch)
        return;
    uint32_t count = (uint32_t)loader->options.dataset->count;
    scl_rng rng = scl_rng_make(loader->options.seed, "shuffle", (uint64_t)epoch, 0);
    if (loader->options.shuffle)
        scl_rng_permutation(&rng, loader->order, count);
    for (uint32_t i = 0; !loader->options.shuffle && i < count; i++)
        loader->order[i] = i;
    loader->ordered_epoch = epoch;
}

/* The objects of every image are known since the data set was opened, so the weights of a window
 * don't wait for its last image. */
static float window_mask_weight(const scl_loader *loader, const scl_batch *batch)
{
    const scl_dataset *dataset = loader->options.dataset;
    int64_t window = loader->options.window, images = (int64_t)dataset->count;
    int64_t first = batch->index / window * window;
    int64_t last = first + window < loader->batches ? first + window : loader->batches;
    int64_t end = last * loader->options.batch_size, masks = 0;
    for (int64_t i = first * loader->options.batch_size; i < end && i < images; i++) {
        int64_t objects = dataset->items[loader->order[i]].objects;
        masks += objects < batch->layout.objects ? objects : batch->layout.objects;
    }
    return masks > 0 ? (float)(1.0 / (double)masks) : 0;
}

/* Leaves the batch unfinished when the loader is being closed. */
static scl_status fill(scl_loader *loader, scl_batch *batch, scl_error *err)
{
    const scl_loader_options *options = &loader->options;
    order_epoch(loader, batch->epoch);
    int64_t images = (int64_t)options->dataset->count;
    int64_t start = batch->index * options->batch_size;
    float mask_weight = window_mask_weight(loader, batch);
    batch->real_images = batch->real_masks = 0;
    batch->ends_window =
        (batch->index + 1) % options->window == 0 || batch->index + 1 == loader->batches;
    for (int64_t slot = 0; slot < options->batch_size; slot++) {
        if (atomic_load(&loader->stopping))
            return SCL_OK;
        if (start + slot >= images) {
            scl_batch_clear(batch, slot);
            continue;
        }
        scl_visit visit = {.seed = options->seed,
                           .epoch = (uint64_t)batch->epoch,
                           .item = loader->order[start + slot],
                           .augment = options->augment};
        SCL_TRY(scl_batch_load(batch, slot, options->dataset, &visit, mask_weight, &loader->scratch,
                               err));
        batch->real_images++;
    }
    return SCL_OK;
}

/* A free place of the ring, or NULL when the loader is being closed. */
static scl_batch *wait_for_place(scl_loader *loader)
{
    pthread_mutex_lock(&loader->lock);
    while (loader->made - loader->taken == RING && !atomic_load(&loader->stopping))
        pthread_cond_wait(&loader->changed, &loader->lock);
    scl_batch *place = atomic_load(&loader->stopping) ? NULL : &loader->ring[loader->made % RING];
    pthread_mutex_unlock(&loader->lock);
    return place;
}

static void announce(scl_loader *loader, bool ended, const scl_error *failure)
{
    pthread_mutex_lock(&loader->lock);
    loader->made += !ended;
    loader->ended = ended;
    if (failure != NULL)
        loader->failure = *failure;
    pthread_cond_broadcast(&loader->changed);
    pthread_mutex_unlock(&loader->lock);
}

static void *make_batches(void *user)
{
    scl_loader *loader = user;
    int64_t epoch = loader->options.epoch, index = loader->options.batch;
    scl_error failure = {0};
    for (; epoch < loader->options.end_epoch; epoch++, index = 0)
        for (; index < loader->batches; index++) {
            scl_batch *batch = wait_for_place(loader);
            if (batch == NULL)
                return NULL;
            batch->epoch = epoch;
            batch->index = index;
            if (fill(loader, batch, &failure) != SCL_OK) {
                announce(loader, true, &failure);
                return NULL;
            }
            announce(loader, false, NULL);
        }
    announce(loader, true, NULL);
    return NULL;
}

/* ------------------------------------------------------------------ the user's side */

static void release(scl_loader *loader)
{
    for (int i = 0; i < RING; i++)
        scl_batch_free(&loader->ring[i]);
    scl_batch_scratch_free(&loader->scratch);
    scl_free(loader->order);
    scl_free(loader);
}

static scl_status allocate(scl_loader *loader, scl_error *err)
{
    const scl_loader_options *options = &loader->options;
    scl_batch_layout layout =
        scl_batch_layout_make(options->dataset->config, options->model, options->batch_size);
    for (int i = 0; i < RING; i++)
        SCL_TRY(scl_batch_make(&loader->ring[i], &layout, err));
    loader->order = scl_calloc(options->dataset->count, sizeof *loader->order);
    if (loader->order == NULL)
        return scl_out_of_memory(err, options->dataset->count * sizeof *loader->order,
                                 "the order of images");
    return SCL_OK;
}

static scl_status start(scl_loader *loader, scl_error *err)
{
    if (pthread_mutex_init(&loader->lock, NULL) != 0)
        return scl_fail(err, SCL_FAILED, "the loader's lock could not be made");
    if (pthread_cond_init(&loader->changed, NULL) != 0) {
        pthread_mutex_destroy(&loader->lock);
        return scl_fail(err, SCL_FAILED, "the loader's signal could not be made");
    }
    int reason = pthread_create(&loader->thread, NULL, make_batches, loader);
    if (reason == 0)
        return SCL_OK;
    pthread_cond_destroy(&loader->changed);
    pthread_mutex_destroy(&loader->lock);
    return scl_fail(err, SCL_FAILED, "the loader's thread could not be started: %s",
                    strerror(reason));
}

scl_status scl_loader_open(const scl_loader_options *options, scl_loader **loader, scl_error *err)
{
    *loader = NULL;
    scl_loader *opened = scl_calloc(1, sizeof *opened);
    if (opened == NULL)
        return scl_out_of_memory(err, sizeof *opened, "a loader");
    opened->options = *options;
    opened->batches = scl_loader_batches(options->dataset->count, options->batch_size);
    opened->ordered_epoch = -1;
    scl_status status = allocate(opened, err);
    if (status == SCL_OK)
        status = start(opened, err);
    if (status == SCL_OK)
        *loader = opened;
    else
        release(opened);
    return status;
}

scl_status scl_loader_next(scl_loader *loader, const scl_batch **batch, scl_error *err)
{
    *batch = NULL;
    scl_status status = SCL_OK;
    pthread_mutex_lock(&loader->lock);
    if (loader->lent) {
        loader->taken++;
        loader->lent = false;
        pthread_cond_broadcast(&loader->changed);
    }
    while (loader->made == loader->taken && !loader->ended)
        pthread_cond_wait(&loader->changed, &loader->lock);
    if (loader->made != loader->taken) {
        *batch = &loader->ring[loader->taken % RING];
        loader->lent = true;
    } else if (loader->failure.status != SCL_OK) {
        status = scl_fail(err, loader->failure.status, "%s", loader->failure.text);
    }
    pthread_mutex_unlock(&loader->lock);
    return status;
}

void scl_loader_close(scl_loader *loader)
{
    if (loader == NULL)
        return;
    atomic_store(&loader->stopping, true);
    pthread_mutex_lock(&loader->lock);
    pthread_cond_broadcast(&loader->changed);
    pthread_mutex_unlock(&loader->lock);
    pthread_join(loader->thread, NULL);
    pthread_cond_destroy(&loader->changed);
    pthread_mutex_destroy(&loader->lock);
    release(loader);
}
