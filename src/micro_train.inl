/* Passes of training over rows of channels, which are pixels: the way back through activations, and
 * batch normalization. Plain loops that the compiler vectorises; see micro.h. */

/* The gradient before an activation, of that behind it and of its result; for SiLU, whose slope its
 * result does not tell, of what it was applied to. */
static ALWAYS_INLINE REAL NAME(before_activation)(const activation kind, REAL g, REAL y,
                                                  REAL setting) {
    switch (kind) {
    case SILU_ACTIVATION: {
        const REAL gate = 1 / (1 + EXP(-y));
        return g * (gate + y * gate * (1 - gate));
    }
    case HARD_SILU_ACTIVATION:
        return y <= -3 ? 0 : y < 3 ? g * (y / 3 + (REAL)0.5) : g;
    case RELU_ACTIVATION:
        return y > 0 ? g : 0;
    case LIMITED_RELU_ACTIVATION:
        return (y > 0) & (y < setting) ? g : 0;
    case LEAKY_RELU_ACTIVATION:
        return y > 0 ? g : g * setting;
    case SIGMOID_ACTIVATION:
        return g * y * (1 - y);
    case TANH_ACTIVATION:
        return g * (1 - y * y);
    case HARD_SIGMOID_ACTIVATION:
        return (y > 0) & (y < 1) ? g / 6 : 0;
    case ELU_ACTIVATION:
        return y > 0 ? g : g * (y + setting);
    default:
        return g;
    }
}

#define SAME_PLACE _Pragma("GCC ivdep") /* an element is read before it is written, if at all */

/* Sums of columns lie in memory: so many rows are added up before they are, so that a row need not
 * wait for what the last one has stored there. */
#define AT_ONCE 4
#define SOME_ROWS(body, ...)                                                                       \
    ptrdiff_t r = 0;                                                                               \
    for (; r + AT_ONCE <= count; r += AT_ONCE)                                                     \
        NAME(body)(AT_ONCE, __VA_ARGS__);                                                          \
    for (; r < count; r++)                                                                         \
        NAME(body)(1, __VA_ARGS__);

static ALWAYS_INLINE void NAME(add_before)(const int rows, const activation kind, const REAL *g,
                                           const REAL *y, REAL setting, REAL *grad_x,
                                           REAL *restrict sums, ptrdiff_t channels) {
    SAME_PLACE
    for (ptrdiff_t c = 0; c < channels; c++) {
        REAL sum = 0;
        UNROLL for (int k = 0; k < rows; k++) {
            const ptrdiff_t at = k * channels + c;
            const REAL v = NAME(before_activation)(kind, g[at], y[at], setting);
            if (grad_x != NULL)
                grad_x[at] = v;
            sum += v;
        }
        sums[c] += sum;
    }
}

static ALWAYS_INLINE void NAME(finish_backward_as)(const activation kind, const pass_arguments *p,
                                                   ptrdiff_t first, ptrdiff_t count) {
    const ptrdiff_t channels = p->channels;
    const REAL setting = (REAL)p->settings[0];
    const REAL *g = (const REAL *)p->x + first * channels;
    const REAL *y = p->other == NULL ? g : (const REAL *)p->other + first * channels;
    REAL *grad_x = p->y == NULL ? NULL : (REAL *)p->y + first * channels;
    REAL *sums = p->slots[0];
    if (sums == NULL) {
        SAME_PLACE
        for (ptrdiff_t i = 0; i < count * channels; i++)
            grad_x[i] = NAME(before_activation)(kind, g[i], y[i], setting);
    } else if (grad_x == NULL) {
        SOME_ROWS(add_before, kind, g + r * channels, y + r * channels, setting, NULL, sums,
                  channels)
    } else {
        SOME_ROWS(add_before, kind, g + r * channels, y + r * channels, setting,
                  grad_x + r * channels, sums, channels)
    }
}

/* The same, and what batch normalization needs: sums of the gradient times a distance. */
static ALWAYS_INLINE void NAME(add_products)(const int rows, const activation kind, const REAL *g,
                                             const REAL *y, REAL setting, REAL *grad, const REAL *x,
                                             const REAL *mean, REAL *restrict sums,
                                             REAL *restrict products, ptrdiff_t channels) {
    SAME_PLACE
    for (ptrdiff_t c = 0; c < channels; c++) {
        REAL sum = 0, product = 0;
        UNROLL for (int k = 0; k < rows; k++) {
            const ptrdiff_t at = k * channels + c;
            const REAL v = NAME(before_activation)(kind, g[at], y[at], setting);
            if (grad != NULL)
                grad[at] = v;
            sum += v;
            product += v * (x[at] - mean[c]);
        }
        sums[c] += sum;
        products[c] += product;
    }
}

static ALWAYS_INLINE void NAME(normalize_sums_as)(const activation kind, const pass_arguments *p,
                                                  ptrdiff_t first, ptrdiff_t count) {
    const ptrdiff_t channels = p->channels;
    const REAL setting = (REAL)p->settings[0];
    const REAL *g = (const REAL *)p->x + first * channels;
    const REAL *y = p->other == NULL ? g : (const REAL *)p->other + first * channels;
    const REAL *x = (const REAL *)p->slots[0] + first * channels, *mean = p->slots[1];
    REAL *grad = p->y == NULL ? NULL : (REAL *)p->y + first * channels;
    REAL *sums = p->slots[2], *products = p->slots[3];
    if (grad == NULL) {
        SOME_ROWS(add_products, kind, g + r * channels, y + r * channels, setting, NULL,
                  x + r * channels, mean, sums, products, channels)
    } else {
        SOME_ROWS(add_products, kind, g + r * channels, y + r * channels, setting,
                  grad + r * channels, x + r * channels, mean, sums, products, channels)
    }
}

#define WITH(kind, body)                                                                           \
    case kind:                                                                                     \
        NAME(body)(kind, p, first, count);                                                         \
        break;
#define FOR_EACH_ACTIVATION(body)                                                                  \
    switch (p->activation) {                                                                       \
        WITH(RELU_ACTIVATION, body)                                                                \
        WITH(LIMITED_RELU_ACTIVATION, body)                                                        \
        WITH(LEAKY_RELU_ACTIVATION, body)                                                          \
        WITH(SIGMOID_ACTIVATION, body)                                                             \
        WITH(TANH_ACTIVATION, body)                                                                \
        WITH(HARD_SIGMOID_ACTIVATION, body)                                                        \
        WITH(ELU_ACTIVATION, body)                                                                 \
        WITH(SILU_ACTIVATION, body)                                                                \
        WITH(HARD_SILU_ACTIVATION, body)                                                           \
    default:                                                                                       \
        NAME(body)(NO_ACTIVATION, p, first, count);                                                \
    }

static void NAME(finish_backward)(const pass_arguments *p, ptrdiff_t first, ptrdiff_t count) {
    FOR_EACH_ACTIVATION(finish_backward_as)
}

static void NAME(normalize_sums)(const pass_arguments *p, ptrdiff_t first, ptrdiff_t count) {
    FOR_EACH_ACTIVATION(normalize_sums_as)
}

#undef FOR_EACH_ACTIVATION
#undef WITH

static ALWAYS_INLINE void NAME(add_columns)(const int rows, const REAL *x, REAL *restrict sums,
                                            ptrdiff_t channels) {
    for (ptrdiff_t c = 0; c < channels; c++) {
        REAL sum = 0;
        UNROLL for (int k = 0; k < rows; k++) sum += x[k * channels + c];
        sums[c] += sum;
    }
}

static ALWAYS_INLINE void NAME(add_squares)(const int rows, const REAL *x, const REAL *mean,
                                            REAL *restrict sums, ptrdiff_t channels) {
    for (ptrdiff_t c = 0; c < channels; c++) {
        REAL sum = 0;
        UNROLL for (int k = 0; k < rows; k++) {
            const REAL distance = x[k * channels + c] - mean[c];
            sum += distance * distance;
        }
        sums[c] += sum;
    }
}

static void NAME(column_sums)(const REAL *x, REAL *sums, ptrdiff_t count, ptrdiff_t channels) {
    SOME_ROWS(add_columns, x + r * channels, sums, channels)
}

/* The rows are few enough to be in cache when they are read again. */
static void NAME(moments)(const pass_arguments *p, ptrdiff_t first, ptrdiff_t count) {
    const ptrdiff_t channels = p->channels;
    const REAL *x = (const REAL *)p->x + first * channels;
    REAL *mean = p->slots[0], *squares = p->slots[1];
    for (ptrdiff_t c = 0; c < channels; c++)
        mean[c] = squares[c] = 0;
    NAME(column_sums)(x, mean, count, channels);
    for (ptrdiff_t c = 0; c < channels; c++)
        mean[c] /= (REAL)count;
    SOME_ROWS(add_squares, x + r * channels, mean, squares, channels)
}

static ALWAYS_INLINE void NAME(normalize_rows)(const int plain, const pass_arguments *p,
                                               const REAL *x, const REAL *more, REAL *y,
                                               ptrdiff_t count) {
    const ptrdiff_t channels = p->channels;
    const REAL *mean = p->slots[0], *factor = p->slots[1], *shift = p->slots[2];
    for (ptrdiff_t r = 0; r < count; r++, x += channels, y += channels) {
        SAME_PLACE
        for (ptrdiff_t c = 0; c < channels; c++) {
            REAL v = (x[c] - mean[c]) * factor[c] + shift[c];
            if (more != NULL)
                v += more[c];
            y[c] = plain ? v : NAME(activated)(RELU_ACTIVATION, v, 0);
        }
        if (more != NULL)
            more += channels;
    }
}

static void NAME(normalize)(const pass_arguments *p, ptrdiff_t first, ptrdiff_t count) {
    const ptrdiff_t channels = p->channels;
    const REAL *x = (const REAL *)p->x + first * channels;
    const REAL *more = p->other == NULL ? NULL : (const REAL *)p->other + first * channels;
    REAL *y = (REAL *)p->y + first * channels;
    if (p->activation == RELU_ACTIVATION && more == NULL) {
        NAME(normalize_rows)(0, p, x, NULL, y, count);
    } else if (p->activation == RELU_ACTIVATION) {
        NAME(normalize_rows)(0, p, x, more, y, count);
    } else {
        NAME(normalize_rows)(1, p, x, more, y, count);
        if (p->activation == SOFTMAX_ACTIVATION)
            for (ptrdiff_t r = 0; r < count; r++)
                NAME(softmax)(y + r * channels, channels);
        else
            NAME(activate)(p->activation, y, count * channels, (REAL)p->settings[0]);
    }
}

static void NAME(normalize_input)(const pass_arguments *p, ptrdiff_t first, ptrdiff_t count) {
    const ptrdiff_t channels = p->channels;
    const REAL *g = (const REAL *)p->x + first * channels;
    const REAL *x = (const REAL *)p->other + first * channels;
    const REAL *mean = p->slots[0], *a = p->slots[1], *b = p->slots[2], *constant = p->slots[3];
    REAL *y = (REAL *)p->y + first * channels;
    for (ptrdiff_t r = 0; r < count; r++, g += channels, x += channels, y += channels) {
        SAME_PLACE
        for (ptrdiff_t c = 0; c < channels; c++)
            y[c] = g[c] * a[c] + (x[c] - mean[c]) * b[c] + constant[c];
    }
}

#undef SAME_PLACE
#undef SOME_ROWS
#undef AT_ONCE
