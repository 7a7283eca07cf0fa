// Counter-based random numbers: Philox 4x32-10 (Salmon et al., "Parallel random numbers:
// as easy as 1, 2, 3", SC 2011). A draw is a function of its counter and key, so masks
// need no storage and do not depend on threads or on the batch.

// kLanes draws side by side, whatever the width of a vector.
constexpr int kLanes = 16;
constexpr int kDraws = 4 * kLanes;

struct PhiloxKey {
    std::uint32_t c1, c2, c3;
    std::uint64_t seed;
};

// out[word * kLanes + lane] = word `word` of the draw with counter (c0 + lane, c1, c2, c3).
// A word is the low half of a 64-bit lane: what stands in the high half never matters.
FASTLSTM_INLINE void philox_lanes(std::uint32_t c0, const PhiloxKey &key,
                                  std::uint32_t *out) {
    constexpr int L = kVectorBytes / 8;
    const VecU zero = {}, m0 = zero + 0xD2511F53u, m1 = zero + 0xCD9E8D57u;
    for (int first = 0; first < kLanes; first += L) {
        VecU x0 = zero + c0, x1 = zero + key.c1, x2 = zero + key.c2, x3 = zero + key.c3;
        for (int l = 0; l < L; ++l)
            x0[l] += (std::uint64_t)(first + l);
        std::uint32_t k0 = (std::uint32_t)key.seed, k1 = (std::uint32_t)(key.seed >> 32);
#pragma GCC unroll 10
        for (int round = 0; round < 10; ++round) {
            const VecU p0 = mul_low(x0, m0), p1 = mul_low(x2, m1);
            x0 = (p1 >> 32) ^ x1 ^ k0;
            x2 = (p0 >> 32) ^ x3 ^ k1;
            x1 = p1;
            x3 = p0;
            k0 += 0x9E3779B9u;
            k1 += 0xBB67AE85u;
        }
        for (int l = 0; l < L; ++l) {
            out[first + l] = (std::uint32_t)x0[l];
            out[first + l + kLanes] = (std::uint32_t)x1[l];
            out[first + l + 2 * kLanes] = (std::uint32_t)x2[l];
            out[first + l + 3 * kLanes] = (std::uint32_t)x3[l];
        }
    }
}

// Unit u uses word u / 16 % 4 of the draw with counter (u / 64 * 16 + u % 16, step, row
// id low, stream and row id high); it is kept where these 32 bits are at least p 2^32.
template <class T> void dropout_kernel(const DropoutArgs<T> &d) {
    const std::uint32_t threshold = (std::uint32_t)(d.p * 4294967296.0);
    const T scale = (T)(1.0 / (1.0 - d.p));
    const PhiloxKey key = {d.step, (std::uint32_t)d.row_id,
                           (d.stream << 16) ^ (std::uint32_t)(d.row_id >> 32), d.seed};
    for (Index u0 = 0; u0 < d.n; u0 += kDraws) {
        std::uint32_t bits[kDraws];
        philox_lanes((std::uint32_t)(u0 / 4), key, bits);
        const T *x = d.x + u0;
        T *out = d.out + u0;
        if (d.n - u0 >= kDraws)
            for (int u = 0; u < kDraws; ++u)
                out[u] = bits[u] >= threshold ? x[u] * scale : T(0);
        else
            for (Index u = 0; u < d.n - u0; ++u)
                out[u] = bits[u] >= threshold ? x[u] * scale : T(0);
    }
}
