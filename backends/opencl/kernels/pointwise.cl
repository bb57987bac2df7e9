/* pointwise.cl - a program of pointwise.h as a kernel. The text put before this defines
 *   ARGUMENTS       its inputs x0, at0, x1, at1, .. with the strides of their rows, then outputs
 *                   y0, .. for values and z0, start0, .. for sums, each with a comma behind it
 *   ROW(from)       pointers p0, .. and q0, .. to value `from` of row number `row`, at `index`
 *   STEPS(T, AT)    v0, .. from what AT loads there, for the index i
 *   STORE(SET)      the outputs that are values
 *   BEGIN_SUMS      wide0, rest0, ..
 *   ADD(to)         what is summed, to its wide or rest
 *   END_SUMS(part)  the work-items' sums together, to place `part`
 *   SUMS            how many there are
 * Outputs that are values may be inputs (in place). */
#include "operations.cl"

#if SUMS == 0
/* A work-item has a stretch of `each` rows. */
__kernel void pointwise_values(ARGUMENTS int inner, int rows, int each, int n1, int n2, int n3)
{
    int first = get_global_id(0) * STRETCH, end = STRETCH_END(first, inner);
    int row = get_global_id(1) * each, last = min(row + each, rows);
    int4 index = row_index(row, n1, n2, n3);
    for (; row < last; row++, index = next_index(index, n1, n2, n3)) {
        ROW(0)
        FOR_RANGE(first, end, STEPS(floatV, VECTOR_AT) STORE(SET_VECTOR),
                  STEPS(float, FLOAT_AT) STORE(SET_FLOAT));
    }
}

#else
/* Group (s, .) has share s, of `splits`, of each of its rows. */
__kernel void pointwise_sums(ARGUMENTS int inner, int rows, int each, int n1, int n2, int n3,
                             int splits, int share)
{
    GROUP_SCRATCH
    int s = get_group_id(0), row = get_group_id(1) * each, last = min(row + each, rows);
    int n = min(share, inner - s * share);
    int4 index = row_index(row, n1, n2, n3);
    for (; row < last; row++, index = next_index(index, n1, n2, n3)) {
        ROW(s * share)
        BEGIN_SUMS
        FOR_ROW(n, STEPS(floatV, VECTOR_AT) STORE(SET_VECTOR) ADD(wide),
                STEPS(float, FLOAT_AT) STORE(SET_FLOAT) ADD(rest));
        END_SUMS(row * splits + s)
    }
}
#endif
