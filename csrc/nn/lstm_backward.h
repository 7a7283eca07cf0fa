// The state of one backward call; see lstm_backward.cpp for the design.
#pragma once

#include "nn/lstm.h"
#include "nn/lstm_gradients.h"

namespace fastlstm {

template <class T> class LstmBackward {
  public:
    LstmBackward(LstmCall<T> &call, const BackwardArrays<T> &arrays);
    void run();

  private:
    void thread_body(int thread, int team);
    void prepare_layer(int layer);
    void direction(int layer, int d, const Share &share);
    void step(const DirectionRun<T> &r, const DirectionGradients<T> &g, const Share &share,
              Index s, const BackwardWeights<T> &w);
    void weight_products(const DirectionRun<T> &r, const DirectionGradients<T> &g,
                         const Patches &patches, Index row0, Index row1);
    void input_product(int layer, int d, Index row0, Index row1, int parts, int part);
    void states_out(int layer);

    LstmCall<T> &call_;
    const LstmConfig &config_;
    const SequenceMap &map_;
    const BackwardArrays<T> arrays_;
    const Kernels<T> &k_;
    typename LstmWeights<T>::BackwardSet set_;
    Arena arena_;
    std::array<DirectionGradients<T>, 2> gradients_;
    Activations<const T> dy_; // of the layer at hand
    Activations<T> dx_;
    std::array<T *, 2> inner_ = {nullptr, nullptr}; // dx of a layer is dy of the one below
};

} // namespace fastlstm
