// What the bindings hold behind _core.LSTM, for one scalar type.
#pragma once

#include <atomic>

#include "bindings/arrays.h"
#include "nn/lstm.h"

namespace fastlstm {

// The parameters of the moment: who owns the memory, and a number that changes whenever
// the buffer or its version does, which is what packed weights are keyed by.
struct __attribute__((visibility("hidden"))) BoundParameters {
    py::object owner;
    const void *flat = nullptr;
    std::int64_t version = 0;
    std::int64_t epoch = 0;
};

template <class T> struct __attribute__((visibility("hidden"))) LstmCore {
    using Scalar = T;
    explicit LstmCore(LstmConfig config)
        : weights(std::move(config)), pool(std::make_shared<Pool>()) {}

    LstmWeights<T> weights;
    std::shared_ptr<Pool> pool;
    std::mutex mutex; // guards the two below
    BoundParameters parameters;
    Plan last_plan;

    const LstmConfig &config() const { return weights.config(); }

    // Elements of the flat hidden (cell) state of all layers and directions.
    Index state_size(Index N, bool cell) const {
        Index size = 0;
        for (int l = 0; l < config().layers(); ++l)
            size += config().directions() * N *
                    (cell ? config().units(l) : config().state(l));
        return size;
    }

    BoundParameters bound() {
        std::lock_guard<std::mutex> lock(mutex);
        if (!parameters.flat)
            throw py::value_error("the layer has no parameters; call set_parameters first");
        return parameters;
    }
};

} // namespace fastlstm
