/* AVX2 with FMA: 32-byte vectors, 16 registers. */
#define ISA avx2
#define VECTOR_BYTES 32
#define ROWS_1 12
#define ROWS_2 5
#include "micro.inl"
