// Where the masks of a call meet its layers, its hidden states and its weights.
#include "kernels/dispatch.h"
#include "nn/lstm.h"

namespace fastlstm {

template <class T> bool LstmCall<T>::drops(int layer) const {
    const Rates &rates = masks_.rates();
    const bool between = layer >= 0 && layer + 1 < config_.layers();
    return rates.locked > 0 || (between && rates.between > 0);
}

// Dropout between layers draws a mask a step, as torch has it; variational dropout one mask
// a sequence, of each layer's input and of the last one's output.
template <class T>
void LstmCall<T>::drop(int layer, const Activations<const T> &from, const Activations<T> &to,
                       Index begin, Index end, int part, int parts, T *factors) const {
    const Rates &rates = masks_.rates();
    const bool last = layer + 1 == config_.layers();
    const Index size = last ? config_.output() : config_.input(layer + 1);
    if (rates.locked == 0) {
        for (Index s = begin + part; s < end; s += parts)
            for (Index b = 0; b < map_.active(s); ++b)
                masks_.between(layer, b, s, size, from.at(map_, b, s), to.at(map_, b, s));
        return;
    }
    for (Index b = part; b < map_.N; b += parts) {
        masks_.locked(MaskKind::Locked, layer + 1, rates.locked, b, size, factors);
        const Index length = map_.length[static_cast<std::size_t>(b)];
        for (Index s = begin; s < std::min(end, length); ++s) {
            const T *x = from.at(map_, b, s);
            T *out = to.at(map_, b, s);
            for (Index u = 0; u < size; ++u)
                out[u] = x[u] * factors[u];
        }
    }
}

template <class T> Index LstmCall<T>::mask_scratch() const {
    if (!arrays_.learns)
        return 0;
    Index most = config_.output();
    for (int l = 0; l < config_.layers(); ++l) {
        const Index hidden = masks_.rates().hidden > 0 ? config_.state(l) : 0;
        const Index step = (masks_.cell_size(config_.units(l)) + hidden) * map_.N;
        most = std::max({most, step, config_.input(l)});
    }
    return most;
}

template <class T>
void LstmCall<T>::mask_step(StepArgs<T> &a, const DirectionRun<T> &r, const Share &share,
                            Index s, T *scratch) const {
    const Index W = kernels<T>().width;
    a.masks = masks_.cell(r.slot, r.H, s, share.first_row, a.rows, a.block_begin * W,
                          a.block_end * W, scratch);
    if (!r.h_factors)
        return;
    // Every thread masks all that it reads: less work than meeting the others.
    scratch += masks_.cell_size(r.H) * a.rows;
    for (Index j = 0; j < a.rows; ++j) {
        const T *h = a.h.ptr[j], *factors = r.h_factors + (share.first_row + j) * r.K;
        for (Index k = 0; k < r.K; ++k)
            scratch[j * r.K + k] = h[k] * factors[k];
    }
    a.h = {scratch, r.K, nullptr, 1};
}

template <class T> void LstmCall<T>::drop_weights() {
    const LstmLayout &layout = weights_.layout();
    own_flat_ = Buffer<T>(static_cast<std::size_t>(layout.size));
    T *own = own_flat_.data();
    std::copy(flat_, flat_ + layout.size, own);
    const int D = config_.directions();
    for (std::size_t slot = 0; slot < layout.directions.size(); ++slot) {
        const int layer = static_cast<int>(slot) / D;
        const Index K = config_.state(layer), begin = layout.directions[slot].weight_hh;
        const Index rows = config_.cell.gates() * config_.units(layer);
        for (Index row = 0; row < rows; ++row) {
            T *weights = own + begin + row * K;
            masks_.weight_row(static_cast<int>(slot), row, K, weights, weights);
        }
    }
    flat_ = own;
    auto set = std::make_shared<std::vector<ForwardWeights<T>>>();
    pack_all(*set, config_, layout, flat_);
    set_ = std::move(set);
}

#define FASTLSTM_INSTANTIATE(T)                                                                \
    template bool LstmCall<T>::drops(int) const;                                               \
    template void LstmCall<T>::drop(int, const Activations<const T> &, const Activations<T> &, \
                                    Index, Index, int, int, T *) const;                        \
    template Index LstmCall<T>::mask_scratch() const;                                          \
    template void LstmCall<T>::mask_step(StepArgs<T> &, const DirectionRun<T> &,               \
                                         const Share &, Index, T *) const;                     \
    template void LstmCall<T>::drop_weights();
FASTLSTM_INSTANTIATE(float)
FASTLSTM_INSTANTIATE(double)
#undef FASTLSTM_INSTANTIATE

} // namespace fastlstm
