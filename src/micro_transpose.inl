/* y[c][r] = x[r][c]: squares of LANES x LANES are transposed in registers, in log2(LANES) rounds
 * that interleave the first half of the rows with the second. */
#if defined(__clang__)
static void NAME(transpose)(const REAL *x, ptrdiff_t x_row, ptrdiff_t rows, ptrdiff_t cols, REAL *y,
                            ptrdiff_t y_row) {
    for (ptrdiff_t c = 0; c < cols; c++) {
        for (ptrdiff_t r = 0; r < rows; r++)
            y[c * y_row + r] = x[r * x_row + c];
    }
}
#else
static void NAME(transpose)(const REAL *x, ptrdiff_t x_row, ptrdiff_t rows, ptrdiff_t cols, REAL *y,
                            ptrdiff_t y_row) {
    typedef LANE_INDEX index __attribute__((vector_size(VECTOR_BYTES)));
    index low, high;
    UNROLL for (int i = 0; i < LANES / 2; i++) {
        low[2 * i] = i;
        low[2 * i + 1] = LANES + i;
        high[2 * i] = LANES / 2 + i;
        high[2 * i + 1] = LANES + LANES / 2 + i;
    }
    for (ptrdiff_t r = 0; r < rows; r += LANES) {
        const ptrdiff_t tall = rows - r < LANES ? rows - r : LANES;
        for (ptrdiff_t c = 0; c < cols; c += LANES) {
            const ptrdiff_t wide = cols - c < LANES ? cols - c : LANES;
            const REAL *in = x + r * x_row + c;
            vec square[LANES] = {0}, next[LANES];
            UNROLL for (int i = 0; i < LANES; i++) {
                if (i < tall)
                    square[i] = wide == LANES ? NAME(load)(in + i * x_row)
                                              : NAME(load_partial)(in + i * x_row, wide);
            }
            UNROLL for (int round = 1; round < LANES; round *= 2) {
                UNROLL for (int i = 0; i < LANES / 2; i++) {
                    next[2 * i] = __builtin_shuffle(square[i], square[i + LANES / 2], low);
                    next[2 * i + 1] = __builtin_shuffle(square[i], square[i + LANES / 2], high);
                }
                UNROLL for (int i = 0; i < LANES; i++) square[i] = next[i];
            }
            UNROLL for (int i = 0; i < LANES; i++) {
                REAL *out = y + (c + i) * y_row + r;
                if (i < wide && tall == LANES)
                    NAME(store)(out, square[i]);
                else if (i < wide)
                    NAME(store_partial)(out, square[i], tall);
            }
        }
    }
}
#endif
