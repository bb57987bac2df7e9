/* train.cl - optimizer updates in place, and the norm of all gradients. */

__kernel void accumulate(__global float *state, __global const float *x, long n)
{
    long i = (long)get_global_id(0) * V;
    if (i + V <= n)
        vstoreV(vloadV(0, state + i) + vloadV(0, x + i), 0, state + i);
    else
        for (; i < n; i++)
            state[i] += x[i];
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
    FOR_ROW(count, floatV v = vloadV(0, from + i); wide += v * v, float v = from[i];
            rest += v * v);
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
__kernel void sgd(__global float *param, __global const float *grad, __global const float *hyper,
                  __global const float *grad_scale, __global float *momentum_buffer, int n,
                  float lr_scale, float weight_decay, float momentum, int nesterov)
{
    int i = get_global_id(0);
    if (i >= n)
        return;
    float lr = hyper[0] * lr_scale;
    float g = grad[i] * (grad_scale ? grad_scale[0] : 1.0f) + weight_decay * param[i];
    if (momentum_buffer) {
        float b = momentum * momentum_buffer[i] + g;
        momentum_buffer[i] = b;
        g = nesterov ? g + momentum * b : b;
    }
    param[i] -= lr * g;
}

/* rest1 and rest2 are 1 - beta1 and 1 - beta2, subtracted in double precision by the host. */
__kernel void adam(__global float *param, __global const float *grad, __global const float *hyper,
                   __global const float *grad_scale, __global float *moment1,
                   __global float *moment2, int n, float lr_scale, float weight_decay, float beta1,
                   float beta2, float rest1, float rest2, float eps, int decoupled)
{
    int i = get_global_id(0);
    if (i >= n)
        return;
    float lr = hyper[0] * lr_scale, p = param[i];
    float g = grad[i] * (grad_scale ? grad_scale[0] : 1.0f);
    if (decoupled)
        p *= 1.0f - lr * weight_decay;
    else
        g += weight_decay * p;
    float m = beta1 * moment1[i] + rest1 * g;
    float v = beta2 * moment2[i] + rest2 * g * g;
    moment1[i] = m;
    moment2[i] = v;
    param[i] = p - lr / hyper[1] * m / (sqrt(v) / hyper[2] + eps);
}
