// The parameters of a stack of LSTM layers: where each lies in the flat buffer, and
// their packed copies, made once for each version.
#pragma once

#include <string>
#include <vector>

#include "nn/packed.h"
#include "nn/versioned.h"

namespace fastlstm {

// What the cell may do differently; see CellOptions.
struct CellConfig {
    Activation gate = Activation::Sigmoid, cell = Activation::Tanh;
    bool peephole = false, coupled = false;
    double clip = 0; // 0: none

    bool plain() const {
        return gate == Activation::Sigmoid && cell == Activation::Tanh && !peephole &&
               !coupled && clip == 0;
    }
    Index gates() const { return coupled ? 3 : 4; } // with weights of their own
    Index peepholes() const { return peephole ? gates() - 1 : 0; }
};

// Which normalisation, and how many steps have running statistics of their own.
struct NormConfig {
    Normalization kind = Normalization::None;
    Index steps = 1; // Batch: later ones share the last one's
};

// What training draws masks for; see nn/masks.h. Probabilities, 0: none.
struct Rates {
    double between = 0, locked = 0;
    double hidden = 0, candidate = 0;
    double weight = 0;
    double zoneout_h = 0, zoneout_c = 0; // inference mixes the states in these shares
};

struct LstmConfig {
    Index input_size = 0;
    std::vector<Index> hidden; // units of each layer
    bool bidirectional = false;
    bool bias = true;
    Index projection = 0; // P, or 0
    CellConfig cell;
    Rates rates;
    NormConfig norm;

    bool plain_cell() const {
        return cell.plain() && rates.candidate == 0 && rates.zoneout_h == 0 &&
               rates.zoneout_c == 0;
    }
    int layers() const { return static_cast<int>(hidden.size()); }
    int directions() const { return bidirectional ? 2 : 1; }
    Index units(int layer) const { return hidden[static_cast<std::size_t>(layer)]; }
    // Size K of the hidden state: H, or P with a projection.
    Index state(int layer) const { return projection ? projection : units(layer); }
    Index input(int layer) const {
        return layer == 0 ? input_size : directions() * state(layer - 1);
    }
    Index output() const { return directions() * state(layers() - 1); }
};

// The kernel of a step: the plain cell has its own.
template <class T> auto step_kernel(const Kernels<T> &kernels, const LstmConfig &config) {
    return config.plain_cell() ? kernels.lstm_step : kernels.lstm_step_variant;
}

// Offsets in elements of one direction's parameters in the flat buffer; -1: absent.
struct DirectionLayout {
    Index weight_ih = -1, weight_hh = -1, bias = -1, weight_hr = -1, weight_ch = -1;
    Index gain_ih = -1, gain_hh = -1, gain_c = -1, bias_c = -1;
    // Running mean and variance of x, h and c: (steps, gates H) each, of c (steps, H); and
    // how many steps were ever seen.
    Index statistics[6] = {-1, -1, -1, -1, -1, -1}, seen = -1;
};
struct NamedParameter {
    std::string name;
    std::vector<Index> shape;
    Index offset;
};
struct LstmLayout {
    std::vector<DirectionLayout> directions; // [layer * D + d]
    std::vector<NamedParameter> named;       // in buffer order
    Index size = 0;
};
LstmLayout make_layout(const LstmConfig &config);

// One direction of one layer; G: gate columns, see packed.h.
template <class T> struct ForwardWeights {
    PackedMatrix<T> w_ih; // (I, G)
    PackedMatrix<T> w_hh; // (K, G)
    Buffer<T> bias;       // (G,); zero without a bias
    PackedMatrix<T> w_hr; // (H, P): h = m W_hr^T; only with a projection
    Buffer<T> w_ch;       // peepholes in blocks [i f o][W]; only with peepholes
    // Normalised cells: gain_ih, gain_hh, valid (G,), gain_c, bias_c (H',).
    Buffer<T> norms[5];
    CellOptions<T> options;
};
template <class T> struct BackwardWeights {
    PackedMatrix<T> w_ih_t; // (G, I): dx = dz W_ih
    PackedMatrix<T> w_hh_t; // (G, K): dh = dz W_hh
    PackedMatrix<T> w_hr_t; // (P, H): dm = dh W_hr
};
// What NormArgs has of the weights.
template <class T>
NormArgs<T> norm_weights(const LstmConfig &config, const ForwardWeights<T> &w, Index H) {
    NormArgs<T> n;
    n.count = config.cell.gates() * H;
    n.gain_ih = w.norms[0].data();
    n.gain_hh = w.norms[1].data();
    n.valid = w.norms[2].data();
    n.gain_c = w.norms[3].data();
    n.bias_c = w.norms[4].data();
    n.bias = w.bias.data();
    return n;
}
// Where peephole p (i, f, o; coupled: i, o) of a unit stands in blocks [i f o][W].
inline Index peephole_offset(Index p, Index unit, const CellConfig &cell, Index W) {
    const Index slot = cell.coupled && p == 1 ? 2 : p;
    return unit / W * 3 * W + slot * W + unit % W;
}

// Weights of a call of their own, packed from `flat`; Weights is one of the two above.
template <class T, class Weights>
void pack_all(std::vector<Weights> &set, const LstmConfig &config, const LstmLayout &layout,
              const T *flat);

// Batch normalisation: the statistics of inference, `steps` of them as NormArgs has them when
// given, in the order of gate columns: those in `flat` at this moment, the last one's for steps
// that training has not reached.
template <class T>
void read_statistics(const DirectionLayout &at, const LstmConfig &config, Index H, const T *flat,
                     Index steps, Index width, T *to);

// Thread-safe: callers share an immutable set of packed weights, one entry for each
// [layer * D + d].
template <class T> class LstmWeights {
  public:
    explicit LstmWeights(LstmConfig config);

    const LstmConfig &config() const { return config_; }
    const LstmLayout &layout() const { return layout_; }
    using ForwardSet = std::shared_ptr<const std::vector<ForwardWeights<T>>>;
    using BackwardSet = std::shared_ptr<const std::vector<BackwardWeights<T>>>;
    ForwardSet forward(const T *flat, Index version);
    BackwardSet backward(const T *flat, Index version);

  private:
    LstmConfig config_;
    LstmLayout layout_;
    Versioned<std::vector<ForwardWeights<T>>> forward_;
    Versioned<std::vector<BackwardWeights<T>>> backward_;
};

} // namespace fastlstm
