/* float16.h — IEEE binary16 and bfloat16 to and from float.
 *
 * Narrowing rounds to nearest, ties to even; what is too large becomes infinity; a NaN stays a
 * quiet NaN and keeps its sign. Widening is exact. Any thread. */
#ifndef SCL_IO_FLOAT16_H
#define SCL_IO_FLOAT16_H

#include <stdint.h>

uint16_t scl_float_to_half(float value);
float scl_half_to_float(uint16_t half);
uint16_t scl_float_to_bf16(float value);
float scl_bf16_to_float(uint16_t bf16);

#endif
