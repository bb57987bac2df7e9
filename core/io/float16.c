#include "io/float16.h"

#include <string.h>

#define SIGN            0x80000000u
#define INFINITE        0x7f800000u /* the float with exponent 255 and no fraction */
#define HALF_OVERFLOW   0x477ff000u /* 65520, halfway from the largest half to the next power */
#define HALF_NORMAL     0x38800000u /* 2^-14, the smallest normal half */
#define EXPONENT_OFFSET 0x38000000u /* (127 - 15) << 23: from float's exponent bias to half's */

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

uint16_t scl_float_to_half(float value)
{
    uint32_t bits = bits_of(value);
    uint32_t sign = (bits & SIGN) >> 16, magnitude = bits & ~SIGN;
    if (magnitude > INFINITE)
        return (uint16_t)(sign | 0x7e00u);
    if (magnitude >= HALF_OVERFLOW)
        return (uint16_t)(sign | 0x7c00u);
    if (magnitude < HALF_NORMAL) {
        /* 0.5 has the last bit of a subnormal half, 2^-24, so the addition does the rounding. */
        uint32_t shifted = bits_of(float_of(magnitude) + 0.5f);
        return (uint16_t)(sign | (shifted - bits_of(0.5f)));
    }
    uint32_t odd = (magnitude >> 13) & 1u;
    return (uint16_t)(sign | ((magnitude - EXPONENT_OFFSET + 0xfffu + odd) >> 13));
}

float scl_half_to_float(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    uint32_t exponent = (half >> 10) & 0x1fu, fraction = half & 0x3ffu;
    if (exponent == 0) {
        float magnitude = (float)fraction * 0x1p-24f;
        return sign != 0 ? -magnitude : magnitude;
    }
    if (exponent == 31)
        return float_of(sign | INFINITE | (fraction << 13));
    return float_of(sign | (((exponent << 23) | (fraction << 13)) + EXPONENT_OFFSET));
}

uint16_t scl_float_to_bf16(float value)
{
    uint32_t bits = bits_of(value);
    if ((bits & ~SIGN) > INFINITE)
        return (uint16_t)((bits >> 16) | 0x40u);
    return (uint16_t)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

float scl_bf16_to_float(uint16_t bf16)
{
    return float_of((uint32_t)bf16 << 16);
}
