/* The most multiply-adds per second that `threads` threads of this machine do at once.
 *
 *     cc -O3 -mavx2 -mfma -pthread fma_peak.c -o fma_peak && ./fma_peak 2
 *
 * prints GFLOP/s, one multiply-add being two operations. Each thread keeps as many independent
 * sums as registers hold, so that neither latency nor memory counts. The best of many short
 * rounds, for a busy moment of the machine only ever takes away.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#if defined(__AVX512F__)
enum { BYTES = 64, SUMS = 24 }; /* of 32 registers */
#elif defined(__AVX__)
enum { BYTES = 32, SUMS = 12 }; /* of 16 registers */
#elif defined(__aarch64__)
enum { BYTES = 16, SUMS = 24 };
#else
enum { BYTES = 16, SUMS = 12 };
#endif
enum { STEPS = 1000000, ROUNDS = 300, MAX_THREADS = 256 };

typedef float vec __attribute__((vector_size(BYTES)));

static volatile float seed = 0.5f; /* volatile: the compiler cannot foresee the result */
static volatile float sink;

static void *multiply_add(void *unused) {
    vec sums[SUMS], factor = (vec){0} + seed, term = (vec){0} + seed;
    for (int s = 0; s < SUMS; s++)
        sums[s] = term * (float)s;
    for (int step = 0; step < STEPS; step++)
#pragma GCC unroll 24
        for (int s = 0; s < SUMS; s++)
            sums[s] = sums[s] * factor + term;
    for (int s = 0; s < SUMS; s++)
        sink = sums[s][0];
    return unused;
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec * 1e-9;
}

int main(int count, char **arguments) {
    int threads = count > 1 ? atoi(arguments[1]) : 1;
    pthread_t helpers[MAX_THREADS];
    double best = 1e30;
    if (threads < 1 || threads > MAX_THREADS)
        return 1;
    for (int round = 0; round < ROUNDS; round++) {
        double start = seconds();
        for (int t = 1; t < threads; t++)
            if (pthread_create(&helpers[t], NULL, multiply_add, NULL))
                return 1;
        multiply_add(NULL);
        for (int t = 1; t < threads; t++)
            pthread_join(helpers[t], NULL);
        double took = seconds() - start;
        best = took < best ? took : best;
    }
    printf("%.1f\n", 2.0 * threads * STEPS * SUMS * (BYTES / sizeof(float)) / best * 1e-9);
    return 0;
}
