// What module.cpp calls.
#pragma once

#include "bindings/arrays.h"

namespace fastlstm {

void bind_runtime(py::module_ &m); // ISA, threads, build information, elementary functions
void bind_ceilings(py::module_ &m); // what the machine reaches
void bind_lstm(py::module_ &m);    // LSTM, Cache
void bind_stream(py::module_ &m);  // Stream
void bind_layers(py::module_ &m);  // Linear, embedding, dropout
void bind_batch_norm(py::module_ &m);
void bind_losses(py::module_ &m);
void bind_optim(py::module_ &m);

} // namespace fastlstm
