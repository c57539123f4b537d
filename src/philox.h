/* Numbers of a stream by their position, the same as NumPy's Philox gives in order: counter-based,
 * so that any thread can make any of them (Salmon et al. 2011, "Parallel random numbers: as easy as
 * 1, 2, 3", Philox4x64-10). */
#ifndef CNN_EXT_PHILOX_H
#define CNN_EXT_PHILOX_H

#include <stdint.h>

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
static inline uint64_t high_product(uint64_t a, uint64_t b) {
    return __umulh(a, b);
}
#else
static inline uint64_t high_product(uint64_t a, uint64_t b) {
    return (uint64_t)(((unsigned __int128)a * b) >> 64);
}
#endif

#define PHILOX_FLOATS 8 /* of a block */

/* Block number `block` of draw `draw` of the stream `key`: eight floats in [0, 1) of 24 bits. */
static inline void philox_floats(uint64_t key, uint64_t draw, uint64_t block, float *y) {
    const uint64_t first = 0xD2E7470EE14C6C93, second = 0xCA5A826395121157;
    uint64_t c0 = block + 1, c1 = 0, c2 = 0, c3 = draw + 1, k0 = key, k1 = 0;
    for (int round = 0; round < 10; round++) {
        const uint64_t high0 = high_product(first, c0), low0 = first * c0;
        const uint64_t high1 = high_product(second, c2), low1 = second * c2;
        c0 = high1 ^ c1 ^ k0;
        c1 = low1;
        c2 = high0 ^ c3 ^ k1;
        c3 = low0;
        k0 += 0x9E3779B97F4A7C15;
        k1 += 0xBB67AE8584CAA73B;
    }
    const uint64_t words[4] = {c0, c1, c2, c3};
    for (int i = 0; i < 4; i++) { /* NumPy hands out the lower half of a word first */
        y[2 * i] = (float)((uint32_t)words[i] >> 8) * (1.0f / 16777216.0f);
        y[2 * i + 1] = (float)(words[i] >> 40) * (1.0f / 16777216.0f);
    }
}

#endif
