/* Pooling: the windows of a row one after another, their channels in vectors. See micro.h. */

typedef LANE_INDEX NAME(index) __attribute__((vector_size(VECTOR_BYTES)));
typedef uint8_t NAME(codes) __attribute__((vector_size(LANES)));

#define index NAME(index)

/* A vector comparison gives lanes of all or no bits, which choose by masking. */
#define CHOOSE(mask, a, b) (((mask) & (a)) | (~(mask) & (b)))

static ALWAYS_INLINE index NAME(load_taps)(const int32_t *p, ptrdiff_t count) {
    if (sizeof(REAL) == sizeof(*p))
        return (index)NAME(load_up_to)((const REAL *)p, count);
    index found = {0};
    UNROLL for (int i = 0; i < LANES; i++) {
        if (i < count)
            found[i] = p[i];
    }
    return found;
}

static ALWAYS_INLINE void NAME(store_taps)(int32_t *p, index tap, ptrdiff_t count) {
    if (sizeof(REAL) == sizeof(*p)) {
        NAME(store_up_to)((REAL *)p, (vec)tap, count);
        return;
    }
    UNROLL for (int i = 0; i < LANES; i++) {
        if (i < count)
            p[i] = (int32_t)tap[i];
    }
}

/* Windows of 2x2, the commonest, have code of their own. */
#define FOR_SIZE(kernel, ...)                                                                      \
    if (window->rows == 2 && window->cols == 2)                                                    \
        NAME(kernel)(2, 2, __VA_ARGS__);                                                           \
    else                                                                                           \
        NAME(kernel)(window->rows, window->cols, __VA_ARGS__)

/* The first maximum wins a tie; a NaN wins always. */
static ALWAYS_INLINE void NAME(max_windows)(const ptrdiff_t rows, const ptrdiff_t cols,
                                            const REAL *x, REAL *y, int32_t *argmax,
                                            const pool_window *window) {
    for (ptrdiff_t n = 0; n < window->count; n++) {
        for (ptrdiff_t c = 0; c < window->channels; c += LANES) {
            const ptrdiff_t count = NAME(lanes_of)(window->channels - c);
            vec best = NAME(load_up_to)(x + c, count);
            index tap = (index){0} + window->first;
            for (ptrdiff_t i = 0; i < rows; i++) {
                for (ptrdiff_t j = 0; j < cols; j++) {
                    const REAL *p = x + i * window->x_row + j * window->x_pixel + c;
                    const vec value = NAME(load_up_to)(p, count);
                    const index better = (value > best) | ((value != value) & (best == best));
                    best = (vec)CHOOSE(better, (index)value, (index)best);
                    const index here = (index){0} + (LANE_INDEX)(i * window->kw + j);
                    tap = CHOOSE(better, here + window->first, tap);
                }
            }
            NAME(store_up_to)(y + c, best, count);
            NAME(store_taps)(argmax + c, tap, count);
        }
        x += window->x_step;
        y += window->y_step;
        argmax += window->y_step;
    }
}

static void NAME(max_pool)(REAL *x, REAL *y, int32_t *argmax, const pool_window *window) {
    FOR_SIZE(max_windows, x, y, argmax, window);
}

static ALWAYS_INLINE void NAME(max_windows_backward)(const ptrdiff_t rows, const ptrdiff_t cols,
                                                     REAL *x, const REAL *y, const int32_t *argmax,
                                                     const pool_window *window) {
    for (ptrdiff_t n = 0; n < window->count; n++) {
        for (ptrdiff_t c = 0; c < window->channels; c += LANES) {
            const ptrdiff_t count = NAME(lanes_of)(window->channels - c);
            const vec gradient = NAME(load_up_to)(y + c, count);
            const index tap = NAME(load_taps)(argmax + c, count) - window->first;
            for (ptrdiff_t i = 0; i < rows; i++) {
                for (ptrdiff_t j = 0; j < cols; j++) {
                    REAL *p = x + i * window->x_row + j * window->x_pixel + c;
                    const index here = tap == (index){0} + (LANE_INDEX)(i * window->kw + j);
                    const vec kept = (vec)(here & (index)gradient);
                    NAME(store_up_to)(p, NAME(load_up_to)(p, count) + kept, count);
                }
            }
        }
        x += window->x_step;
        y += window->y_step;
        argmax += window->y_step;
    }
}

static void NAME(max_pool_backward)(REAL *x, REAL *y, int32_t *argmax, const pool_window *window) {
    FOR_SIZE(max_windows_backward, x, y, argmax, window);
}

static void NAME(max_pool_gather)(REAL *x, REAL *y, int32_t *argmax, const pool_window *window) {
    for (ptrdiff_t n = 0; n < window->count; n++) {
        for (ptrdiff_t c = 0; c < window->channels; c += LANES) {
            const ptrdiff_t count = NAME(lanes_of)(window->channels - c);
            const index tap = NAME(load_taps)(argmax + c, count) - window->first;
            index found = {0};
            for (ptrdiff_t i = 0; i < window->rows; i++) {
                for (ptrdiff_t j = 0; j < window->cols; j++) {
                    const REAL *p = x + i * window->x_row + j * window->x_pixel + c;
                    const index here = tap == (index){0} + (LANE_INDEX)(i * window->kw + j);
                    found |= here & (index)NAME(load_up_to)(p, count);
                }
            }
            NAME(store_up_to)(y + c, (vec)found, count);
        }
        x += window->x_step;
        y += window->y_step;
        argmax += window->y_step;
    }
}

/* The mean over the pixels inside the image: padding does not count. */
static ALWAYS_INLINE void NAME(average_windows)(const ptrdiff_t rows, const ptrdiff_t cols,
                                                const REAL *x, REAL *y, const pool_window *window) {
    const REAL scale = (REAL)1 / (REAL)(rows * cols);
    for (ptrdiff_t n = 0; n < window->count; n++) {
        for (ptrdiff_t c = 0; c < window->channels; c += LANES) {
            const ptrdiff_t count = NAME(lanes_of)(window->channels - c);
            vec sum = {0};
            for (ptrdiff_t i = 0; i < rows; i++)
                for (ptrdiff_t j = 0; j < cols; j++)
                    sum += NAME(load_up_to)(x + i * window->x_row + j * window->x_pixel + c, count);
            NAME(store_up_to)(y + c, sum * scale, count);
        }
        x += window->x_step;
        y += window->y_step;
    }
}

static void NAME(average_pool)(REAL *x, REAL *y, int32_t *argmax, const pool_window *window) {
    (void)argmax;
    FOR_SIZE(average_windows, x, y, window);
}

static ALWAYS_INLINE void NAME(average_windows_backward)(const ptrdiff_t rows, const ptrdiff_t cols,
                                                         REAL *x, const REAL *y,
                                                         const pool_window *window) {
    const REAL scale = (REAL)1 / (REAL)(rows * cols);
    for (ptrdiff_t n = 0; n < window->count; n++) {
        for (ptrdiff_t c = 0; c < window->channels; c += LANES) {
            const ptrdiff_t count = NAME(lanes_of)(window->channels - c);
            const vec part = NAME(load_up_to)(y + c, count) * scale;
            for (ptrdiff_t i = 0; i < rows; i++) {
                for (ptrdiff_t j = 0; j < cols; j++) {
                    REAL *p = x + i * window->x_row + j * window->x_pixel + c;
                    NAME(store_up_to)(p, NAME(load_up_to)(p, count) + part, count);
                }
            }
        }
        x += window->x_step;
        y += window->y_step;
    }
}

static void NAME(average_pool_backward)(REAL *x, REAL *y, int32_t *argmax,
                                        const pool_window *window) {
    (void)argmax;
    FOR_SIZE(average_windows_backward, x, y, window);
}

/* The maximum of a window after bias and ReLU, and a byte for its tap: DEAD if it is not positive.
 */
static ALWAYS_INLINE void NAME(relu_pool_windows)(const ptrdiff_t rows, const ptrdiff_t cols,
                                                  const REAL *x, const REAL *bias,
                                                  const pool_window *window, REAL *y,
                                                  uint8_t *code) {
    for (ptrdiff_t n = 0; n < window->count; n++) {
        for (ptrdiff_t c = 0; c < window->channels; c += LANES) {
            const ptrdiff_t count = NAME(lanes_of)(window->channels - c);
            const vec shift = NAME(load_up_to)(bias + c, count);
            vec best = {0};
            index tap = {0};
            for (ptrdiff_t i = 0; i < rows; i++) {
                for (ptrdiff_t j = 0; j < cols; j++) {
                    const REAL *p = x + i * window->x_row + j * window->x_pixel + c;
                    const vec value = NAME(load_up_to)(p, count) + shift;
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
            const NAME(codes) codes = __builtin_convertvector(tap, NAME(codes));
            NAME(store_up_to)(y + c, best, count);
            if (count == LANES)
                memcpy(code + c, &codes, sizeof(codes));
            else
                memcpy(code + c, &codes, (size_t)count);
        }
        x += window->x_step;
        y += window->y_step;
        code += window->y_step;
    }
}

static void NAME(relu_pool)(const REAL *x, const REAL *bias, const pool_window *window, REAL *y,
                            uint8_t *code) {
    FOR_SIZE(relu_pool_windows, x, bias, window, y, code);
}

/* The way back: each gradient to the pixel that its code names, zero to the window's others. */
static void NAME(spread)(const REAL *g, const uint8_t *code, const pool_window *window, REAL *x) {
    for (ptrdiff_t n = 0; n < window->count; n++) {
        for (ptrdiff_t c = 0; c < window->channels; c += LANES) {
            const ptrdiff_t count = NAME(lanes_of)(window->channels - c);
            const vec value = NAME(load_up_to)(g + c, count);
            NAME(codes) codes = {0};
            memcpy(&codes, code + c, (size_t)count);
            const index taps = __builtin_convertvector(codes, index);
            for (ptrdiff_t i = 0; i < window->rows; i++) {
                for (ptrdiff_t j = 0; j < window->cols; j++) {
                    REAL *p = x + i * window->x_row + j * window->x_pixel + c;
                    const index here = (index){0} + (LANE_INDEX)(i * window->kw + j);
                    const vec kept = (vec)((taps == here) & (index)value);
                    NAME(store_up_to)(p, kept, count);
                }
            }
        }
        g += window->y_step;
        code += window->y_step;
        x += window->x_step;
    }
}

/* The maximum of a window, then a bias and an activation, which must be monotone. */
static ALWAYS_INLINE void NAME(max_finish_windows)(const ptrdiff_t rows, const ptrdiff_t cols,
                                                   const finish_arguments *f, const REAL *x,
                                                   const pool_window *window, REAL *y,
                                                   ptrdiff_t first) {
    const REAL *bias = f->bias == NULL ? NULL : (const REAL *)f->bias + first;
    for (ptrdiff_t n = 0; n < window->count; n++) {
        for (ptrdiff_t c = 0; c < window->channels; c += LANES) {
            const ptrdiff_t count = NAME(lanes_of)(window->channels - c);
            vec best = NAME(load_up_to)(x + c, count);
            for (ptrdiff_t i = 0; i < rows; i++) {
                for (ptrdiff_t j = 0; j < cols; j++) {
                    const REAL *p = x + i * window->x_row + j * window->x_pixel + c;
                    const vec value = NAME(load_up_to)(p, count);
                    /* A NaN wins over all, and stays. */
                    const index better = (value > best) | (value != value);
                    best = (vec)CHOOSE(better, (index)value, (index)best);
                }
            }
            if (bias != NULL)
                best += NAME(load_up_to)(bias + c, count);
            if (f->activation == RELU_ACTIVATION)
                best = (vec)(~(best < 0) & (index)best);
            NAME(store_up_to)(y + c, best, count);
        }
        if (f->activation != RELU_ACTIVATION)
            NAME(activate)(f->activation, y, window->channels, (REAL)f->setting);
        x += window->x_step;
        y += window->y_step;
    }
}

static void NAME(max_finish)(const finish_arguments *f, const REAL *x, const pool_window *window,
                             REAL *y, ptrdiff_t first) {
    FOR_SIZE(max_finish_windows, f, x, window, y, first);
}

#undef index
#undef CHOOSE
#undef FOR_SIZE
