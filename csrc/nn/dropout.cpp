#include "nn/dropout.h"

#include "kernels/dispatch.h"
#include "nn/work.h"

namespace fastlstm {

template <class T> void dropout(const DropoutBatch<T> &b) {
    // About a nanosecond an element, mostly for the random bits.
    const double work = 40.0 * double(b.N) * double(b.steps) * double(b.F);
    parallel_ranges(b.N * b.steps, 1, work, [&](Index begin, Index end) {
        DropoutArgs<T> d;
        d.n = b.F;
        d.p = b.p;
        d.seed = b.seed;
        d.stream = b.stream;
        for (Index row = begin; row < end; ++row) {
            const Index n = row / b.steps, t = row % b.steps;
            d.x = b.x + n * b.x_n + t * b.x_t;
            d.out = b.out + n * b.out_n + t * b.out_t;
            d.row_id = static_cast<std::uint64_t>(b.row_ids ? b.row_ids[n] : n);
            d.step = b.locked ? 0 : static_cast<std::uint32_t>(t);
            kernels<T>().dropout(d);
        }
    });
}

template void dropout<float>(const DropoutBatch<float> &);
template void dropout<double>(const DropoutBatch<double> &);

} // namespace fastlstm
