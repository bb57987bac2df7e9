/* train.cl - optimizer updates in place, and the norm of all gradients. */

__kernel void accumulate(__global float *state, __global const float *x, long n)
{
    long first = (long)get_global_id(0) * STRETCH, end = STRETCH_END(first, n);
    FOR_RANGE(first, end, vstoreV(vloadV(0, state + i) + vloadV(0, x + i), 0, state + i),
              state[i] += x[i]);
}

__kernel void running_mean(__global float *state, __global const float *x,
                           __global const float *hyper, long n)
{
    const float rate = hyper[3];
    long first = (long)get_global_id(0) * STRETCH, end = STRETCH_END(first, n);
    FOR_RANGE(first, end,
              vstoreV(vloadV(0, state + i) + rate * (vloadV(0, x + i) - vloadV(0, state + i)), 0,
                      state + i),
              state[i] += rate * (x[i] - state[i]));
}

#define FROM_1(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7)

/* Group (g, member) sums the squares of share g of x<member>, into partial from start<member>. */
#define NORM_ARGS(k) __global const float *x##k, long n##k, int start##k,
#define NORM_MEMBER(k)                                                                             \
    if (member == k) {                                                                             \
        x = x##k;                                                                                  \
        n = n##k;                                                                                  \
        start = start##k;                                                                          \
    }
__kernel void square_sums(NORM_ARGS(0) FROM_1(NORM_ARGS) __global float *partial, int share)
{
    GROUP_SCRATCH
    int member = get_group_id(1), start = start0;
    __global const float *x = x0;
    long n = n0, first = (long)get_group_id(0) * share;
    FROM_1(NORM_MEMBER)
    int count = (int)clamp(n - first, 0L, (long)share); /* none: another member has more shares */
    __global const float *from = x + first;
    floatV wide = 0;
    float rest = 0;
    FOR_ROW(count, floatV v = vloadV(0, from + i); wide += v * v, float v = from[i]; rest += v * v);
    float total = group_sum(sumV(wide) + rest);
    if (get_local_id(0) == 0 && count > 0)
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
__kernel void sgd(__global float *param, __global const float *grad,
                  __global float *momentum_buffer, __global const float *hyper,
                  __global const float *grad_scale, long n, float lr_scale, float weight_decay,
                  float momentum, int nesterov)
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
#define ADAM_ARGS(k)                                                                               \
    __global float *param##k, __global const float *grad##k, __global float *moment1_##k,          \
        __global float *moment2_##k, long n##k,
#define ADAM_MEMBER(k)                                                                             \
    if (member == k) {                                                                             \
        param = param##k;                                                                          \
        grad = grad##k;                                                                            \
        moment1 = moment1_##k;                                                                     \
        moment2 = moment2_##k;                                                                     \
        n = n##k;                                                                                  \
    }
/* Work-item (stretch, member). */
__kernel void adam(ADAM_ARGS(0) FROM_1(ADAM_ARGS) __global const float *hyper,
                   __global const float *grad_scale, float lr_scale, float weight_decay,
                   float beta1, float beta2, float rest1, float rest2, float eps, int decoupled)
{
    int member = get_global_id(1);
    __global float *param = param0, *moment1 = moment1_0, *moment2 = moment2_0;
    __global const float *grad = grad0;
    long n = n0;
    FROM_1(ADAM_MEMBER)
    long first = (long)get_global_id(0) * STRETCH, end = STRETCH_END(first, n);
    float lr = hyper[0] * lr_scale, step = lr / hyper[1], root = hyper[2];
    float scale = grad_scale ? grad_scale[0] : 1.0f;
    float decay = decoupled ? 0.0f : weight_decay;
    float keep = decoupled ? 1.0f - lr * weight_decay : 1.0f;
    FOR_RANGE(first, end, ADAM(floatV, VECTOR_AT, SET_VECTOR), ADAM(float, FLOAT_AT, SET_FLOAT));
}
