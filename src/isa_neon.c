/* AArch64 Advanced SIMD: 16-byte vectors, 32 registers. */
#define ISA neon
#define VECTOR_BYTES 16
#define ROWS_1 14
#define ROWS_2 12
#include "micro.inl"
