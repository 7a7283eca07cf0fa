// The fully connected layer y = x W^T + b on packed weights, with its gradients.
#pragma once

#include "nn/packed.h"
#include "nn/versioned.h"

namespace fastlstm {

// Parameters: weight (O, I) and, where there is one, bias (O,) behind it. Arguments:
//   flat     the parameters; read where `version` is not what was packed last
//   version  changes whenever flat or what it holds does
//   N        rows of x, y, dy and dx
//   x, dx    rows of I        y, dy  rows of O; x and dx, y and dy may not overlap
//   grads    as flat, added to
// Many threads may call one object at once. Results do not depend on the number of
// threads; a row of y and of dx does not depend on the other rows.
template <class T> class Linear {
  public:
    // Throws std::invalid_argument for sizes below 1, std::length_error for huge ones.
    Linear(Index in, Index out, bool bias);

    Index in() const { return I_; }
    Index out() const { return O_; }
    bool bias() const { return bias_; }
    Index parameter_count() const { return O_ * I_ + (bias_ ? O_ : 0); }
    double flops(Index N) const { return 2.0 * double(N) * double(I_) * double(O_); }

    void forward(const T *flat, Index version, Index N, Rows<const T> x, Rows<T> y);
    // dx.base may be null.
    void backward(const T *flat, Index version, Index N, Rows<const T> dy, Rows<const T> x,
                  T *grads, Rows<T> dx);

  private:
    struct Forward {
        PackedMatrix<T> weight; // (I, O)
        Buffer<T> bias;         // (O,) padded to W, or empty
    };
    struct Backward {
        PackedMatrix<T> weight; // (O, I)
    };
    void parameter_gradients(Index N, Rows<const T> dy, Rows<const T> x, T *grads);

    Index I_, O_;
    bool bias_;
    Versioned<Forward> forward_;
    Versioned<Backward> backward_;
};

} // namespace fastlstm
