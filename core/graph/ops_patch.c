/* Convolutions as patches and a matrix product. */
#include "graph/ops_internal.h"

scl_tensor *scl_im2col(scl_graph *g, scl_tensor *x, int64_t kernel, int64_t stride, int64_t pad)
{
    if (x == NULL)
        return NULL;
    char text[SCL_SHAPE_TEXT];
    scl_shape s = x->shape;
    int64_t oh = s.ndim == 4 ? (s.dim[1] + 2 * pad - kernel) / stride + 1 : 0;
    int64_t ow = s.ndim == 4 ? (s.dim[2] + 2 * pad - kernel) / stride + 1 : 0;
    if (oh < 1 || ow < 1)
        return scl_graph_fail(g, "convolution of %s with a kernel of %lld: no output left",
                              scl_shape_text(s, text), (long long)kernel);
    scl_node *node = scl_node_add(g, SCL_OP_IM2COL, &x, 1, 1);
    if (node != NULL)
        node->attr.patch = (scl_patch_attr){.height = s.dim[1],
                                            .width = s.dim[2],
                                            .channels = s.dim[3],
                                            .kernel = kernel,
                                            .stride = stride,
                                            .pad = pad};
    return scl_node_output(g, node, 0, SCL_F32,
                           SCL_SHAPE(s.dim[0], oh, ow, s.dim[3] * kernel * kernel));
}

scl_tensor *scl_col2im(scl_graph *g, scl_tensor *x, int64_t height, int64_t width, int64_t kernel,
                       int64_t stride, int64_t pad)
{
    if (x == NULL)
        return NULL;
    char text[SCL_SHAPE_TEXT];
    scl_shape s = x->shape;
    int64_t area = kernel * kernel;
    if (s.ndim != 4 || s.dim[3] % area != 0 ||
        (height + 2 * pad - kernel) / stride + 1 != s.dim[1] ||
        (width + 2 * pad - kernel) / stride + 1 != s.dim[2])
        return scl_graph_fail(g, "col2im: patches %s do not cover %lld x %lld",
                              scl_shape_text(s, text), (long long)height, (long long)width);
    scl_node *node = scl_node_add(g, SCL_OP_COL2IM, &x, 1, 1);
    if (node != NULL)
        node->attr.patch = (scl_patch_attr){.height = height,
                                            .width = width,
                                            .channels = s.dim[3] / area,
                                            .kernel = kernel,
                                            .stride = stride,
                                            .pad = pad};
    return scl_node_output(g, node, 0, SCL_F32,
                           SCL_SHAPE(s.dim[0], height, width, s.dim[3] / area));
}

SCL_GRAD(im2col)
{
    const scl_patch_attr *p = &node->attr.patch;
    dx[0] = scl_col2im(g, dy[0], p->height, p->width, p->kernel, p->stride, p->pad);
}

SCL_GRAD(col2im)
{
    const scl_patch_attr *p = &node->attr.patch;
    dx[0] = scl_im2col(g, dy[0], p->kernel, p->stride, p->pad);
}

scl_tensor *scl_conv2d(scl_graph *g, scl_tensor *x, scl_tensor *w, scl_tensor *bias, int64_t stride,
                       int64_t pad)
{
    if (x == NULL || w == NULL)
        return NULL;
    scl_shape s = w->shape;
    if (s.ndim != 4 || s.dim[2] != s.dim[3] || x->shape.ndim != 4 || x->shape.dim[3] != s.dim[1])
        return scl_graph_fail(g, "conv2d: the weight does not fit its input");
    bool pointwise = s.dim[2] == 1 && stride == 1 && pad == 0;
    scl_tensor *columns = pointwise ? x : scl_im2col(g, x, s.dim[2], stride, pad);
    scl_tensor *flat = scl_reshape(g, w, SCL_SHAPE(s.dim[0], s.dim[1] * s.dim[2] * s.dim[3]));
    return scl_linear(g, columns, flat, bias, 1);
}

scl_tensor *scl_conv_transpose2d(scl_graph *g, scl_tensor *x, scl_tensor *w, scl_tensor *bias)
{
    if (x == NULL || w == NULL)
        return NULL;
    scl_shape s = w->shape, in = x->shape;
    if (s.ndim != 4 || s.dim[2] != s.dim[3] || in.ndim != 4 || in.dim[3] != s.dim[0])
        return scl_graph_fail(g, "conv_transpose2d: the weight does not fit its input");
    int64_t k = s.dim[2], size = k * k, out = s.dim[1], lines = in.dim[0] * in.dim[1];
    /* columns in (ky, kx, c) order, so that pixels of a line are neighbours for each ky */
    scl_tensor *columns = scl_swap(g, scl_reshape(g, w, SCL_SHAPE(s.dim[0], out, size, 1)));
    if (bias != NULL) {
        bias = scl_broadcast(g, scl_reshape(g, bias, SCL_SHAPE(1, out)), SCL_SHAPE(size, out));
        bias = scl_reshape(g, bias, SCL_SHAPE(size * out));
    }
    scl_tensor *y = scl_matmul_bias(g, scl_reshape(g, x, SCL_SHAPE(lines * in.dim[2], s.dim[0])),
                                    scl_reshape(g, columns, SCL_SHAPE(s.dim[0], size * out)), bias,
                                    false, false, 1);
    y = scl_swap(g, scl_reshape(g, y, SCL_SHAPE(lines, in.dim[2], k, k * out)));
    return scl_reshape(g, y, SCL_SHAPE(in.dim[0], in.dim[1] * k, in.dim[2] * k, out));
}
