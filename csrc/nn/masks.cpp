#include "nn/masks.h"

#include "kernels/dispatch.h"

namespace fastlstm {

template <class T>
Masks<T>::Masks(const LstmConfig &config, const SequenceMap &map, bool on, std::uint64_t seed,
                const Index *row_ids)
    : rates_(on ? config.rates : Rates()), map_(map), seed_(seed), row_ids_(row_ids) {
    kinds_ = (rates_.candidate > 0) + (rates_.zoneout_h > 0) + (rates_.zoneout_c > 0);
}

template <class T> std::uint64_t Masks<T>::row_id(Index rank) const {
    const Index n = map_.order[static_cast<std::size_t>(rank)];
    return static_cast<std::uint64_t>(row_ids_ ? row_ids_[n] : n);
}

template <class T> MaskArgs<T> Masks<T>::args(MaskKind kind, int slot, double p) const {
    MaskArgs<T> a;
    a.p = p;
    a.kept = static_cast<T>(1.0 / (1.0 - p));
    a.seed = seed_;
    a.stream = mask_stream(kind, slot);
    return a;
}

template <class T>
CellMasks<T> Masks<T>::cell(int slot, Index H, Index s, Index first_row, Index rows,
                            Index begin, Index end, T *scratch) const {
    CellMasks<T> masks;
    masks.stride = round_up(H, kDraws);
    if (kinds_ == 0)
        return masks;
    const auto draw = [&](MaskArgs<T> a, const T *&to) {
        a.begin = begin / kDraws * kDraws;
        a.end = std::min(masks.stride, round_up(end, kDraws));
        a.step = static_cast<std::uint32_t>(s);
        a.out = scratch;
        for (Index j = 0; j < rows; ++j, a.out += masks.stride) {
            a.row_id = row_id(first_row + j);
            kernels<T>().mask(a);
        }
        to = scratch;
        scratch += rows * masks.stride;
    };
    if (rates_.candidate > 0)
        draw(args(MaskKind::Candidate, slot, rates_.candidate), masks.candidate);
    const auto zoneout = [&](MaskKind kind, double p, const T *&to) {
        MaskArgs<T> a = args(kind, slot, p);
        a.kept = 0;
        a.dropped = 1;
        draw(a, to);
    };
    if (rates_.zoneout_h > 0)
        zoneout(MaskKind::ZoneoutH, rates_.zoneout_h, masks.zoneout_h);
    if (rates_.zoneout_c > 0)
        zoneout(MaskKind::ZoneoutC, rates_.zoneout_c, masks.zoneout_c);
    return masks;
}

template <class T>
void Masks<T>::locked(MaskKind kind, int slot, double p, Index rank, Index size, T *out) const {
    MaskArgs<T> a = args(kind, slot, p);
    a.end = size;
    a.out = out;
    a.row_id = row_id(rank);
    kernels<T>().mask(a);
}

template <class T>
void Masks<T>::between(int layer, Index rank, Index t, Index size, const T *x, T *out) const {
    DropoutArgs<T> a;
    a.n = size;
    a.x = x;
    a.out = out;
    a.p = rates_.between;
    a.seed = seed_;
    a.stream = mask_stream(MaskKind::Between, layer);
    a.row_id = row_id(rank);
    a.step = static_cast<std::uint32_t>(t);
    kernels<T>().dropout(a);
}

template <class T>
void Masks<T>::weight_row(int slot, Index row, Index K, const T *x, T *out) const {
    DropoutArgs<T> a;
    a.n = K;
    a.x = x;
    a.out = out;
    a.p = rates_.weight;
    a.seed = seed_;
    a.stream = mask_stream(MaskKind::Weight, slot);
    a.row_id = static_cast<std::uint64_t>(row);
    kernels<T>().dropout(a);
}

template class Masks<float>;
template class Masks<double>;

} // namespace fastlstm
