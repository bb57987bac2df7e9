/* attention_geometry.cl - where the tokens of a window lie; shared by all attention kernels.
 *
 * Tokens are rows of [batch, grid_h * grid_w, stride]. Without windows there is one window: all
 * queries against all keys. With windows, queries and keys share a grid that is cut in
 * win_h x win_w pieces; the last ones reach beyond it: those tokens are keys ("padded"), never
 * queries. Set by the host: WINDOWED. */

typedef struct {
    int q_h, q_w, k_h, k_w; /* the grids */
    int win_h, win_w;       /* keys of a window */
    int windows_x, windows; /* windows in a row, and in all */
} geometry;

#define GEOMETRY_PARAMS                                                                            \
    int q_h, int q_w, int k_h, int k_w, int win_h, int win_w, int windows_x, int windows
#define GEOMETRY                                                                                   \
    {                                                                                              \
        q_h, q_w, k_h, k_w, win_h, win_w, windows_x, windows                                       \
    }

typedef struct {
    int y0, x0;         /* the window's corner */
    int q_rows, q_cols; /* its queries */
} window;

static inline window find_window(geometry g, int w)
{
    window out;
    out.y0 = WINDOWED ? w / g.windows_x * g.win_h : 0;
    out.x0 = WINDOWED ? w % g.windows_x * g.win_w : 0;
    out.q_rows = WINDOWED ? min(g.win_h, g.q_h - out.y0) : g.q_h;
    out.q_cols = WINDOWED ? min(g.win_w, g.q_w - out.x0) : g.q_w;
    return out;
}

/* Token of the i-th query of a window, in the whole grid. */
static inline int query_token(geometry g, window w, int i)
{
    return WINDOWED ? (w.y0 + i / w.q_cols) * g.q_w + w.x0 + i % w.q_cols : i;
}

/* Token of the i-th key of a window; -1 when it is padding. */
static inline int key_token(geometry g, window w, int i)
{
    int y = w.y0 + i / g.win_w, x = w.x0 + i % g.win_w;
    return !WINDOWED ? i : y < g.k_h && x < g.k_w ? y * g.k_w + x : -1;
}

/* Per-query values in window order, in the workspace: [batch][window][head][...][slots]. */
typedef struct {
    __global float *lse, *delta;         /* [slots] */
    __global float *by_row, *by_col;     /* [REL_H][slots], [REL_W][slots]: relative terms */
    __global float *d_by_row, *d_by_col; /* the same layout: sums of ds */
    int slots;
} query_values;

#define QUERY_VALUES_PARAMS                                                                        \
    __global float *workspace, long lse_at, long delta_at, long by_row_at, long by_col_at,         \
        long d_by_row_at, long d_by_col_at, int slots
#define QUERY_VALUES(group)                                                                        \
    {                                                                                              \
        workspace + lse_at + (group)*slots, workspace + delta_at + (group)*slots,                  \
            workspace + by_row_at + (group)*slots * REL_H,                                         \
            workspace + by_col_at + (group)*slots * REL_W,                                         \
            workspace + d_by_row_at + (group)*slots * REL_H,                                       \
            workspace + d_by_col_at + (group)*slots * REL_W, slots                                 \
    }
