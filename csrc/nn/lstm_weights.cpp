#include "nn/lstm_weights.h"

#include "kernels/dispatch.h"
#include "nn/work.h"

namespace fastlstm {
namespace {

// An element that is moved costs about as much time as this many multiply-adds.
constexpr double kPackFlops = 20;

// dst (gate-packed (K, 4H')) from src (4H, K) row-major, in squares that stay in L1.
template <class T> void pack_gates(PackedMatrix<T> &dst, const T *src, Index H, Index K, Index W) {
    constexpr Index kSquare = 16;
    parallel_ranges(dst.N(), W, kPackFlops * double(dst.N()) * double(K), [&](Index n, Index end) {
        for (; n < end; n += W) {
            const Index row = gate_row(n, H, W); // of the first lane, which is no padding
            const Index lanes = std::min(W, H - n / (4 * W) * W);
            for (Index k0 = 0; k0 < K; k0 += kSquare) {
                const Index k1 = std::min(K, k0 + kSquare);
                for (Index lane = 0; lane < lanes; ++lane) {
                    const T *from = src + (row + lane) * K;
                    T *to = dst.data() + dst.offset(k0, n) + lane;
                    for (Index k = k0; k < k1; ++k, to += 4 * W)
                        *to = from[k];
                }
            }
        }
    });
}

// dst (4H', K) from src (4H, K): the rows in gate-packed order, padding rows zero.
template <class T> void pack_gate_rows(PackedMatrix<T> &dst, const T *src, Index H, Index W) {
    const Index K = dst.N();
    const double flops = kPackFlops * double(dst.K()) * double(K);
    parallel_ranges(dst.K(), 4 * W, flops, [&](Index begin, Index end) {
        for (Index n = begin; n < end; ++n) {
            const Index row = gate_row(n, H, W);
            for (Index k0 = 0; row >= 0 && k0 < K; k0 += 4 * W)
                std::copy(src + row * K + k0, src + row * K + std::min(K, k0 + 4 * W),
                          dst.data() + dst.offset(n, k0));
        }
    });
}

template <class T>
void pack(ForwardWeights<T> &w, const LstmConfig &config, int layer, const DirectionLayout &at,
          const T *flat, Index W) {
    const Index H = config.units(layer), I = config.input(layer), K = config.state(layer);
    const Index N = 4 * round_up(H, W);
    if (w.w_ih.N() == 0) {
        w.w_ih = PackedMatrix<T>(I, N, W);
        w.w_hh = PackedMatrix<T>(K, N, W);
        w.bias = Buffer<T>(static_cast<std::size_t>(N));
        if (at.weight_hr >= 0)
            w.w_hr = PackedMatrix<T>(H, K, W);
    }
    pack_gates(w.w_ih, flat + at.weight_ih, H, I, W);
    pack_gates(w.w_hh, flat + at.weight_hh, H, K, W);
    if (at.bias >= 0)
        for (Index n = 0; n < N; ++n)
            if (const Index row = gate_row(n, H, W); row >= 0)
                w.bias.data()[n] = flat[at.bias + row];
    if (at.weight_hr >= 0)
        w.w_hr.fill([&](Index h, Index p) { return flat[at.weight_hr + p * H + h]; });
}

template <class T>
void pack(BackwardWeights<T> &w, const LstmConfig &config, int layer, const DirectionLayout &at,
          const T *flat, Index W) {
    const Index H = config.units(layer), I = config.input(layer), K = config.state(layer);
    const Index N = 4 * round_up(H, W);
    if (w.w_ih_t.K() == 0) {
        w.w_ih_t = PackedMatrix<T>(N, I, W);
        w.w_hh_t = PackedMatrix<T>(N, K, W);
        if (at.weight_hr >= 0)
            w.w_hr_t = PackedMatrix<T>(K, H, W);
    }
    pack_gate_rows(w.w_ih_t, flat + at.weight_ih, H, W);
    pack_gate_rows(w.w_hh_t, flat + at.weight_hh, H, W);
    if (at.weight_hr >= 0)
        w.w_hr_t.fill([&](Index p, Index h) { return flat[at.weight_hr + p * H + h]; });
}

template <class T, class Weights>
void pack_all(std::vector<Weights> &set, const LstmConfig &config, const LstmLayout &layout,
              const T *flat) {
    set.resize(layout.directions.size());
    for (int l = 0; l < config.layers(); ++l)
        for (int d = 0; d < config.directions(); ++d) {
            const auto i = static_cast<std::size_t>(l * config.directions() + d);
            pack(set[i], config, l, layout.directions[i], flat, kernels<T>().width);
        }
}

} // namespace

LstmLayout make_layout(const LstmConfig &config) {
    LstmLayout layout;
    const auto add = [&](std::string name, std::vector<Index> shape) {
        const Index offset = layout.size;
        std::size_t size = 1;
        for (const Index n : shape)
            size = checked_multiply(size, static_cast<std::size_t>(n));
        checked_multiply(size + static_cast<std::size_t>(offset), sizeof(double) * 2);
        layout.size += static_cast<Index>(size);
        layout.named.push_back({std::move(name), std::move(shape), offset});
        return offset;
    };
    for (int l = 0; l < config.layers(); ++l)
        for (int d = 0; d < config.directions(); ++d) {
            const std::string suffix = "_l" + std::to_string(l) + (d ? "_reverse" : "");
            const Index H = config.units(l);
            checked_multiply(static_cast<std::size_t>(H), 4);
            DirectionLayout at;
            at.weight_ih = add("weight_ih" + suffix, {4 * H, config.input(l)});
            at.weight_hh = add("weight_hh" + suffix, {4 * H, config.state(l)});
            if (config.bias)
                at.bias = add("bias" + suffix, {4 * H});
            if (config.projection)
                at.weight_hr = add("weight_hr" + suffix, {config.projection, H});
            layout.directions.push_back(at);
        }
    return layout;
}

template <class T>
LstmWeights<T>::LstmWeights(LstmConfig config)
    : config_(std::move(config)), layout_(make_layout(config_)) {}

template <class T>
typename LstmWeights<T>::ForwardSet LstmWeights<T>::forward(const T *flat, Index version) {
    return forward_.get(version,
                        [&](auto &set) { pack_all(set, config_, layout_, flat); });
}

template <class T>
typename LstmWeights<T>::BackwardSet LstmWeights<T>::backward(const T *flat, Index version) {
    return backward_.get(version,
                         [&](auto &set) { pack_all(set, config_, layout_, flat); });
}

template class LstmWeights<float>;
template class LstmWeights<double>;

} // namespace fastlstm
