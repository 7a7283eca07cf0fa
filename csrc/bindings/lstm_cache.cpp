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

void Cache::statistics(int layer, int direction, const std::array<py::array, 6> &to) const {
    std::visit(
        [&](const auto &cache) {
            using T = typename std::decay_t<decltype(*cache.core)>::Scalar;
            const LstmConfig &config = cache.core->config();
            if (!cache.call || config.norm.kind != Normalization::Batch)
                throw py::value_error("the cache was used or has no batch statistics");
            check_direction(config, layer, direction);
            for (int part = 0; part < 6; ++part) {
                const Index H = config.units(layer);
                const Index size = part < 4 ? config.cell.gates() * H : H;
                const auto &array = to[static_cast<std::size_t>(part)];
                cache.call->statistics(layer, direction, part,
                                       flat_view<T>(array, "statistics",
                                                    cache.call->steps() * size, Access::Write)
                                           .data);
            }
        },
        value_);
}

std::vector<Index> Cache::active_rows() const {
    return std::visit(
        [](const auto &cache) {
            std::vector<Index> rows(cache.call ? cache.call->steps() : 0);
            for (std::size_t s = 0; s < rows.size(); ++s)
                rows[s] = cache.call->active(static_cast<Index>(s));
            return rows;
        },
        value_);
}

} // namespace fastlstm
