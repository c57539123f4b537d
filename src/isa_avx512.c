/* AVX-512 F, VL, DQ and BW: 64-byte vectors, 32 registers. */
#define ISA avx512
#define VECTOR_BYTES 64
#define ROWS_1 14
#define ROWS_2 14
#include "micro.inl"
