// The drivers of a cell: a step forward with its products, and the pointwise part of a step
// backward.

// Rows whose cells are computed side by side: what the registers hold.
constexpr int kCellRows = kManyRegisters ? 2 : 1;

// The four gates of a block as they lie in memory: four vectors, or halves of two.
template <class T> FASTLSTM_INLINE bool is_half(Index hidden, Index unit) {
    return gate_lanes(hidden - unit, Simd<T>::W) < Simd<T>::W;
}
template <class T> FASTLSTM_INLINE VecOf<T> load_gate(const T *gates, int v, bool half) {
    constexpr int W = Simd<T>::W;
    return half ? load_half<T>(gates + v * W / 2) : load<T>(gates + v * W);
}
template <class T> FASTLSTM_INLINE void store_gate(T *gates, int v, bool half, VecOf<T> z) {
    constexpr int W = Simd<T>::W;
    if (half)
        store_half<T>(gates + v * W / 2, z);
    else
        store<T>(gates + v * W, z);
}

// A vector, of whose elements `valid` are there.
template <class T> FASTLSTM_INLINE VecOf<T> load_most(const T *x, Index valid) {
    return valid >= Simd<T>::W ? load<T>(x) : load_part<T>(x, valid);
}

// N cells side by side: rows that follow one another, or blocks of one row.
template <class T, template <class, int> class Cell, int N>
FASTLSTM_INLINE void step_cells(const StepArgs<T> &s, VecOf<T> (*acc)[4], Index first_row,
                                Index first_unit, bool blocks = false) {
    constexpr int W = Simd<T>::W;
    const auto row = [&](int j) { return blocks ? first_row : first_row + j; };
    const auto unit = [&](int j) { return blocks ? first_unit + j * W : first_unit; };
    Many<T, N> z[4], c_prev, h_prev = {}, c, h;
    Place<T, N> at{s.options, &s.masks, {}, {}};
    for (int j = 0; j < N; ++j) {
        at.row[j] = row(j);
        at.unit[j] = unit(j);
        for (int v = 0; v < 4; ++v)
            z[v].v[j] = acc[j][v];
        c_prev.v[j] = load<T>(s.c_prev + row(j) * s.c_prev_stride + unit(j));
        if (Cell<T, N>::kReadsState && s.options->zoneout_h > 0)
            h_prev.v[j] = load_most<T>(row_of(s.h, row(j)) + unit(j), s.hidden - unit(j));
    }
    Cell<T, N>::forward(at, z, c_prev, h_prev, c, h);
    for (int j = 0; j < N; ++j) {
        const Index valid = s.hidden - unit(j);
        store<T>(s.c + row(j) * s.c_stride + unit(j), c.v[j]);
        T *y = row_of(s.y, row(j)) + unit(j);
        if (valid >= W)
            store<T>(y, h.v[j]);
        else
            store_part<T>(y, h.v[j], valid);
        if (s.store_gates)
            for (int v = 0; v < 4; ++v)
                store_gate<T>(s.gates + row(j) * s.gates_stride + unit(j) * 4, v,
                              is_half<T>(s.hidden, unit(j)), z[v].v[j]);
    }
}

// What the chains of one row and vector v of a block start from.
template <class T>
FASTLSTM_INLINE VecOf<T> step_start(const StepArgs<T> &s, Index row, Index unit, int v) {
    constexpr int W = Simd<T>::W;
    if (!s.w_ih)
        return load<T>(s.gates + row * s.gates_stride + unit * 4 + v * W);
    return s.bias ? load<T>(s.bias + unit * 4 + v * W) : VecOf<T>{};
}

// Cells of MR rows.
template <class T, template <class, int> class Cell, int MR>
FASTLSTM_INLINE void step_rows(const StepArgs<T> &s, VecOf<T> (&z)[MR][4], Index m0,
                               Index unit) {
    constexpr int kPaired = MR / kCellRows * kCellRows;
#pragma GCC unroll 12
    for (int m = 0; m < kPaired; m += kCellRows)
        step_cells<T, Cell, kCellRows>(s, z + m, m0 + m, unit);
    for (int m = kPaired; m < MR; ++m)
        step_cells<T, Cell, 1>(s, z + m, m0 + m, unit);
}

// acc as four gates: where NV is 2, its halves.
template <class T, int MR, int NV>
FASTLSTM_INLINE void gates_of(VecOf<T> (&z)[MR][4], const VecOf<T> (&acc)[MR][NV]) {
    constexpr int W = Simd<T>::W;
    for (int m = 0; m < MR; ++m) {
        alignas(64) T halves[NV * W];
        for (int v = 0; v < NV; ++v)
            store<T>(halves + v * W, acc[m][v]);
        for (int v = 0; v < 4; ++v)
            z[m][v] = load_gate<T>(halves, v, NV == 2);
    }
}

// What a tile of a training step will write.
template <class T, int MR>
FASTLSTM_INLINE void fetch_step(const StepArgs<T> &s, Index m0, Index unit) {
#pragma GCC unroll 12
    for (Index row = m0; row < m0 + MR; ++row) {
        fetch_to_write<T>(s.gates + row * s.gates_stride + unit * 4, 4 * Simd<T>::W);
        fetch_to_write<T>(s.c + row * s.c_stride + unit);
        fetch_to_write<T>(row_of(s.y, row) + unit);
    }
}

// Product and cell of MR rows and one block, gates never leaving the cache. NV: vectors
// of its gates.
template <class T, template <class, int> class Cell, int MR, int NV>
static void step_tile(const StepArgs<T> &s, Index m0, Index block, Ahead ahead) {
    VecOf<T> acc[MR][NV];
    const T *a[MR];
    const Index unit = block * Simd<T>::W;
#pragma GCC unroll 12
    for (int m = 0; m < MR; ++m)
#pragma GCC unroll 4
        for (int v = 0; v < NV; ++v)
            acc[m][v] = step_start(s, m0 + m, unit, v);
    if (s.w_ih) {
        rows_of<T>(a, s.x, m0);
        tile_multiply<T>(acc, s.I, a, s.w_ih + unit * 4 * s.I);
    }
    if (s.store_gates)
        fetch_step<T, MR>(s, m0, unit);
    rows_of<T>(a, s.h, m0);
    tile_multiply<T>(acc, s.K, a, s.w_hh + unit * 4 * s.K, ahead);
    if constexpr (NV == 4) {
        step_rows<T, Cell, MR>(s, acc, m0, unit);
    } else {
        VecOf<T> z[MR][4];
        gates_of<T>(z, acc);
        step_rows<T, Cell, MR>(s, z, m0, unit);
    }
}

// One row and two blocks.
template <class T, template <class, int> class Cell>
static void step_row(const StepArgs<T> &s, Index block) {
    constexpr int W = Simd<T>::W;
    VecOf<T> acc[2][4];
    const Index unit = block * W;
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) {
        acc[0][v] = step_start(s, 0, unit, v);
        acc[1][v] = step_start(s, 0, unit + W, v);
    }
    if (s.w_ih) {
        const T *w = s.w_ih + unit * 4 * s.I;
        row_multiply<T>(acc, s.I, row_of(s.x, 0), w, w + 4 * W * s.I);
    }
    const T *w = s.w_hh + unit * 4 * s.K;
    row_multiply<T>(acc, s.K, row_of(s.h, 0), w, w + 4 * W * s.K);
    step_cells<T, Cell, 2>(s, acc, 0, unit, true);
}

template <class T, template <class, int> class Cell, int NV>
static void step_block(const StepArgs<T> &s, Index block) {
    // From here to the weights that are read next.
    const Index after = s.descending ? block - 1 : block + 1;
    const bool more = after >= s.block_begin && after < s.block_end;
    const Index next = more ? after : s.next_begins;
    const Index distance = NV == 4 ? (next - block) * 4 * Simd<T>::W * s.K : 0;
    for_row_tiles(s.rows, kTileRows[NV], [&](Index m, int rows, Index i, Index tiles) {
        with_rows<kTileRows[NV]>(rows, [&](auto mr) {
            step_tile<T, Cell, decltype(mr)::value, NV>(s, m, block,
                                                        ahead_of<T>(i, tiles, distance));
        });
    });
}

template <class T, template <class, int> class Cell> void step_kernel(const StepArgs<T> &s) {
    const Index begin = s.block_begin, end = s.block_end;
    const bool half = end > begin && is_half<T>(s.hidden, (end - 1) * Simd<T>::W);
    const Index whole = end - begin - half;           // blocks of whole vectors
    const Index pairs = s.rows == 1 ? whole / 2 : 0;  // two of them at once
    const Index jobs = whole - pairs + half;
    for (Index i = 0; i < jobs; ++i) {
        const Index job = s.descending ? jobs - 1 - i : i;
        if (job < pairs)
            step_row<T, Cell>(s, begin + 2 * job);
        else if (job < whole - pairs)
            step_block<T, Cell, 4>(s, begin + pairs + job);
        else
            step_block<T, Cell, 2>(s, end - 1);
    }
}

// What a row's cells of a block read on the way back: gates, and what lies beside them.
template <class T>
FASTLSTM_INLINE void fetch_gates(const CellBackwardArgs<T> &s, Index row, Index unit) {
    fetch_to_write<T>(s.gates + row * s.gates_stride + unit * 4, 4 * Simd<T>::W);
}
template <class T>
FASTLSTM_INLINE void fetch_cell(const CellBackwardArgs<T> &s, Index row, Index unit) {
    fetch<T>(s.c_prev + row * s.c_prev_stride + unit);
    if (s.has_dy)
        fetch<T>(row_of(s.dy, row) + unit);
}

template <class T, template <class, int> class Cell, int N>
FASTLSTM_INLINE void backward_cells(const CellBackwardArgs<T> &s, Index row, Index unit) {
    const Index valid = s.hidden - unit;
    const bool half = is_half<T>(s.hidden, unit);
    Many<T, N> z[4], c_prev, c, dh, dc, m;
    Place<T, N> at{s.options, &s.masks, {}, {}};
    for (int j = 0; j < N; ++j) {
        const Index r = row + j;
        at.row[j] = r;
        at.unit[j] = unit;
        for (int v = 0; v < 4; ++v)
            z[v].v[j] = load_gate<T>(s.gates + r * s.gates_stride + unit * 4, v, half);
        c_prev.v[j] = load<T>(s.c_prev + r * s.c_prev_stride + unit);
        c.v[j] = load<T>(s.c + r * s.c_stride + unit);
        dc.v[j] = load<T>(s.dc + r * s.dc_stride + unit);
        dh.v[j] = load<T>(s.dh + r * s.dh_stride + unit);
        if (s.has_dy)
            dh.v[j] = dh.v[j] + load_most<T>(row_of(s.dy, r) + unit, valid);
    }
    for (int j = 0; j < N; ++j)
        if (row + N + j < s.rows) {
            fetch_gates(s, row + N + j, unit);
            fetch_cell(s, row + N + j, unit);
        }
    Cell<T, N>::backward(at, z, c_prev, c, dh, dc, m);
    for (int j = 0; j < N; ++j) {
        const Index r = row + j;
        store<T>(s.dc + r * s.dc_stride + unit, dc.v[j]);
        for (int v = 0; v < 4; ++v)
            store_gate<T>(s.gates + r * s.gates_stride + unit * 4, v, half, z[v].v[j]);
        if (Cell<T, N>::kReadsState && s.options->zoneout_h > 0)
            store<T>(s.dh + r * s.dh_stride + unit, dh.v[j]);
        if (s.m)
            store<T>(s.m + r * s.m_stride + unit, m.v[j]);
    }
}

template <class T, template <class, int> class Cell>
void cell_backward_kernel(const CellBackwardArgs<T> &s) {
    constexpr int W = Simd<T>::W;
    const Index paired = s.rows / kCellRows * kCellRows;
    for (Index r = 0; r < s.rows; r += r < paired ? kCellRows : 1)
        for (Index block = s.block_begin; block < s.block_end; ++block) {
            if (r < paired)
                backward_cells<T, Cell, kCellRows>(s, r, block * W);
            else
                backward_cells<T, Cell, 1>(s, r, block * W);
        }
}

template <class T> void peephole_kernel(const PeepholeArgs<T> &s) {
    constexpr int W = Simd<T>::W;
    for (Index block = s.block_begin; block < s.block_end; ++block) {
        const Index unit = block * W;
        const bool half = is_half<T>(s.hidden, unit);
        T *to = s.sum + unit * 3;
        VecOf<T> sum[3];
        for (int v = 0; v < 3; ++v)
            sum[v] = load<T>(to + v * W);
        for (Index r = 0; r < s.rows; ++r) {
            const T *gates = s.gates + r * s.gates_stride + unit * 4;
            const VecOf<T> c_prev = load<T>(s.c_prev + r * s.c_prev_stride + unit);
            const VecOf<T> c = load<T>(s.c + r * s.c_stride + unit);
            sum[0] = mul_add(load_gate<T>(gates, 0, half), c_prev, sum[0]);
            sum[1] = mul_add(load_gate<T>(gates, 1, half), c_prev, sum[1]);
            sum[2] = mul_add(load_gate<T>(gates, 3, half), c, sum[2]);
        }
        for (int v = 0; v < 3; ++v)
            store<T>(to + v * W, sum[v]);
    }
}
