/* The register blocks of convolution and of matrix products: see micro.h for their arguments.
 *
 * `rows` and `vectors` are constants at every call (micro_dtype.inl), so that `acc` lives in
 * registers. Per weight row a conv_block loads `vectors` vectors and broadcasts `rows` inputs for
 * rows * vectors multiply-adds: 14 x 2 on 32 registers and 5 x 2 on 16 keep the multipliers, not
 * the loads, busy. Strides, taps and dilation are run-time numbers and cost nothing measurable.
 */
static ALWAYS_INLINE void NAME(conv_block)(const int rows, const int vectors, const REAL *x,
                                           ptrdiff_t x_pixel, const tap_run *runs, ptrdiff_t n_runs,
                                           const REAL *w, ptrdiff_t w_row, REAL *y,
                                           ptrdiff_t y_pixel, ptrdiff_t channels, int accumulate) {
    vec acc[MICRO_MAX_ROWS][MICRO_MAX_VECTORS] = {0};
    for (ptrdiff_t run = 0; run < n_runs; run++) {
        const REAL *input = x + runs[run].offset;
        for (ptrdiff_t i = 0; i < runs[run].length; i++, w += w_row) {
            vec weight[MICRO_MAX_VECTORS];
            UNROLL for (int v = 0; v < vectors; v++) weight[v] = NAME(load)(w + v * LANES);
            UNROLL for (int r = 0; r < rows; r++) {
                UNROLL for (int v = 0; v < vectors; v++) {
                    acc[r][v] += input[r * x_pixel + i] * weight[v];
                }
            }
        }
    }
    const int full = channels == vectors * LANES ? vectors : vectors - 1;
    const ptrdiff_t rest = channels - full * LANES;
    UNROLL for (int r = 0; r < rows; r++) {
        REAL *out = y + r * y_pixel;
        UNROLL for (int v = 0; v < vectors; v++) {
            REAL *p = out + v * LANES;
            if (v < full) {
                NAME(store)(p, accumulate ? NAME(load)(p) + acc[r][v] : acc[r][v]);
            } else {
                vec old = accumulate ? NAME(load_partial)(p, rest) : (vec){0};
                NAME(store_partial)(p, old + acc[r][v], rest);
            }
        }
    }
}

static ALWAYS_INLINE void NAME(outer_block)(const int rows, const int vectors, const int apart,
                                            const REAL *x, const ptrdiff_t *offset, ptrdiff_t x_row,
                                            ptrdiff_t x_pixel, const REAL *g, ptrdiff_t g_row,
                                            ptrdiff_t g_pixel, ptrdiff_t n_rows, ptrdiff_t n_cols,
                                            REAL *w, ptrdiff_t w_row, ptrdiff_t channels) {
    const int full = channels == vectors * LANES ? vectors : vectors - 1;
    const ptrdiff_t rest = channels - full * LANES;
    const ptrdiff_t last = channels - (vectors - 1) * LANES;
    vec acc[MICRO_MAX_ROWS][MICRO_MAX_VECTORS] = {0};
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        const REAL *input = x + i * x_row;
        const REAL *grad = g + i * g_row;
        for (ptrdiff_t j = 0; j < n_cols; j++, input += x_pixel, grad += g_pixel) {
            vec value[MICRO_MAX_VECTORS];
            UNROLL for (int v = 0; v < vectors - 1; v++) value[v] = NAME(load)(grad + v * LANES);
            value[vectors - 1] = NAME(load_up_to)(grad + (vectors - 1) * LANES, last);
            UNROLL for (int r = 0; r < rows; r++) {
                UNROLL for (int v = 0; v < vectors; v++) {
                    acc[r][v] += input[apart ? offset[r] : r] * value[v];
                }
            }
        }
    }
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int v = 0; v < vectors; v++) {
            REAL *p = w + r * w_row + v * LANES;
            if (v < full) {
                NAME(store)(p, NAME(load)(p) + acc[r][v]);
            } else {
                NAME(store_partial)(p, NAME(load_partial)(p, rest) + acc[r][v], rest);
            }
        }
    }
}

/* One row has too few sums of its own to keep the multipliers busy: rows of w are added up in
 * turns.
 */
static ALWAYS_INLINE void NAME(row_block)(const int vectors, const REAL *a, ptrdiff_t k,
                                          const REAL *w, ptrdiff_t w_row, REAL *y,
                                          ptrdiff_t channels, int accumulate) {
    enum { TURNS = 4 };
    vec acc[TURNS][MICRO_MAX_VECTORS] = {0};
    ptrdiff_t i = 0;
    for (; i + TURNS <= k; i += TURNS, w += TURNS * w_row) {
        UNROLL for (int t = 0; t < TURNS; t++) {
            UNROLL for (int v = 0; v < vectors; v++) {
                acc[t][v] += NAME(load)(w + t * w_row + v * LANES) * a[i + t];
            }
        }
    }
    for (; i < k; i++, w += w_row)
        UNROLL for (int v = 0; v < vectors; v++) acc[0][v] += NAME(load)(w + v * LANES) * a[i];
    UNROLL for (int v = 0; v < vectors; v++) {
        const ptrdiff_t count = NAME(lanes_of)(channels - v * LANES);
        vec sum = (acc[0][v] + acc[1][v]) + (acc[2][v] + acc[3][v]);
        if (accumulate)
            sum += NAME(load_up_to)(y + v * LANES, count);
        NAME(store_up_to)(y + v * LANES, sum, count);
    }
}

static void NAME(row_times_panel)(const REAL *a, ptrdiff_t k, const REAL *w, ptrdiff_t w_row,
                                  REAL *y, ptrdiff_t vectors, ptrdiff_t channels, int accumulate) {
    if (vectors == MICRO_MAX_VECTORS)
        NAME(row_block)(MICRO_MAX_VECTORS, a, k, w, w_row, y, channels, accumulate);
    else
        NAME(row_block)(1, a, k, w, w_row, y, channels, accumulate);
}

/* y[r] = the sum of x[r * x_row + i] * g[i] over i < k, for r < rows, 8 rows at a time. */
static ALWAYS_INLINE void NAME(dot_block)(const int rows, const REAL *x, ptrdiff_t x_row,
                                          const REAL *g, ptrdiff_t k, REAL *y) {
    vec acc[8] = {0};
    for (ptrdiff_t i = 0; i < k; i += LANES) {
        const ptrdiff_t count = k - i < LANES ? k - i : LANES;
        const vec value = NAME(load_up_to)(g + i, count);
        UNROLL for (int r = 0; r < rows; r++) {
            acc[r] += NAME(load_up_to)(x + r * x_row + i, count) * value;
        }
    }
    UNROLL for (int r = 0; r < rows; r++) {
        REAL sum = 0;
        for (ptrdiff_t i = 0; i < LANES; i++)
            sum += acc[r][i];
        y[r] = sum;
    }
}

static void NAME(dot)(const REAL *x, ptrdiff_t x_row, ptrdiff_t rows, const REAL *g, ptrdiff_t k,
                      REAL *y) {
    ptrdiff_t r = 0;
    for (; r + 8 <= rows; r += 8)
        NAME(dot_block)(8, x + r * x_row, x_row, g, k, y + r);
    for (; r < rows; r++)
        NAME(dot_block)(1, x + r * x_row, x_row, g, k, y + r);
}
