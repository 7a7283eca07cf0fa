#include "bindings/arrays.h"

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

namespace fastlstm {
namespace {

std::string text(const py::handle &object) { return py::str(object).cast<std::string>(); }

// First and one-past-last byte that an array can touch.
std::pair<const char *, const char *> extent(const py::array &a) {
    const char *low = static_cast<const char *>(a.data());
    const char *high = low + a.itemsize();
    for (py::ssize_t d = 0; d < a.ndim(); ++d) {
        const py::ssize_t reach = (a.shape(d) - 1) * a.strides(d);
        (reach < 0 ? low : high) += reach;
    }
    return {low, high};
}

// Whether two elements may share memory: from the smallest stride up, each must step over
// all that the axes below it reach.
bool overlaps_itself(const py::array &a) {
    if (a.flags() & (py::array::c_style | py::array::f_style))
        return false;
    std::vector<std::pair<py::ssize_t, py::ssize_t>> axes; // stride, shape
    for (py::ssize_t d = 0; d < a.ndim(); ++d)
        if (a.shape(d) > 1)
            axes.emplace_back(std::abs(a.strides(d)), a.shape(d));
    std::sort(axes.begin(), axes.end());
    py::ssize_t reach = a.itemsize();
    for (const auto &[stride, length] : axes) {
        if (stride < reach)
            return true;
        reach += stride * (length - 1);
    }
    return false;
}

} // namespace

std::string shape_text(const py::array &a) {
    return text(py::reinterpret_steal<py::object>(
        PyObject_GetAttrString(a.ptr(), "shape")));
}

void check_array(const py::array &a, const char *name, const py::dtype &dtype, int rank,
                 Access access) {
    // Mostly NumPy's own object of that dtype, which is seen sooner than compared.
    const py::dtype own = a.dtype();
    if (!own.is(dtype) && !own.equal(dtype))
        throw py::type_error(std::string(name) + " has dtype " + text(own) +
                             "; expected " + text(dtype));
    if (a.ndim() != rank)
        throw py::value_error(std::string(name) + " has shape " + shape_text(a) +
                              "; expected " + std::to_string(rank) + " dimensions");
    const auto item = a.itemsize();
    if (reinterpret_cast<std::uintptr_t>(a.data()) % static_cast<std::uintptr_t>(item) != 0)
        throw py::value_error(std::string(name) + " is not aligned to its dtype");
    if (access == Access::Write && !a.writeable())
        throw py::value_error(std::string(name) + " is read-only; expected a writable array");
    if (a.size() == 0)
        return; // strides of an empty array mean nothing
    for (int d = 0; d < rank; ++d) {
        if (a.shape(d) > 1 && a.strides(d) % item != 0)
            throw py::value_error(std::string(name) + " is not aligned to its dtype");
    }
    if (access == Access::Write && overlaps_itself(a))
        throw py::value_error(std::string(name) +
                              " overlaps itself; expected memory for each element");
    if (a.shape(rank - 1) > 1 && a.strides(rank - 1) != item)
        throw py::value_error(std::string(name) + " must be contiguous along its last axis");
}

void expect_shape(const py::array &a, const char *name,
                  std::initializer_list<std::int64_t> shape) {
    if (a.ndim() == static_cast<py::ssize_t>(shape.size()) &&
        std::equal(shape.begin(), shape.end(), a.shape()))
        return;
    std::string expected;
    for (const std::int64_t n : shape)
        expected += (expected.empty() ? "(" : ", ") + std::to_string(n);
    throw py::value_error(std::string(name) + " has shape " + shape_text(a) + "; expected " +
                          expected + (shape.size() == 1 ? ",)" : ")"));
}

void expect_apart(std::initializer_list<Named> outputs, std::initializer_list<Named> inputs) {
    for (const Named *out = outputs.begin(); out != outputs.end(); ++out) {
        if (!out->array)
            continue;
        for (const Named *other = out + 1; other != outputs.end(); ++other)
            if (other->array)
                expect_disjoint(*out->array, out->name, *other->array, other->name);
        for (const Named &input : inputs)
            if (input.array)
                expect_disjoint(*out->array, out->name, *input.array, input.name);
    }
}

void expect_disjoint(const py::array &a, const char *a_name, const py::array &b,
                     const char *b_name) {
    if (a.size() == 0 || b.size() == 0)
        return;
    const auto [a_low, a_high] = extent(a);
    const auto [b_low, b_high] = extent(b);
    if (a_low < b_high && b_low < a_high)
        throw py::value_error(std::string(a_name) + " and " + b_name +
                              " share memory; expected separate arrays");
}

} // namespace fastlstm
