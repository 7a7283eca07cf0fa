// _core.Stream: one step at a time with states that stay.
#pragma once

#include <variant>

#include "bindings/lstm_core.h"
#include "nn/lstm_stream.h"

namespace fastlstm {

template <class T> struct FASTLSTM_LOCAL StreamOf {
    std::shared_ptr<LstmCore<T>> core;
    LstmStream<T> stream;
    double flops = 0; // of a step
    std::unique_ptr<std::mutex> mutex = std::make_unique<std::mutex>(); // of the states
};

class FASTLSTM_LOCAL Stream {
  public:
    template <class T> explicit Stream(StreamOf<T> stream) : value_(std::move(stream)) {}
    Stream(Stream &&) = default;
    Stream(const Stream &) = delete;

    // out (or a new array) = the hidden state after x: (N, I), or (I,) where N is 1.
    py::array step(const py::object &x, const py::object &out);
    void reset();
    py::tuple state() const; // (h, c) as LSTM's own states
    void set_state(const py::object &state);
    Index batch_size() const;
    std::string path() const; // of the last step
    std::string repr() const;

  private:
    std::variant<StreamOf<float>, StreamOf<double>> value_;
};

} // namespace fastlstm
