/* The transforms of Winograd's F(2x2, 3x3) (Lavin & Gray 2016), a vector of channels at a time.
 * Sixteen arrays lie `step` apart. */

#define LOAD(p) (rest >= LANES ? NAME(load)(p) : NAME(load_partial)(p, rest))
#define STORE(p, v) (rest >= LANES ? NAME(store)(p, v) : NAME(store_partial)(p, v, rest))

/* v = B'dB of the 4x4 input pixels at x. */
static void NAME(winograd_input)(const REAL *x, ptrdiff_t x_row, ptrdiff_t x_pixel,
                                 ptrdiff_t channels, REAL *v, ptrdiff_t step) {
    for (ptrdiff_t rest = channels; rest > 0; rest -= LANES, x += LANES, v += LANES) {
        vec t[4][4];
        UNROLL for (int j = 0; j < 4; j++) {
            const REAL *p = x + j * x_pixel;
            const vec d0 = LOAD(p), d1 = LOAD(p + x_row);
            const vec d2 = LOAD(p + 2 * x_row), d3 = LOAD(p + 3 * x_row);
            t[0][j] = d0 - d2;
            t[1][j] = d1 + d2;
            t[2][j] = d2 - d1;
            t[3][j] = d1 - d3;
        }
        UNROLL for (int i = 0; i < 4; i++) {
            REAL *q = v + 4 * i * step;
            STORE(q, t[i][0] - t[i][2]);
            STORE(q + step, t[i][1] + t[i][2]);
            STORE(q + 2 * step, t[i][2] - t[i][1]);
            STORE(q + 3 * step, t[i][1] - t[i][3]);
        }
    }
}

/* u = GgG' of the 3x3 weights at w, whose taps lie `tap` apart. */
static void NAME(winograd_weight)(const REAL *w, ptrdiff_t tap, ptrdiff_t channels, REAL *u,
                                  ptrdiff_t step) {
    const REAL half = (REAL)0.5;
    for (ptrdiff_t rest = channels; rest > 0; rest -= LANES, w += LANES, u += LANES) {
        vec t[4][3];
        UNROLL for (int j = 0; j < 3; j++) {
            const REAL *p = w + j * tap;
            const vec g0 = LOAD(p), g1 = LOAD(p + 3 * tap), g2 = LOAD(p + 6 * tap);
            t[0][j] = g0;
            t[1][j] = (g0 + g1 + g2) * half;
            t[2][j] = (g0 - g1 + g2) * half;
            t[3][j] = g2;
        }
        UNROLL for (int i = 0; i < 4; i++) {
            REAL *q = u + 4 * i * step;
            STORE(q, t[i][0]);
            STORE(q + step, (t[i][0] + t[i][1] + t[i][2]) * half);
            STORE(q + 2 * step, (t[i][0] - t[i][1] + t[i][2]) * half);
            STORE(q + 3 * step, t[i][2]);
        }
    }
}

/* The 2x2 output pixels A'mA. */
static void NAME(winograd_output)(const REAL *m, ptrdiff_t step, ptrdiff_t channels, REAL *y,
                                  ptrdiff_t y_row, ptrdiff_t y_pixel) {
    for (ptrdiff_t rest = channels; rest > 0; rest -= LANES, m += LANES, y += LANES) {
        vec t[2][4];
        UNROLL for (int j = 0; j < 4; j++) {
            const REAL *p = m + j * step;
            const vec m0 = LOAD(p), m1 = LOAD(p + 4 * step);
            const vec m2 = LOAD(p + 8 * step), m3 = LOAD(p + 12 * step);
            t[0][j] = m0 + m1 + m2;
            t[1][j] = m1 - m2 - m3;
        }
        UNROLL for (int i = 0; i < 2; i++) {
            REAL *q = y + i * y_row;
            STORE(q, t[i][0] + t[i][1] + t[i][2]);
            STORE(q + y_pixel, t[i][1] - t[i][2] - t[i][3]);
        }
    }
}

/* Row i of B'dB. */
static void NAME(winograd_input_row)(ptrdiff_t i, const REAL *x, ptrdiff_t x_row, ptrdiff_t x_pixel,
                                     ptrdiff_t channels, REAL *v, ptrdiff_t step) {
    static const ptrdiff_t one[4] = {0, 1, 2, 1}, other[4] = {2, 2, 1, 3};
    const REAL *p = x + one[i] * x_row, *q = x + other[i] * x_row;
    const REAL sign = i == 1 ? 1 : -1;
    for (ptrdiff_t rest = channels; rest > 0; rest -= LANES, p += LANES, q += LANES, v += LANES) {
        vec t[4];
        UNROLL for (int j = 0; j < 4; j++) t[j] =
            LOAD(p + j * x_pixel) + sign * LOAD(q + j * x_pixel);
        STORE(v, t[0] - t[2]);
        STORE(v + step, t[1] + t[2]);
        STORE(v + 2 * step, t[2] - t[1]);
        STORE(v + 3 * step, t[1] - t[3]);
    }
}

/* Row i of AgA' of the 2x2 gradients at g. */
static void NAME(winograd_grad_row)(ptrdiff_t i, const REAL *g, ptrdiff_t g_row, ptrdiff_t g_pixel,
                                    ptrdiff_t channels, REAL *m, ptrdiff_t step) {
    static const REAL upper[4] = {1, 1, 1, 0}, lower[4] = {0, 1, -1, -1};
    const REAL a = upper[i], b = lower[i];
    for (ptrdiff_t rest = channels; rest > 0; rest -= LANES, g += LANES, m += LANES) {
        const vec left = a * LOAD(g) + b * LOAD(g + g_row);
        const vec right = a * LOAD(g + g_pixel) + b * LOAD(g + g_row + g_pixel);
        STORE(m, left);
        STORE(m + step, left + right);
        STORE(m + 2 * step, left - right);
        STORE(m + 3 * step, -right);
    }
}

/* The 3x3 weight gradients G'uG. */
static void NAME(winograd_grad_weight)(const REAL *u, ptrdiff_t step, ptrdiff_t channels, REAL *w,
                                       ptrdiff_t tap) {
    const REAL half = (REAL)0.5;
    for (ptrdiff_t rest = channels; rest > 0; rest -= LANES, u += LANES, w += LANES) {
        vec t[3][4];
        UNROLL for (int j = 0; j < 4; j++) {
            const REAL *p = u + j * step;
            const vec u0 = LOAD(p), u3 = LOAD(p + 12 * step);
            const vec u1 = LOAD(p + 4 * step) * half, u2 = LOAD(p + 8 * step) * half;
            t[0][j] = u0 + (u1 + u2);
            t[1][j] = u1 - u2;
            t[2][j] = u3 + (u1 + u2);
        }
        UNROLL for (int i = 0; i < 3; i++) {
            const vec u1 = t[i][1] * half, u2 = t[i][2] * half;
            STORE(w + 3 * i * tap, t[i][0] + (u1 + u2));
            STORE(w + (3 * i + 1) * tap, u1 - u2);
            STORE(w + (3 * i + 2) * tap, t[i][3] + (u1 + u2));
        }
    }
}

#undef LOAD
#undef STORE
