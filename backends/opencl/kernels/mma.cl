/* mma.cl - products on the matrix units of NVIDIA's GPUs, to the precision of float.
 *
 * The units multiply numbers of 11 significant bits (TF32) and add in float. A float is the sum of
 * two such numbers to 22 bits, so three of their products make one: big big + big small + small big
 * (Markidis et al. 2018, "NVIDIA Tensor Core Programmability, Performance and Precision").
 *
 * The 32 work-items of a warp hold C [16][8], A [16][8] and B [8][8] together (PTX ISA,
 * mma.m16n8k8). With g = LANE_ROW and t = LANE_COLUMN, work-item (g, t) has of A: (g, t), (g + 8,
 * t), (g, t + 4), (g + 8, t + 4) of B: (t, g), (t + 4, g) of C: (g, 2 t), (g, 2 t + 1), (g + 8, 2
 * t), (g + 8, 2 t + 1). */

#define WARP              32
#define LANE_ROW(item)    ((item) % WARP / 4)
#define LANE_COLUMN(item) ((item) % 4)

typedef struct {
    uint big[4], small[4];
} part_a;

typedef struct {
    uint big[2], small[2];
} part_b;

/* Rounds to 11 significant bits; what is left needs no more of them than the units read. */
#define SPLIT(part, i, x)                                                                          \
    do {                                                                                           \
        float split_x = (x);                                                                       \
        (part).big[i] = (as_uint(split_x) + 0x1000u) & 0xffffe000u;                                \
        (part).small[i] = as_uint(split_x - as_float((part).big[i]));                              \
    } while (0)

/* C += A B */
REGISTERS void mma(float c[4], const uint a[4], const uint b[2])
{
    __asm__ volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
                     "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                     : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

#define CLEAR(c, I, J)                                                                             \
    EACH (i, I)                                                                                    \
        EACH (j, J)                                                                                \
            EACH (e, 4)                                                                            \
    c[i][j][e] = 0

/* c[I][J][4] += a[I] b[J], the small products first. */
#define MMA_PASS(c, a, A, b, B, I, J)                                                              \
    EACH (i, I)                                                                                    \
        EACH (j, J)                                                                                \
    mma(c[i][j], a[i].A, b[j].B)
#define MMA(c, a, b, I, J)                                                                         \
    do {                                                                                           \
        MMA_PASS(c, a, small, b, big, I, J);                                                       \
        MMA_PASS(c, a, big, b, small, I, J);                                                       \
        MMA_PASS(c, a, big, b, big, I, J);                                                         \
    } while (0)
