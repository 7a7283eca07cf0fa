#include "nn/embedding.h"

#include <stdexcept>
#include <string>

#include "nn/work.h"

namespace fastlstm {
namespace {

void check_tokens(const Index *tokens, Index n, Index V) {
    for (Index r = 0; r < n; ++r)
        if (tokens[r] < 0 || tokens[r] >= V)
            throw std::invalid_argument("tokens[" + std::to_string(r) + "] is " +
                                        std::to_string(tokens[r]) + "; expected 0 to " +
                                        std::to_string(V - 1));
}

// A row of the table is rarely in cache: counted as 10 operations an element.
double work(Index n, Index E) { return 10.0 * double(n) * double(E); }

} // namespace

template <class T>
void embedding_forward(Rows<const T> table, Index V, Index E, const Index *tokens, Index n,
                       const T *scale, Rows<T> out) {
    check_tokens(tokens, n, V);
    parallel_ranges(n, 64, work(n, E), [&](Index begin, Index end) {
        for (Index r = begin; r < end; ++r) {
            const T *from = table.base + tokens[r] * table.stride;
            T *to = out.base + r * out.stride;
            const T factor = scale ? scale[tokens[r]] : T(1);
            if (factor == T(1))
                std::copy_n(from, E, to);
            else if (factor == T(0))
                std::fill_n(to, E, T(0));
            else
                for (Index e = 0; e < E; ++e)
                    to[e] = factor * from[e];
        }
    });
}

template <class T>
void embedding_backward(Rows<const T> dy, Index V, Index E, const Index *tokens, Index n,
                        const T *scale, Rows<T> dtable) {
    check_tokens(tokens, n, V);
    // A thread owns columns, of a cache line each, so it meets the rows in their order.
    constexpr Index kColumns = 64 / static_cast<Index>(sizeof(T));
    parallel_ranges(E, kColumns, work(n, E), [&](Index begin, Index end) {
        for (Index r = 0; r < n; ++r) {
            const T factor = scale ? scale[tokens[r]] : T(1);
            if (factor == T(0))
                continue;
            const T *from = dy.base + r * dy.stride;
            T *to = dtable.base + tokens[r] * dtable.stride;
            for (Index e = begin; e < end; ++e)
                to[e] += factor * from[e];
        }
    });
}

#define FASTLSTM_INSTANTIATE(T)                                                              \
    template void embedding_forward<T>(Rows<const T>, Index, Index, const Index *, Index,    \
                                       const T *, Rows<T>);                                  \
    template void embedding_backward<T>(Rows<const T>, Index, Index, const Index *, Index,   \
                                        const T *, Rows<T>);
FASTLSTM_INSTANTIATE(float)
FASTLSTM_INSTANTIATE(double)
#undef FASTLSTM_INSTANTIATE

} // namespace fastlstm
