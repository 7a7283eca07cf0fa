// Weight gradients: c[n][k] += sum_r b[r][n] a[r][k], written where the parameters lie.
//
// Design: a tile holds MR rows n and NV vectors of k. Its vectors come from a panel: a
// run of rows of every part of a, side by side ([x, h, 1] is one row of inputs), copied
// once into memory that is contiguous, padded and stays in the first-level cache for
// all n. The columns of b in use stay in the second level.

constexpr int kOuterVectors = 3;
constexpr int kOuterTile =
    kTileRows[kOuterVectors] < 8 ? kTileRows[kOuterVectors] : 8; // rows n of a tile

// Lanes [lo, hi) of vector v of a panel: columns [k, k + hi - lo) of one part.
template <class T> struct OuterSpan {
    const OuterPart<T> *part;
    int v, lo, hi;
    Index k;
};
template <class T> struct OuterSpans {
    OuterSpan<T> at[kOuterVectors + kOuterParts];
    int count = 0;
};

// The spans of the panel whose first column is `first`.
template <class T, int NV>
FASTLSTM_INLINE OuterSpans<T> outer_spans(const OuterArgs<T> &g, Index first) {
    constexpr Index W = Simd<T>::W;
    OuterSpans<T> spans;
    for (int v = 0; v < NV; ++v) {
        Index begin = 0; // of the part, counted in columns of all parts
        for (const OuterPart<T> &part : g.parts) {
            const Index column = first + v * W, end = begin + part.K;
            const Index lo = begin > column ? begin : column;
            const Index hi = end < column + W ? end : column + W;
            if (lo < hi)
                spans.at[spans.count++] = {&part, v, (int)(lo - column), (int)(hi - column),
                                           lo - begin};
            begin = end;
        }
    }
    return spans;
}

template <class T, int NV>
FASTLSTM_INLINE void fill_panel(T *panel, const OuterSpans<T> &spans, Index r0, Index r1) {
    constexpr Index W = Simd<T>::W;
    for (Index r = r0; r < r1; ++r) // lanes behind the last column
        store<T>(panel + ((r - r0) * NV + NV - 1) * W, VecOf<T>{});
    for (int s = 0; s < spans.count; ++s) {
        const OuterSpan<T> &span = spans.at[s];
        T *to = panel + span.v * W + span.lo;
        const Index n = span.hi - span.lo;
        for (Index r = r0; r < r1; ++r, to += NV * W) {
            const T *from = row_of(span.part->a, r) + span.k;
            if (n == W)
                store<T>(to, load<T>(from));
            else
                store_part<T>(to, load_part<T>(from, n), n);
        }
    }
}

// MR rows of c from `row` on, b at the column of the first of them; the columns that the
// next tile reads are `ahead` elements further.
template <class T, int MR, int NV>
static void outer_tile(const OuterSpans<T> &spans, Index row, Index rows, const T *panel,
                       const T *b, Index b_stride, Index ahead) {
    constexpr int W = Simd<T>::W;
    for (int s = 0; s < spans.count; ++s) {
        const OuterSpan<T> &span = spans.at[s];
        for (int m = 0; m < MR; ++m)
            __builtin_prefetch(span.part->c + (row + m) * span.part->K + span.k, 1);
    }
    VecOf<T> acc[MR][NV] = {};
    for (Index r = 0; r < rows; ++r, b += b_stride, panel += NV * W) {
        VecOf<T> w[NV];
        __builtin_prefetch(b + ahead);
#pragma GCC unroll 4
        for (int v = 0; v < NV; ++v)
            w[v] = load<T>(panel + v * W);
#pragma GCC unroll 8
        for (int m = 0; m < MR; ++m) {
            const VecOf<T> x = splat<T>(b[m]);
#pragma GCC unroll 4
            for (int v = 0; v < NV; ++v)
                acc[m][v] = mul_add(x, w[v], acc[m][v]);
        }
    }
    for (int s = 0; s < spans.count; ++s) {
        const OuterSpan<T> &span = spans.at[s];
        T *c = span.part->c + row * span.part->K + span.k;
        for (int m = 0; m < MR; ++m, c += span.part->K) {
            VecOf<T> sum = acc[m][0];
            for (int v = 1; v < NV; ++v)
                sum = span.v == v ? acc[m][v] : sum;
            if (span.hi - span.lo == W)
                store<T>(c, load<T>(c) + sum);
            else
                add_lanes<T>(c, sum, span.lo, span.hi);
        }
    }
}

// One panel of a, one run of rows, the rows [begin, end) of c in vectors of W.
// Not inlined: one panel on the stack at a time.
template <class T, int NV>
__attribute__((noinline)) static void outer_panel(const OuterArgs<T> &g, Index first, Index r0, Index r1, Index begin,
                        Index end) {
    constexpr Index W = Simd<T>::W;
    alignas(64) T panel[kOuterRun * NV * W];
    const OuterSpans<T> spans = outer_spans<T, NV>(g, first);
    fill_panel<T, NV>(panel, spans, r0, r1);
    const Index blocks = (g.units + W - 1) / W;
    for (Index q = begin; q < end; ++q) {
        const Index gate = q / blocks, block = q % blocks;
        const Index left = g.units - block * W;
        const Index lanes = g.gates == 4 ? gate_lanes(left, W) : W;
        const T *b = g.b + r0 * g.b_stride + block * g.gates * W + gate * lanes;
        for_row_tiles(left < W ? left : W, kOuterTile, [&](Index m, int rows, Index, Index) {
            with_rows<kOuterTile>(rows, [&](auto mr) {
                outer_tile<T, decltype(mr)::value, NV>(spans, gate * g.units + block * W + m,
                                                       r1 - r0, panel, b + m, g.b_stride,
                                                       g.gates * W);
            });
        });
    }
}

template <class T> void outer_kernel(const OuterArgs<T> &g) {
    constexpr Index W = Simd<T>::W;
    constexpr Index kColumns = 2048 / kVectorBytes; // at most 512 kB of a run of b
    Index K = 0;
    for (const OuterPart<T> &part : g.parts)
        K += part.K;
    const Index few = K % W, whole = few <= kOuterNarrow<T> ? K - few : K;
    const Index runs = (g.R + kOuterRun - 1) / kOuterRun;
    for (Index run = 0; run < runs; ++run) {
        const Index r0 = g.R * run / runs, r1 = g.R * (run + 1) / runs;
        for (Index q0 = g.begin; q0 < g.end; q0 += kColumns) {
            const Index q1 = q0 + kColumns < g.end ? q0 + kColumns : g.end;
            const Index vectors = (whole + W - 1) / W;
            for_row_tiles(vectors, kOuterVectors, [&](Index v, int count, Index, Index) {
                with_rows<kOuterVectors>(count, [&](auto nv) {
                    outer_panel<T, decltype(nv)::value>(g, v * W, r0, r1, q0, q1);
                });
            });
            if constexpr (kOuterNarrow<T> > 0)
                if (whole < K)
                    with_rows<kOuterNarrow<T>>((int)few, [&](auto nt) {
                        outer_narrow<T, decltype(nt)::value>(g, whole, r0, r1, q0, q1);
                    });
        }
    }
}
