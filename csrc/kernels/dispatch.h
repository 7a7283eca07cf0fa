// Which instruction set runs: chosen once, at first use.
#pragma once

#include <string>
#include <vector>

#include "kernels/kernels.h"

namespace fastlstm {

// The table in use: the best that this CPU has, or the one FASTLSTM_ISA names.
// Throws std::invalid_argument where FASTLSTM_ISA names one that is unknown, not
// compiled in, or lacking on this CPU.
const KernelTable &kernel_table();

// Compiled in and usable on this CPU, from the plainest to the fastest.
std::vector<const KernelTable *> available_tables();
std::vector<std::string> available_isas();
// Compiled in, whether or not this CPU can run them.
std::vector<std::string> compiled_isas();

template <class T> const Kernels<T> &kernels();
template <> inline const Kernels<float> &kernels<float>() { return kernel_table().f32; }
template <> inline const Kernels<double> &kernels<double>() { return kernel_table().f64; }

} // namespace fastlstm
