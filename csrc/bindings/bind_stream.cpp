#include <algorithm>
#include <cmath>
#include <vector>

#include "bindings/bindings.h"
#include "bindings/stream.h"

namespace fastlstm {
namespace {

// The array that a user passed as `name`, which should have been (rows, columns).
template <class T>
py::array expect_array(const py::object &value, const char *name, Index rows, Index columns) {
    const auto what = [&] {
        return std::string(name) + " must be an array of " +
               (sizeof(T) == 4 ? "float32" : "float64") + " of shape (" +
               std::to_string(rows) + ", " + std::to_string(columns) + "), got ";
    };
    const bool plain = Py_TYPE(value.ptr()) == py::detail::npy_api::get().PyArray_Type_;
    if (!plain) { // memory-mapped arrays and the like are fine
        if (!py::isinstance<py::array>(value))
            throw py::type_error(what() + Py_TYPE(value.ptr())->tp_name);
        if (py::hasattr(value, "mask"))
            throw py::type_error(what() + "a masked array, whose mask would be lost");
    }
    const auto array = py::reinterpret_borrow<py::array>(value);
    const py::dtype own = array.dtype(), wanted = py::dtype::of<T>();
    if (!own.is(wanted) && !own.equal(wanted))
        throw py::type_error(what() + std::string(py::str(own)) + ": convert it with np.asarray(" +
                             name + ", dtype=np." + (sizeof(T) == 4 ? "float32" : "float64") +
                             ")");
    return array;
}

template <class T>
py::array step_of(StreamOf<T> &s, const py::object &x_t, const py::object &out) {
    const LstmConfig &config = s.stream.config();
    const Index N = s.stream.rows();
    const py::array x = expect_array<T>(x_t, "x_t", N, config.input_size);
    const bool one = x.ndim() == 1 && N == 1; // a row of its own, without its axis
    const auto vx = view<const T>(x, "x_t", one ? 1 : 2, Access::Read);
    if (one)
        expect_shape(x, "x_t", {config.input_size});
    else
        expect_shape(x, "x_t", {N, config.input_size});
    const Index x_stride = one ? 0 : vx.stride[0];
    for (Index n = 0; n < N; ++n)
        for (Index i = 0; i < config.input_size; ++i)
            if (!std::isfinite(vx.data[n * x_stride + i]))
                throw py::value_error("x_t holds " +
                                      std::to_string(vx.data[n * x_stride + i]) +
                                      " at row " + std::to_string(n) + ", feature " +
                                      std::to_string(i) + "; expected finite numbers");
    py::array result;
    if (!out.is_none())
        result = expect_array<T>(out, "out", N, config.output());
    else if (one)
        result = py::array_t<T>(config.output());
    else
        result = py::array_t<T>({N, config.output()});
    const auto vy = view<T>(result, "out", one ? 1 : 2, Access::Write);
    if (one)
        expect_shape(result, "out", {config.output()});
    else
        expect_shape(result, "out", {N, config.output()});
    {
        const MaybeReleaseGil release(s.flops); // before the lock: no deadlock
        std::lock_guard<std::mutex> lock(*s.mutex);
        s.stream.step(vx.data, x_stride, vy.data, one ? 0 : vy.stride[0]);
    }
    return result;
}

// The units of each layer in one kind of state.
std::vector<Index> state_sizes(const LstmConfig &config, bool cell) {
    std::vector<Index> sizes;
    for (int l = 0; l < config.layers(); ++l)
        sizes.push_back(cell ? config.units(l) : config.state(l));
    return sizes;
}
bool all_equal(const std::vector<Index> &sizes) {
    return std::count(sizes.begin(), sizes.end(), sizes[0]) == Index(sizes.size());
}

// The public form of one kind of state: (L, N, size), or with unequal sizes a list of
// (1, N, size_l), as LSTM's own states.
template <class T>
py::object unpack(const LstmConfig &config, const py::array_t<T> &flat, Index N, bool cell) {
    const std::vector<Index> sizes = state_sizes(config, cell);
    if (all_equal(config.hidden))
        return flat.attr("reshape")(config.layers(), N, sizes[0]);
    py::list blocks;
    Index begin = 0;
    for (const Index size : sizes) {
        const Index end = begin + N * size;
        blocks.append(flat.attr("__getitem__")(py::slice(begin, end, 1))
                          .attr("reshape")(1, N, size));
        begin = end;
    }
    return blocks;
}

template <class T> py::tuple state_of(const StreamOf<T> &s) {
    const Index N = s.stream.rows();
    py::array_t<T> h(s.core->state_size(N, false)), c(s.core->state_size(N, true));
    {
        std::lock_guard<std::mutex> lock(*s.mutex);
        s.stream.get_state(h.mutable_data(), c.mutable_data());
    }
    return py::make_tuple(unpack(s.stream.config(), h, N, false),
                          unpack(s.stream.config(), c, N, true));
}

// A flat array from the public form, checked block by block.
template <class T>
py::array_t<T> pack(const LstmConfig &config, const py::object &value, const char *name,
                    Index N, bool cell, Index size) {
    const std::vector<Index> sizes = state_sizes(config, cell);
    py::array_t<T> flat(size);
    T *to = flat.mutable_data();
    const auto copy = [&](const py::object &block, std::initializer_list<Index> shape) {
        if (!py::isinstance<py::array>(block))
            throw py::type_error(std::string(name) + " is not an array");
        const py::array a = py::reinterpret_borrow<py::array>(block);
        const auto v = view<const T>(a, name, 3, Access::Read);
        expect_shape(a, name, shape);
        for (Index l = 0; l < v.shape[0]; ++l)
            for (Index n = 0; n < v.shape[1]; ++n)
                for (Index i = 0; i < v.shape[2]; ++i) {
                    *to = v.data[l * v.stride[0] + n * v.stride[1] + i];
                    if (!std::isfinite(*to++))
                        throw py::value_error(std::string(name) + " holds NaN or inf");
                }
    };
    if (all_equal(config.hidden)) {
        copy(value, {config.layers(), N, sizes[0]});
        return flat;
    }
    if (!py::isinstance<py::sequence>(value) ||
        py::len(value) != static_cast<std::size_t>(config.layers()))
        throw py::value_error(std::string(name) + " must be a list of " +
                              std::to_string(config.layers()) + " arrays, one a layer");
    const auto blocks = py::reinterpret_borrow<py::sequence>(value);
    for (std::size_t l = 0; l < sizes.size(); ++l)
        copy(py::object(blocks[l]), {1, N, sizes[l]});
    return flat;
}

template <class T>
void set_state_of(StreamOf<T> &s, const py::object &h, const py::object &c) {
    const Index N = s.stream.rows();
    const LstmConfig &config = s.stream.config();
    const auto flat_h = pack<T>(config, h, "h", N, false, s.core->state_size(N, false));
    const auto flat_c = pack<T>(config, c, "c", N, true, s.core->state_size(N, true));
    std::lock_guard<std::mutex> lock(*s.mutex);
    s.stream.set_state(flat_h.data(), flat_c.data());
}

} // namespace

py::array Stream::step(const py::object &x, const py::object &out) {
    return std::visit([&](auto &s) { return step_of(s, x, out); }, value_);
}
void Stream::reset() {
    std::visit(
        [](auto &s) {
            std::lock_guard<std::mutex> lock(*s.mutex);
            s.stream.set_state(nullptr, nullptr);
        },
        value_);
}
py::tuple Stream::state() const {
    return std::visit([](const auto &s) { return state_of(s); }, value_);
}
void Stream::set_state(const py::object &state) {
    if (!py::isinstance<py::tuple>(state) && !py::isinstance<py::list>(state))
        throw py::type_error(std::string("state must be a pair (h, c), got ") +
                             Py_TYPE(state.ptr())->tp_name);
    const auto parts = py::reinterpret_borrow<py::sequence>(state);
    if (parts.size() != 2)
        throw py::value_error("state has " + std::to_string(parts.size()) +
                              " parts; expected a pair (h, c)");
    std::visit([&](auto &s) { set_state_of(s, py::object(parts[0]), py::object(parts[1])); },
               value_);
}
std::string Stream::repr() const {
    return "Stream(batch_size=" + std::to_string(batch_size()) + ", path='" + path() + "')";
}
Index Stream::batch_size() const {
    return std::visit([](const auto &s) { return s.stream.rows(); }, value_);
}

std::string Stream::path() const {
    return std::visit(
        [](const auto &s) {
            using T = typename std::decay_t<decltype(*s.core)>::Scalar;
            std::lock_guard<std::mutex> lock(*s.mutex);
            return path_of<T>(s.stream.last_plan());
        },
        value_);
}

void bind_stream(py::module_ &m) {
    using py::arg;
    py::class_<Stream>(m, "Stream",
                       "One step at a time with states that stay; see LSTM.stream.")
        .def("__repr__", &Stream::repr)
        .def("step", &Stream::step, arg("x_t"), arg("out") = py::none(),
             "The last layer's hidden state (N, H or P) after x_t (N, I), of the layer's\n"
             "dtype, written into out where given; with one row also (I,) to (H or P,).\n"
             "Raises TypeError or ValueError for another dtype or shape, NaN or inf.")
        .def("reset", &Stream::reset, "Zero states.")
        .def_property("state", &Stream::state, &Stream::set_state,
                      "Pair (h, c) as LSTM's own states, a copy; may be set.")
        .def_property_readonly("batch_size", &Stream::batch_size)
        .def_property_readonly("path", &Stream::path,
                               "Instruction set, precision and plan of the last step.");
}

} // namespace fastlstm
