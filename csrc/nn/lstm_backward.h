// The state of one backward call; see lstm_backward.cpp for the design.
#pragma once

#include "nn/lstm.h"

namespace fastlstm {

// Gradients of one direction on their way back through time.
template <class T> struct DirectionGradients {
    bool dy_wanted = false, dx_wanted = false;
    Index dh_stride = 0;    // K' = K padded to W
    T *dh = nullptr;        // (N, K') gradient of the hidden state from the next step
    T *dc = nullptr;        // (N, H')
    T *dw_ch = nullptr;     // (3 H') with peepholes: their gradient of a chunk
    T *dm = nullptr;        // (N, H') with a projection: gradient of o tanh(c)
    T *dw_hh = nullptr;     // with weight drop: gradient of the dropped weights
    // With a projection or masked hidden states, of the rows of the chunk at hand and of the one before, which
    // another thread may still read: see LstmBackward::chunk_rows.
    T *dh_rows = nullptr;   // (2 chunks, K') gradient of every h
    T *m_rows = nullptr;    // (2 chunks, H') o tanh(c)
    T *h_rows = nullptr;    // (2 chunks, K) masked h_prev
    // Normalised cells.
    T *da = nullptr;        // (N, H') of one step: gradient of what a cell shows
    T *dnorm = nullptr;     // (groups, norm_sum_size) of gains, biases and peepholes
    T *norm_parts = nullptr; // Batch: the same of one step
    const T **dy = nullptr; // (R,) rows of K, where dy_wanted
    T **dx = nullptr;       // (R,) rows of I, where dx_wanted
};

// The steps whose gates and cells are at hand: all of them, or a segment.
template <class T> struct Window {
    Index first_step = 0;
    T *gates = nullptr;
    Index gates_from = 0; // packed row of the first row of gates
    T *c = nullptr;
    Index c_from = 0;
    Index chunk_from = 0; // packed row of the first row of dh_rows and m_rows
};

template <class T> class LstmBackward {
  public:
    LstmBackward(LstmCall<T> &call, const BackwardArrays<T> &arrays);
    void run();

  private:
    void thread_body(int thread, int team);
    void prepare_layer(int layer);
    void direction(int layer, int d, const Share &share, Laps &laps);
    Window<T> window(const DirectionRun<T> &r, Index s0) const;
    void recompute(const DirectionRun<T> &r, const Share &share, const Window<T> &at, Index s1);
    const T *cells_before(const DirectionRun<T> &r, const Window<T> &at, Index s) const;
    // dy of the last layer under its masks.
    Activations<T> top_dy() const {
        return {inner_[static_cast<std::size_t>(config_.layers() & 1)], 0, 0, config_.output()};
    }
    // The most rows of a chunk of any layer.
    Index chunk_rows() const;
    void step(const DirectionRun<T> &r, const DirectionGradients<T> &g, const Window<T> &window,
              const Share &share, Index s, const BackwardWeights<T> &w, Laps &laps);
    void mask_back(const DirectionRun<T> &r, const DirectionGradients<T> &g,
                   const Window<T> &window, Index row, Index rank, Index rows, Index begin,
                   Index end) const;
    void weight_products(const DirectionRun<T> &r, const DirectionGradients<T> &g,
                         const DirectionLayout &at, const Window<T> &window,
                         const Share &share, Index row0, Index row1);
    void coupled_outer(OuterArgs<T> outer, Index vectors) const;
    void peephole_sums(const DirectionRun<T> &r, const DirectionGradients<T> &g,
                       const DirectionLayout &at, const Window<T> &window, const Share &share,
                       Index s0, Index s1);
    void input_product(int layer, int d, const Window<T> &window, Index row0, Index row1,
                       int parts, int part);
    void states_out(int layer);
    void add_dropped(int layer, int part, int parts);
    void norm_cells(const CellBackwardArgs<T> &a, const DirectionRun<T> &r,
                    const DirectionGradients<T> &g, const Share &share, Index s, Laps &laps);
    void add_norms(const DirectionRun<T> &r, const DirectionGradients<T> &g,
                   const DirectionLayout &at, const Share &share);
    Index norm_groups() const { // of rows that are summed apart
        return (map_.N + plan_.grain - 1) / plan_.grain;
    }

    LstmCall<T> &call_;
    const LstmConfig &config_;
    const SequenceMap &map_;
    const BackwardArrays<T> arrays_;
    const Kernels<T> &k_;
    Plan plan_;
    typename LstmWeights<T>::BackwardSet set_;
    Arena arena_;
    std::array<DirectionGradients<T>, 2> gradients_;
    Activations<const T> dy_; // of the layer at hand
    Activations<T> dx_;
    // Of the segment at hand where gates, cells are not kept; directions take turns.
    T *segment_gates_ = nullptr, *segment_c_ = nullptr, *segment_y_ = nullptr;
    std::vector<T *> scratch_masks_, scratch_norms_; // of each thread
    std::array<T *, 2> inner_ = {nullptr, nullptr}; // dx of a layer is dy of the one below
};

} // namespace fastlstm
