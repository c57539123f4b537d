/* Which instruction sets this build and this CPU have, who built it, and the state a kernel runs
 * under. */
#include <string.h>

#include "micro.h"

#if defined(__x86_64__) || defined(__i386__)
#include <xmmintrin.h>
#define X86 1
#elif defined(__aarch64__)
#define AARCH64 1
#endif

extern const micro_table micro_table_generic;
#if X86
extern const micro_table micro_table_avx2, micro_table_avx512;
#elif AARCH64
extern const micro_table micro_table_neon;
#endif

/* Fills `tables`, best first, and returns how many there are. */
static int usable(const micro_table *tables[4]) {
    int count = 0;
#if X86
    __builtin_cpu_init();
    const int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const int avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                       __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
    if (avx2 && avx512)
        tables[count++] = &micro_table_avx512;
    if (avx2)
        tables[count++] = &micro_table_avx2;
#elif AARCH64
    tables[count++] = &micro_table_neon;
#endif
    tables[count++] = &micro_table_generic;
    return count;
}

const micro_table *micro_for(const char *isa) {
    const micro_table *tables[4];
    const int count = usable(tables);
    for (int i = 0; i < count; i++) {
        if (isa == NULL || strcmp(isa, tables[i]->isa) == 0)
            return tables[i];
    }
    return NULL;
}

const char *const *micro_isas(void) {
    static const char *names[5];
    const micro_table *tables[4];
    const int count = usable(tables);
    for (int i = 0; i < count; i++)
        names[i] = tables[i]->isa;
    names[count] = NULL;
    return names;
}

const char *compiled_by(void) {
#if defined(__clang__)
    return "clang " __clang_version__;
#else
    return "gcc " __VERSION__;
#endif
}

/* Denormals cost a hundred cycles each, and optimizer states decay into them. */
unsigned long long flush_denormals_enter(void) {
#if X86
    const unsigned state = _mm_getcsr();
    _mm_setcsr(state | 0x8040u); /* flush to zero, denormals are zero */
    return state;
#elif AARCH64
    unsigned long long state;
    __asm__ volatile("mrs %0, fpcr" : "=r"(state));
    __asm__ volatile("msr fpcr, %0" : : "r"(state | (1ull << 24)));
    return state;
#else
    return 0;
#endif
}

void flush_denormals_leave(unsigned long long state) {
#if X86
    _mm_setcsr((unsigned)state);
#elif AARCH64
    __asm__ volatile("msr fpcr, %0" : : "r"(state));
#else
    (void)state;
#endif
}
