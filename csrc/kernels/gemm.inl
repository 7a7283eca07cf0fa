// The one register tile (MR rows x NV vectors) and the product made of it.
//
// Design: every product of the package, forward and backward, is this tile with other
// addresses. A tile's accumulators are MR * NV independent chains over k; the order of
// the sum over k never depends on the tile's shape, so results do not depend on which
// rows share a tile.

// Rows a tile may hold for NV vectors: accumulators, one row of B and a broadcast fit
// into the registers.
constexpr int kRowsOfMany[5] = {0, 12, 12, 8, 6}, kRowsOfFew[5] = {0, 8, 6, 4, 3};
constexpr const int (&kTileRows)[5] = kManyRegisters ? kRowsOfMany : kRowsOfFew;

// Which vectors of the panel after this one a tile fetches on its way, as distances from
// its own b. Weights that exceed the cache come from memory otherwise faster than the
// hardware foresees: it stops at page ends and panels are short.
struct Ahead {
    Index first = 0, second = 0; // 0: nothing
};
// For tile i of n that share a panel; together they fetch its four vectors of each k.
template <class T> FASTLSTM_INLINE Ahead ahead_of(Index i, Index n, Index distance) {
    constexpr Index W = Simd<T>::W;
    if (n == 1) // neighbouring lines come in pairs
        return {distance, distance + 2 * W};
    if (n < 4)
        return i < 2 ? Ahead{distance + 2 * i * W, distance + (2 * i + 1) * W} : Ahead{};
    return i < 4 ? Ahead{distance + i * W, distance + i * W} : Ahead{};
}

// acc[m][v] += sum_k a[m][k] * b[k][v]; the accumulators are the caller's own, so that
// they stay in registers from one product to the next.
template <class T, int MR, int NV>
FASTLSTM_INLINE void tile_multiply(VecOf<T> (&acc)[MR][NV], Index K, const T *const (&a)[MR],
                                   const T *b, Ahead ahead = {}) {
    constexpr int W = Simd<T>::W;
    for (Index k = 0; k < K; ++k, b += NV * W) {
        __builtin_prefetch(b + ahead.first, 0, 2);
        __builtin_prefetch(b + ahead.second, 0, 2);
        VecOf<T> w[NV];
#pragma GCC unroll 4
        for (int v = 0; v < NV; ++v)
            w[v] = load<T>(b + v * W);
#pragma GCC unroll 12
        for (int m = 0; m < MR; ++m) {
            const VecOf<T> x = splat<T>(a[m][k]);
#pragma GCC unroll 4
            for (int v = 0; v < NV; ++v)
                acc[m][v] = mul_add(x, w[v], acc[m][v]);
        }
    }
}

// One row and two panels: twice the chains, which a single row needs to keep the
// multipliers busy. Same sums as two calls of tile_multiply.
template <class T, int NV>
FASTLSTM_INLINE void row_multiply(VecOf<T> (&acc)[2][NV], Index K, const T *a, const T *b0,
                                  const T *b1) {
    constexpr int W = Simd<T>::W;
    for (Index k = 0; k < K; ++k, b0 += NV * W, b1 += NV * W) {
        const VecOf<T> x = splat<T>(a[k]);
#pragma GCC unroll 4
        for (int v = 0; v < NV; ++v) {
            acc[0][v] = mul_add(x, load<T>(b0 + v * W), acc[0][v]);
            acc[1][v] = mul_add(x, load<T>(b1 + v * W), acc[1][v]);
        }
    }
}

// Addresses of MR rows from row m0 on.
template <class T, class E, int MR>
FASTLSTM_INLINE void rows_of(E *(&to)[MR], const Rows<E> &rows, Index m0) {
    if (rows.ptr) {
        E *const *ptr = rows.ptr + m0 * rows.ptr_step;
#pragma GCC unroll 12
        for (int m = 0; m < MR; ++m, ptr += rows.ptr_step)
            to[m] = *ptr;
    } else {
        E *row = rows.base + m0 * rows.stride;
#pragma GCC unroll 12
        for (int m = 0; m < MR; ++m, row += rows.stride)
            to[m] = row;
    }
}

// Calls f<MR>() for a row count that is only known at run time.
template <int MR, class F> FASTLSTM_INLINE void with_rows(int rows, F &&f) {
    if (rows == MR)
        f(std::integral_constant<int, MR>());
    else if constexpr (MR > 1)
        with_rows<MR - 1>(rows, f);
}

// Cuts [0, M) into tiles of at most `most` rows and nearly equal size (7 rows are 4 + 3)
// and calls f(first row, rows, tile, tiles).
template <class F> FASTLSTM_INLINE void for_row_tiles(Index M, int most, F &&f) {
    const Index tiles = (M + most - 1) / most;
    for (Index i = 0, m = 0; i < tiles; ++i) {
        const int rows = (int)((M - m + tiles - i - 1) / (tiles - i));
        f(m, rows, i, tiles);
        m += rows;
    }
}

template <class T, int MR, int NV>
static void gemm_tile(const GemmArgs<T> &g, Index m0, Index column, const T *b,
                      Ahead ahead) {
    constexpr int W = Simd<T>::W;
    VecOf<T> acc[MR][NV];
    const T *a[MR];
    T *c[MR];
    rows_of<T>(a, g.a, m0);
    rows_of<T>(c, g.c, m0);
    const Index left = g.N - column; // valid elements from the panel's first column on
    const Index last = left < NV * W ? left - (NV - 1) * W : W;
#pragma GCC unroll 12
    for (int m = 0; m < MR; ++m) {
        c[m] += column;
        fetch_to_write<T>(c[m], NV * W);
#pragma GCC unroll 4
        for (int v = 0; v < NV; ++v) {
            if (g.accumulate)
                acc[m][v] = v + 1 < NV || last == W ? load<T>(c[m] + v * W)
                                                    : load_part<T>(c[m] + v * W, last);
            else
                acc[m][v] = g.bias ? load<T>(g.bias + column + v * W) : VecOf<T>{};
        }
    }
    tile_multiply<T>(acc, g.K, a, b, ahead);
#pragma GCC unroll 12
    for (int m = 0; m < MR; ++m)
#pragma GCC unroll 4
        for (int v = 0; v < NV; ++v) {
            if (v + 1 < NV || last == W)
                store<T>(c[m] + v * W, acc[m][v]);
            else
                store_part<T>(c[m] + v * W, acc[m][v], last);
        }
}

// From panel p to the one after it; behind the last comes the first again, since the
// next step of a sequence begins there.
FASTLSTM_INLINE Index panels_ahead(Index p, Index begin, Index end) {
    return p + 1 < end ? 1 : begin - p;
}

// distance: from this panel to the one that is used next, in elements.
template <class T, int NV>
static void gemm_panel(const GemmArgs<T> &g, Index column, const T *b, Index distance) {
    for_row_tiles(g.M, kTileRows[NV], [&](Index m, int rows, Index i, Index tiles) {
        const Ahead ahead = NV == 4 ? ahead_of<T>(i, tiles, distance) : Ahead{};
        with_rows<kTileRows[NV]>(rows, [&](auto mr) {
            gemm_tile<T, decltype(mr)::value, NV>(g, m, column, b, ahead);
        });
    });
}

// One row and two whole panels.
template <class T> static void gemm_row(const GemmArgs<T> &g, Index column, const T *b) {
    constexpr int W = Simd<T>::W;
    VecOf<T> acc[2][4];
    T *c = row_of(g.c, 0) + column;
#pragma GCC unroll 8
    for (int j = 0; j < 8; ++j) {
        if (g.accumulate)
            acc[j / 4][j % 4] = load<T>(c + j * W);
        else
            acc[j / 4][j % 4] = g.bias ? load<T>(g.bias + column + j * W) : VecOf<T>{};
    }
    row_multiply<T>(acc, g.K, row_of(g.a, 0), b, b + 4 * W * g.K);
#pragma GCC unroll 8
    for (int j = 0; j < 8; ++j)
        store<T>(c + j * W, acc[j / 4][j % 4]);
}

template <class T> void gemm_kernel(const GemmArgs<T> &g) {
    constexpr Index W = Simd<T>::W;
    const Index panel = 4 * W * g.K;
    for (Index p = g.panel_begin; p < g.panel_end; ++p) {
        const Index column = p * 4 * W;
        const T *b = g.b + column * g.K;
        if (g.M == 1 && p + 1 < g.panel_end && column + 8 * W <= g.N) {
            gemm_row<T>(g, column, b);
            ++p;
            continue;
        }
        const Index vectors = (g.N - column + W - 1) / W;
        switch (vectors < 4 ? vectors : 4) {
        case 1: gemm_panel<T, 1>(g, column, b, 0); break;
        case 2: gemm_panel<T, 2>(g, column, b, 0); break;
        case 3: gemm_panel<T, 3>(g, column, b, 0); break;
        default: gemm_panel<T, 4>(g, column, b, panel * panels_ahead(p, g.panel_begin, g.panel_end)); break;
        }
    }
}
