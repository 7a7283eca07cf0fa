// The pointwise LSTM cell on vectors of W units (Hochreiter & Schmidhuber 1997 with the
// forget gate of Gers, Schmidhuber & Cummins 2000). A cell variant is a struct like this
// one; the drivers below are templates on it and know no equation.

template <class T> struct PlainCell {
    using Vec = VecOf<T>;

    // z: pre-activations in, activations out, order i f g o.
    FASTLSTM_INLINE void forward(Vec *z, Vec c_prev, Vec &c, Vec &h) {
        z[0] = vec_sigmoid<T>(z[0]);
        z[1] = vec_sigmoid<T>(z[1]);
        z[2] = vec_tanh<T>(z[2]);
        z[3] = vec_sigmoid<T>(z[3]);
        c = mul_add(z[1], c_prev, z[0] * z[2]);
        h = z[3] * vec_tanh<T>(c);
    }

    // z: activations in, gradients of the pre-activations out.
    // dc: gradient of c_t from later steps in, of c_{t-1} out. m: o tanh(c) out.
    FASTLSTM_INLINE void backward(Vec *z, Vec c_prev, Vec c, Vec dh, Vec &dc, Vec &m) {
        const Vec one = splat<T>(T(1));
        const Vec i = z[0], f = z[1], g = z[2], o = z[3];
        const Vec tanh_c = vec_tanh<T>(c);
        m = o * tanh_c;
        dc = mul_add(dh * o, one - tanh_c * tanh_c, dc);
        z[0] = dc * g * i * (one - i);
        z[1] = dc * c_prev * f * (one - f);
        z[2] = dc * i * (one - g * g);
        z[3] = dh * tanh_c * o * (one - o);
        dc = dc * f;
    }
};

// Product and cell of MR rows and one block of W units, gates never leaving the cache.
template <class T, class Cell, int MR>
static void step_tile(const StepArgs<T> &s, Index m0, Index block) {
    constexpr int W = Simd<T>::W;
    Tile<T, MR, 4> tile;
    const Index unit = block * W;
    const Index valid = s.hidden - unit;
    const T *a[MR];
    for (int m = 0; m < MR; ++m)
        for (int v = 0; v < 4; ++v)
            tile.acc[m][v] =
                s.w_ih ? (s.bias ? load<T>(s.bias + unit * 4 + v * W) : VecOf<T>{})
                       : load<T>(s.gates + (m0 + m) * s.gates_stride + unit * 4 + v * W);
    if (s.w_ih) {
        for (int m = 0; m < MR; ++m)
            a[m] = row_of(s.x, m0 + m);
        tile_multiply(tile, s.I, a, s.w_ih + unit * 4 * s.I);
    }
    for (int m = 0; m < MR; ++m)
        a[m] = row_of(s.h, m0 + m);
    tile_multiply(tile, s.K, a, s.w_hh + unit * 4 * s.K);
    for (int m = 0; m < MR; ++m) {
        VecOf<T> c, h;
        Cell::forward(tile.acc[m], load<T>(s.c_prev + (m0 + m) * s.c_prev_stride + unit),
                      c, h);
        store<T>(s.c + (m0 + m) * s.c_stride + unit, c);
        T *y = row_of(s.y, m0 + m) + unit;
        if (valid >= W)
            store<T>(y, h);
        else
            store_part<T>(y, h, valid);
        if (s.store_gates)
            for (int v = 0; v < 4; ++v)
                store<T>(s.gates + (m0 + m) * s.gates_stride + unit * 4 + v * W,
                         tile.acc[m][v]);
    }
}

template <class T, class Cell> void step_kernel(const StepArgs<T> &s) {
    for (Index block = s.block_begin; block < s.block_end; ++block)
        for_row_tiles(s.rows, kTileRows[4], [&](Index m, int rows) {
            with_rows<kTileRows[4]>(rows, [&](auto mr) {
                step_tile<T, Cell, decltype(mr)::value>(s, m, block);
            });
        });
}

template <class T, class Cell> void cell_backward_kernel(const CellBackwardArgs<T> &s) {
    constexpr int W = Simd<T>::W;
    for (Index r = 0; r < s.rows; ++r)
        for (Index block = s.block_begin; block < s.block_end; ++block) {
            const Index unit = block * W;
            T *gates = s.gates + r * s.gates_stride + unit * 4;
            VecOf<T> z[4], m;
            for (int v = 0; v < 4; ++v)
                z[v] = load<T>(gates + v * W);
            VecOf<T> dh = load<T>(s.dh + r * s.dh_stride + unit);
            if (s.has_dy) {
                const T *dy = row_of(s.dy, r) + unit;
                const Index valid = s.hidden - unit;
                dh = dh + (valid >= W ? load<T>(dy) : load_part<T>(dy, valid));
            }
            T *dc_at = s.dc + r * s.dc_stride + unit;
            VecOf<T> dc = load<T>(dc_at);
            Cell::backward(z, load<T>(s.c_prev + r * s.c_prev_stride + unit),
                           load<T>(s.c + r * s.c_stride + unit), dh, dc, m);
            store<T>(dc_at, dc);
            for (int v = 0; v < 4; ++v)
                store<T>(gates + v * W, z[v]);
            if (s.m)
                store<T>(s.m + r * s.m_stride + unit, m);
        }
}
