/* Pooling, one output pixel at a time: plain loops over the channels, which are contiguous, so
 * that the compiler vectorises them. See micro.h for the window. */

/* The first maximum wins a tie; a NaN wins always. */
static void NAME(max_pool)(REAL *restrict x, REAL *restrict y, int32_t *restrict argmax,
                           const pool_window *window) {
    const ptrdiff_t channels = window->channels;
    for (ptrdiff_t c = 0; c < channels; c++) {
        y[c] = x[c];
        argmax[c] = window->first;
    }
    for (ptrdiff_t i = 0; i < window->rows; i++) {
        for (ptrdiff_t j = 0; j < window->cols; j++) {
            const REAL *value = x + i * window->x_row + j * window->x_pixel;
            const int32_t tap = window->first + (int32_t)(i * window->kw + j);
            for (ptrdiff_t c = 0; c < channels; c++) {
                const int better = (value[c] > y[c]) | ((value[c] != value[c]) & (y[c] == y[c]));
                y[c] = better ? value[c] : y[c];
                argmax[c] = better ? tap : argmax[c];
            }
        }
    }
}

static void NAME(max_pool_backward)(REAL *restrict x, REAL *restrict y, int32_t *restrict argmax,
                                    const pool_window *window) {
    for (ptrdiff_t i = 0; i < window->rows; i++) {
        for (ptrdiff_t j = 0; j < window->cols; j++) {
            REAL *restrict value = x + i * window->x_row + j * window->x_pixel;
            const int32_t tap = window->first + (int32_t)(i * window->kw + j);
            for (ptrdiff_t c = 0; c < window->channels; c++)
                value[c] += argmax[c] == tap ? y[c] : 0;
        }
    }
}

static void NAME(max_pool_gather)(REAL *restrict x, REAL *restrict y, int32_t *restrict argmax,
                                  const pool_window *window) {
    for (ptrdiff_t c = 0; c < window->channels; c++)
        y[c] = 0;
    for (ptrdiff_t i = 0; i < window->rows; i++) {
        for (ptrdiff_t j = 0; j < window->cols; j++) {
            const REAL *value = x + i * window->x_row + j * window->x_pixel;
            const int32_t tap = window->first + (int32_t)(i * window->kw + j);
            for (ptrdiff_t c = 0; c < window->channels; c++)
                y[c] = argmax[c] == tap ? value[c] : y[c];
        }
    }
}

/* The mean over the pixels inside the image: padding does not count. */
static void NAME(average_pool)(REAL *restrict x, REAL *restrict y, int32_t *restrict argmax,
                               const pool_window *window) {
    (void)argmax;
    const REAL scale = (REAL)1 / (REAL)(window->rows * window->cols);
    for (ptrdiff_t c = 0; c < window->channels; c++)
        y[c] = 0;
    for (ptrdiff_t i = 0; i < window->rows; i++) {
        for (ptrdiff_t j = 0; j < window->cols; j++) {
            const REAL *value = x + i * window->x_row + j * window->x_pixel;
            for (ptrdiff_t c = 0; c < window->channels; c++)
                y[c] += value[c];
        }
    }
    for (ptrdiff_t c = 0; c < window->channels; c++)
        y[c] *= scale;
}

static void NAME(average_pool_backward)(REAL *restrict x, REAL *restrict y,
                                        int32_t *restrict argmax, const pool_window *window) {
    (void)argmax;
    const REAL scale = (REAL)1 / (REAL)(window->rows * window->cols);
    for (ptrdiff_t i = 0; i < window->rows; i++) {
        for (ptrdiff_t j = 0; j < window->cols; j++) {
            REAL *restrict value = x + i * window->x_row + j * window->x_pixel;
            for (ptrdiff_t c = 0; c < window->channels; c++)
                value[c] += y[c] * scale;
        }
    }
}

/* The maximum of a window after bias and ReLU, and a byte for its tap: DEAD if it is not positive.
 * A vector comparison gives lanes of all or no bits, which choose by masking. */
#define CHOOSE(mask, a, b) (((mask) & (a)) | (~(mask) & (b)))

static ALWAYS_INLINE void NAME(relu_pool_window)(const ptrdiff_t rows, const ptrdiff_t cols,
                                                 const REAL *x, const REAL *bias,
                                                 const pool_window *window, REAL *y,
                                                 uint8_t *code) {
    typedef LANE_INDEX index __attribute__((vector_size(VECTOR_BYTES)));
    typedef uint8_t bytes __attribute__((vector_size(LANES)));
    for (ptrdiff_t rest = window->channels; rest > 0; rest -= LANES) {
        const vec shift = NAME(load_up_to)(bias, rest < LANES ? rest : LANES);
        vec best = {0};
        index tap = {0};
        for (ptrdiff_t i = 0; i < rows; i++) {
            for (ptrdiff_t j = 0; j < cols; j++) {
                const REAL *p = x + i * window->x_row + j * window->x_pixel;
                const vec value = NAME(load_up_to)(p, rest < LANES ? rest : LANES) + shift;
                const index here = (index){0} + (LANE_INDEX)(i * cols + j);
                /* A NaN wins over all but a NaN; nothing is better than itself. */
                const index better =
                    i + j == 0 ? (index){0} - 1 : ~(value <= best) & (best == best);
                best = (vec)CHOOSE(better, (index)value, (index)best);
                tap = CHOOSE(better, here, tap);
            }
        }
        tap = CHOOSE(best > 0, tap, (index){0} + DEAD);
        best = (vec)(~(best < 0) & (index)best);
        const bytes codes = __builtin_convertvector(tap, bytes);
        if (rest >= LANES) {
            NAME(store)(y, best);
            memcpy(code, &codes, (size_t)LANES);
        } else {
            NAME(store_partial)(y, best, rest);
            memcpy(code, &codes, (size_t)rest);
        }
        x += LANES;
        bias += LANES;
        y += LANES;
        code += LANES;
    }
}

static void NAME(relu_pool)(const REAL *x, const REAL *bias, const pool_window *window, REAL *y,
                            uint8_t *code) {
    if (window->rows == 2 && window->cols == 2)
        NAME(relu_pool_window)(2, 2, x, bias, window, y, code);
    else
        NAME(relu_pool_window)(window->rows, window->cols, x, bias, window, y, code);
}

/* The way back: each gradient to the pixel that its code names, zero to the window's others. */
static void NAME(spread)(const REAL *g, const uint8_t *code, const pool_window *window, REAL *x) {
    typedef LANE_INDEX index __attribute__((vector_size(VECTOR_BYTES)));
    typedef uint8_t bytes __attribute__((vector_size(LANES)));
    for (ptrdiff_t rest = window->channels; rest > 0; rest -= LANES) {
        const ptrdiff_t count = rest < LANES ? rest : LANES;
        const vec value = NAME(load_up_to)(g, count);
        bytes codes = {0};
        memcpy(&codes, code, (size_t)count);
        const index taps = __builtin_convertvector(codes, index);
        for (ptrdiff_t i = 0; i < window->rows; i++) {
            for (ptrdiff_t j = 0; j < window->cols; j++) {
                REAL *p = x + i * window->x_row + j * window->x_pixel;
                const index here = (index){0} + (LANE_INDEX)(i * window->kw + j);
                const vec kept = (vec)((taps == here) & (index)value);
                if (count == LANES)
                    NAME(store)(p, kept);
                else
                    NAME(store_partial)(p, kept, count);
            }
        }
        g += LANES;
        code += LANES;
        x += LANES;
    }
}

#undef CHOOSE
