/* The vector type that kernel bodies are written over: VECTOR_BYTES wide, of REAL elements.
 *
 * Vectors of the GNU C extension have + - * and compile to any instruction set, so a body is
 * ordinary arithmetic; a * b + c becomes an FMA where there is one (-ffp-contract=fast).
 * Included once per dtype by micro.inl, hence no include guard.
 */
typedef REAL NAME(vec) __attribute__((vector_size(VECTOR_BYTES)));
typedef REAL NAME(vec_unaligned)
    __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(REAL)), may_alias));

#define vec NAME(vec)
#define LANES ((ptrdiff_t)(VECTOR_BYTES / sizeof(REAL)))

static ALWAYS_INLINE vec NAME(load)(const REAL *p) {
    return *(const NAME(vec_unaligned) *)p;
}

static ALWAYS_INLINE void NAME(store)(REAL *p, vec v) {
    *(NAME(vec_unaligned) *)p = v;
}

/* The first `count` lanes from memory, the others zero. A memcpy would be a call, around which
 * accumulators go to memory: with masks instead a 5x5 convolution to 6 channels takes half the time
 * on AVX-512. */
#if defined(__AVX512F__) || defined(__AVX2__)
static ALWAYS_INLINE vec NAME(load_partial)(const REAL *p, ptrdiff_t count) {
    return (vec)MASKED_LOAD(p, count);
}

static ALWAYS_INLINE void NAME(store_partial)(REAL *p, vec v, ptrdiff_t count) {
    MASKED_STORE(p, v, count);
}
#else
static ALWAYS_INLINE vec NAME(load_partial)(const REAL *p, ptrdiff_t count) {
    vec v = {0};
    UNROLL for (int i = 0; i < LANES; i++) {
        if (i < count)
            v[i] = p[i];
    }
    return v;
}

static ALWAYS_INLINE void NAME(store_partial)(REAL *p, vec v, ptrdiff_t count) {
    UNROLL for (int i = 0; i < LANES; i++) {
        if (i < count)
            p[i] = v[i];
    }
}
#endif

/* The same for a count of up to all lanes. */
static ALWAYS_INLINE vec NAME(load_up_to)(const REAL *p, ptrdiff_t count) {
#if defined(__AVX512F__)
    return NAME(load_partial)(p, count);
#else
    return count >= LANES ? NAME(load)(p) : NAME(load_partial)(p, count);
#endif
}

static ALWAYS_INLINE void NAME(store_up_to)(REAL *p, vec v, ptrdiff_t count) {
    if (count == LANES)
        NAME(store)(p, v);
    else
        NAME(store_partial)(p, v, count);
}

static ALWAYS_INLINE ptrdiff_t NAME(lanes_of)(ptrdiff_t rest) {
    return rest < LANES ? rest : LANES;
}
