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

static ALWAYS_INLINE void NAME(finish_backward_as)(const activation kind, const pass_arguments *p,
                                                   ptrdiff_t first, ptrdiff_t count) {
    const ptrdiff_t channels = p->channels;
    const REAL setting = (REAL)p->settings[0];
    const REAL *g = (const REAL *)p->x + first * channels;
    const REAL *y = p->other == NULL ? g : (const REAL *)p->other + first * channels;
    REAL *grad_x = p->y == NULL ? NULL : (REAL *)p->y + first * channels;
    REAL *restrict sums = p->slots[0];
    if (sums == NULL) {
        SAME_PLACE
        for (ptrdiff_t i = 0; i < count * channels; i++)
            grad_x[i] = NAME(before_activation)(kind, g[i], y[i], setting);
        return;
    }
    for (ptrdiff_t r = 0; r < count; r++, g += channels, y += channels) {
        if (grad_x == NULL) {
            for (ptrdiff_t c = 0; c < channels; c++)
                sums[c] += NAME(before_activation)(kind, g[c], y[c], setting);
            continue;
        }
        SAME_PLACE
        for (ptrdiff_t c = 0; c < channels; c++) {
            const REAL v = NAME(before_activation)(kind, g[c], y[c], setting);
            grad_x[c] = v;
            sums[c] += v;
        }
        grad_x += channels;
    }
}

/* The same, and what batch normalization needs: sums of the gradient times a distance. */
static ALWAYS_INLINE void NAME(normalize_sums_as)(const activation kind, const pass_arguments *p,
                                                  ptrdiff_t first, ptrdiff_t count) {
    const ptrdiff_t channels = p->channels;
    const REAL setting = (REAL)p->settings[0];
    const REAL *g = (const REAL *)p->x + first * channels;
    const REAL *y = p->other == NULL ? g : (const REAL *)p->other + first * channels;
    const REAL *x = (const REAL *)p->slots[0] + first * channels, *mean = p->slots[1];
    REAL *grad = p->y == NULL ? NULL : (REAL *)p->y + first * channels;
    REAL *restrict sums = p->slots[2], *restrict products = p->slots[3];
    for (ptrdiff_t r = 0; r < count; r++, g += channels, y += channels, x += channels) {
        SAME_PLACE
        for (ptrdiff_t c = 0; c < channels; c++) {
            const REAL v = NAME(before_activation)(kind, g[c], y[c], setting);
            sums[c] += v;
            products[c] += v * (x[c] - mean[c]);
        }
        if (grad == NULL)
            continue;
        SAME_PLACE
        for (ptrdiff_t c = 0; c < channels; c++)
            grad[c] = NAME(before_activation)(kind, g[c], y[c], setting);
        grad += channels;
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

/* The rows are few enough to be in cache when they are read again. */
static void NAME(moments)(const pass_arguments *p, ptrdiff_t first, ptrdiff_t count) {
    const ptrdiff_t channels = p->channels;
    const REAL *rows = (const REAL *)p->x + first * channels, *x = rows;
    REAL *restrict mean = p->slots[0], *restrict squares = p->slots[1];
    for (ptrdiff_t c = 0; c < channels; c++)
        mean[c] = squares[c] = 0;
    for (ptrdiff_t r = 0; r < count; r++, x += channels) {
        for (ptrdiff_t c = 0; c < channels; c++)
            mean[c] += x[c];
    }
    for (ptrdiff_t c = 0; c < channels; c++)
        mean[c] /= (REAL)count;
    x = rows;
    for (ptrdiff_t r = 0; r < count; r++, x += channels) {
        for (ptrdiff_t c = 0; c < channels; c++) {
            const REAL distance = x[c] - mean[c];
            squares[c] += distance * distance;
        }
    }
}

static void NAME(normalize)(const pass_arguments *p, ptrdiff_t first, ptrdiff_t count) {
    const ptrdiff_t channels = p->channels;
    const REAL *x = (const REAL *)p->x + first * channels;
    const REAL *more = p->other == NULL ? NULL : (const REAL *)p->other + first * channels;
    const REAL *mean = p->slots[0], *factor = p->slots[1], *shift = p->slots[2];
    REAL *y = (REAL *)p->y + first * channels;
    for (ptrdiff_t r = 0; r < count; r++, x += channels, y += channels) {
        SAME_PLACE
        for (ptrdiff_t c = 0; c < channels; c++)
            y[c] = (x[c] - mean[c]) * factor[c] + shift[c];
        if (more != NULL) {
            SAME_PLACE
            for (ptrdiff_t c = 0; c < channels; c++)
                y[c] += more[c];
            more += channels;
        }
        NAME(activate)(p->activation, y, channels, (REAL)p->settings[0]);
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
