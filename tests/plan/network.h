/* network.h — a small network for tests of the graph room: a frozen encoder, a trained head. */
#ifndef SCL_TESTS_NETWORK_H
#define SCL_TESTS_NETWORK_H

#include "graph/ops.h"

typedef struct network {
    scl_graph *graph;
    scl_tensor *image, *offset; /* inputs [batch, 12, 8], [batch, 1, 1] */
    scl_tensor *encoded;        /* the encoder's output */
    scl_tensor *loss;
    scl_tensor *weight; /* a trained parameter */
} network;

/* With `train` the loss is differentiated. `encoder_trained` leaves no frozen prefix. */
network network_build(int64_t batch, bool train, bool encoder_trained, scl_error *err);

#endif
