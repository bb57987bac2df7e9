/* cpu/register_tile.cl - for a tile of MR x NR sums in registers: a macro for each of its rows. */

#define NR (2 * V)

#define EACH_2(X)  X(0) X(1)
#define EACH_3(X)  EACH_2(X) X(2)
#define EACH_4(X)  EACH_3(X) X(3)
#define EACH_6(X)  EACH_4(X) X(4) X(5)
#define EACH_12(X) EACH_6(X) X(6) X(7) X(8) X(9) X(10) X(11)
#define EACH_ROW   CAT(EACH_, MR)

#if MR == 12
#define EACH_ROW_OF_HALF EACH_6
#elif MR == 6
#define EACH_ROW_OF_HALF EACH_3
#else
#define EACH_ROW_OF_HALF EACH_2
#endif
