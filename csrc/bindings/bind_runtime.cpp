// Instruction set, threads, build information, and the elementary functions for tests.
#include "base/phases.h"
#include "base/threads.h"
#include "bindings/bindings.h"
#include "bindings/dtypes.h"
#include "kernels/dispatch.h"

namespace fastlstm {
namespace {

std::string joined(const std::vector<std::string> &words) {
    std::string text;
    for (const std::string &word : words)
        text += (text.empty() ? "" : " ") + word;
    return text;
}

std::string compiler() {
#if defined(__clang__)
    return "Clang " __clang_version__;
#elif defined(__GNUC__)
    return "GCC " __VERSION__;
#else
    return "unknown";
#endif
}

py::dict build_info() {
    py::dict info;
    info["version"] = FASTLSTM_VERSION;
    info["compiler"] = compiler();
    info["compiled_isas"] = joined(compiled_isas());
    info["openmp"] = std::to_string(_OPENMP); // yyyymm of the specification
    return info;
}

// A function over a flat array; out may be x itself.
template <class Kernel> auto elementwise(Kernel kernel) {
    return [kernel](const py::array &x, const py::array &out) {
        with_dtype(x, "x", [&](auto zero) {
            using T = decltype(zero);
            const auto vx = view<const T>(x, "x", 1, Access::Read);
            const auto vo = flat_view<T>(out, "out", vx.shape[0], Access::Write);
            expect_same_or_disjoint(x, "x", out, "out");
            const MaybeReleaseGil release(20.0 * static_cast<double>(vx.shape[0]));
            kernel(kernels<T>())(vo.data, vx.data, vx.shape[0]);
        });
    };
}

py::dict phases() {
    const auto seconds = profile_stop();
    py::dict result;
    for (std::size_t p = 0; p < seconds.size(); ++p)
        result[kPhaseNames[p]] = seconds[p];
    return result;
}

void set_threads(std::int64_t n) {
    if (n < 0 || n > kMostThreads)
        throw py::value_error("n is " + std::to_string(n) + "; expected 1 to " +
                              std::to_string(kMostThreads) + ", or 0 for the default");
    set_num_threads(static_cast<int>(n));
}

} // namespace

void bind_runtime(py::module_ &m) {
    using py::arg;
    m.def("isa", [] { return kernel_table().isa; });
    m.def("available_isas", &available_isas);
    m.def("build_info", &build_info);
    m.def("get_num_threads", &num_threads);
    m.def("set_num_threads", &set_threads, arg("n"));
    m.def("requested_threads", &requested_threads);
    m.def("profile_start", &profile_start);
    m.def("profile_stop", &phases);
    m.def("exp", elementwise([](const auto &k) { return k.exp; }), arg("x"), arg("out"));
    m.def("sigmoid", elementwise([](const auto &k) { return k.sigmoid; }), arg("x"),
          arg("out"));
    m.def("tanh", elementwise([](const auto &k) { return k.tanh; }), arg("x"), arg("out"));
}

} // namespace fastlstm
