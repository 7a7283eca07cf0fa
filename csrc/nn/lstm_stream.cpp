#include "nn/lstm_stream.h"

#include "kernels/dispatch.h"

namespace fastlstm {

template <class T>
LstmStream<T>::LstmStream(const LstmConfig &config, typename LstmWeights<T>::ForwardSet set,
                          Index rows)
    : config_(config), set_(std::move(set)), rows_(rows),
      layers_(static_cast<std::size_t>(config.layers())) {
    for (int l = 0; l < config_.layers(); ++l) {
        Layer &layer = layers_[static_cast<std::size_t>(l)];
        layer.w = &(*set_)[static_cast<std::size_t>(l)];
        layer.I = config_.input(l);
        layer.H = config_.units(l);
        layer.K = config_.state(l);
        layer.padded = round_up(layer.H, kernels<T>().width);
        const auto n = static_cast<std::size_t>(rows);
        const auto states = checked_multiply(n, static_cast<std::size_t>(layer.K));
        const auto cells = checked_multiply(n, static_cast<std::size_t>(layer.padded));
        layer.h[0] = Buffer<T>(states);
        layer.h[1] = Buffer<T>(states);
        layer.c = Buffer<T>(cells);
        if (config_.projection)
            layer.m = Buffer<T>(cells);
    }
}

template <class T>
void LstmStream<T>::step(const T *x, Index x_stride, T *y, Index y_stride) {
    const Kernels<T> &k = kernels<T>();
    const int before = now_, after = 1 - now_;
    for (Layer &layer : layers_) {
        StepArgs<T> a;
        a.rows = rows_;
        a.hidden = layer.H;
        a.block_end = layer.padded / k.width;
        a.x.base = x;
        a.x.stride = x_stride;
        a.I = layer.I;
        a.w_ih = layer.w->w_ih.data();
        a.bias = layer.w->bias.data();
        a.h.base = layer.h[before].data();
        a.h.stride = layer.K;
        a.K = layer.K;
        a.w_hh = layer.w->w_hh.data();
        a.c_prev = a.c = layer.c.data();
        a.c_prev_stride = a.c_stride = layer.padded;
        T *out = layer.h[after].data();
        if (config_.projection) {
            a.y.base = layer.m.data();
            a.y.stride = layer.padded;
        } else {
            a.y.base = out;
            a.y.stride = layer.K;
        }
        k.lstm_step(a);
        if (config_.projection) {
            GemmArgs<T> g;
            g.M = rows_;
            g.K = layer.H;
            g.N = layer.K;
            g.a.base = layer.m.data();
            g.a.stride = layer.padded;
            g.b = layer.w->w_hr.data();
            g.c.base = out;
            g.c.stride = layer.K;
            g.panel_end = layer.w->w_hr.panels();
            k.gemm(g);
        }
        x = out;
        x_stride = layer.K;
    }
    now_ = after;
    for (Index n = 0; n < rows_; ++n)
        std::copy(x + n * x_stride, x + (n + 1) * x_stride, y + n * y_stride);
}

template <class T> void LstmStream<T>::get_state(T *h, T *c) const {
    for (const Layer &layer : layers_) {
        const T *from = layer.h[now_].data();
        h = std::copy(from, from + rows_ * layer.K, h);
        for (Index n = 0; n < rows_; ++n) {
            const T *row = layer.c.data() + n * layer.padded;
            c = std::copy(row, row + layer.H, c);
        }
    }
}

template <class T> void LstmStream<T>::set_state(const T *h, const T *c) {
    for (Layer &layer : layers_) {
        T *to = layer.h[now_].data();
        const Index size = rows_ * layer.K;
        if (h)
            std::copy(h, h + size, to);
        else
            std::fill(to, to + size, T(0));
        h = h ? h + size : nullptr;
        for (Index n = 0; n < rows_; ++n) {
            T *row = layer.c.data() + n * layer.padded;
            if (c)
                std::copy(c, c + layer.H, row);
            else
                std::fill(row, row + layer.H, T(0));
            c = c ? c + layer.H : nullptr;
        }
    }
}

template class LstmStream<float>;
template class LstmStream<double>;

} // namespace fastlstm
