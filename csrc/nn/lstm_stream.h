// One step at a time, with states that stay: nothing is allocated or packed in a step.
#pragma once

#include <chrono>
#include <memory>

#include "base/threads.h"
#include "nn/plan.h"

namespace fastlstm {

// A stack of forward layers for a fixed number of rows. Keeps the weights that it was
// made with. Same bits as the whole sequence in one call. One caller at a time; where steps
// follow one another closely and are large, a team works on each.
template <class T> class LstmStream {
  public:
    // flat: the parameters, for running statistics.
    LstmStream(const LstmConfig &config, typename LstmWeights<T>::ForwardSet set, Index rows,
               const LstmLayout &layout, const T *flat);

    // y (N, K) = the hidden state of the last layer after x (N, I); rows are y_stride and
    // x_stride elements apart.
    void step(const T *x, Index x_stride, T *y, Index y_stride);

    // States as flat buffers, blocks (N, K_l) and (N, H_l) a layer.
    void get_state(T *h, T *c) const;
    void set_state(const T *h, const T *c); // null: zero

    const LstmConfig &config() const { return config_; }
    Index rows() const { return rows_; }
    Plan last_plan() const; // what the last step ran

  private:
    using Clock = std::chrono::steady_clock;
    struct Layer {
        const ForwardWeights<T> *w;
        Index I, H, K, padded;
        Buffer<T> h[2]; // (N, K): now, and before
        Buffer<T> c;    // (N, H')
        Buffer<T> m;    // (N, H') before a projection
        // Normalised cells: sums of x and of h and gates, (N, G) each, and statistics of the
        // rows, or of the steps.
        Buffer<T> sums[3], statistics;
    };
    LstmConfig config_;
    typename LstmWeights<T>::ForwardSet set_;
    Index rows_;
    void advance(const T *x, Index x_stride, int thread, int team);
    int team_now();

    void norm_step(Layer &layer, StepArgs<T> &a, Index first);

    int now_ = 0;
    Index steps_ = 0; // since the states were set
    std::vector<Layer> layers_;
    Plan plan_; // for planned_for_ threads
    int planned_for_ = 0;
    int last_team_ = 1;
    double seconds_ = 0;       // about what a step takes alone
    Clock::time_point last_{}; // the end of the last step, where a team may pay
    std::unique_ptr<Barrier> barrier_ = std::make_unique<Barrier>();
};

} // namespace fastlstm
