// Softmax, the losses and the special functions of likelihoods.
#include "nn/losses.h"
#include "nn/special.h"

#include "bindings/bindings.h"
#include "bindings/dtypes.h"

namespace fastlstm {
namespace {

using MaybeArray = std::optional<py::array>;

template <class T>
LossRows<T> loss_rows(const py::array &pred, const MaybeArray &weight,
                      const py::array &gradient) {
    const auto p = view<const T>(pred, "pred", 2, Access::Read);
    const auto g = view<T>(gradient, "gradient", 2, Access::Write);
    LossRows<T> rows;
    rows.N = p.shape[0];
    rows.K = p.shape[1];
    if (rows.K == 0)
        throw py::value_error("pred has shape " + shape_text(pred) +
                              "; expected at least one column");
    expect_shape(gradient, "gradient", {rows.N, rows.K});
    expect_disjoint(gradient, "gradient", pred, "pred");
    rows.pred = rows_of(p);
    rows.gradient = rows_of(g);
    if (weight) {
        rows.weight = flat_view<const T>(*weight, "weight", rows.N, Access::Read).data;
        expect_disjoint(gradient, "gradient", *weight, "weight");
    }
    return rows;
}

template <class T> double work_of(const LossRows<T> &rows) {
    return 20.0 * static_cast<double>(rows.N) * static_cast<double>(rows.K);
}

double bound_squared_error(const py::array &pred, const py::array &target,
                           const MaybeArray &weight, const py::array &gradient) {
    return with_dtype(pred, "pred", [&](auto zero) {
        using T = decltype(zero);
        const LossRows<T> rows = loss_rows<T>(pred, weight, gradient);
        const auto t = view<const T>(target, "target", 2, Access::Read);
        expect_shape(target, "target", {rows.N, rows.K});
        expect_disjoint(gradient, "gradient", target, "target");
        const MaybeReleaseGil release(work_of(rows));
        return squared_error<T>(rows, rows_of(t));
    });
}

double bound_cross_entropy(const py::array &logits, const py::array &labels,
                           const MaybeArray &weight, const py::array &gradient) {
    return with_dtype(logits, "pred", [&](auto zero) {
        using T = decltype(zero);
        const LossRows<T> rows = loss_rows<T>(logits, weight, gradient);
        const auto l = flat_view<const Index>(labels, "labels", rows.N, Access::Read);
        expect_disjoint(gradient, "gradient", labels, "labels");
        const MaybeReleaseGil release(work_of(rows));
        return softmax_cross_entropy<T>(rows, l.data);
    });
}

double bound_squared_activation(const py::array &y, const py::array &weight,
                                const py::array &gradient) {
    return with_dtype(y, "pred", [&](auto zero) {
        using T = decltype(zero);
        const LossRows<T> rows = loss_rows<T>(y, weight, gradient);
        const MaybeReleaseGil release(work_of(rows));
        return squared_activation<T>(rows);
    });
}

double bound_squared_change(const py::array &y, const py::array &weight,
                            const py::array &gradient) {
    return with_dtype(y, "pred", [&](auto zero) {
        using T = decltype(zero);
        const LossRows<T> rows = loss_rows<T>(y, weight, gradient);
        const MaybeReleaseGil release(work_of(rows));
        return squared_change<T>(rows);
    });
}

void bound_softmax(const py::array &logits, const py::array &out) {
    with_dtype(logits, "logits", [&](auto zero) {
        using T = decltype(zero);
        const auto l = view<const T>(logits, "logits", 2, Access::Read);
        const auto o = view<T>(out, "out", 2, Access::Write);
        const Index N = l.shape[0], K = l.shape[1];
        if (K == 0)
            throw py::value_error("logits has shape " + shape_text(logits) +
                                  "; expected at least one column");
        expect_shape(out, "out", {N, K});
        expect_same_or_disjoint(logits, "logits", out, "out");
        const MaybeReleaseGil release(20.0 * static_cast<double>(N) * static_cast<double>(K));
        softmax<T>(N, K, rows_of(l), rows_of(o));
    });
}

constexpr double kSpecialFlops = 2000; // an element

void bound_stirling_error(const py::array &z, const py::array &out) {
    const auto from = view<const double>(z, "z", 1, Access::Read);
    const Index n = from.shape[0];
    const auto to = flat_view<double>(out, "out", n, Access::Write);
    expect_disjoint(out, "out", z, "z");
    const MaybeReleaseGil release(kSpecialFlops * static_cast<double>(n));
    stirling_error(n, from.data, to.data);
}

void bound_digamma_change(const py::array &x, const py::array &y, const py::array &out) {
    const auto from = view<const double>(x, "x", 1, Access::Read);
    const Index n = from.shape[0];
    const auto by = flat_view<const double>(y, "y", n, Access::Read);
    const auto to = flat_view<double>(out, "out", n, Access::Write);
    expect_disjoint(out, "out", x, "x");
    expect_disjoint(out, "out", y, "y");
    const MaybeReleaseGil release(kSpecialFlops * static_cast<double>(n));
    digamma_change(n, from.data, by.data, to.data);
}

} // namespace

void bind_losses(py::module_ &m) {
    using py::arg;
    m.def("softmax", &bound_softmax, arg("logits2d"), arg("out2d"));
    m.def("squared_error", &bound_squared_error, arg("pred2d"), arg("target2d"),
          arg("weight1d"), arg("dpred2d"));
    m.def("softmax_cross_entropy", &bound_cross_entropy, arg("logits2d"), arg("labels"),
          arg("weight1d"), arg("dlogits2d"));
    m.def("squared_activation", &bound_squared_activation, arg("y2d"), arg("weight1d"),
          arg("dy2d"));
    m.def("squared_change", &bound_squared_change, arg("y2d"), arg("weight1d"), arg("dy2d"));
    m.def("stirling_error", &bound_stirling_error, arg("z1d"), arg("out1d"));
    m.def("digamma_change", &bound_digamma_change, arg("x1d"), arg("y1d"), arg("out1d"));
}

} // namespace fastlstm
