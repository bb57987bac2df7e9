/* random.cl - random values of a batch: Philox4x32-10 (Salmon et al., SC 2011), as core/base/rng.c
 * has it, and Box-Muller. */

#define ROUNDS 10

static inline uint4 philox(uint2 key, uint4 c)
{
    for (int round = 0; round < ROUNDS; round++) {
        const uint m0 = 0xD2511F53u, m1 = 0xCD9E8D57u;
        c = (uint4)(mul_hi(m1, c.z) ^ c.y ^ key.x, m1 * c.z, mul_hi(m0, c.x) ^ c.w ^ key.y,
                    m0 * c.x);
        key += (uint2)(0x9E3779B9u, 0xBB67AE85u);
    }
    return c;
}

/* 24 bits in [0, 1). */
static inline float4 uniform4(uint4 words)
{
    return convert_float4(words >> 8) * 0x1p-24f;
}

/* Two pairs: the radius from 23 bits and a half, so never of 0, the angle from 24. */
static inline float4 normal4(uint4 words)
{
    float2 first = (convert_float2(words.xz >> 9) + 0.5f) * 0x1p-23f;
    float2 angle = 2.0f * convert_float2(words.yw >> 8) * 0x1p-24f;
    float2 radius = sqrt(-2.0f * log(first));
    float2 x = radius * cospi(angle), y = radius * sinpi(angle);
    return (float4)(x.x, y.x, x.y, y.y);
}

/* Value i is word i % 4 of block i / 4; a work-item has a stretch. */
__kernel void random_values(__global const int *key, __global float *out, long n, int salt_low,
                            int salt_high, int normal)
{
    long first = (long)get_global_id(0) * STRETCH, end = STRETCH_END(first, n);
    uint2 k = (uint2)(as_uint(key[0]), as_uint(key[1]));
    for (long i = first; i < end; i += 4) {
        ulong block = (ulong)i / 4;
        uint4 counter = (uint4)((uint)block, (uint)(block >> 32), as_uint(salt_low),
                                as_uint(salt_high));
        uint4 words = philox(k, counter);
        float4 values = normal ? normal4(words) : uniform4(words);
        if (i + 4 <= end)
            vstore4(values, 0, out + i);
        else
            for (int rest = 0; i + rest < end; rest++)
                out[i + rest] = rest == 0 ? values.x : rest == 1 ? values.y : values.z;
    }
}
