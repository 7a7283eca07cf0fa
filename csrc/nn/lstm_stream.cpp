#include "nn/lstm_stream.h"

#include <atomic>

#include "kernels/dispatch.h"

namespace fastlstm {

template <class T>
LstmStream<T>::LstmStream(const LstmConfig &config, typename LstmWeights<T>::ForwardSet set,
                          Index rows, const LstmLayout &layout, const T *flat)
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
        if (config_.norm.kind == Normalization::None)
            continue;
        const Index W = kernels<T>().width, columns = gate_columns(layer.H, W);
        for (Buffer<T> &sums : layer.sums)
            sums = Buffer<T>(checked_multiply(n, static_cast<std::size_t>(columns)));
        if (config_.norm.kind == Normalization::Layer) {
            layer.statistics = Buffer<T>(n * kLayerStatistics);
        } else {
            const Index each = batch_statistics(6, columns, layer.padded);
            const Index steps = config_.norm.steps;
            layer.statistics = Buffer<T>(static_cast<std::size_t>(steps * each));
            read_statistics(layout.directions[static_cast<std::size_t>(l)], config_, layer.H,
                            flat, steps, W, layer.statistics.data());
        }
    }
    const CallShape call = shape_of(rows, rows, 1, false, kernels<T>().width);
    seconds_ = call_seconds(config_, call, 1, Cut::Rows);
}

// What one thread does of a step: its rows, or its units of all rows.
template <class T>
void LstmStream<T>::advance(const T *x, Index x_stride, int thread, int team) {
    const Kernels<T> &k = kernels<T>();
    const auto step = step_kernel(k, config_);
    const int before = now_, after = 1 - now_;
    const bool by_units = plan_.cut == Cut::Units;
    const int parts = by_units ? team : 1, part = by_units ? thread : 0;
    Index first = 0, end = rows_;
    if (!by_units)
        split(rows_, team, thread, first, end);
    x += first * x_stride;
    for (Layer &layer : layers_) {
        StepArgs<T> a;
        a.rows = end - first;
        a.hidden = layer.H;
        a.options = &layer.w->options;
        split(layer.padded / k.width, parts, part, a.block_begin, a.block_end);
        a.descending = back_and_forth(a.rows, before);
        a.next_begins = back_and_forth(a.rows, after) ? a.block_end - 1 : a.block_begin;
        a.x.base = x;
        a.x.stride = x_stride;
        a.I = layer.I;
        a.w_ih = layer.w->w_ih.data();
        a.bias = layer.w->bias.data();
        a.h.base = layer.h[before].data() + first * layer.K;
        a.h.stride = layer.K;
        a.K = layer.K;
        a.w_hh = layer.w->w_hh.data();
        a.c_prev = a.c = layer.c.data() + first * layer.padded;
        a.c_prev_stride = a.c_stride = layer.padded;
        T *out = layer.h[after].data() + first * layer.K;
        if (config_.projection) {
            a.y.base = layer.m.data() + first * layer.padded;
            a.y.stride = layer.padded;
        } else {
            a.y.base = out;
            a.y.stride = layer.K;
        }
        if (config_.norm.kind == Normalization::None)
            step(a);
        else
            norm_step(layer, a, first);
        if (config_.projection) {
            barrier_->wait(parts);
            GemmArgs<T> g;
            g.M = end - first;
            g.K = layer.H;
            g.N = layer.K;
            g.a.base = a.y.base;
            g.a.stride = layer.padded;
            g.b = layer.w->w_hr.data();
            g.c.base = out;
            g.c.stride = layer.K;
            split(layer.w->w_hr.panels(), parts, part, g.panel_begin, g.panel_end);
            k.gemm(g);
        }
        if (&layer != &layers_.back())
            barrier_->wait(parts); // the next layer reads every unit
        x = out;
        x_stride = layer.K;
    }
}

// The step of rows from `first` on: both products, then the cell.
template <class T> void LstmStream<T>::norm_step(Layer &layer, StepArgs<T> &a, Index first) {
    const Kernels<T> &k = kernels<T>();
    const Index columns = gate_columns(layer.H, k.width);
    const auto rows_of = [&](int which) { return layer.sums[which].data() + first * columns; };
    GemmArgs<T> g;
    g.M = a.rows;
    g.N = columns;
    g.panel_begin = a.block_begin;
    g.panel_end = a.block_end;
    g.K = a.I;
    g.a = a.x;
    g.b = a.w_ih;
    g.c = {rows_of(0), columns, nullptr, 1};
    k.gemm(g);
    g.K = a.K;
    g.a = a.h;
    g.b = a.w_hh;
    g.c.base = rows_of(1);
    k.gemm(g);
    const bool by_row = config_.norm.kind == Normalization::Layer;
    NormArgs<T> n = norm_weights(config_, *layer.w, layer.H);
    n.x = rows_of(0);
    n.h = rows_of(1);
    n.stride = columns;
    const Index step = std::min(steps_, config_.norm.steps - 1);
    n.statistics = layer.statistics.data() +
                   (by_row ? first * kLayerStatistics
                           : step * batch_statistics(6, columns, layer.padded));
    n.given = true;
    a.gates = rows_of(2);
    a.gates_stride = columns;
    if (by_row)
        return k.layer_norm_step({a, n});
    n.total = n.statistics;
    for (int stage = 1; stage < kBatchStages; ++stage)
        k.batch_norm_step({a, n, stage});
}

namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kAwake = std::chrono::microseconds(200);
constexpr auto kApart = std::chrono::milliseconds(50); // Python changes threads every 5 ms

// Whether another thread of the user steps large streams as well. Each would have a team of
// its own, and they would wait for one another's members.
bool others_step(Clock::time_point now) {
    static std::atomic<const void *> last_stepper{nullptr};
    static std::atomic<Clock::rep> together{0}; // when two were last seen
    thread_local const char me = 0;
    const void *last = last_stepper.load(std::memory_order_relaxed);
    if (last != &me) {
        last_stepper.store(&me, std::memory_order_relaxed);
        if (last)
            together.store(now.time_since_epoch().count(), std::memory_order_relaxed);
    }
    const Clock::time_point seen{Clock::duration(together.load(std::memory_order_relaxed))};
    return now - seen < kApart;
}

} // namespace

// How many threads this step is worth. A team that sleeps takes longer to wake than a step
// takes, so only steps that follow one another closely have one.
template <class T> int LstmStream<T>::team_now() {
    if (seconds_ < kAwakeSeconds)
        return 1;
    if (const int threads = num_threads(); threads != planned_for_) {
        planned_for_ = threads;
        plan_ = make_stream_plan(config_, rows_, threads, kernels<T>().width);
    }
    if (plan_.threads == 1)
        return 1;
    const Clock::time_point now = Clock::now();
    return !others_step(now) && now - last_ < kAwake ? plan_.threads : 1;
}

template <class T>
void LstmStream<T>::step(const T *x, Index x_stride, T *y, Index y_stride) {
    last_team_ = team_now();
    if (last_team_ == 1) {
        advance(x, x_stride, 0, 1);
    } else {
        struct Step {
            LstmStream *self;
            const T *x;
            Index stride;
        } step{this, x, x_stride};
        last_team_ = run_team(
            last_team_, seconds_,
            [](void *context, int thread, int team) {
                const Step &s = *static_cast<Step *>(context);
                s.self->advance(s.x, s.stride, thread, team);
            },
            &step);
    }
    now_ = 1 - now_;
    ++steps_;
    const Layer &top = layers_.back();
    const T *h = top.h[now_].data();
    for (Index n = 0; n < rows_; ++n)
        std::copy(h + n * top.K, h + (n + 1) * top.K, y + n * y_stride);
    if (plan_.threads > 1)
        last_ = Clock::now();
}

template <class T> Plan LstmStream<T>::last_plan() const {
    Plan plan = plan_;
    plan.threads = last_team_;
    return plan;
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
    if (!h && !c)
        steps_ = 0; // a new sequence; other states may be those of this one
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
