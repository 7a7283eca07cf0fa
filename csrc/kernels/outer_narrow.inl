// Weight gradients of the few columns that are left of whole vectors of k.
//
// Design: in outer.inl a vector lies along k, and one of which only some lanes are columns
// costs as much as a full one: for 64 units and one feature, 66 columns, a fifth of all.
// Here vectors lie along n, a few columns k are broadcast, and sums go to c at the end.
// Every element is the same chain of multiply-adds, so it has the same bits.

// Columns at most: from a quarter of a vector on another vector of k is as good.
template <class T> constexpr int kOuterNarrow = Simd<T>::W / 4;
constexpr int kNarrowVectors = kManyRegisters ? 4 : 2; // vectors of n at once

template <class T> struct NarrowColumn {
    const OuterPart<T> *part;
    Index k;
};

// NV vectors of n at `b`, of which the last lanes may not be there, by NT columns; `at` is
// the row of c of each.
template <class T, int NT, int NV>
static void narrow_tile(const NarrowColumn<T> *columns, const T *values, Index rows,
                        const T *const *b, Index b_stride, const Index *at, Index lanes) {
    constexpr Index W = Simd<T>::W;
    VecOf<T> acc[NV][NT] = {};
    for (Index r = 0; r < rows; ++r, values += NT)
        for (int v = 0; v < NV; ++v) {
            const T *from = b[v] + r * b_stride;
            const VecOf<T> x = lanes == W ? load<T>(from) : load_part<T>(from, lanes);
            for (int t = 0; t < NT; ++t)
                acc[v][t] = mul_add(splat<T>(values[t]), x, acc[v][t]);
        }
    for (int v = 0; v < NV; ++v)
        for (int t = 0; t < NT; ++t) {
            T sums[W];
            store<T>(sums, acc[v][t]);
            const Index K = columns[t].part->K;
            T *c = columns[t].part->c + at[v] * K + columns[t].k;
            for (Index l = 0; l < lanes; ++l)
                c[l * K] += sums[l];
        }
}

// One run of rows, the rows [begin, end) of c in vectors of W, the columns of all parts
// from `first` on, NT of them.
template <class T, int NT>
__attribute__((noinline)) static void
outer_narrow(const OuterArgs<T> &g, Index first, Index r0, Index r1, Index begin, Index end) {
    constexpr Index W = Simd<T>::W;
    NarrowColumn<T> columns[NT] = {};
    T values[kOuterRun * NT] = {};
    Index part_begin = 0, t = 0;
    for (const OuterPart<T> &part : g.parts) {
        for (; t < NT && first + t < part_begin + part.K; ++t) {
            columns[t] = {&part, first + t - part_begin};
            for (Index r = r0; r < r1; ++r)
                values[(r - r0) * NT + t] = row_of(part.a, r)[columns[t].k];
        }
        part_begin += part.K;
    }
    const Index blocks = (g.units + W - 1) / W;
    const T *b[kNarrowVectors];
    Index at[kNarrowVectors];
    int full = 0;
    for (Index q = begin; q < end; ++q) {
        const Index gate = q / blocks, block = q % blocks, left = g.units - block * W;
        const Index lanes = g.gates == 4 ? gate_lanes(left, W) : W;
        b[full] = g.b + r0 * g.b_stride + block * g.gates * W + gate * lanes;
        at[full] = gate * g.units + block * W;
        if (left < W) // before those that are waiting, which do not mind
            narrow_tile<T, NT, 1>(columns, values, r1 - r0, b + full, g.b_stride, at + full,
                                  left);
        else
            ++full;
        if (full == kNarrowVectors || (full > 0 && q + 1 == end)) {
            with_rows<kNarrowVectors>(full, [&](auto nv) {
                narrow_tile<T, NT, decltype(nv)::value>(columns, values, r1 - r0, b,
                                                        g.b_stride, at, W);
            });
            full = 0;
        }
    }
}
