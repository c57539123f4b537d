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

#undef LOAD
#undef STORE
