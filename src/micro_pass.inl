/* Passes over arrays, bound by memory: plain loops that the compiler vectorises. See micro.h. */

#define PASS(name) static void NAME(name)(const pass_arguments *p, ptrdiff_t first, ptrdiff_t count)
#define READ(array) ((const REAL *)(array) + first)
#define WRITE(array) ((REAL *)(array) + first)
#define SLOT(i) (p->slots[i] == NULL ? NULL : (REAL *)p->slots[i] + first)

PASS(relu) {
    const REAL *restrict x = READ(p->x);
    REAL *restrict y = WRITE(p->y);
    for (ptrdiff_t i = 0; i < count; i++)
        y[i] = x[i] < 0 ? 0 : x[i]; /* a NaN is not less: it stays */
}

PASS(relu_backward) {
    const REAL *restrict g = READ(p->x), *restrict y = READ(p->other);
    REAL *restrict grad_x = WRITE(p->y);
    for (ptrdiff_t i = 0; i < count; i++)
        grad_x[i] = y[i] > 0 ? g[i] : 0;
}

PASS(add_bias) {
    const ptrdiff_t channels = p->channels;
    const REAL *restrict x = (const REAL *)p->x + first * channels;
    const REAL *restrict bias = p->other;
    REAL *restrict y = (REAL *)p->y + first * channels;
    for (ptrdiff_t r = 0; r < count; r++, x += channels, y += channels) {
        for (ptrdiff_t c = 0; c < channels; c++)
            y[c] = x[c] + bias[c];
    }
}

PASS(column_sum) {
    const ptrdiff_t channels = p->channels;
    const REAL *restrict x = (const REAL *)p->x + first * channels;
    REAL *restrict sums = p->y;
    for (ptrdiff_t r = 0; r < count; r++, x += channels) {
        for (ptrdiff_t c = 0; c < channels; c++)
            sums[c] += x[c];
    }
}

PASS(sgd_update) {
    const REAL rate = (REAL)p->settings[0], keep = (REAL)p->settings[1];
    const int nesterov = p->settings[2] != 0;
    const REAL *restrict gradient = READ(p->x);
    REAL *restrict value = WRITE(p->y), *restrict velocity = SLOT(0);
    if (velocity == NULL) {
        for (ptrdiff_t i = 0; i < count; i++)
            value[i] -= gradient[i] * rate;
        return;
    }
    for (ptrdiff_t i = 0; i < count; i++) {
        const REAL step = gradient[i] * rate;
        velocity[i] = velocity[i] * keep - step;
        value[i] += nesterov ? velocity[i] * keep - step : velocity[i];
    }
}

PASS(rmsprop_update) {
    const REAL rate = (REAL)p->settings[0], keep = (REAL)p->settings[2];
    const REAL rho = (REAL)p->settings[1], one_rho = (REAL)(1 - p->settings[1]);
    const REAL epsilon = (REAL)p->settings[3];
    const REAL *restrict gradient = READ(p->x);
    REAL *restrict value = WRITE(p->y);
    REAL *restrict velocity = SLOT(0), *restrict momentum = SLOT(1), *restrict average = SLOT(2);
    for (ptrdiff_t i = 0; i < count; i++) {
        const REAL g = gradient[i];
        velocity[i] = rho * velocity[i] + one_rho * (g * g);
        REAL mean_square = velocity[i] + epsilon;
        if (average != NULL) {
            average[i] = rho * average[i] + one_rho * g;
            mean_square = velocity[i] - average[i] * average[i] + epsilon;
        }
        REAL step = rate * g / SQRT(mean_square);
        if (momentum != NULL)
            step = momentum[i] = keep * momentum[i] + step;
        value[i] -= step;
    }
}

PASS(adam_update) {
    const REAL alpha = (REAL)p->settings[0], epsilon = (REAL)p->settings[3];
    const REAL new_m = (REAL)(1 - p->settings[1]), new_v = (REAL)(1 - p->settings[2]);
    const REAL *restrict gradient = READ(p->x);
    REAL *restrict value = WRITE(p->y);
    REAL *restrict m = SLOT(0), *restrict v = SLOT(1), *restrict v_hat = SLOT(2);
    if (v_hat == NULL) {
        for (ptrdiff_t i = 0; i < count; i++) {
            m[i] += (gradient[i] - m[i]) * new_m;
            v[i] += (gradient[i] * gradient[i] - v[i]) * new_v;
            value[i] -= m[i] * alpha / (SQRT(v[i]) + epsilon);
        }
        return;
    }
    for (ptrdiff_t i = 0; i < count; i++) {
        m[i] += (gradient[i] - m[i]) * new_m;
        v[i] += (gradient[i] * gradient[i] - v[i]) * new_v;
        v_hat[i] = v[i] > v_hat[i] ? v[i] : v_hat[i];
        value[i] -= m[i] * alpha / (SQRT(v_hat[i]) + epsilon);
    }
}

PASS(decay) {
    const REAL kept = (REAL)p->settings[0];
    REAL *restrict y = WRITE(p->y);
    for (ptrdiff_t i = 0; i < count; i++)
        y[i] *= kept;
}

#undef PASS
#undef READ
#undef WRITE
#undef SLOT

/* y[i] += the sum of x[offset[t] + i] over t < count, for i < length, a multiple of LANES. */
static void NAME(sum_shifted)(const REAL *x, const ptrdiff_t *offset, ptrdiff_t count, REAL *y,
                              ptrdiff_t length) {
    for (ptrdiff_t i = 0; i < length; i += LANES) {
        vec sum = NAME(load)(y + i);
        for (ptrdiff_t t = 0; t < count; t++)
            sum += NAME(load)(x + offset[t] + i);
        NAME(store)(y + i, sum);
    }
}
