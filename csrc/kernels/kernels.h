// The whole contract between the algorithms (nn/) and the instruction sets (*.inl):
// argument structs and one table of function pointers for each scalar type.
//
// Rules that hold for every function here:
//   - pure functions on raw pointers: no allocation, no threads, no exceptions;
//   - a kernel that needs a different result for another thread count does not exist:
//     every output element is ONE chain of multiply-adds in a fixed order, wherever
//     the element stands in a tile, a batch or a call;
//   - parameter gradients are added to (+=), activation gradients are written (=);
//   - gate order is i, f, g, o; W is the vector width in elements (Kernels::width).
//
// Gates of H units are columns in blocks of W units: [block][i f g o][lanes]. A gate has W
// lanes, in a last block of at most W/2 units only W/2, so that its four gates fill two
// vectors instead of four half empty ones.
//
// Dims: M or R rows, K inner size, N columns, H hidden, I input. "Padded to W" means
// that the buffer has room for a multiple of W elements and that the rest is zero.
#pragma once

#include <cstdint>

namespace fastlstm {

using Index = std::int64_t;

// Lanes of a gate in the block before whose first unit `left` of the H units are left.
static inline Index gate_lanes(Index left, Index W) { return 2 * left <= W ? W / 2 : W; }

// Addresses of rows: row m is `ptr[m * ptr_step]` where ptr is given, else
// `base + m * stride`. Rows need not be contiguous in memory, elements of a row are.
template <class T> struct Rows {
    T *base = nullptr;
    Index stride = 0;
    T *const *ptr = nullptr;
    Index ptr_step = 1;
};

// C[m][n] = start + sum_k A[m][k] B[k][n], k ascending.
template <class T> struct GemmArgs {
    Index M = 0, K = 0, N = 0;
    Rows<const T> a;         // M rows of K
    const T *b = nullptr;    // packed: panel p of 4 W columns (the last may have fewer
                             // vectors) is [K][vectors][W], panels back to back
    Rows<T> c;               // M rows of N; never read or written beyond N
    const T *bias = nullptr; // start of each chain, N padded to W, or null
    bool accumulate = false; // start each chain from C instead (bias is then ignored)
    Index panel_begin = 0, panel_end = 0;
};

// The gradients of weights: c[n][k] += sum_r b[r][n] a[r][k]. The rows are cut
// into the fewest runs of at most kOuterRun and nearly equal length (run i of n begins
// at row R i / n); each run is one chain started from zero.
// Several parts share b and stand side by side: x, h and an input that is always one
// give the gradients of W_ih, W_hh and the bias.
constexpr Index kOuterRun = 256;
constexpr int kOuterParts = 3;
template <class T> struct OuterPart {
    Index K = 0;       // 0: no such part
    Rows<const T> a;   // R rows of K
    T *c = nullptr;    // (gates * units, K) row-major, as the parameter
};
template <class T> struct OuterArgs {
    Index R = 0;
    Index units = 0, gates = 1;      // n = gate * units + unit
    const T *b = nullptr;            // R rows: units, or where gates is 4 gate columns
    Index b_stride = 0;
    OuterPart<T> parts[kOuterParts];
    Index begin = 0, end = 0;        // of gates * ceil(units / W) vectors of n, by gate
};

// dst[k][l] = src[l][k] for l < rows <= lanes, zero for the other lanes, of which there are
// W or W/2.
template <class T> struct TransposeArgs {
    Index rows = 0, K = 0;
    Index lanes = 0;
    const T *src = nullptr;
    Index src_stride = 0;
    T *dst = nullptr; // K times lanes
    Index dst_stride = 0;
};

// What a cell may do differently from the plain one, the same for all rows and units.
enum class Activation { Sigmoid, HardSigmoid, Tanh, Relu };
template <class T> struct CellOptions {
    Activation gate = Activation::Sigmoid; // of i, f and o
    Activation cell = Activation::Tanh;    // of g, and of c on its way to h
    bool coupled = false;                  // f = 1 - i; its pre-activation is not used
    T clip = 0;                            // |c| is at most this; 0: any
    const T *peephole = nullptr; // blocks of [i f o][W units], padding zero, or null
    T zoneout_h = 0, zoneout_c = 0; // how much of the old state stays where no mask says so
};

// Masks of one step, rows of H padded to W; null: none.
template <class T> struct CellMasks {
    const T *candidate = nullptr;                       // factors of g
    const T *zoneout_h = nullptr, *zoneout_c = nullptr; // 1 where the old state stays, or 0
    Index stride = 0;
};

// One time step of an LSTM cell for `rows` sequences and the units of the blocks
// [block_begin, block_end) of W units each: recurrent product, gates, new states.
//   z = start + x W_ih^T + h W_hh^T,  i f o = sigmoid(z), g = tanh(z)
//   c = f c_prev + i g,  h = o tanh(c)
template <class T> struct StepArgs {
    Index rows = 0, hidden = 0;
    Index block_begin = 0, block_end = 0;
    bool descending = false;   // the blocks' order, which no result depends on
    Index next_begins = 0;     // the block with which the next step begins
    Rows<const T> x;           // rows of I; unused where w_ih is null
    Index I = 0;
    const T *w_ih = nullptr;   // (I, gate columns) packed, or null: `gates` holds
                               // bias + x W_ih^T already
    const T *bias = nullptr;   // gate columns; used only with w_ih
    Rows<const T> h;           // rows of K, the previous hidden state
    Index K = 0;
    const T *w_hh = nullptr;   // (K, gate columns) packed
    T *gates = nullptr;        // rows of gate columns; see w_ih and store_gates
    Index gates_stride = 0;
    bool store_gates = false;  // leave i, f, g, o in `gates` for the backward pass
    const T *c_prev = nullptr; // rows of H padded to W; may be c itself
    Index c_prev_stride = 0;
    T *c = nullptr;            // rows of H padded to W
    Index c_stride = 0;
    Rows<T> y;                 // rows of H: the new hidden state, never beyond H
    const CellOptions<T> *options = nullptr; // of lstm_step_variant, as are the masks
    CellMasks<T> masks;                      // with zoneout_h K is H
};

// The pointwise part of one backward step, same rows and blocks as the forward step.
template <class T> struct CellBackwardArgs {
    Index rows = 0, hidden = 0;
    Index block_begin = 0, block_end = 0;
    T *gates = nullptr;        // in: i, f, g, o; out: gradient of z, same layout
    Index gates_stride = 0;
    const T *c_prev = nullptr; // rows of H padded to W
    Index c_prev_stride = 0;
    const T *c = nullptr;
    Index c_stride = 0;
    T *dh = nullptr;           // rows of H padded to W: gradient from the next step; with
                               // zoneout_h out: of h_prev, past the gates
    Index dh_stride = 0;
    bool has_dy = false;
    Rows<const T> dy;          // rows of H: gradient from above
    T *dc = nullptr;           // rows of H padded to W; in: of c, out: of c_prev
    Index dc_stride = 0;
    T *m = nullptr;            // rows of H padded to W: receives o tanh(c), or null
    Index m_stride = 0;
    const CellOptions<T> *options = nullptr; // of lstm_cell_backward_variant
    CellMasks<T> masks;                      // those of the forward step
};

// Gradients of peepholes of cells that are not normalised: sums over rows, added to `sum`, blocks of [i f o][W units].
//   i: dz_i c_prev,  f: dz_f c_prev,  o: dz_o c
template <class T> struct PeepholeArgs {
    Index rows = 0, hidden = 0;
    Index block_begin = 0, block_end = 0;
    const T *gates = nullptr; // gradients of z, as lstm_cell_backward leaves them
    Index gates_stride = 0;
    const T *c_prev = nullptr, *c = nullptr;
    Index c_prev_stride = 0, c_stride = 0;
    T *sum = nullptr;
};

// Counter-based dropout of one row: out[u] = keep(u) ? x[u] / (1 - p) : 0 with keep a
// function of (seed, stream, step, row_id, u) alone. In place is allowed.
template <class T> struct DropoutArgs {
    Index n = 0;
    const T *x = nullptr;
    T *out = nullptr;
    double p = 0;
    std::uint64_t seed = 0;
    std::uint32_t stream = 0; // which layer draws
    std::uint64_t row_id = 0;
    std::uint32_t step = 0;
};

// The mask alone, for units [begin, end): `dropped` with probability p, else `kept`; the
// same keep(u) as dropout's. begin is a multiple of kDraws.
constexpr Index kDraws = 64;
template <class T> struct MaskArgs {
    Index begin = 0, end = 0;
    T *out = nullptr; // of unit 0
    double p = 0;
    T dropped = 0, kept = 1;
    std::uint64_t seed = 0;
    std::uint32_t stream = 0;
    std::uint64_t row_id = 0;
    std::uint32_t step = 0;
};

// How sums over the rows of a step are made when threads share its rows: in groups of
// neighbouring ranks, each with one thread, and these in pairs, pairs of pairs and so on, so
// that no sum shows the number of threads. A thread merges pairs that are all its own in its
// slots; each thread merges for itself what is left in the `node` slots. See nn/row_groups.h.
constexpr Index kMostGroups = 8;
template <class T> struct Merge {
    Index into = 0, from = 0;
    T share = 0, product = 0; // n_from / n and n_into n_from / n, n rows of both
};
template <class T> struct RowGroups {
    Index size = 1;           // rows of a group
    Index begin = 0, end = 0; // groups of this thread
    Index active = 0;         // rows of the step
    bool writes = true;       // whether this thread keeps what all know
    int own_merges = 0, nodes = 0, merges = 0;
    Merge<T> own[kMostGroups];   // of slots
    Index node[kMostGroups];     // slots
    Merge<T> merge[kMostGroups]; // of nodes
};

// A cell with normalised sums and a normalised cell: see kernels/norm.inl. The statistics
// are those of each row, or of each unit over the rows of a step.
//   z = gain_ih N(x W_ih^T) + gain_hh N(h W_hh^T) + bias
//   c as ever,  h = o tanh(gain_c N(c) + bias_c)
enum class Normalization { None, Layer, Batch };
constexpr double kNormEpsilon = 1e-5;
template <class T> struct NormArgs {
    Index count = 0;           // of the sums of a row: gates with weights times H
    const T *valid = nullptr;  // gate columns: 1 where a column is one of these, else 0
    const T *gain_ih = nullptr, *gain_hh = nullptr, *bias = nullptr; // gate columns
    const T *gain_c = nullptr, *bias_c = nullptr;                    // H padded to W
    T *x = nullptr, *h = nullptr; // rows of gate columns: sums in, normalised out
    Index stride = 0;
    // Batch: means and variances, each of x, h (gate columns) and c (H padded to W): see
    // batch_statistics. Layer: of each row what to multiply x, h and c with, and c's mean.
    T *statistics = nullptr;
    // Batch: the sums of the rows' groups, which threads share, and of each thread what all
    // of them come to, batch_total_size elements: in a step means and scales, in the places of
    // means and variances. Given, they are what all there is: not of these rows.
    bool given = false;
    RowGroups<T> groups;
    T *parts = nullptr, *total = nullptr;
};
constexpr Index kLayerStatistics = 4;
// Of the six parts of a step's statistics: mean x, variance x, mean h, ..., variance c.
static inline Index batch_statistics(int part, Index columns, Index padded) {
    return part < 4 ? part * columns : 4 * columns + (part - 4) * padded;
}
static inline Index batch_total_size(Index columns, Index padded) {
    return 5 * columns + 3 * padded;
}

// A step: `step` without its products and inputs, but with `gates` always there. Batch
// normalisation takes kBatchStages calls, between which all threads of the rows meet; where
// statistics are given the first does nothing.
constexpr int kBatchStages = 3;
template <class T> struct NormStepArgs {
    StepArgs<T> step;
    NormArgs<T> norm;
    int stage = 0;
};
// Its pointwise part backward: dh as ever, but the sums of x and of h get gradients of their
// own, those of x in the gates, those of h where normalised h was. Gradients of gains and
// biases are sums over rows, added to `sums`: gain_ih, gain_hh, bias (gate columns each),
// gain_c, bias_c (H padded to W each) and peepholes (blocks of [i f o][W units]), of each group
// of neighbouring rows, since a group has one thread. Batch: in stages, as the step, and
// norm.parts has the same sums of this step alone.
template <class T> struct NormBackwardArgs {
    CellBackwardArgs<T> cell;
    NormArgs<T> norm;
    T *da = nullptr;      // rows of H padded to W: scratch
    T *sums = nullptr;
    Index group = 1, first_rank = 0; // rows of a group, and the rank of the first row
    int stage = 0;
};
static inline Index norm_sum_size(Index columns, Index padded) {
    return 3 * columns + 5 * padded;
}

// Softmax cross-entropy of one row; see kernels/loss.inl.
template <class T> struct SoftmaxArgs {
    Index n = 0;
    const T *logits = nullptr;
    T *out = nullptr; // n probabilities; may be logits itself
};

// One pass of an optimizer over n parameters; see kernels/optimizer.inl.
template <class T> struct SgdArgs {
    Index n = 0;
    T *param = nullptr;
    const T *grad = nullptr;
    T *velocity = nullptr; // or null: no momentum
    double learning_rate = 0, momentum = 0, weight_decay = 0, l1 = 0, grad_scale = 1;
    bool nesterov = false;
};
template <class T> struct AdamArgs {
    Index n = 0;
    T *param = nullptr;
    const T *grad = nullptr;
    T *m = nullptr;
    T *v = nullptr;
    double learning_rate = 0, beta1 = 0, beta2 = 0, epsilon = 0, weight_decay = 0;
    double l1 = 0, grad_scale = 1;
    double correction1 = 1, correction2 = 1; // 1 - beta^step
    bool decoupled = false;                  // AdamW
};

// Loops that measure the machine, see kernels/ceiling.inl.
constexpr int kMultiplyAddChains = 12, kReadChains = 8;

template <class T> struct Kernels {
    Index width;
    void (*gemm)(const GemmArgs<T> &);
    void (*outer)(const OuterArgs<T> &);
    void (*transpose)(const TransposeArgs<T> &);
    void (*lstm_step)(const StepArgs<T> &);
    void (*lstm_cell_backward)(const CellBackwardArgs<T> &);
    void (*lstm_step_variant)(const StepArgs<T> &);
    void (*lstm_cell_backward_variant)(const CellBackwardArgs<T> &);
    void (*peephole_gradients)(const PeepholeArgs<T> &);
    void (*layer_norm_step)(const NormStepArgs<T> &);
    void (*layer_norm_backward)(const NormBackwardArgs<T> &);
    void (*batch_norm_step)(const NormStepArgs<T> &);
    void (*batch_norm_backward)(const NormBackwardArgs<T> &);
    void (*exp)(T *out, const T *x, Index n);
    void (*sigmoid)(T *out, const T *x, Index n);
    void (*tanh)(T *out, const T *x, Index n);
    void (*dropout)(const DropoutArgs<T> &);
    void (*mask)(const MaskArgs<T> &);
    double (*softmax)(const SoftmaxArgs<T> &); // returns log(sum(exp(logits)))
    void (*sgd)(const SgdArgs<T> &);
    void (*adam)(const AdamArgs<T> &);
    double (*squared_norm)(const T *x, Index n);
    double (*multiply_adds)(Index n); // n on each of kMultiplyAddChains vectors
    double (*read)(const T *x, Index n);
};

struct KernelTable {
    const char *isa;
    Kernels<float> f32;
    Kernels<double> f64;
};

} // namespace fastlstm
