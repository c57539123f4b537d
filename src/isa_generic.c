/* Any CPU: the compiler's baseline, 16-byte vectors, 16 registers. */
#define ISA generic
#define VECTOR_BYTES 16
#define ROWS_1 12
#define ROWS_2 5
#include "micro.inl"
