/* What becomes of sums before they leave the cache: a scale, a bias, another array added to them or
 * multiplied by them, an activation. Mostly plain loops over the channels, which the compiler
 * vectorises; see micro.h. A NaN stays a NaN through every activation. */

static ALWAYS_INLINE REAL NAME(activated)(const activation kind, REAL v, REAL setting) {
    switch (kind) {
    case RELU_ACTIVATION:
        return v < 0 ? 0 : v;
    case LIMITED_RELU_ACTIVATION:
        return v < 0 ? 0 : v > setting ? setting : v;
    case LEAKY_RELU_ACTIVATION:
        return v < 0 ? v * setting : v;
    case SIGMOID_ACTIVATION:
        return 1 / (1 + EXP(-v));
    case TANH_ACTIVATION:
        return TANH(v);
    case SILU_ACTIVATION:
        return v / (1 + EXP(-v));
    case HARD_SIGMOID_ACTIVATION:
    case HARD_SILU_ACTIVATION: {
        const REAL part = v / 6 + (REAL)0.5;
        const REAL gate = part < 0 ? 0 : part > 1 ? 1 : part;
        return kind == HARD_SIGMOID_ACTIVATION ? gate : v * gate;
    }
    case ELU_ACTIVATION:
        return v < 0 ? setting * EXPM1(v) : v;
    default:
        return v;
    }
}

/* exp(y) / sum(exp(y)) of one row. */
static void NAME(softmax)(REAL *y, ptrdiff_t channels) {
    REAL largest = y[0], sum = 0;
    for (ptrdiff_t c = 1; c < channels; c++)
        largest = y[c] > largest || y[c] != y[c] ? y[c] : largest;
    for (ptrdiff_t c = 0; c < channels; c++)
        y[c] = EXP(y[c] - largest);
    for (ptrdiff_t c = 0; c < channels; c++)
        sum += y[c];
    for (ptrdiff_t c = 0; c < channels; c++)
        y[c] /= sum;
}

static ALWAYS_INLINE void NAME(activate_as)(const activation kind, REAL *y, ptrdiff_t channels,
                                            REAL setting) {
    for (ptrdiff_t c = 0; c < channels; c++)
        y[c] = NAME(activated)(kind, y[c], setting);
}

#define ACTIVATE(kind)                                                                             \
    case kind:                                                                                     \
        NAME(activate_as)(kind, y, channels, setting);                                             \
        break;

static void NAME(activate)(int kind, REAL *y, ptrdiff_t channels, REAL setting) {
    switch (kind) {
        ACTIVATE(RELU_ACTIVATION)
        ACTIVATE(LIMITED_RELU_ACTIVATION)
        ACTIVATE(LEAKY_RELU_ACTIVATION)
        ACTIVATE(SIGMOID_ACTIVATION)
        ACTIVATE(TANH_ACTIVATION)
        ACTIVATE(SILU_ACTIVATION)
        ACTIVATE(HARD_SIGMOID_ACTIVATION)
        ACTIVATE(HARD_SILU_ACTIVATION)
        ACTIVATE(ELU_ACTIVATION)
    case SOFTMAX_ACTIVATION:
        NAME(softmax)(y, channels);
        break;
    default:
        break;
    }
}

#undef ACTIVATE

/* Up to the activation, for some pixels. */
static ALWAYS_INLINE void NAME(combine)(const finish_arguments *f, const REAL *x, ptrdiff_t x_pixel,
                                        const REAL *other, REAL *y, ptrdiff_t y_pixel,
                                        ptrdiff_t pixels, ptrdiff_t first, ptrdiff_t channels) {
    const REAL *scale = f->scale == NULL ? NULL : (const REAL *)f->scale + first;
    const REAL *bias = f->bias == NULL ? NULL : (const REAL *)f->bias + first;
    for (ptrdiff_t p = 0; p < pixels; p++, x += x_pixel, y += y_pixel) {
        if (scale != NULL && bias != NULL) {
            for (ptrdiff_t c = 0; c < channels; c++)
                y[c] = x[c] * scale[c] + bias[c];
        } else if (bias != NULL) {
            for (ptrdiff_t c = 0; c < channels; c++)
                y[c] = x[c] + bias[c];
        } else if (scale != NULL) {
            for (ptrdiff_t c = 0; c < channels; c++)
                y[c] = x[c] * scale[c];
        } else if (x != y) {
            memcpy(y, x, (size_t)channels * sizeof(REAL));
        }
        if (other != NULL) {
            const REAL *more = other + p * y_pixel;
            if (f->multiplies)
                for (ptrdiff_t c = 0; c < channels; c++)
                    y[c] *= more[c];
            else
                for (ptrdiff_t c = 0; c < channels; c++)
                    y[c] += more[c];
        }
    }
}

#define NARROW 64 /* channels; beyond, a pixel is vectors enough */

/* The activations that are limits. */
static ALWAYS_INLINE vec NAME(clamped)(const activation kind, vec v, REAL most) {
    typedef LANE_INDEX index __attribute__((vector_size(VECTOR_BYTES)));
    if (kind == RELU_ACTIVATION || kind == LIMITED_RELU_ACTIVATION)
        v = (vec)(~(v < 0) & (index)v);
    if (kind == LIMITED_RELU_ACTIVATION) {
        const vec limit = (vec){0} + most;
        const index over = v > limit;
        v = (vec)((over & (index)limit) | (~over & (index)v));
    }
    return v;
}

/* Narrow pixels without a gap as one stretch, along which the biases repeat after `period`
 * elements: pixel by pixel, a loop would hardly begin, and vectors that reach over a pixel into the
 * next, as masked ones do, would wait for each other's stores. */
static ALWAYS_INLINE void NAME(finish_stretch)(const activation kind, const int adds, const REAL *x,
                                               const REAL *bias, ptrdiff_t period,
                                               const REAL *other, REAL *y, ptrdiff_t size,
                                               REAL most) {
    ptrdiff_t i = 0, at = 0;
    for (; i + LANES <= size; i += LANES) {
        vec v = NAME(load)(x + i) + NAME(load)(bias + at);
        if (adds)
            v += NAME(load)(other + i);
        NAME(store)(y + i, NAME(clamped)(kind, v, most));
        at = at + LANES == period ? 0 : at + LANES;
    }
    if (i < size) {
        vec v = NAME(load_partial)(x + i, size - i) + NAME(load)(bias + at);
        if (adds)
            v += NAME(load_partial)(other + i, size - i);
        NAME(store_partial)(y + i, NAME(clamped)(kind, v, most), size - i);
    }
}

#define STRETCH(kind)                                                                              \
    if (other != NULL)                                                                             \
        NAME(finish_stretch)(kind, 1, x, repeated, period, other, y, size, most);                  \
    else                                                                                           \
        NAME(finish_stretch)(kind, 0, x, repeated, period, other, y, size, most);

/* Returns 1, with nothing done, for so few that laying out the biases does not pay. */
static int NAME(finish_narrow)(const finish_arguments *f, const REAL *x, const REAL *bias,
                               const REAL *other, REAL *y, ptrdiff_t size, ptrdiff_t channels) {
    REAL repeated[NARROW * LANES];
    const REAL most = (REAL)f->setting;
    ptrdiff_t common = LANES;
    while (channels % common != 0)
        common /= 2;
    const ptrdiff_t period = channels / common * LANES;
    if (size < 8 * period)
        return 1;
    for (ptrdiff_t i = 0; i < period; i++)
        repeated[i] = i < channels ? bias[i] : repeated[i - channels];
    if (f->activation == RELU_ACTIVATION) {
        STRETCH(RELU_ACTIVATION)
    } else if (f->activation == LIMITED_RELU_ACTIVATION) {
        STRETCH(LIMITED_RELU_ACTIVATION)
    } else {
        STRETCH(NO_ACTIVATION)
        NAME(activate)(f->activation, y, size, most);
    }
    return 0;
}

#undef STRETCH

#define IN_L1 2048 /* elements of a block of pixels, which its second pass finds in L1 */

static void NAME(finish)(const finish_arguments *f, const REAL *x, ptrdiff_t x_pixel,
                         const REAL *other, REAL *y, ptrdiff_t y_pixel, ptrdiff_t pixels,
                         ptrdiff_t first, ptrdiff_t channels) {
    /* Pixels without a gap are activated as one stretch: few channels would not fill a vector. */
    const int together = y_pixel == channels && f->activation != SOFTMAX_ACTIVATION;
    if (together && x_pixel == channels && channels <= NARROW && f->scale == NULL &&
        f->bias != NULL && (other == NULL || !f->multiplies) &&
        !NAME(finish_narrow)(f, x, (const REAL *)f->bias + first, other, y, pixels * channels,
                             channels))
        return;
    if (f->activation == RELU_ACTIVATION && f->scale == NULL && f->bias != NULL && other == NULL) {
        const REAL *bias = (const REAL *)f->bias + first; /* the commonest: in one pass */
        for (ptrdiff_t p = 0; p < pixels; p++, x += x_pixel, y += y_pixel)
            for (ptrdiff_t c = 0; c < channels; c++)
                y[c] = NAME(activated)(RELU_ACTIVATION, x[c] + bias[c], 0);
        return;
    }
    const ptrdiff_t most = together && channels < IN_L1 ? IN_L1 / channels : 1;
    for (ptrdiff_t p = 0; p < pixels; p += most) {
        const ptrdiff_t count = pixels - p < most ? pixels - p : most;
        REAL *block = y + p * y_pixel;
        NAME(combine)(f, x + p * x_pixel, x_pixel, other == NULL ? NULL : other + p * y_pixel,
                      block, y_pixel, count, first, channels);
        NAME(activate)(f->activation, block, count * channels, (REAL)f->setting);
    }
}

#undef IN_L1
#undef NARROW
