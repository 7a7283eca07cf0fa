// The vector type of one instruction set and the dozen operations that the bodies use.
// GCC and Clang vector extensions give + - * / and comparisons; only what they cannot
// express (fused multiply-add, masked access) is written per instruction set.
//
// mul_add is the only multiply-add in the kernels: the files are compiled with
// -ffp-contract=off, so that no compiler fuses in one tile shape and not in another.

#define FASTLSTM_INLINE static inline __attribute__((always_inline))

#if defined(FASTLSTM_ISA_avx512)
constexpr int kVectorBytes = 64;
#elif defined(FASTLSTM_ISA_avx2)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif
#if defined(FASTLSTM_ISA_avx512) || defined(FASTLSTM_ISA_neon)
constexpr bool kManyRegisters = true; // 32 vectors, else 16
#else
constexpr bool kManyRegisters = false;
#endif

typedef float VecF __attribute__((vector_size(kVectorBytes)));
typedef double VecD __attribute__((vector_size(kVectorBytes)));
typedef std::int32_t VecI __attribute__((vector_size(kVectorBytes)));
typedef std::int64_t VecL __attribute__((vector_size(kVectorBytes)));
typedef std::uint64_t VecU __attribute__((vector_size(kVectorBytes)));

template <class T> struct Simd;
template <> struct Simd<float> {
    using Vec = VecF;
    using Int = VecI;
    static constexpr int W = kVectorBytes / 4;
};
template <> struct Simd<double> {
    using Vec = VecD;
    using Int = VecL;
    static constexpr int W = kVectorBytes / 8;
};
template <class T> using VecOf = typename Simd<T>::Vec;

// Ask for the lines of n elements that are read, or written, soon. Rows of a training step lie
// too far apart for the hardware to foresee, and past the second cache waiting for them was
// half of a cell's time (docs/performance.md).
template <class T> FASTLSTM_INLINE void fetch(const T *p, Index n = 1) {
    for (Index i = 0; i < n; i += 64 / (Index)sizeof(T))
        __builtin_prefetch(p + i);
}
template <class T> FASTLSTM_INLINE void fetch_to_write(const T *p, Index n = 1) {
    for (Index i = 0; i < n; i += 64 / (Index)sizeof(T))
        __builtin_prefetch(p + i, 1);
}
template <class T> FASTLSTM_INLINE VecOf<T> load(const T *p) {
    VecOf<T> v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}
template <class T> FASTLSTM_INLINE void store(T *p, VecOf<T> v) {
    __builtin_memcpy(p, &v, sizeof v);
}

#if defined(FASTLSTM_ISA_avx512)
template <class T> FASTLSTM_INLINE VecOf<T> splat(T x) {
    if constexpr (sizeof(T) == 4)
        return (VecF)_mm512_set1_ps(x);
    else
        return (VecD)_mm512_set1_pd(x);
}
FASTLSTM_INLINE VecF mul_add(VecF a, VecF b, VecF c) {
    return (VecF)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
FASTLSTM_INLINE VecD mul_add(VecD a, VecD b, VecD c) {
    return (VecD)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
}
// The first n < W elements; the others are zero (load) or left alone (store).
template <class T> FASTLSTM_INLINE VecOf<T> load_part(const T *p, Index n) {
    const unsigned mask = (1u << n) - 1u;
    if constexpr (sizeof(T) == 4)
        return (VecF)_mm512_maskz_loadu_ps((__mmask16)mask, p);
    else
        return (VecD)_mm512_maskz_loadu_pd((__mmask8)mask, p);
}
template <class T> FASTLSTM_INLINE void store_part(T *p, VecOf<T> v, Index n) {
    const unsigned mask = (1u << n) - 1u;
    if constexpr (sizeof(T) == 4)
        _mm512_mask_storeu_ps(p, (__mmask16)mask, (__m512)v);
    else
        _mm512_mask_storeu_pd(p, (__mmask8)mask, (__m512d)v);
}
// first[l - lo] += v[l] for the lanes lo <= l < hi; nothing else is read or written.
template <class T> FASTLSTM_INLINE void add_lanes(T *first, VecOf<T> v, int lo, int hi) {
    T *p = first - lo; // masked lanes may lie outside of the array: not touched
    const unsigned mask = ((1u << hi) - 1u) & ~((1u << lo) - 1u);
    if constexpr (sizeof(T) == 4) {
        const __m512 old = _mm512_maskz_loadu_ps((__mmask16)mask, p);
        _mm512_mask_storeu_ps(p, (__mmask16)mask, _mm512_add_ps(old, (__m512)v));
    } else {
        const __m512d old = _mm512_maskz_loadu_pd((__mmask8)mask, p);
        _mm512_mask_storeu_pd(p, (__mmask8)mask, _mm512_add_pd(old, (__m512d)v));
    }
}
// maskz: the plain form warns in GCC 12 (PR105593).
FASTLSTM_INLINE VecF vec_sqrt(VecF x) {
    return (VecF)_mm512_maskz_sqrt_ps((__mmask16)0xffff, (__m512)x);
}
FASTLSTM_INLINE VecD vec_sqrt(VecD x) {
    return (VecD)_mm512_maskz_sqrt_pd((__mmask8)0xff, (__m512d)x);
}
// a > b ? a : b and a < b ? a : b: where one is NaN the result is b.
FASTLSTM_INLINE VecF vec_max(VecF a, VecF b) {
    return (VecF)_mm512_maskz_max_ps((__mmask16)0xffff, (__m512)a, (__m512)b);
}
FASTLSTM_INLINE VecD vec_max(VecD a, VecD b) {
    return (VecD)_mm512_maskz_max_pd((__mmask8)0xff, (__m512d)a, (__m512d)b);
}
FASTLSTM_INLINE VecF vec_min(VecF a, VecF b) {
    return (VecF)_mm512_maskz_min_ps((__mmask16)0xffff, (__m512)a, (__m512)b);
}
FASTLSTM_INLINE VecD vec_min(VecD a, VecD b) {
    return (VecD)_mm512_maskz_min_pd((__mmask8)0xff, (__m512d)a, (__m512d)b);
}
// Products of the low 32 bits of each lane; see kernels/random.inl.
FASTLSTM_INLINE VecU mul_low(VecU a, VecU b) {
    return (VecU)_mm512_maskz_mul_epu32((__mmask8)0xff, (__m512i)a, (__m512i)b);
}
#else
template <class T> FASTLSTM_INLINE VecOf<T> splat(T x) {
    VecOf<T> v;
    for (int l = 0; l < Simd<T>::W; ++l)
        v[l] = x;
    return v;
}
template <class T> FASTLSTM_INLINE VecOf<T> load_part(const T *p, Index n) {
    VecOf<T> v = {};
    for (int l = 0; l < Simd<T>::W; ++l)
        if (l < n)
            v[l] = p[l];
    return v;
}
template <class T> FASTLSTM_INLINE void store_part(T *p, VecOf<T> v, Index n) {
    for (int l = 0; l < Simd<T>::W; ++l)
        if (l < n)
            p[l] = v[l];
}
template <class T> FASTLSTM_INLINE void add_lanes(T *first, VecOf<T> v, int lo, int hi) {
    for (int l = 0; l < Simd<T>::W; ++l)
        if (l >= lo && l < hi)
            first[l - lo] += v[l];
}
#if defined(FASTLSTM_ISA_avx2)
FASTLSTM_INLINE VecF mul_add(VecF a, VecF b, VecF c) {
    return (VecF)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
FASTLSTM_INLINE VecD mul_add(VecD a, VecD b, VecD c) {
    return (VecD)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
}
FASTLSTM_INLINE VecF vec_max(VecF a, VecF b) {
    return (VecF)_mm256_max_ps((__m256)a, (__m256)b);
}
FASTLSTM_INLINE VecD vec_max(VecD a, VecD b) {
    return (VecD)_mm256_max_pd((__m256d)a, (__m256d)b);
}
FASTLSTM_INLINE VecF vec_min(VecF a, VecF b) {
    return (VecF)_mm256_min_ps((__m256)a, (__m256)b);
}
FASTLSTM_INLINE VecD vec_min(VecD a, VecD b) {
    return (VecD)_mm256_min_pd((__m256d)a, (__m256d)b);
}
FASTLSTM_INLINE VecF vec_sqrt(VecF x) { return (VecF)_mm256_sqrt_ps((__m256)x); }
FASTLSTM_INLINE VecD vec_sqrt(VecD x) { return (VecD)_mm256_sqrt_pd((__m256d)x); }
FASTLSTM_INLINE VecU mul_low(VecU a, VecU b) {
    return (VecU)_mm256_mul_epu32((__m256i)a, (__m256i)b);
}
#elif defined(FASTLSTM_ISA_neon)
FASTLSTM_INLINE VecF mul_add(VecF a, VecF b, VecF c) {
    return (VecF)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
FASTLSTM_INLINE VecD mul_add(VecD a, VecD b, VecD c) {
    return (VecD)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
}
FASTLSTM_INLINE VecF vec_sqrt(VecF x) { return (VecF)vsqrtq_f32((float32x4_t)x); }
FASTLSTM_INLINE VecD vec_sqrt(VecD x) { return (VecD)vsqrtq_f64((float64x2_t)x); }
FASTLSTM_INLINE VecU mul_low(VecU a, VecU b) {
    return (VecU)vmull_u32(vmovn_u64((uint64x2_t)a), vmovn_u64((uint64x2_t)b));
}
#else // generic: a product and a sum, whatever the machine
FASTLSTM_INLINE VecF mul_add(VecF a, VecF b, VecF c) { return a * b + c; }
FASTLSTM_INLINE VecD mul_add(VecD a, VecD b, VecD c) { return a * b + c; }
FASTLSTM_INLINE VecF vec_sqrt(VecF x) {
    for (int l = 0; l < Simd<float>::W; ++l)
        x[l] = __builtin_sqrtf(x[l]);
    return x;
}
FASTLSTM_INLINE VecD vec_sqrt(VecD x) {
    for (int l = 0; l < Simd<double>::W; ++l)
        x[l] = __builtin_sqrt(x[l]);
    return x;
}
FASTLSTM_INLINE VecU mul_low(VecU a, VecU b) {
    return (a & 0xffffffffu) * (b & 0xffffffffu);
}
#endif
#endif

#if !defined(FASTLSTM_ISA_avx512) && !defined(FASTLSTM_ISA_avx2)
template <class V> FASTLSTM_INLINE V vec_max(V a, V b) { return a > b ? a : b; }
template <class V> FASTLSTM_INLINE V vec_min(V a, V b) { return a < b ? a : b; }
#endif

// The first W/2 lanes; the others are zero (load) or left alone (store).
template <class T> FASTLSTM_INLINE VecOf<T> load_half(const T *p) {
    VecOf<T> v = {};
    __builtin_memcpy(&v, p, sizeof v / 2);
    return v;
}
template <class T> FASTLSTM_INLINE void store_half(T *p, VecOf<T> v) {
    __builtin_memcpy(p, &v, sizeof v / 2);
}

// The address of row m.
template <class T> FASTLSTM_INLINE T *row_of(const Rows<T> &rows, Index m) {
    return rows.ptr ? rows.ptr[m * rows.ptr_step] : rows.base + m * rows.stride;
}
