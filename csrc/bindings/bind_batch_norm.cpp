// Batch normalisation over valid steps.
#include "bindings/bindings.h"
#include "bindings/dtypes.h"
#include "nn/batch_norm.h"

namespace fastlstm {
namespace {

using MaybeArray = std::optional<py::array>;

const py::array *if_given(const MaybeArray &a) { return a ? &*a : nullptr; }

// A pass over an element of x takes about as long as 10 operations.
double pass_work(const py::array &x) { return 10.0 * static_cast<double>(x.size()); }

ValidSteps valid_steps(const py::array &x, const MaybeArray &lengths) {
    if ((x.ndim() != 2 && x.ndim() != 3) || x.size() == 0)
        throw py::value_error("x has shape " + shape_text(x) +
                              "; expected (N, F) or (N, T, F), no axis empty");
    ValidSteps valid;
    valid.N = x.shape(0);
    valid.T = x.ndim() == 3 ? x.shape(1) : 1;
    valid.F = x.shape(x.ndim() - 1);
    if (!lengths)
        return valid;
    valid.lengths = flat_view<const Index>(*lengths, "lengths", valid.N, Access::Read).data;
    for (Index n = 0; n < valid.N; ++n)
        if (valid.lengths[n] < 1 || valid.lengths[n] > valid.T)
            throw py::value_error("lengths[" + std::to_string(n) + "] is " +
                                  std::to_string(valid.lengths[n]) + "; expected 1 to " +
                                  std::to_string(valid.T));
    return valid;
}

// `a` as rows, of the shape of x.
template <class T>
Steps<T> steps(const py::array &a, const char *name, const py::array &x, Access access) {
    const int rank = static_cast<int>(x.ndim());
    const auto v = view<T>(a, name, rank, access);
    if (rank == 2)
        expect_shape(a, name, {x.shape(0), x.shape(1)});
    else
        expect_shape(a, name, {x.shape(0), x.shape(1), x.shape(2)});
    return {v.data, v.stride[0], rank == 3 ? v.stride[1] : 0};
}

template <class T>
T *if_features(const MaybeArray &a, const char *name, const ValidSteps &valid, Access access) {
    return a ? flat_view<T>(*a, name, valid.F, access).data : nullptr;
}

// The two rows of moments (2, F).
template <class T> struct Moments {
    T *mean, *variance;
};
template <class T>
Moments<T> moments_of(const py::array &a, const ValidSteps &valid, Access access) {
    const auto v = view<T>(a, "moments", 2, access);
    expect_shape(a, "moments", {2, valid.F});
    return {v.data, v.data + v.stride[0]};
}

void bound_moments(const py::array &x, const MaybeArray &lengths, const py::array &moments) {
    with_dtype(x, "x", [&](auto zero) {
        using T = decltype(zero);
        const ValidSteps valid = valid_steps(x, lengths);
        const auto vx = steps<const T>(x, "x", x, Access::Read);
        const auto m = moments_of<double>(moments, valid, Access::Write);
        expect_apart({{"moments", &moments}}, {{"x", &x}, {"lengths", if_given(lengths)}});
        const MaybeReleaseGil release(2 * pass_work(x));
        batch_moments<T>(valid, vx, m.mean, m.variance);
    });
}

void bound_forward(const py::array &x, const MaybeArray &lengths, const py::array &moments,
                   double epsilon, const MaybeArray &weight, const MaybeArray &bias,
                   const py::array &y) {
    with_dtype(x, "x", [&](auto zero) {
        using T = decltype(zero);
        const ValidSteps valid = valid_steps(x, lengths);
        const auto vx = steps<const T>(x, "x", x, Access::Read);
        const auto vy = steps<T>(y, "y", x, Access::Write);
        const auto m = moments_of<const double>(moments, valid, Access::Read);
        const T *w = if_features<const T>(weight, "weight", valid, Access::Read);
        const T *b = if_features<const T>(bias, "bias", valid, Access::Read);
        expect_apart({{"y", &y}}, {{"x", &x},
                                   {"moments", &moments},
                                   {"weight", if_given(weight)},
                                   {"bias", if_given(bias)},
                                   {"lengths", if_given(lengths)}});
        const MaybeReleaseGil release(pass_work(x));
        batch_norm_forward<T>(valid, vx, m.mean, m.variance, epsilon, w, b, vy);
    });
}

void bound_backward(const py::array &dy, const py::array &x, const MaybeArray &lengths,
                    const py::array &moments, double epsilon, const MaybeArray &weight,
                    const MaybeArray &dweight, const MaybeArray &dbias, const MaybeArray &dx) {
    with_dtype(x, "x", [&](auto zero) {
        using T = decltype(zero);
        const ValidSteps valid = valid_steps(x, lengths);
        const auto vx = steps<const T>(x, "x", x, Access::Read);
        const auto vdy = steps<const T>(dy, "dy", x, Access::Read);
        const auto m = moments_of<const double>(moments, valid, Access::Read);
        const T *w = if_features<const T>(weight, "weight", valid, Access::Read);
        T *dw = if_features<T>(dweight, "dweight", valid, Access::Write);
        T *db = if_features<T>(dbias, "dbias", valid, Access::Write);
        const auto vdx = dx ? steps<T>(*dx, "dx", x, Access::Write) : Steps<T>();
        expect_apart({{"dx", if_given(dx)},
                      {"dweight", if_given(dweight)},
                      {"dbias", if_given(dbias)}},
                     {{"dy", &dy},
                      {"x", &x},
                      {"moments", &moments},
                      {"weight", if_given(weight)},
                      {"lengths", if_given(lengths)}});
        const MaybeReleaseGil release(2 * pass_work(x));
        batch_norm_backward<T>(valid, vdy, vx, m.mean, m.variance, epsilon, w, dw, db, vdx);
    });
}

} // namespace

void bind_batch_norm(py::module_ &m) {
    using py::arg;
    m.def("batch_moments", &bound_moments, arg("x"), arg("lengths"), arg("moments"));
    m.def("batch_norm_forward", &bound_forward, arg("x"), arg("lengths"), arg("moments"),
          arg("epsilon"), arg("weight"), arg("bias"), arg("y"));
    m.def("batch_norm_backward", &bound_backward, arg("dy"), arg("x"), arg("lengths"),
          arg("moments"), arg("epsilon"), arg("weight"), arg("dweight"), arg("dbias"),
          arg("dx"));
}

} // namespace fastlstm
