// NumPy arrays at the edge: exact dtype, rank and shape or an error that shows both.
// The only folder that includes pybind11, this is its only header that does so first.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <optional>
#include <string>

// Classes that hold pybind11 objects may not be more visible than those are.
#define FASTLSTM_LOCAL __attribute__((visibility("hidden")))

namespace fastlstm {

namespace py = pybind11;

// "(3, 5, 7)"
std::string shape_text(const py::array &a);

// A view of a T array without any copy or cast. Throws TypeError for another dtype (a
// byte-swapped one too), ValueError for another rank, misaligned data or a last axis
// that is not contiguous.
template <class T> struct View {
    T *data = nullptr;
    std::int64_t shape[3] = {1, 1, 1};
    std::int64_t stride[3] = {0, 0, 0}; // in elements
    int rank = 0;
};

enum class Access { Read, Write };
void check_array(const py::array &a, const char *name, const py::dtype &dtype, int rank,
                 Access access);

template <class T> View<T> view(const py::array &a, const char *name, int rank, Access access) {
    check_array(a, name, py::dtype::of<std::remove_const_t<T>>(), rank, access);
    View<T> v;
    v.data = static_cast<T *>(const_cast<void *>(a.data()));
    v.rank = rank;
    for (int d = 0; d < rank; ++d) {
        v.shape[d] = a.shape(d);
        v.stride[d] = a.strides(d) / static_cast<std::int64_t>(sizeof(T));
    }
    return v;
}

// The same with a shape that must match, C-contiguous.
template <class T>
View<T> flat_view(const py::array &a, const char *name, std::int64_t size, Access access);

void expect_shape(const py::array &a, const char *name,
                  std::initializer_list<std::int64_t> shape);

// Throws ValueError where the memory of the two overlaps.
void expect_disjoint(const py::array &a, const char *a_name, const py::array &b,
                     const char *b_name);

// The same for a whole call: no output overlaps another output or an input. Null: absent.
struct FASTLSTM_LOCAL Named {
    const char *name;
    const py::array *array;
};
void expect_apart(std::initializer_list<Named> outputs, std::initializer_list<Named> inputs);

template <class T>
View<T> flat_view(const py::array &a, const char *name, std::int64_t size, Access access) {
    View<T> v = view<T>(a, name, 1, access);
    expect_shape(a, name, {size});
    return v;
}

// Releases the GIL where the call is predicted to last; reacquiring costs more else.
class FASTLSTM_LOCAL MaybeReleaseGil {
  public:
    explicit MaybeReleaseGil(double flops) {
        if (flops > kFlopsWorthReleasing)
            release_.emplace();
    }

  private:
    static constexpr double kFlopsWorthReleasing = 1e6; // about 50 us at 20 GFLOP/s
    std::optional<py::gil_scoped_release> release_;
};

} // namespace fastlstm
