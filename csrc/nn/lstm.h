// The LSTM of the package: any number of layers, both directions, projection, ragged
// lengths, states, on packed weights; forward for inference, forward that keeps what
// backward needs, and backward. All layers of a call run in one parallel region.
#pragma once

#include <array>

#include "base/phases.h"
#include "base/threads.h"
#include "nn/masks.h"
#include "nn/plan.h"

namespace fastlstm {

// What a training call keeps of the T steps of its gates and cells. What is
// not kept, backward computes again, segment by segment, from the hidden states: the same
// operations in the same order, so the same bits.
enum class Memory {
    Store,      // gates and cells of every step
    Recompute,  // cells
    Checkpoint, // cells of every segment's first step; segments are whole chunks of at
                // least sqrt(T) steps
};

// The arrays of one forward call. States are flat: for layer l and direction d a block
// (N, K_l) (cell: (N, H_l)), in the order l0, l0 reverse, l1, ...
template <class T> struct ForwardArrays {
    Index N = 0, T_ = 0;
    const T *x = nullptr; // (N, T, I)
    Index x_n = 0, x_t = 0;
    T *y = nullptr; // (N, T, D K); padded steps become zero
    Index y_n = 0, y_t = 0;
    const Index *lengths = nullptr; // (N,) in [1, T], or null: all T
    const T *h0 = nullptr, *c0 = nullptr; // or null: zero
    T *hn = nullptr, *cn = nullptr;
    Memory memory = Memory::Store; // training only
    bool learns = false; // masks of config.rates, from seed, and statistics of this batch
    std::uint64_t seed = 0;
    const Index *row_ids = nullptr; // (N,) identity of each row in masks, or null: 0..N-1
};

template <class T> struct BackwardArrays {
    const T *dy = nullptr; // (N, T, D K), or null: zero
    Index dy_n = 0, dy_t = 0;
    const T *dhn = nullptr, *dcn = nullptr; // or null: zero
    T *grads = nullptr;                     // flat, +=
    T *dx = nullptr;                        // (N, T, I), =, or null
    Index dx_n = 0, dx_t = 0;
    T *dh0 = nullptr, *dc0 = nullptr; // =, or null
};

// Where trace writes, each (N, T, H); h is (N, T, K). Padded steps are left alone.
template <class T> struct TraceArrays {
    T *gates[4] = {}; // i, f, g, o
    T *c = nullptr;
    T *h = nullptr;
};

// Elements from one row to the next: a cache line more where rows would otherwise lie a
// multiple of 512 bytes apart, which maps a run of them onto few sets of the cache.
template <class T> Index row_apart(Index size) {
    constexpr Index kLine = 64 / sizeof(T);
    return size % (8 * kLine) == 0 ? size + kLine : size;
}

// One direction of one layer in one call. R rows in the order of this direction's steps.
template <class T> struct DirectionRun {
    const ForwardWeights<T> *w = nullptr;
    int slot = 0;              // layer D + d
    Index I = 0, H = 0, K = 0;
    Index padded = 0;          // H' = H rounded up to W
    Index columns = 0;         // of gates, see packed.h
    Index gates_row = 0;       // from one row of gates to the next, see row_apart
    const T **x = nullptr;     // (R,) rows of I
    T **y = nullptr;           // (R,) rows of K
    const T **h_prev = nullptr; // (R,) rows of K: y of the step before, or h0
    T *h0 = nullptr;           // (N, K) by rank
    T *h_factors = nullptr;    // (N, K) by rank: recurrent dropout on h, or null
    T *c0 = nullptr;           // (N, H') by rank
    T *c = nullptr;            // (R, H') where cells are kept; else (N, H') of this step
    T *gates = nullptr;        // (R, gates_row) where gates are kept
    T *checkpoints = nullptr;  // Memory::Checkpoint: (segments, N, H'), see segment_of
    Index chunk = 1;           // steps that backward walks before the merged products
    Index segment = 1;         // steps that backward has gates of at a time
    T *m = nullptr;            // (N, H'): o tanh(c) before a projection
    // Normalised cells, where gates are kept: normalised sums of x and h, rows as gates'.
    T *x_norm = nullptr, *h_norm = nullptr;
    // Layer: (R, kLayerStatistics) where gates are kept; Batch: of each step, see NormArgs.
    T *statistics = nullptr;
    Index statistics_row = 0; // from one row, or step, to the next
    T *parts = nullptr;       // Batch, where it learns: (kMostGroups, statistics_row)
};

// One forward call and everything that it keeps. For training it lives until backward.
template <class T> class LstmCall {
  public:
    LstmCall(LstmWeights<T> &weights, const T *flat, Index version,
             std::shared_ptr<Pool> pool, const ForwardArrays<T> &arrays, bool training);

    void forward();
    void backward(const BackwardArrays<T> &arrays);
    // What forward kept of a layer and direction, by sequence and time; Memory::Store only.
    void trace(int layer, int d, const TraceArrays<T> &to) const;

    Index version() const { return version_; }
    const Plan &plan() const { return plan_; }
    double flops() const { return flops_; }
    std::size_t bytes() const { return arena_.bytes(); }
    bool keeps_gates() const { return training_ && arrays_.memory == Memory::Store; }
    // Whether statistics of batch normalisation, where there are any, are those of this batch.
    bool learns() const { return arrays_.learns; }
    // Batch normalisation: moves running statistics, as DirectionLayout has them, by the share
    // `momentum` towards this call's, for each step by itself; unbiased variances, as torch.
    void learn(int layer, int d, T *const (&running)[6], T &seen, double momentum) const;

  private:
    bool keeps_cells() const { return training_ && arrays_.memory != Memory::Checkpoint; }
    // Segments are counted from the last step: the number of the one that begins at s.
    Index segment_of(const DirectionRun<T> &r, Index s) const {
        return (map_.steps - s) / r.segment - 1;
    }
    Activations<T> user_x() const {
        return {const_cast<T *>(arrays_.x), arrays_.x_n, arrays_.x_t, 0};
    }
    Activations<T> user_y() const { return {arrays_.y, arrays_.y_n, arrays_.y_t, 0}; }
    bool begins_segment(const DirectionRun<T> &r, Index s) const {
        return s > 0 && (map_.steps - s) % r.segment == 0;
    }

    template <class U> friend class LstmBackward;

    const DirectionRun<T> &run(int layer, int d) const {
        return runs_[static_cast<std::size_t>(layer * config_.directions() + d)];
    }
    void fill_pointers(int layer, int d);
    void copy_states_in();
    void copy_states_out() const;
    void forward_thread(int thread, int team);
    void forward_wave(int thread, int team);
    void forward_steps(const DirectionRun<T> &run, const Share &share, int thread, Index begin,
                       Index end, Laps &laps);
    // What step s reads of this share's rows and units, wherever its gates and cells lie.
    StepArgs<T> step_inputs(const DirectionRun<T> &r, const Share &share, Index s,
                            Index block_begin, Index block_end) const;
    void copy_cells(const DirectionRun<T> &r, Index s, Index first_row, Index rows,
                    Index unit_begin, Index unit_end) const;
    // Whether masks lie between `layer` and the next; -1: before the first, L - 1: after the
    // last.
    bool drops(int layer) const;
    // What `layer` hands on under these masks, in place or not: steps [begin, end), or with
    // a mask for all of them the part of the ranks that is `part` of `parts`.
    void drop(int layer, const Activations<const T> &from, const Activations<T> &to,
              Index begin, Index end, int part, int parts, T *scratch) const;
    // Sets the masks of a step, and h where it is under one; scratch of scratch_masks_.
    void mask_step(StepArgs<T> &a, const DirectionRun<T> &r, const Share &share, Index s,
                   T *scratch) const;
    Index mask_scratch() const; // elements
    void drop_weights();        // a set of weights, and flat_, of this call's own
    Index norm_scratch() const; // elements
    // Sets what a normalised step needs beside `a`, whose gates are set.
    NormArgs<T> norm_of(const DirectionRun<T> &r, const Share &share, Index s) const;
    void norm_step(StepArgs<T> &a, const DirectionRun<T> &r, const Share &share, Index s,
                   T *x_sums, T *scratch, Laps &laps);
    void running_statistics();

    LstmWeights<T> &weights_;
    const LstmConfig &config_;
    const T *flat_;
    Index version_;
    ForwardArrays<T> arrays_;
    bool training_;
    SequenceMap map_;
    CallShape shape_;
    Plan plan_;
    double flops_ = 0;
    std::shared_ptr<Pool> pool_;
    Arena arena_;
    typename LstmWeights<T>::ForwardSet set_;
    std::vector<DirectionRun<T>> runs_;
    std::vector<Activations<T>> inputs_;  // of each layer, under masks where there are any
    std::vector<Activations<T>> outputs_; // of each layer, before masks
    Masks<T> masks_;
    Buffer<T> own_flat_; // parameters under weight drop
    // Of each thread, for products merged over a chunk of steps. OpenMP may grant fewer
    // threads than were planned, so a thread looks what fits instead of what was meant.
    std::vector<T *> scratch_gates_; // inference only
    std::vector<T *> scratch_masks_, scratch_norms_;
    std::vector<const T **> scratch_from_;
    std::vector<T **> scratch_to_;
    Index scratch_rows_ = 0;  // length of the row lists
    Index scratch_size_ = 0;  // elements of scratch_gates_
    std::vector<Progress> progress_; // of each layer in a wave, in steps
    Barrier team_barrier_;
    std::array<Barrier, 2> group_barrier_;
};

} // namespace fastlstm
