// The one register tile (MR rows x NV vectors) and the product made of it.
//
// Design: every product of the package, forward and backward, is this tile with other
// addresses. A tile's accumulators are MR * NV independent chains over k; the order of
// the sum over k never depends on the tile's shape, so results do not depend on which
// rows share a tile.

// Rows a tile may hold for NV vectors: accumulators, one row of B and a broadcast fit
// into the registers (32 with AVX-512 and NEON, 16 else).
#if defined(FASTLSTM_ISA_avx512) || defined(FASTLSTM_ISA_neon)
constexpr int kTileRows[5] = {0, 12, 12, 8, 6};
#else
constexpr int kTileRows[5] = {0, 8, 6, 4, 3};
#endif

template <class T, int MR, int NV> struct Tile {
    VecOf<T> acc[MR][NV];
};

// acc[m][v] += sum_k a[m][k] * b[k][v]
template <class T, int MR, int NV>
FASTLSTM_INLINE void tile_multiply(Tile<T, MR, NV> &tile, Index K, const T *const *a,
                                   const T *b) {
    constexpr int W = Simd<T>::W;
    VecOf<T> acc[MR][NV];
    const T *row[MR];
#pragma GCC unroll 12
    for (int m = 0; m < MR; ++m) {
        row[m] = a[m];
#pragma GCC unroll 4
        for (int v = 0; v < NV; ++v)
            acc[m][v] = tile.acc[m][v];
    }
    for (Index k = 0; k < K; ++k, b += NV * W) {
        VecOf<T> w[NV];
#pragma GCC unroll 4
        for (int v = 0; v < NV; ++v)
            w[v] = load<T>(b + v * W);
#pragma GCC unroll 12
        for (int m = 0; m < MR; ++m) {
            const VecOf<T> x = splat<T>(row[m][k]);
#pragma GCC unroll 4
            for (int v = 0; v < NV; ++v)
                acc[m][v] = mul_add(x, w[v], acc[m][v]);
        }
    }
#pragma GCC unroll 12
    for (int m = 0; m < MR; ++m)
#pragma GCC unroll 4
        for (int v = 0; v < NV; ++v)
            tile.acc[m][v] = acc[m][v];
}

// Calls f<MR>() for a row count that is only known at run time.
template <int MR, class F> FASTLSTM_INLINE void with_rows(int rows, F &&f) {
    if (rows == MR)
        f(std::integral_constant<int, MR>());
    else if constexpr (MR > 1)
        with_rows<MR - 1>(rows, f);
}

// Cuts [0, M) into tiles of at most `most` rows and nearly equal size: 7 rows are 4 + 3.
template <class F> FASTLSTM_INLINE void for_row_tiles(Index M, int most, F &&f) {
    Index tiles = (M + most - 1) / most;
    for (Index m = 0; tiles > 0; --tiles) {
        const int rows = (int)((M - m + tiles - 1) / tiles);
        f(m, rows);
        m += rows;
    }
}

template <class T, int MR, int NV>
static void gemm_tile(const GemmArgs<T> &g, Index m0, Index column, const T *b) {
    constexpr int W = Simd<T>::W;
    Tile<T, MR, NV> tile;
    const T *a[MR];
    T *c[MR];
    Index valid[NV]; // elements of each vector inside N
    for (int v = 0; v < NV; ++v) {
        const Index left = g.N - column - v * W;
        valid[v] = left < W ? left : W;
    }
    for (int m = 0; m < MR; ++m) {
        a[m] = row_of(g.a, m0 + m);
        c[m] = row_of(g.c, m0 + m) + column;
        for (int v = 0; v < NV; ++v) {
            if (g.accumulate)
                tile.acc[m][v] = valid[v] == W ? load<T>(c[m] + v * W)
                                               : load_part<T>(c[m] + v * W, valid[v]);
            else
                tile.acc[m][v] = g.bias ? load<T>(g.bias + column + v * W) : VecOf<T>{};
        }
    }
    tile_multiply(tile, g.K, a, b);
    for (int m = 0; m < MR; ++m)
        for (int v = 0; v < NV; ++v) {
            if (valid[v] == W)
                store<T>(c[m] + v * W, tile.acc[m][v]);
            else
                store_part<T>(c[m] + v * W, tile.acc[m][v], valid[v]);
        }
}

template <class T, int NV>
static void gemm_panel(const GemmArgs<T> &g, Index column, const T *b) {
    for_row_tiles(g.M, kTileRows[NV], [&](Index m, int rows) {
        with_rows<kTileRows[NV]>(rows, [&](auto mr) {
            gemm_tile<T, decltype(mr)::value, NV>(g, m, column, b);
        });
    });
}

template <class T> void gemm_kernel(const GemmArgs<T> &g) {
    constexpr Index W = Simd<T>::W;
    for (Index p = g.panel_begin; p < g.panel_end; ++p) {
        const Index column = p * 4 * W;
        const T *b = g.b + column * g.K;
        const Index vectors = (g.N - column + W - 1) / W;
        switch (vectors < 4 ? vectors : 4) {
        case 1: gemm_panel<T, 1>(g, column, b); break;
        case 2: gemm_panel<T, 2>(g, column, b); break;
        case 3: gemm_panel<T, 3>(g, column, b); break;
        default: gemm_panel<T, 4>(g, column, b); break;
        }
    }
}
