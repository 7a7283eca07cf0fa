// Counter-based random numbers: Philox 4x32-10 (Salmon et al., "Parallel random numbers:
// as easy as 1, 2, 3", SC 2011). A draw is a function of its counter and key, so masks
// need no storage and do not depend on threads or on the batch.

// kLanes draws side by side, whatever the width of a vector.
constexpr int kLanes = 16;
static_assert(kDraws == 4 * kLanes, "a draw has four words");

struct PhiloxKey {
    std::uint32_t c1, c2, c3;
    std::uint64_t seed;
};

// out[word * kLanes + lane] = word `word` of the draw with counter (c0 + lane, c1, c2, c3).
// A word is the low half of a 64-bit lane: what stands in the high half never matters. A
// round is a chain of dependent operations, so two vectors take it side by side.
FASTLSTM_INLINE void philox_lanes(std::uint32_t c0, const PhiloxKey &key,
                                  std::uint32_t *out) {
    constexpr int L = kVectorBytes / 8, S = kLanes >= 2 * L ? 2 : 1;
    const VecU zero = {}, m0 = zero + 0xD2511F53u, m1 = zero + 0xCD9E8D57u;
    for (int first = 0; first < kLanes; first += S * L) {
        VecU x[4][S];
#pragma GCC unroll 2
        for (int j = 0; j < S; ++j) {
            VecU counter = zero + c0;
            for (int l = 0; l < L; ++l)
                counter[l] += (std::uint64_t)(first + j * L + l);
            x[0][j] = counter;
            x[1][j] = zero + key.c1;
            x[2][j] = zero + key.c2;
            x[3][j] = zero + key.c3;
        }
        std::uint32_t k0 = (std::uint32_t)key.seed, k1 = (std::uint32_t)(key.seed >> 32);
#pragma GCC unroll 10
        for (int round = 0; round < 10; ++round) {
#pragma GCC unroll 2
            for (int j = 0; j < S; ++j) {
                const VecU p0 = mul_low(x[0][j], m0), p1 = mul_low(x[2][j], m1);
                x[0][j] = (p1 >> 32) ^ x[1][j] ^ k0;
                x[2][j] = (p0 >> 32) ^ x[3][j] ^ k1;
                x[1][j] = p1;
                x[3][j] = p0;
            }
            k0 += 0x9E3779B9u;
            k1 += 0xBB67AE85u;
        }
        for (int v = 0; v < 4; ++v)
            for (int j = 0; j < S; ++j)
                for (int l = 0; l < L; ++l)
                    out[v * kLanes + first + j * L + l] = (std::uint32_t)x[v][j][l];
    }
}

// Unit u uses word u / 16 % 4 of the draw with counter (u / 64 * 16 + u % 16, step, row
// id low, stream and row id high); it is kept where these 32 bits are at least p 2^32.
// Args: DropoutArgs or MaskArgs. each(u0, bits): the bits of units [u0, u0 + kDraws).
template <class Args, class F>
FASTLSTM_INLINE void for_draws(const Args &d, Index begin, Index end, F each) {
    const PhiloxKey key = {d.step, (std::uint32_t)d.row_id,
                           (d.stream << 16) ^ (std::uint32_t)(d.row_id >> 32), d.seed};
    for (Index u0 = begin; u0 < end; u0 += kDraws) {
        std::uint32_t bits[kDraws];
        philox_lanes((std::uint32_t)(u0 / 4), key, bits);
        each(u0, bits);
    }
}

template <class T> void dropout_kernel(const DropoutArgs<T> &d) {
    const std::uint32_t threshold = (std::uint32_t)(d.p * 4294967296.0);
    const T scale = (T)(1.0 / (1.0 - d.p));
    for_draws(d, 0, d.n, [&](Index u0, const std::uint32_t *bits) {
        const T *x = d.x + u0;
        T *out = d.out + u0;
        if (d.n - u0 >= kDraws)
            for (int u = 0; u < kDraws; ++u)
                out[u] = bits[u] >= threshold ? x[u] * scale : T(0);
        else
            for (Index u = 0; u < d.n - u0; ++u)
                out[u] = bits[u] >= threshold ? x[u] * scale : T(0);
    });
}

template <class T> void mask_kernel(const MaskArgs<T> &d) {
    const std::uint32_t threshold = (std::uint32_t)(d.p * 4294967296.0);
    const T kept = d.kept, dropped = d.dropped;
    for_draws(d, d.begin, d.end, [&](Index u0, const std::uint32_t *bits) {
        T *out = d.out + u0;
        if (d.end - u0 >= kDraws)
            for (int u = 0; u < kDraws; ++u)
                out[u] = bits[u] >= threshold ? kept : dropped;
        else
            for (Index u = 0; u < d.end - u0; ++u)
                out[u] = bits[u] >= threshold ? kept : dropped;
    });
}
