/* AArch64 Advanced SIMD: 16-byte vectors, 32 registers; with 11 x 2 accumulators gcc, which loads
 * well ahead of use, would keep some in memory. */
#define ISA neon
#define VECTOR_BYTES 16
#define ROWS_1 14
#define ROWS_2 10
#include "micro.inl"
