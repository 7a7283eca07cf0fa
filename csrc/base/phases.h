// Where the time of LSTM calls goes, when somebody asks: seconds of each phase, summed
// over threads. Switched off, a lap costs one predictable branch.
#pragma once

#include <array>
#include <chrono>

namespace fastlstm {

enum class Phase {
    Pack,    // weights into the kernels' order, after they changed
    Prepare, // workspace, row addresses, states in and out
    Input,   // x W_ih^T where it is merged over time
    Step,    // recurrent product and cell, forward (with the input product if not merged)
    Wait,    // barriers: a step's, a layer's
    Cell,    // pointwise part, backward
    Hidden,  // dh = dz W_hh
    Weights, // dW and db
    Dx,      // dx = dz W_ih
    Dropout,
    Count
};
constexpr int kPhases = static_cast<int>(Phase::Count);
constexpr const char *kPhaseNames[kPhases] = {"pack", "prepare", "input",   "step", "wait",
                                              "cell", "hidden",  "weights", "dx",   "dropout"};

void profile_start();                        // all zero, switched on
std::array<double, kPhases> profile_stop();  // switched off; seconds
bool profiling();

// The laps of one thread; adds them to the totals when it dies.
class Laps {
  public:
    Laps() : on_(profiling()) {
        if (on_)
            last_ = Clock::now();
    }
    ~Laps() {
        if (on_)
            flush();
    }
    Laps(const Laps &) = delete;
    Laps &operator=(const Laps &) = delete;

    // What passed since the last lap, or since the birth, belongs to this phase.
    void lap(Phase phase) {
        if (!on_)
            return;
        const auto now = Clock::now();
        seconds_[static_cast<std::size_t>(phase)] +=
            std::chrono::duration<double>(now - last_).count();
        last_ = now;
    }

  private:
    using Clock = std::chrono::steady_clock;
    void flush();
    bool on_;
    Clock::time_point last_;
    std::array<double, kPhases> seconds_{};
};

} // namespace fastlstm
