// What a training call kept, in the order in which people look at it.
#include "kernels/dispatch.h"
#include "nn/lstm.h"

namespace fastlstm {

template <class T>
void LstmCall<T>::trace(int layer, int d, const TraceArrays<T> &to) const {
    const DirectionRun<T> &r = run(layer, d);
    const Index W = kernels<T>().width;
    for (Index s = 0; s < map_.steps; ++s)
        for (Index b = 0; b < map_.active(s); ++b) {
            const Index row = map_.row(s) + b, n = map_.order[static_cast<std::size_t>(b)];
            const Index step = n * map_.T_ + map_.time(d, s, b);
            const T *gates = r.gates + row * r.gates_row, *c = r.c + row * r.padded;
            std::copy(c, c + r.H, to.c + step * r.H);
            std::copy(r.y[row], r.y[row] + r.K, to.h + step * r.K);
            for (Index u = 0; u < r.H; ++u) {
                const Index first = u / W * W, lanes = gate_lanes(r.H - first, W);
                for (int v = 0; v < 4; ++v)
                    to.gates[v][step * r.H + u] = gates[first * 4 + v * lanes + u - first];
            }
        }
}

template void LstmCall<float>::trace(int, int, const TraceArrays<float> &) const;
template void LstmCall<double>::trace(int, int, const TraceArrays<double> &) const;

} // namespace fastlstm
