// Compiled once for each instruction set of CMakeLists.txt with -DFASTLSTM_ISA=<name>
// and -DFASTLSTM_ISA_<name>. Everything but the table has internal linkage: a template
// or inline function with external linkage would be merged by the linker across
// instruction sets and could run AVX-512 code on a CPU that lacks it.
#include <type_traits>
#include <utility>

#if defined(__AVX__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#include "kernels/kernels.h"

#define FASTLSTM_JOIN_(a, b) a##b
#define FASTLSTM_JOIN(a, b) FASTLSTM_JOIN_(a, b)
#define FASTLSTM_STRING_(a) #a
#define FASTLSTM_STRING(a) FASTLSTM_STRING_(a)

namespace fastlstm {
namespace {
// clang-format off: the order matters, each file uses the ones before it
#include "kernels/vec.inl"
#include "kernels/math.inl"
#include "kernels/gemm.inl"
#include "kernels/outer_narrow.inl"
#include "kernels/outer.inl"
#include "kernels/transpose.inl"
#include "kernels/cells.inl"
#include "kernels/cell.inl"
#include "kernels/ceiling.inl"
#include "kernels/norm.inl"
#include "kernels/layer_norm.inl"
#include "kernels/batch_norm.inl"
#include "kernels/batch_norm_backward.inl"
#include "kernels/random.inl"
#include "kernels/loss.inl"
#include "kernels/optimizer.inl"
// clang-format on

template <class T> constexpr Kernels<T> make_kernels() {
    return {Simd<T>::W,
            gemm_kernel<T>,
            outer_kernel<T>,
            transpose_kernel<T>,
            step_kernel<T, PlainCell>,
            cell_backward_kernel<T, PlainCell>,
            step_kernel<T, VariantCell>,
            cell_backward_kernel<T, VariantCell>,
            peephole_kernel<T>,
            layer_norm_step<T>,
            layer_norm_backward<T>,
            batch_norm_step<T>,
            batch_norm_backward<T>,
            map_kernel<T, vec_exp<T>>,
            map_kernel<T, vec_sigmoid<T>>,
            map_kernel<T, vec_tanh<T>>,
            dropout_kernel<T>,
            mask_kernel<T>,
            softmax_kernel<T>,
            sgd_kernel<T>,
            adam_kernel<T>,
            squared_norm_kernel<T>,
            multiply_adds_kernel<T>,
            read_kernel<T>};
}
} // namespace

extern const KernelTable FASTLSTM_JOIN(kernels_, FASTLSTM_ISA);
const KernelTable FASTLSTM_JOIN(kernels_, FASTLSTM_ISA) = {
    FASTLSTM_STRING(FASTLSTM_ISA), make_kernels<float>(), make_kernels<double>()};
} // namespace fastlstm
