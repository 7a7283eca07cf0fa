// Optimizer steps over a range of the flat parameter buffer.
#include <cmath>

#include "bindings/bindings.h"
#include "bindings/dtypes.h"
#include "nn/optimizers.h"

namespace fastlstm {
namespace {

using MaybeArray = std::optional<py::array>;

void expect_finite(std::initializer_list<std::pair<const char *, double>> values) {
    for (const auto &[name, value] : values)
        if (!std::isfinite(value))
            throw py::value_error(std::string(name) + " is " + std::to_string(value) +
                                  "; expected a finite number");
}

// The flat arrays of one step: all of one size, all apart, cut to [begin, end).
template <class T> struct Range {
    Range(const py::array &params, std::int64_t begin, std::int64_t end)
        : params_(params), begin_(begin) {
        const auto v = view<T>(params, "params", 1, Access::Write);
        if (begin < 0 || begin > end || end > v.shape[0])
            throw py::value_error("the range is [" + std::to_string(begin) + ", " +
                                  std::to_string(end) + "); expected a part of [0, " +
                                  std::to_string(v.shape[0]) + ")");
        n = end - begin;
        param = v.data + begin;
    }
    template <class U> U *also(const py::array &a, const char *name, Access access) const {
        const auto v = flat_view<U>(a, name, params_.shape(0), access);
        expect_disjoint(params_, "params", a, name);
        return v.data + begin_;
    }

    Index n = 0;
    T *param = nullptr;

  private:
    const py::array &params_;
    std::int64_t begin_;
};

// A pass over memory: about 20 operations' time an element.
MaybeReleaseGil release_for(Index n) { return MaybeReleaseGil(20.0 * static_cast<double>(n)); }

void bound_sgd(const py::array &params, const py::array &grads, const MaybeArray &velocity,
               std::int64_t begin, std::int64_t end, double lr, double momentum, bool nesterov,
               double weight_decay, double l1, double grad_scale) {
    expect_finite({{"lr", lr},
                   {"momentum", momentum},
                   {"weight_decay", weight_decay},
                   {"l1", l1},
                   {"grad_scale", grad_scale}});
    if (!velocity && momentum != 0)
        throw py::value_error("momentum is " + std::to_string(momentum) +
                              " without a velocity; expected both or none");
    with_dtype(params, "params", [&](auto zero) {
        using T = decltype(zero);
        const Range<T> range(params, begin, end);
        SgdArgs<T> a;
        a.n = range.n;
        a.param = range.param;
        a.grad = range.template also<const T>(grads, "grads", Access::Read);
        if (velocity) {
            a.velocity = range.template also<T>(*velocity, "velocity", Access::Write);
            expect_disjoint(grads, "grads", *velocity, "velocity");
        }
        a.learning_rate = lr;
        a.momentum = momentum;
        a.weight_decay = weight_decay;
        a.l1 = l1;
        a.grad_scale = grad_scale;
        a.nesterov = nesterov;
        const auto release = release_for(range.n);
        sgd_step(a);
    });
}

void bound_adam(const py::array &params, const py::array &grads, const py::array &m,
                const py::array &v, std::int64_t begin, std::int64_t end, double lr,
                double beta1, double beta2, double epsilon, double weight_decay, double l1,
                bool decoupled, std::int64_t step, double grad_scale) {
    expect_finite({{"lr", lr},
                   {"beta1", beta1},
                   {"beta2", beta2},
                   {"epsilon", epsilon},
                   {"weight_decay", weight_decay},
                   {"l1", l1},
                   {"grad_scale", grad_scale}});
    if (step < 1)
        throw py::value_error("step is " + std::to_string(step) + "; expected at least 1");
    with_dtype(params, "params", [&](auto zero) {
        using T = decltype(zero);
        const Range<T> range(params, begin, end);
        AdamArgs<T> a;
        a.n = range.n;
        a.param = range.param;
        a.grad = range.template also<const T>(grads, "grads", Access::Read);
        a.m = range.template also<T>(m, "m", Access::Write);
        a.v = range.template also<T>(v, "v", Access::Write);
        expect_disjoint(m, "m", v, "v");
        expect_disjoint(grads, "grads", m, "m");
        expect_disjoint(grads, "grads", v, "v");
        a.learning_rate = lr;
        a.beta1 = beta1;
        a.beta2 = beta2;
        a.epsilon = epsilon;
        a.weight_decay = weight_decay;
        a.l1 = l1;
        a.grad_scale = grad_scale;
        a.correction1 = 1 - std::pow(beta1, static_cast<double>(step));
        a.correction2 = 1 - std::pow(beta2, static_cast<double>(step));
        a.decoupled = decoupled;
        const auto release = release_for(range.n);
        adam_step(a);
    });
}

double bound_squared_norm(const py::array &flat) {
    return with_dtype(flat, "flat", [&](auto zero) {
        using T = decltype(zero);
        const auto v = view<const T>(flat, "flat", 1, Access::Read);
        const auto release = release_for(v.shape[0]);
        return squared_norm<T>(v.data, v.shape[0]);
    });
}

} // namespace

void bind_optim(py::module_ &m) {
    using py::arg;
    m.def("sgd_step", &bound_sgd, arg("params"), arg("grads"), arg("velocity"), arg("begin"),
          arg("end"), arg("lr"), arg("momentum"), arg("nesterov"), arg("weight_decay"),
          arg("l1"), arg("grad_scale"));
    m.def("adam_step", &bound_adam, arg("params"), arg("grads"), arg("m"), arg("v"),
          arg("begin"), arg("end"), arg("lr"), arg("beta1"), arg("beta2"), arg("epsilon"),
          arg("weight_decay"), arg("l1"), arg("decoupled"), arg("step"), arg("grad_scale"));
    m.def("squared_norm", &bound_squared_norm, arg("flat"));
}

} // namespace fastlstm
