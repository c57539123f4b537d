/* Fills one micro_table: included by each isa_*.c, which defines
 *   ISA            its name
 *   VECTOR_BYTES   the width of its registers
 *   ROWS_1 ROWS_2  the tallest register block with one and with two vectors of channels:
 *                  accumulators, weights and a broadcast must fit its registers
 */
#include <math.h>
#include <string.h>

#include "micro.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))
/* Accumulator arrays become registers only if the loops over them vanish. clang unrolls by a number
 * too late for that, in full early enough. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

#define PASTE_(op, suffix, isa) op##_##suffix##__##isa
#define PASTE(op, suffix, isa) PASTE_(op, suffix, isa)
#define NAME(op) PASTE(op, SUFFIX, ISA)
#define PASTE_TABLE_(isa) micro_table_##isa
#define PASTE_TABLE(isa) PASTE_TABLE_(isa)
#define QUOTE_(text) #text
#define QUOTE(text) QUOTE_(text)

/* UP_TO(n, X, v) is X(1, v) X(2, v) ... X(n, v). */
#define UP_TO_1(X, v) X(1, v)
#define UP_TO_2(X, v) UP_TO_1(X, v) X(2, v)
#define UP_TO_3(X, v) UP_TO_2(X, v) X(3, v)
#define UP_TO_4(X, v) UP_TO_3(X, v) X(4, v)
#define UP_TO_5(X, v) UP_TO_4(X, v) X(5, v)
#define UP_TO_6(X, v) UP_TO_5(X, v) X(6, v)
#define UP_TO_7(X, v) UP_TO_6(X, v) X(7, v)
#define UP_TO_8(X, v) UP_TO_7(X, v) X(8, v)
#define UP_TO_9(X, v) UP_TO_8(X, v) X(9, v)
#define UP_TO_10(X, v) UP_TO_9(X, v) X(10, v)
#define UP_TO_11(X, v) UP_TO_10(X, v) X(11, v)
#define UP_TO_12(X, v) UP_TO_11(X, v) X(12, v)
#define UP_TO_13(X, v) UP_TO_12(X, v) X(13, v)
#define UP_TO_14(X, v) UP_TO_13(X, v) X(14, v)
#define UP_TO_(n, X, v) UP_TO_##n(X, v)
#define UP_TO(n, X, v) UP_TO_(n, X, v)

#if defined(__AVX512F__)
#include <immintrin.h>
#define FIRST(count) ((1u << (count)) - 1)
#define MASKED_LOAD_F32(p, count) _mm512_maskz_loadu_ps((__mmask16)FIRST(count), p)
#define MASKED_LOAD_F64(p, count) _mm512_maskz_loadu_pd((__mmask8)FIRST(count), p)
#define MASKED_STORE_F32(p, v, count) _mm512_mask_storeu_ps(p, (__mmask16)FIRST(count), (__m512)v)
#define MASKED_STORE_F64(p, v, count) _mm512_mask_storeu_pd(p, (__mmask8)FIRST(count), (__m512d)v)

static ALWAYS_INLINE ptrdiff_t compress_f32(const uint8_t *code, uint8_t wanted, const float *value,
                                            int32_t first, int32_t step, int32_t *index,
                                            float *listed) {
    const __m512i lanes = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    const __m512i numbers = _mm512_add_epi32(lanes, _mm512_set1_epi32(first));
    const __m128i codes = _mm_loadu_si128((const __m128i *)code);
    const __mmask16 equal = _mm_cmpeq_epi8_mask(codes, _mm_set1_epi8((char)wanted));
    const __m512i at = _mm512_mullo_epi32(numbers, _mm512_set1_epi32(step));
    /* Compressing into a register and storing it whole is faster than into memory. */
    _mm512_storeu_si512(index, _mm512_maskz_compress_epi32(equal, at));
    _mm512_storeu_ps(listed, _mm512_maskz_compress_ps(equal, _mm512_loadu_ps(value)));
    return __builtin_popcount(equal);
}
#define COMPRESS_F32 compress_f32
#elif defined(__AVX2__)
#include <immintrin.h>
static const int32_t ones_then_zeros[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
#define FIRST(words) _mm256_loadu_si256((const __m256i *)(ones_then_zeros + 8 - (words)))
#define MASKED_LOAD_F32(p, count) _mm256_maskload_ps(p, FIRST(count))
#define MASKED_LOAD_F64(p, count) _mm256_maskload_pd(p, FIRST(2 * (count)))
#define MASKED_STORE_F32(p, v, count) _mm256_maskstore_ps(p, FIRST(count), (__m256)v)
#define MASKED_STORE_F64(p, v, count) _mm256_maskstore_pd(p, FIRST(2 * (count)), (__m256d)v)
#endif

/* exp(x) = scale + scale * part, where scale is a power of 2 and part = exp(r) - 1 of the rest r,
 * by Cephes' polynomial: to 2e-7 of it. Plain arithmetic, which vectorises where a call of libm
 * does not: tanh over the images of LeNet-5 takes a tenth of the time. Beyond [-87, 88] the result
 * is that of the limit, but a NaN stays. */
static ALWAYS_INLINE float exp_parts_f32(float x, float *scale) {
    const float low = x < -87.0f ? -87.0f : x, limited = low > 88.0f ? 88.0f : low;
    const float k = (limited * 1.44269504f + 12582912.0f) - 12582912.0f; /* to the nearest */
    const float r = (limited - k * 0.693359375f) + k * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    const union {
        int32_t bits;
        float value;
    } power = {((int32_t)k + 127) << 23};
    *scale = power.value;
    return p * r * r + r;
}

static ALWAYS_INLINE float exp_f32(float x) {
    float scale;
    const float part = exp_parts_f32(x, &scale);
    return x < -87.0f ? 0 : scale + scale * part;
}

static ALWAYS_INLINE float expm1_f32(float x) {
    float scale;
    const float part = exp_parts_f32(x, &scale);
    return (scale - 1) + scale * part;
}

static ALWAYS_INLINE float tanh_f32(float x) {
    const float e = expm1_f32(2 * x);
    return e / (e + 2);
}

#define REAL float
#define LANE_INDEX int32_t
#define SUFFIX f32
#define SQRT sqrtf
#define EXP exp_f32
#define EXPM1 expm1_f32
#define TANH tanh_f32
#define MASKED_LOAD MASKED_LOAD_F32
#define MASKED_STORE MASKED_STORE_F32
#if defined(COMPRESS_F32)
#define COMPRESS COMPRESS_F32
#endif
#include "micro_dtype.inl"
#undef COMPRESS
#undef REAL
#undef LANE_INDEX
#undef SUFFIX
#undef SQRT
#undef EXP
#undef EXPM1
#undef TANH
#undef MASKED_LOAD
#undef MASKED_STORE

#define REAL double
#define LANE_INDEX int64_t
#define SUFFIX f64
#define SQRT sqrt
#define EXP exp
#define EXPM1 expm1
#define TANH tanh
#define MASKED_LOAD MASKED_LOAD_F64
#define MASKED_STORE MASKED_STORE_F64
#include "micro_dtype.inl"
const micro_table PASTE_TABLE(ISA) = {
    .isa = QUOTE(ISA),
    .f32 = &PASTE(micro, f32, ISA),
    .f64 = &PASTE(micro, f64, ISA),
};
