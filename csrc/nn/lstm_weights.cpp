#include "nn/lstm_weights.h"

#include <algorithm>
#include <cmath>

#include "kernels/dispatch.h"

namespace fastlstm {
namespace {

template <class T>
void pack(ForwardWeights<T> &w, const LstmConfig &config, int layer, const DirectionLayout &at,
          const T *flat, Index W) {
    const Index H = config.units(layer), I = config.input(layer), K = config.state(layer);
    const Index N = gate_columns(H, W);
    if (w.w_ih.N() == 0) {
        w.w_ih = PackedMatrix<T>(I, N, W);
        w.w_hh = PackedMatrix<T>(K, N, W);
        w.bias = Buffer<T>(static_cast<std::size_t>(N));
        if (at.weight_hr >= 0)
            w.w_hr = PackedMatrix<T>(H, K, W);
    }
    const CellConfig &cell = config.cell;
    const GatesOf gates{H, cell.coupled};
    pack_transposed(kernels<T>(), w.w_ih, flat + at.weight_ih, gates);
    pack_transposed(kernels<T>(), w.w_hh, flat + at.weight_hh, gates);
    const auto pack_gates = [&](Buffer<T> &to, const T *from) {
        for (Index n = 0; n < N; ++n)
            if (const Index row = gate_row(n, gates, W); row >= 0)
                to.data()[n] = from ? from[row] : T(1);
    };
    if (at.bias >= 0)
        pack_gates(w.bias, flat + at.bias);
    if (at.gain_ih >= 0) {
        for (int k = 0; k < 5; ++k)
            w.norms[k] = Buffer<T>(static_cast<std::size_t>(k < 3 ? N : round_up(H, W)));
        pack_gates(w.norms[0], flat + at.gain_ih);
        pack_gates(w.norms[1], flat + at.gain_hh);
        pack_gates(w.norms[2], nullptr);
        std::copy(flat + at.gain_c, flat + at.gain_c + H, w.norms[3].data());
        if (at.bias_c >= 0)
            std::copy(flat + at.bias_c, flat + at.bias_c + H, w.norms[4].data());
    }
    if (at.weight_ch >= 0) {
        w.w_ch = Buffer<T>(static_cast<std::size_t>(3 * round_up(H, W)));
        for (Index p = 0; p < cell.peepholes(); ++p)
            for (Index u = 0; u < H; ++u)
                w.w_ch.data()[peephole_offset(p, u, cell, W)] = flat[at.weight_ch + p * H + u];
    }
    w.options = {cell.gate, cell.cell, cell.coupled, T(cell.clip),
                 cell.peephole ? w.w_ch.data() : nullptr, T(config.rates.zoneout_h),
                 T(config.rates.zoneout_c)};
    if (at.weight_hr >= 0)
        pack_transposed(kernels<T>(), w.w_hr, flat + at.weight_hr);
}

template <class T>
void pack(BackwardWeights<T> &w, const LstmConfig &config, int layer, const DirectionLayout &at,
          const T *flat, Index W) {
    const Index H = config.units(layer), I = config.input(layer), K = config.state(layer);
    const Index N = gate_columns(H, W);
    if (w.w_ih_t.K() == 0) {
        w.w_ih_t = PackedMatrix<T>(N, I, W);
        w.w_hh_t = PackedMatrix<T>(N, K, W);
        if (at.weight_hr >= 0)
            w.w_hr_t = PackedMatrix<T>(K, H, W);
    }
    const GatesOf gates{H, config.cell.coupled};
    pack_rows(w.w_ih_t, flat + at.weight_ih, gates);
    pack_rows(w.w_hh_t, flat + at.weight_hh, gates);
    if (at.weight_hr >= 0)
        pack_rows(w.w_hr_t, flat + at.weight_hr);
}

} // namespace

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
            const Index rows = config.cell.gates() * H;
            at.weight_ih = add("weight_ih" + suffix, {rows, config.input(l)});
            at.weight_hh = add("weight_hh" + suffix, {rows, config.state(l)});
            if (config.bias)
                at.bias = add("bias" + suffix, {rows});
            if (config.cell.peephole)
                at.weight_ch = add("weight_ch" + suffix, {config.cell.peepholes() * H});
            if (config.projection)
                at.weight_hr = add("weight_hr" + suffix, {config.projection, H});
            if (config.norm.kind != Normalization::None) {
                at.gain_ih = add("gain_ih" + suffix, {rows});
                at.gain_hh = add("gain_hh" + suffix, {rows});
                at.gain_c = add("gain_c" + suffix, {H});
                if (config.bias)
                    at.bias_c = add("bias_c" + suffix, {H});
            }
            if (config.norm.kind == Normalization::Batch) {
                constexpr const char *kNames[] = {"running_mean_ih", "running_var_ih",
                                                  "running_mean_hh", "running_var_hh",
                                                  "running_mean_c",  "running_var_c"};
                for (int k = 0; k < 6; ++k)
                    at.statistics[k] =
                        add(kNames[k] + suffix, {config.norm.steps, k < 4 ? rows : H});
                at.seen = add("running_steps" + suffix, {1});
            }
            layout.directions.push_back(at);
        }
    return layout;
}

template <class T>
void read_statistics(const DirectionLayout &at, const LstmConfig &config, Index H, const T *flat,
                     Index steps, Index W, T *to) {
    const GatesOf gates{H, config.cell.coupled};
    const Index columns = gate_columns(H, W), padded = round_up(H, W);
    const Index each = batch_statistics(6, columns, padded);
    const T most = static_cast<T>(config.norm.steps), seen = flat[at.seen]; // maybe loaded
    const Index known = seen >= 1 ? static_cast<Index>(std::min(seen, most)) : 1;
    std::fill(to, to + steps * each, T(0));
    for (Index s = 0; s < steps; ++s, to += each)
        for (int part = 0; part < 6; ++part) {
            T *own = to + batch_statistics(part, columns, padded);
            const Index size = part < 4 ? config.cell.gates() * H : H;
            const T *from = flat + at.statistics[part] + std::min(s, known - 1) * size;
            for (Index n = 0; n < (part < 4 ? columns : H); ++n)
                if (const Index row = part < 4 ? gate_row(n, gates, W) : n; row >= 0)
                    own[n] = part % 2 ? T(1) / std::sqrt(from[row] + T(kNormEpsilon)) : from[row];
        }
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

template void pack_all(std::vector<ForwardWeights<float>> &, const LstmConfig &,
                       const LstmLayout &, const float *);
template void pack_all(std::vector<ForwardWeights<double>> &, const LstmConfig &,
                       const LstmLayout &, const double *);
template void pack_all(std::vector<BackwardWeights<float>> &, const LstmConfig &,
                       const LstmLayout &, const float *);
template void pack_all(std::vector<BackwardWeights<double>> &, const LstmConfig &,
                       const LstmLayout &, const double *);
template void read_statistics(const DirectionLayout &, const LstmConfig &, Index, const float *,
                              Index, Index, float *);
template void read_statistics(const DirectionLayout &, const LstmConfig &, Index,
                              const double *, Index, Index, double *);
template class LstmWeights<float>;
template class LstmWeights<double>;

} // namespace fastlstm
