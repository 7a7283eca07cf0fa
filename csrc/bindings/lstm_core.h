// What the bindings hold behind _core.LSTM, for one scalar type.
#pragma once

#include <variant>

#include "bindings/arrays.h"
#include "kernels/dispatch.h"
#include "nn/lstm.h"

namespace fastlstm {

using MaybeArray = std::optional<py::array>;

template <class T>
T *optional_flat(const MaybeArray &a, const char *name, Index size, Access access) {
    return a ? flat_view<T>(*a, name, size, access).data : nullptr;
}

inline const py::array *if_given(const MaybeArray &a) { return a ? &*a : nullptr; }

// The parameters of the moment: who owns the memory, and a number that changes whenever
// the buffer or its version does, which is what packed weights are keyed by.
struct FASTLSTM_LOCAL BoundParameters {
    py::object owner;
    const void *flat = nullptr;
    std::int64_t version = 0;
    std::int64_t epoch = 0;
};

template <class T> struct FASTLSTM_LOCAL LstmCore {
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
        std::unique_lock<std::mutex> lock(mutex);
        if (parameters.flat)
            return parameters;
        lock.unlock();
        throw py::value_error("the layer has no parameters; call set_parameters first");
    }
};

// A training call between its forward and its backward, with what must stay alive.
template <class T> struct FASTLSTM_LOCAL CacheOf {
    std::shared_ptr<LstmCore<T>> core;
    std::unique_ptr<LstmCall<T>> call;
    std::int64_t epoch = 0;
    Index N = 0, T_ = 0;
    py::object x, y, row_ids, parameters; // kept alive until backward
};

class FASTLSTM_LOCAL Cache {
  public:
    template <class T> explicit Cache(CacheOf<T> cache) : value_(std::move(cache)) {}
    Cache(Cache &&) = default;
    Cache(const Cache &) = delete;
    template <class T> CacheOf<T> *get() { return std::get_if<CacheOf<T>>(&value_); }
    std::size_t bytes() const {
        return std::visit([](const auto &c) { return c.call ? c.call->bytes() : 0; }, value_);
    }
    // Gates i, f, g, o and cells (N, T, H), hidden states (N, T, K) of every valid step.
    void trace(int layer, int direction, const std::array<py::array, 6> &to) const;
    // Batch normalisation: see LstmCall::learn; means and variances of x, h and c, and the
    // steps seen, flat.
    void learn(int layer, int direction, const std::array<py::array, 7> &running,
               double momentum) const;

  private:
    std::variant<CacheOf<float>, CacheOf<double>> value_;
};

// What ran, for people: instruction set, precision, plan.
template <class T> std::string path_of(const Plan &plan) {
    return std::string(kernel_table().isa) +
           (sizeof(T) == 4 ? " float32, " : " float64, ") + describe(plan);
}

} // namespace fastlstm
