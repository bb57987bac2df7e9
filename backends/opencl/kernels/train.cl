/* train.cl - optimizer updates in place, and the norm of all gradients. */

__kernel void accumulate(__global float *state, __global const float *x, long n)
{
    long first = (long)get_global_id(0) * STRETCH, end = STRETCH_END(first, n);
    FOR_RANGE(first, end, vstoreV(vloadV(0, state + i) + vloadV(0, x + i), 0, state + i),
              state[i] += x[i]);
}

/* Group g sums the squares of its share of x. */
__kernel void square_sums(__global const float *x, __global float *partial, int start, long n,
                          int share)
{
    GROUP_SCRATCH
    long first = (long)get_group_id(0) * share;
    int count = (int)min((long)share, n - first);
    __global const float *from = x + first;
    floatV wide = 0;
    float rest = 0;
    FOR_ROW(count, floatV v = vloadV(0, from + i); wide += v * v, float v = from[i]; rest += v * v);
    float total = group_sum(sumV(wide) + rest);
    if (get_local_id(0) == 0)
        partial[start + get_group_id(0)] = total;
}

__kernel void root_of_sum(__global const float *partial, __global float *out, int count)
{
    float total = 0;
    for (int i = 0; i < count; i++)
        total += partial[i];
    out[0] = sqrt(total);
}

/* hyper: {lr, 1 - beta1^t, sqrt(1 - beta2^t), 0}. */
#define SGD(T, AT, SET)                                                                            \
    T p = AT(param + i), g = AT(grad + i) * scale + weight_decay * p;                              \
    if (momentum_buffer) {                                                                         \
        T b = momentum * AT(momentum_buffer + i) + g;                                              \
        SET(momentum_buffer + i, b);                                                               \
        g = nesterov ? g + momentum * b : b;                                                       \
    }                                                                                              \
    SET(param + i, p - lr * g)
__kernel void sgd(__global float *param, __global const float *grad, __global const float *hyper,
                  __global const float *grad_scale, __global float *momentum_buffer, long n,
                  float lr_scale, float weight_decay, float momentum, int nesterov)
{
    long first = (long)get_global_id(0) * STRETCH, end = STRETCH_END(first, n);
    float lr = hyper[0] * lr_scale, scale = grad_scale ? grad_scale[0] : 1.0f;
    FOR_RANGE(first, end, SGD(floatV, VECTOR_AT, SET_VECTOR), SGD(float, FLOAT_AT, SET_FLOAT));
}

/* rest1 and rest2 are 1 - beta1 and 1 - beta2, subtracted in double precision by the host. */
#define ADAM(T, AT, SET)                                                                           \
    T p = AT(param + i), g = AT(grad + i) * scale + decay * p;                                     \
    T m = beta1 * AT(moment1 + i) + rest1 * g;                                                     \
    T v = beta2 * AT(moment2 + i) + rest2 * g * g;                                                 \
    SET(moment1 + i, m);                                                                           \
    SET(moment2 + i, v);                                                                           \
    SET(param + i, p * keep - step * m / (sqrt(v) / root + eps))
__kernel void adam(__global float *param, __global const float *grad, __global const float *hyper,
                   __global const float *grad_scale, __global float *moment1,
                   __global float *moment2, long n, float lr_scale, float weight_decay, float beta1,
                   float beta2, float rest1, float rest2, float eps, int decoupled)
{
    long first = (long)get_global_id(0) * STRETCH, end = STRETCH_END(first, n);
    float lr = hyper[0] * lr_scale, step = lr / hyper[1], root = hyper[2];
    float scale = grad_scale ? grad_scale[0] : 1.0f;
    float decay = decoupled ? 0.0f : weight_decay;
    float keep = decoupled ? 1.0f - lr * weight_decay : 1.0f;
    FOR_RANGE(first, end, ADAM(floatV, VECTOR_AT, SET_VECTOR), ADAM(float, FLOAT_AT, SET_FLOAT));
}
