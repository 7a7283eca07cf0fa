// What people may ask of a training call between its forward and its backward.
#include "bindings/lstm_core.h"

namespace fastlstm {

namespace {
void check_direction(const LstmConfig &config, int layer, int direction) {
    if (layer < 0 || layer >= config.layers() || direction < 0 ||
        direction >= config.directions())
        throw py::value_error("no layer " + std::to_string(layer) + " in direction " +
                              std::to_string(direction));
}
} // namespace

void Cache::trace(int layer, int direction, const std::array<py::array, 6> &to) const {
    std::visit(
        [&](const auto &cache) {
            using T = typename std::decay_t<decltype(*cache.core)>::Scalar;
            const LstmConfig &config = cache.core->config();
            if (!cache.call || !cache.call->keeps_gates())
                throw py::value_error("the cache was used or does not keep gates");
            check_direction(config, layer, direction);
            constexpr const char *kNames[] = {"i", "f", "g", "o", "c", "h"};
            T *data[6];
            for (std::size_t k = 0; k < 6; ++k) {
                const Index size = k < 5 ? config.units(layer) : config.state(layer);
                const Index all = cache.N * cache.T_ * size;
                data[k] = flat_view<T>(to[k], kNames[k], all, Access::Write).data;
            }
            cache.call->trace(layer, direction,
                              {{data[0], data[1], data[2], data[3]}, data[4], data[5]});
        },
        value_);
}

void Cache::learn(int layer, int direction, const std::array<py::array, 7> &running,
                  double momentum) const {
    std::visit(
        [&](const auto &cache) {
            using T = typename std::decay_t<decltype(*cache.core)>::Scalar;
            const LstmConfig &config = cache.core->config();
            if (!cache.call || config.norm.kind != Normalization::Batch ||
                !cache.call->learns())
                throw py::value_error("the cache was used or has no batch statistics");
            check_direction(config, layer, direction);
            if (!(momentum >= 0 && momentum <= 1))
                throw py::value_error("momentum is " + std::to_string(momentum) +
                                      "; expected a share in [0, 1]");
            const Index H = config.units(layer), rows = config.cell.gates() * H;
            T *to[6];
            for (std::size_t part = 0; part < 6; ++part)
                to[part] = flat_view<T>(running[part], "running",
                                        config.norm.steps * (part < 4 ? rows : H),
                                        Access::Write)
                               .data;
            T *seen = flat_view<T>(running[6], "running", 1, Access::Write).data;
            cache.call->learn(layer, direction, to, *seen, momentum);
        },
        value_);
}

} // namespace fastlstm
