#include "nn/optimizers.h"

#include <vector>

#include "kernels/dispatch.h"
#include "nn/work.h"

namespace fastlstm {
namespace {

// Passes over memory: one element costs about as much as 20 operations in a product.
constexpr double kWork = 20;
constexpr Index kGrain = 4096;

} // namespace

template <class T> void sgd_step(const SgdArgs<T> &args) {
    parallel_ranges(args.n, kGrain, kWork * double(args.n), [&](Index begin, Index end) {
        SgdArgs<T> a = args;
        a.n = end - begin;
        a.param += begin;
        a.grad += begin;
        if (a.velocity)
            a.velocity += begin;
        kernels<T>().sgd(a);
    });
}

template <class T> void adam_step(const AdamArgs<T> &args) {
    parallel_ranges(args.n, kGrain, kWork * double(args.n), [&](Index begin, Index end) {
        AdamArgs<T> a = args;
        a.n = end - begin;
        a.param += begin;
        a.grad += begin;
        a.m += begin;
        a.v += begin;
        kernels<T>().adam(a);
    });
}

template <class T> double squared_norm(const T *x, Index n) {
    constexpr Index kPiece = 65536; // a multiple of the kernel's own runs
    std::vector<double> sums(static_cast<std::size_t>((n + kPiece - 1) / kPiece));
    parallel_ranges(n, kPiece, 5.0 * double(n), [&](Index begin, Index end) {
        for (Index i = begin; i < end; i += kPiece)
            sums[static_cast<std::size_t>(i / kPiece)] =
                kernels<T>().squared_norm(x + i, std::min(kPiece, end - i));
    });
    double total = 0;
    for (const double sum : sums)
        total += sum;
    return total;
}

#define FASTLSTM_INSTANTIATE(T)                                                              \
    template void sgd_step<T>(const SgdArgs<T> &);                                           \
    template void adam_step<T>(const AdamArgs<T> &);                                         \
    template double squared_norm<T>(const T *, Index);
FASTLSTM_INSTANTIATE(float)
FASTLSTM_INSTANTIATE(double)
#undef FASTLSTM_INSTANTIATE

} // namespace fastlstm
