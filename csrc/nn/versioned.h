// What is derived from parameters, made anew when their version changes.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include "kernels/kernels.h"

namespace fastlstm {

// Thread-safe: callers share an immutable value. A new version makes a new one, in the
// memory of the old one where nobody holds that any more.
template <class Value> class Versioned {
  public:
    // fill(Value &) writes all that depends on the parameters; it gets either a new
    // Value or one that it has filled before.
    template <class F> std::shared_ptr<const Value> get(Index version, F &&fill) {
        std::lock_guard<std::mutex> lock(mutex_);
        if (value_ && version_ == version)
            return value_;
        if (!value_ || value_.use_count() > 1)
            value_ = std::make_shared<Value>();
        // use_count is a relaxed load: what the last holder read must come before.
        std::atomic_thread_fence(std::memory_order_acquire);
        version_ = -1; // should fill throw
        fill(*value_);
        version_ = version;
        return value_;
    }

  private:
    std::mutex mutex_;
    std::shared_ptr<Value> value_;
    Index version_ = -1;
};

} // namespace fastlstm
