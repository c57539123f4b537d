/* Sums over a list of the few gradients that a max-pool and a ReLU let pass: see micro.h. Every
 * multiply-add has an operand in the cache, so 4 and more vectors keep both load units busy. */
static ALWAYS_INLINE void NAME(sparse_sum)(const int vectors, const REAL *x,
                                           const ptrdiff_t *x_offset, const int32_t *index,
                                           const REAL *value, ptrdiff_t entries, REAL *y,
                                           const ptrdiff_t *y_offset) {
    vec acc[MICRO_MAX_ROWS] = {0};
    for (ptrdiff_t e = 0; e < entries; e++) {
        const REAL *row = x + index[e];
        const REAL g = value[e];
        UNROLL for (int v = 0; v < vectors; v++) acc[v] += g * NAME(load)(row + x_offset[v]);
    }
    UNROLL for (int v = 0; v < vectors; v++) {
        REAL *p = y + y_offset[v];
        NAME(store)(p, NAME(load)(p) + acc[v]);
    }
}

/* The values whose code is wanted, and step times their number in the list; returns how many.
 * Writes up to a vector behind them. */
static ptrdiff_t NAME(list_equal)(const uint8_t *code, uint8_t wanted, const REAL *value,
                                  ptrdiff_t count, int32_t step, int32_t *index, REAL *listed) {
    ptrdiff_t c = 0, found = 0;
#if defined(COMPRESS) /* 4 times the speed of the loop below */
    for (; c + LANES <= count; c += LANES)
        found +=
            COMPRESS(code + c, wanted, value + c, (int32_t)c, step, index + found, listed + found);
#endif
    for (; c < count; c++) {
        index[found] = (int32_t)c * step;
        listed[found] = value[c];
        found += code[c] == wanted;
    }
    return found;
}
