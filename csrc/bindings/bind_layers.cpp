// Linear, embedding and dropout.
#include <mutex>
#include <variant>

#include "bindings/bindings.h"
#include "bindings/dtypes.h"
#include "nn/dropout.h"
#include "nn/embedding.h"
#include "nn/linear.h"

namespace fastlstm {
namespace {

using MaybeArray = std::optional<py::array>;

// One layer and its parameters of the moment, for one scalar type.
template <class T> class LinearCore {
  public:
    LinearCore(Index in, Index out, bool bias) : linear(in, out, bias) {}

    void set_parameters(const py::array &flat, std::int64_t version) {
        const T *data =
            flat_view<const T>(flat, "flat", linear.parameter_count(), Access::Read).data;
        py::object old; // dies after the lock: its end may run Python code
        std::lock_guard<std::mutex> lock(mutex_);
        if (bound_.flat != data || bound_.version != version)
            ++bound_.epoch;
        old = std::move(bound_.owner);
        bound_.owner = flat;
        bound_.flat = data;
        bound_.version = version;
    }
    void forward(const py::array &x, const py::array &y) {
        const auto vx = view<const T>(x, "x", 2, Access::Read);
        const auto vy = view<T>(y, "y", 2, Access::Write);
        const Index N = vx.shape[0];
        expect_shape(x, "x", {N, linear.in()});
        expect_shape(y, "y", {N, linear.out()});
        expect_disjoint(x, "x", y, "y");
        const Bound bound = current();
        const MaybeReleaseGil release(linear.flops(N));
        linear.forward(bound.flat, bound.epoch, N, rows_of(vx), rows_of(vy));
    }
    void backward(const py::array &dy, const py::array &x, const py::array &grads,
                  const MaybeArray &dx) {
        const auto vdy = view<const T>(dy, "dy", 2, Access::Read);
        const auto vx = view<const T>(x, "x", 2, Access::Read);
        const Index N = vx.shape[0];
        expect_shape(x, "x", {N, linear.in()});
        expect_shape(dy, "dy", {N, linear.out()});
        const auto vgrads =
            flat_view<T>(grads, "grads", linear.parameter_count(), Access::Write);
        expect_disjoint(grads, "grads", x, "x");
        expect_disjoint(grads, "grads", dy, "dy");
        Rows<T> dx_rows;
        if (dx) {
            dx_rows = rows_of(view<T>(*dx, "dx", 2, Access::Write));
            expect_shape(*dx, "dx", {N, linear.in()});
            expect_disjoint(*dx, "dx", dy, "dy");
            expect_disjoint(*dx, "dx", x, "x");
            expect_disjoint(*dx, "dx", grads, "grads");
        }
        const Bound bound = current();
        const MaybeReleaseGil release(2 * linear.flops(N));
        linear.backward(bound.flat, bound.epoch, N, rows_of(vdy), rows_of(vx), vgrads.data,
                        dx_rows);
    }

    Linear<T> linear;

  private:
    struct Bound {
        py::object owner; // keeps flat alive through a call
        const T *flat = nullptr;
        std::int64_t version = 0;
        std::int64_t epoch = 0; // changes whenever flat or version does
    };
    Bound current() {
        std::lock_guard<std::mutex> lock(mutex_);
        if (!bound_.flat)
            throw py::value_error("the layer has no parameters; call set_parameters first");
        return bound_;
    }

    std::mutex mutex_;
    Bound bound_;
};

class BoundLinear {
  public:
    BoundLinear(Index in, Index out, bool bias, const std::string &dtype) {
        if (dtype == "float32")
            core_ = std::make_unique<LinearCore<float>>(in, out, bias);
        else if (dtype == "float64")
            core_ = std::make_unique<LinearCore<double>>(in, out, bias);
        else
            throw py::value_error("dtype is '" + dtype +
                                  "'; expected 'float32' or 'float64'");
    }
    py::list layout() const {
        return std::visit(
            [](const auto &core) {
                const Index in = core->linear.in(), out = core->linear.out();
                py::list result;
                result.append(py::make_tuple("weight", py::make_tuple(out, in), 0));
                if (core->linear.bias())
                    result.append(py::make_tuple("bias", py::make_tuple(out), out * in));
                return result;
            },
            core_);
    }
    Index parameter_count() const {
        return std::visit([](const auto &c) { return c->linear.parameter_count(); }, core_);
    }
    void set_parameters(const py::array &flat, std::int64_t version) {
        std::visit([&](auto &core) { core->set_parameters(flat, version); }, core_);
    }
    void forward(const py::array &x, const py::array &y) {
        std::visit([&](auto &core) { core->forward(x, y); }, core_);
    }
    void backward(const py::array &dy, const py::array &x, const py::array &grads,
                  const MaybeArray &dx) {
        std::visit([&](auto &core) { core->backward(dy, x, grads, dx); }, core_);
    }

  private:
    std::variant<std::unique_ptr<LinearCore<float>>, std::unique_ptr<LinearCore<double>>> core_;
};

// A copy or a sum of rows: about 10 operations' time an element.
double row_work(Index n, Index E) { return 10.0 * double(n) * double(E); }

// One factor a token of the table, or null.
template <class T>
const T *token_scale(const MaybeArray &scale, Index V, const py::array &out,
                     const char *out_name) {
    if (!scale)
        return nullptr;
    const T *data = flat_view<const T>(*scale, "scale", V, Access::Read).data;
    expect_disjoint(out, out_name, *scale, "scale");
    return data;
}

void bound_embedding_forward(const py::array &table, const py::array &tokens,
                             const MaybeArray &scale, const py::array &out) {
    with_dtype(table, "table", [&](auto zero) {
        using T = decltype(zero);
        const auto vt = view<const T>(table, "table", 2, Access::Read);
        const auto vk = view<const Index>(tokens, "tokens", 1, Access::Read);
        const auto vo = view<T>(out, "out", 2, Access::Write);
        const Index n = vk.shape[0], E = vt.shape[1];
        expect_shape(out, "out", {n, E});
        expect_disjoint(out, "out", table, "table");
        expect_disjoint(out, "out", tokens, "tokens");
        const T *factors = token_scale<T>(scale, vt.shape[0], out, "out");
        const MaybeReleaseGil release(row_work(n, E));
        embedding_forward<T>(rows_of(vt), vt.shape[0], E, vk.data, n, factors, rows_of(vo));
    });
}

void bound_embedding_backward(const py::array &dy, const py::array &tokens,
                              const MaybeArray &scale, const py::array &dtable) {
    with_dtype(dtable, "dtable", [&](auto zero) {
        using T = decltype(zero);
        const auto vt = view<T>(dtable, "dtable", 2, Access::Write);
        const auto vk = view<const Index>(tokens, "tokens", 1, Access::Read);
        const auto vd = view<const T>(dy, "dy", 2, Access::Read);
        const Index n = vk.shape[0], E = vt.shape[1];
        expect_shape(dy, "dy", {n, E});
        expect_disjoint(dtable, "dtable", dy, "dy");
        expect_disjoint(dtable, "dtable", tokens, "tokens");
        const T *factors = token_scale<T>(scale, vt.shape[0], dtable, "dtable");
        const MaybeReleaseGil release(row_work(n, E));
        embedding_backward<T>(rows_of(vd), vt.shape[0], E, vk.data, n, factors, rows_of(vt));
    });
}

void bound_dropout(const py::array &x, const py::array &out, double p, bool locked,
                   std::uint64_t seed, std::int64_t stream, const MaybeArray &row_ids) {
    if (!(p >= 0 && p < 1))
        throw py::value_error("p is " + std::to_string(p) + "; expected a rate in [0, 1)");
    if (stream < 0 || stream >= 1 << 16)
        throw py::value_error("stream is " + std::to_string(stream) + "; expected 0 to 65535");
    with_dtype(x, "x", [&](auto zero) {
        using T = decltype(zero);
        const int rank = x.ndim() == 2 ? 2 : 3;
        const auto vx = view<const T>(x, "x", rank, Access::Read);
        const auto vo = view<T>(out, "out", rank, Access::Write);
        const bool steps = rank == 3;
        DropoutBatch<T> batch;
        batch.N = vx.shape[0];
        batch.steps = steps ? vx.shape[1] : 1;
        batch.F = vx.shape[rank - 1];
        if (steps)
            expect_shape(out, "out", {batch.N, batch.steps, batch.F});
        else
            expect_shape(out, "out", {batch.N, batch.F});
        expect_same_or_disjoint(x, "x", out, "out");
        batch.x = vx.data;
        batch.x_n = vx.stride[0];
        batch.x_t = steps ? vx.stride[1] : 0;
        batch.out = vo.data;
        batch.out_n = vo.stride[0];
        batch.out_t = steps ? vo.stride[1] : 0;
        batch.p = p;
        batch.locked = locked;
        batch.seed = seed;
        batch.stream = static_cast<std::uint32_t>(stream);
        if (row_ids)
            batch.row_ids =
                flat_view<const Index>(*row_ids, "row_ids", batch.N, Access::Read).data;
        const MaybeReleaseGil release(20.0 * static_cast<double>(x.size()));
        dropout(batch);
    });
}

} // namespace

void bind_layers(py::module_ &m) {
    using py::arg;
    py::class_<BoundLinear>(m, "Linear")
        .def(py::init<Index, Index, bool, const std::string &>(), arg("in_features"),
             arg("out_features"), arg("bias"), arg("dtype"))
        .def_property_readonly("layout", &BoundLinear::layout)
        .def_property_readonly("parameter_count", &BoundLinear::parameter_count)
        .def("set_parameters", &BoundLinear::set_parameters, arg("flat"), arg("version"))
        .def("forward", &BoundLinear::forward, arg("x2d"), arg("y2d"))
        .def("backward", &BoundLinear::backward, arg("dy2d"), arg("x2d"), arg("grads_flat"),
             arg("dx2d"));
    m.def("embedding_forward", &bound_embedding_forward, arg("table"), arg("tokens"),
          arg("scale"), arg("out"));
    m.def("embedding_backward", &bound_embedding_backward, arg("dy"), arg("tokens"),
          arg("scale"), arg("dtable"));
    m.def("dropout", &bound_dropout, arg("x"), arg("out"), arg("p"), arg("locked"),
          arg("seed"), arg("stream"), arg("row_ids"));
}

} // namespace fastlstm
