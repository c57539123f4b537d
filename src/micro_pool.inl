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
