/* Sums within a channel, for depthwise convolutions and their gradients: a vector spans channels,
 * nothing is broadcast, and every multiply-add has an operand in the cache. See micro.h. */
static ALWAYS_INLINE void NAME(channel_block)(const int pixels, const REAL *x, ptrdiff_t x_pixel,
                                              const tap_run *taps, ptrdiff_t n_taps, const REAL *w,
                                              ptrdiff_t w_row, REAL *y, ptrdiff_t y_pixel,
                                              ptrdiff_t channels) {
    for (ptrdiff_t c = 0; c < channels; c += LANES) {
        vec acc[MICRO_MAX_ROWS] = {0};
        for (ptrdiff_t t = 0; t < n_taps; t++) {
            const vec weight = NAME(load)(w + t * w_row + c);
            const REAL *input = x + taps[t].offset + c;
            UNROLL for (int p = 0; p < pixels; p++) {
                acc[p] += NAME(load)(input + p * x_pixel) * weight;
            }
        }
        const ptrdiff_t rest = channels - c;
        UNROLL for (int p = 0; p < pixels; p++) {
            if (rest >= LANES)
                NAME(store)(y + p * y_pixel + c, acc[p]);
            else
                NAME(store_partial)(y + p * y_pixel + c, acc[p], rest);
        }
    }
}

static ALWAYS_INLINE void NAME(channel_outer)(const int taps, const REAL *x,
                                              const ptrdiff_t *offset, ptrdiff_t x_row,
                                              ptrdiff_t x_pixel, const REAL *g, ptrdiff_t g_row,
                                              ptrdiff_t g_pixel, ptrdiff_t n_rows, ptrdiff_t n_cols,
                                              REAL *w, ptrdiff_t w_row, ptrdiff_t channels) {
    for (ptrdiff_t c = 0; c < channels; c += LANES) {
        const ptrdiff_t rest = channels - c;
        vec acc[MICRO_MAX_ROWS] = {0};
        for (ptrdiff_t i = 0; i < n_rows; i++) {
            const REAL *input = x + i * x_row + c;
            const REAL *grad = g + i * g_row + c;
            for (ptrdiff_t j = 0; j < n_cols; j++, input += x_pixel, grad += g_pixel) {
                const vec value = NAME(load_up_to)(grad, rest < LANES ? rest : LANES);
                UNROLL for (int t = 0; t < taps; t++) acc[t] +=
                    NAME(load)(input + offset[t]) * value;
            }
        }
        UNROLL for (int t = 0; t < taps; t++) {
            REAL *p = w + t * w_row + c;
            if (rest >= LANES)
                NAME(store)(p, NAME(load)(p) + acc[t]);
            else
                NAME(store_partial)(p, NAME(load_partial)(p, rest) + acc[t], rest);
        }
    }
}
