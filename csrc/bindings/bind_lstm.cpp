// LSTM and its training Cache. Arrays are checked here; the Python layer
// above checks first and says it in the user's words.
#include "bindings/bindings.h"
#include "bindings/stream.h"
#include "kernels/dispatch.h"

namespace fastlstm {
namespace {

template <class T>
ForwardArrays<T> forward_arrays(const LstmCore<T> &core, const py::array &x, const py::array &y,
                                const MaybeArray &h0, const MaybeArray &c0,
                                const MaybeArray &hn, const MaybeArray &cn,
                                const MaybeArray &lengths) {
    const auto vx = view<const T>(x, "x", 3, Access::Read);
    const auto vy = view<T>(y, "y", 3, Access::Write);
    const LstmConfig &config = core.config();
    ForwardArrays<T> a;
    a.N = vx.shape[0];
    a.T_ = vx.shape[1];
    if (a.N == 0 || a.T_ == 0)
        throw py::value_error("x has shape " + shape_text(x) +
                              "; expected at least one sequence and one step");
    expect_shape(x, "x", {a.N, a.T_, config.input_size});
    expect_shape(y, "y", {a.N, a.T_, config.output()});
    expect_apart({{"y", &y}, {"hn", if_given(hn)}, {"cn", if_given(cn)}},
                 {{"x", &x}, {"h0", if_given(h0)}, {"c0", if_given(c0)},
                  {"lengths", if_given(lengths)}});
    checked_multiply(static_cast<std::size_t>(a.N), static_cast<std::size_t>(a.T_));
    a.x = vx.data;
    a.x_n = vx.stride[0];
    a.x_t = vx.stride[1];
    a.y = vy.data;
    a.y_n = vy.stride[0];
    a.y_t = vy.stride[1];
    const Index hidden = core.state_size(a.N, false), cell = core.state_size(a.N, true);
    a.h0 = optional_flat<const T>(h0, "h0", hidden, Access::Read);
    a.c0 = optional_flat<const T>(c0, "c0", cell, Access::Read);
    a.hn = optional_flat<T>(hn, "hn", hidden, Access::Write);
    a.cn = optional_flat<T>(cn, "cn", cell, Access::Write);
    a.lengths = optional_flat<const Index>(lengths, "lengths", a.N, Access::Read);
    for (Index n = 0; a.lengths && n < a.N; ++n)
        if (a.lengths[n] < 1 || a.lengths[n] > a.T_)
            throw py::value_error("lengths[" + std::to_string(n) + "] is " +
                                  std::to_string(a.lengths[n]) + "; expected 1 to " +
                                  std::to_string(a.T_));
    return a;
}

template <class T>
std::unique_ptr<LstmCall<T>> run_forward(LstmCore<T> &core, const BoundParameters &bound,
                                         const ForwardArrays<T> &arrays, bool training) {
    // The prediction needs no plan: rows times multiply-adds, padding included.
    double weights = static_cast<double>(core.weights.layout().size);
    const double flops = 2.0 * weights * static_cast<double>(arrays.N * arrays.T_);
    std::unique_ptr<LstmCall<T>> call;
    {
        const MaybeReleaseGil release(flops);
        call = std::make_unique<LstmCall<T>>(core.weights, static_cast<const T *>(bound.flat),
                                             bound.epoch, core.pool, arrays, training);
        call->forward();
    }
    std::lock_guard<std::mutex> lock(core.mutex);
    core.last_plan = call->plan();
    return call;
}

Memory memory_of(const std::string &name) {
    if (name == "store")
        return Memory::Store;
    if (name == "recompute")
        return Memory::Recompute;
    if (name == "checkpoint")
        return Memory::Checkpoint;
    throw py::value_error("memory is '" + name +
                          "'; expected 'store', 'recompute' or 'checkpoint'");
}

Activation activation_of(const char *argument, const std::string &name) {
    constexpr std::pair<const char *, Activation> kNames[] = {
        {"sigmoid", Activation::Sigmoid},
        {"hard_sigmoid", Activation::HardSigmoid},
        {"tanh", Activation::Tanh},
        {"relu", Activation::Relu}};
    for (const auto &[known, activation] : kNames)
        if (name == known)
            return activation;
    throw py::value_error(std::string(argument) + " is '" + name +
                          "'; expected 'sigmoid', 'hard_sigmoid', 'tanh' or 'relu'");
}

Normalization norm_of(const std::string &name) {
    if (name == "none")
        return Normalization::None;
    if (name == "layer")
        return Normalization::Layer;
    if (name == "batch")
        return Normalization::Batch;
    throw py::value_error("normalization is '" + name +
                          "'; expected 'none', 'layer' or 'batch'");
}

Rates rates_of(const std::array<double, 7> &given) {
    for (const double rate : given)
        if (!(rate >= 0 && rate < 1))
            throw py::value_error("rates has " + std::to_string(rate) +
                                  "; expected probabilities in [0, 1)");
    Rates r;
    r.between = given[0];
    r.locked = given[1];
    r.hidden = given[2];
    r.candidate = given[3];
    r.weight = given[4];
    r.zoneout_h = given[5];
    r.zoneout_c = given[6];
    return r;
}

class Lstm {
  public:
    Lstm(Index input_size, std::vector<Index> hidden_sizes, bool bidirectional, bool bias,
         Index projection_size, const std::string &dtype, bool peephole, bool coupled,
         const std::string &gate, const std::string &cell, double clip,
         const std::array<double, 7> &rates, const std::string &norm, Index norm_steps) {
        if (input_size < 1 || projection_size < 0 || hidden_sizes.empty() ||
            *std::min_element(hidden_sizes.begin(), hidden_sizes.end()) < 1)
            throw py::value_error("sizes must be positive");
        LstmConfig config{input_size, std::move(hidden_sizes), bidirectional, bias,
                          projection_size, {}, rates_of(rates), {}};
        config.norm = {norm_of(norm), norm_steps};
        if (norm_steps < 1)
            throw py::value_error("normalization_steps is " + std::to_string(norm_steps) +
                                  "; expected at least 1");
        const bool normal = config.norm.kind != Normalization::None;
        if (config.rates.zoneout_h > 0 && config.projection)
            throw py::value_error("zoneout_h does not go with projection_size");
        if (config.rates.zoneout_c > 0 && (normal || peephole))
            throw py::value_error("zoneout_c does not go with normalization or peephole");
        if (config.rates.zoneout_h > 0 && config.rates.hidden > 0)
            throw py::value_error("zoneout_h does not go with recurrent dropout on h");
        if (config.layers() * config.directions() >= static_cast<int>(kMaskSlots))
            throw py::value_error(std::to_string(config.layers()) + " layers are too many");
        config.cell = {activation_of("gate_activation", gate),
                       activation_of("cell_activation", cell), peephole, coupled, clip};
        if (!(clip >= 0))
            throw py::value_error("cell_clip is " + std::to_string(clip) +
                                  "; expected a positive number, or 0 for none");
        if (dtype == "float32")
            core_ = std::make_shared<LstmCore<float>>(std::move(config));
        else if (dtype == "float64")
            core_ = std::make_shared<LstmCore<double>>(std::move(config));
        else
            throw py::value_error("dtype is '" + dtype +
                                  "'; expected 'float32' or 'float64'");
    }

    py::list layout() const {
        py::list result;
        std::visit(
            [&](const auto &core) {
                for (const NamedParameter &p : core->weights.layout().named)
                    result.append(py::make_tuple(p.name, py::tuple(py::cast(p.shape)), p.offset));
            },
            core_);
        return result;
    }
    Index parameter_count() const {
        return std::visit([](const auto &core) { return core->weights.layout().size; }, core_);
    }

    void set_parameters(const py::array &flat, std::int64_t version) {
        std::visit([&](auto &core) { set_parameters_of(*core, flat, version); }, core_);
    }
    void infer(const py::array &x, const py::array &y, const MaybeArray &h0,
               const MaybeArray &c0, const MaybeArray &hn, const MaybeArray &cn,
               const MaybeArray &lengths) {
        std::visit(
            [&](auto &core) {
                const auto arrays = forward_arrays(*core, x, y, h0, c0, hn, cn, lengths);
                run_forward(*core, core->bound(), arrays, false);
            },
            core_);
    }
    Cache forward(const py::array &x, const py::array &y, const MaybeArray &h0,
                  const MaybeArray &c0, const MaybeArray &hn, const MaybeArray &cn,
                  const MaybeArray &lengths, bool learns, std::uint64_t seed,
                  const MaybeArray &row_ids, const std::string &memory) {
        return std::visit(
            [&](auto &core) {
                auto arrays = forward_arrays(*core, x, y, h0, c0, hn, cn, lengths);
                arrays.memory = memory_of(memory);
                if (arrays.memory != Memory::Store &&
                    core->config().norm.kind != Normalization::None)
                    throw py::value_error("memory is '" + memory +
                                          "'; normalization needs 'store'");
                arrays.learns = learns;
                arrays.seed = seed;
                arrays.row_ids =
                    optional_flat<const Index>(row_ids, "row_ids", arrays.N, Access::Read);
                const BoundParameters bound = core->bound();
                auto call = run_forward(*core, bound, arrays, true);
                return make_cache(core, std::move(call), bound, arrays, x, y, row_ids);
            },
            core_);
    }
    void backward(Cache &cache, const MaybeArray &dy, const MaybeArray &dhn,
                  const MaybeArray &dcn, const py::array &grads, const MaybeArray &dx,
                  const MaybeArray &dh0, const MaybeArray &dc0) {
        std::visit(
            [&](auto &core) { backward_of(core, cache, dy, dhn, dcn, grads, dx, dh0, dc0); },
            core_);
    }
    Stream stream(Index batch_size) {
        if (batch_size < 1)
            throw py::value_error("batch_size is " + std::to_string(batch_size) +
                                  "; expected at least 1");
        return std::visit([&](auto &core) { return stream_of(core, batch_size); }, core_);
    }
    std::string path() const {
        return std::visit(
            [](auto &core) {
                using T = typename std::decay_t<decltype(*core)>::Scalar;
                std::lock_guard<std::mutex> lock(core->mutex);
                return path_of<T>(core->last_plan);
            },
            core_);
    }

  private:
    template <class T>
    static void set_parameters_of(LstmCore<T> &core, const py::array &flat, Index version) {
        const auto v =
            flat_view<const T>(flat, "parameters", core.weights.layout().size, Access::Read);
        py::object owner = flat; // the old one dies after the lock: it may run Python
        std::lock_guard<std::mutex> lock(core.mutex);
        BoundParameters &p = core.parameters;
        if (p.flat != v.data || p.version != version)
            ++p.epoch;
        std::swap(p.owner, owner);
        p.flat = v.data;
        p.version = version;
    }

    template <class T>
    static Cache make_cache(const std::shared_ptr<LstmCore<T>> &core,
                            std::unique_ptr<LstmCall<T>> call, const BoundParameters &bound,
                            const ForwardArrays<T> &arrays, const py::array &x,
                            const py::array &y, const MaybeArray &row_ids) {
        CacheOf<T> cache;
        cache.core = core;
        cache.call = std::move(call);
        cache.epoch = bound.epoch;
        cache.N = arrays.N;
        cache.T_ = arrays.T_;
        cache.x = x;
        cache.y = y;
        cache.row_ids = py::cast(row_ids);
        cache.parameters = bound.owner;
        return Cache(std::move(cache));
    }

    template <class T>
    static void backward_of(const std::shared_ptr<LstmCore<T>> &core, Cache &held,
                            const MaybeArray &dy, const MaybeArray &dhn, const MaybeArray &dcn,
                            const py::array &grads, const MaybeArray &dx,
                            const MaybeArray &dh0, const MaybeArray &dc0) {
        CacheOf<T> *cache = held.get<T>();
        if (!cache || cache->core != core)
            throw py::value_error("the cache belongs to another layer");
        if (!cache->call)
            throw py::value_error("the cache was used; each forward serves one backward");
        if (cache->epoch != core->bound().epoch)
            throw py::value_error("the weights changed since this cache's forward");
        const LstmConfig &config = core->config();
        if (config.norm.kind == Normalization::Batch && !cache->call->learns())
            throw py::value_error("the cache has running statistics, which have no gradient");
        const Index N = cache->N, T_ = cache->T_;
        const Index hidden = core->state_size(N, false), cell = core->state_size(N, true);
        BackwardArrays<T> a;
        if (dy) {
            const auto v = view<const T>(*dy, "dy", 3, Access::Read);
            expect_shape(*dy, "dy", {N, T_, config.output()});
            a.dy = v.data;
            a.dy_n = v.stride[0];
            a.dy_t = v.stride[1];
        }
        if (dx) {
            const auto v = view<T>(*dx, "dx", 3, Access::Write);
            expect_shape(*dx, "dx", {N, T_, config.input_size});
            a.dx = v.data;
            a.dx_n = v.stride[0];
            a.dx_t = v.stride[1];
        }
        a.dhn = optional_flat<const T>(dhn, "dhn", hidden, Access::Read);
        a.dcn = optional_flat<const T>(dcn, "dcn", cell, Access::Read);
        a.dh0 = optional_flat<T>(dh0, "dh0", hidden, Access::Write);
        a.dc0 = optional_flat<T>(dc0, "dc0", cell, Access::Write);
        a.grads =
            flat_view<T>(grads, "grads", core->weights.layout().size, Access::Write).data;
        const auto x = py::reinterpret_borrow<py::array>(cache->x);
        const auto y = py::reinterpret_borrow<py::array>(cache->y);
        expect_apart({{"dx", if_given(dx)}, {"dh0", if_given(dh0)}, {"dc0", if_given(dc0)},
                      {"grads", &grads}},
                     {{"dy", if_given(dy)}, {"dhn", if_given(dhn)}, {"dcn", if_given(dcn)},
                      {"x", &x}, {"y", &y}});
        std::unique_ptr<LstmCall<T>> call;
        {
            std::lock_guard<std::mutex> lock(core->mutex); // two threads, one cache
            call = std::move(cache->call);
        }
        if (!call)
            throw py::value_error("the cache was used; each forward serves one backward");
        const MaybeReleaseGil release(2 * call->flops());
        call->backward(a);
    }

    template <class T>
    static Stream stream_of(const std::shared_ptr<LstmCore<T>> &core, Index batch_size) {
        if (core->config().bidirectional)
            throw py::value_error("a bidirectional layer cannot stream: its reverse "
                                  "direction needs the whole sequence");
        const BoundParameters bound = core->bound();
        const double flops = 2.0 * static_cast<double>(core->weights.layout().size) *
                             static_cast<double>(batch_size);
        typename LstmWeights<T>::ForwardSet set;
        {
            const MaybeReleaseGil release(flops);
            set = core->weights.forward(static_cast<const T *>(bound.flat), bound.epoch);
        }
        return Stream(StreamOf<T>{
            core,
            LstmStream<T>(core->config(), std::move(set), batch_size, core->weights.layout(),
                          static_cast<const T *>(bound.flat)),
            flops});
    }

    std::variant<std::shared_ptr<LstmCore<float>>, std::shared_ptr<LstmCore<double>>> core_;
};

} // namespace

void bind_lstm(py::module_ &m) {
    using py::arg;
    py::class_<Cache>(m, "Cache").def_property_readonly("bytes", &Cache::bytes)
        .def("trace", &Cache::trace, arg("layer"), arg("direction"), arg("to"))
        .def("learn", &Cache::learn, arg("layer"), arg("direction"), arg("running"),
             arg("momentum"));
    py::class_<Lstm>(m, "LSTM")
        .def(py::init<Index, std::vector<Index>, bool, bool, Index, const std::string &, bool,
                      bool, const std::string &, const std::string &, double,
                      const std::array<double, 7> &, const std::string &, Index>(),
             arg("input_size"), arg("hidden_sizes"), arg("bidirectional"), arg("bias"),
             arg("projection_size"), arg("dtype"), arg("peephole") = false,
             arg("coupled") = false, arg("gate_activation") = "sigmoid",
             arg("cell_activation") = "tanh", arg("cell_clip") = 0.0,
             arg("rates") = std::array<double, 7>(), arg("normalization") = "none",
             arg("normalization_steps") = 1)
        .def_property_readonly("layout", &Lstm::layout)
        .def_property_readonly("parameter_count", &Lstm::parameter_count)
        .def_property_readonly("path", &Lstm::path)
        .def("set_parameters", &Lstm::set_parameters, arg("flat").noconvert(), arg("version"))
        .def("infer", &Lstm::infer, arg("x").noconvert(), arg("y").noconvert(),
             arg("h0").noconvert(), arg("c0").noconvert(), arg("hn").noconvert(),
             arg("cn").noconvert(), arg("lengths").noconvert())
        .def("forward", &Lstm::forward, arg("x").noconvert(), arg("y").noconvert(),
             arg("h0").noconvert(), arg("c0").noconvert(), arg("hn").noconvert(),
             arg("cn").noconvert(), arg("lengths").noconvert(), arg("learns"), arg("seed"),
             arg("row_ids").noconvert(), arg("memory") = "store")
        .def("backward", &Lstm::backward, arg("cache"), arg("dy").noconvert(),
             arg("dhn").noconvert(), arg("dcn").noconvert(), arg("grads").noconvert(),
             arg("dx").noconvert(), arg("dh0").noconvert(), arg("dc0").noconvert())
        .def("stream", &Lstm::stream, arg("batch_size") = 1);
}

} // namespace fastlstm
