// From an array's dtype to a template argument.
#pragma once

#include "bindings/arrays.h"
#include "kernels/kernels.h"

namespace fastlstm {

// Returns f(T()) for the T of the array, float or double; TypeError for another dtype.
template <class F> auto with_dtype(const py::array &a, const char *name, F &&f) {
    if (a.dtype().equal(py::dtype::of<float>()))
        return f(float());
    if (a.dtype().equal(py::dtype::of<double>()))
        return f(double());
    throw py::type_error(std::string(name) + " has dtype " +
                         py::str(a.dtype()).cast<std::string>() +
                         "; expected float32 or float64");
}

// The rows of a rank-2 view.
template <class T> Rows<T> rows_of(const View<T> &v) {
    Rows<T> rows;
    rows.base = v.data;
    rows.stride = v.stride[0];
    return rows;
}

// `out` may be `in` itself, element for element, or share nothing with it.
inline void expect_same_or_disjoint(const py::array &in, const char *in_name,
                                    const py::array &out, const char *out_name) {
    bool same = in.data() == out.data() && in.ndim() == out.ndim();
    for (py::ssize_t d = 0; same && d < in.ndim(); ++d)
        same = in.strides(d) == out.strides(d) || in.shape(d) < 2;
    if (!same)
        expect_disjoint(in, in_name, out, out_name);
}

} // namespace fastlstm
