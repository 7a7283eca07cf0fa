// Random masks of one training call of an LSTM. Each is a function of (seed, stream, step,
// row id, unit) alone, so it is drawn again where it is needed again, and does not depend on
// threads or on a sequence's place in the batch.
#pragma once

#include "nn/lstm_weights.h"
#include "nn/sequence_map.h"

namespace fastlstm {

// What draws, in the upper bits of the 2^16 streams of a seed; below stands whose it is: a
// layer, or a direction of one.
enum class MaskKind : std::uint32_t {
    Between,   // dropout between layers: of the layer's output, a new mask a step
    Locked,    // variational dropout: of the layer's input, one mask a sequence
    Hidden,    // recurrent dropout on h
    Candidate, // recurrent dropout on g
    ZoneoutH,
    ZoneoutC,
    Weight,    // weight drop: unit k of row n of W_hh
};
constexpr std::uint32_t kMaskSlots = 4096;
inline std::uint32_t mask_stream(MaskKind kind, int slot) {
    return static_cast<std::uint32_t>(kind) * kMaskSlots + static_cast<std::uint32_t>(slot);
}

template <class T> class Masks {
  public:
    // on: whether this call draws masks at all. row_ids (N,) or null: 0 .. N - 1.
    Masks(const LstmConfig &config, const SequenceMap &map, bool on, std::uint64_t seed,
          const Index *row_ids);

    const Rates &rates() const { return rates_; } // all zero where no mask is drawn
    std::uint64_t row_id(Index rank) const;

    // Elements that `cell` fills for one row of H units.
    Index cell_size(Index H) const { return kinds_ * round_up(H, kDraws); }
    // The cell's masks at step s for units [begin, end) of `rows` rows from first_row on.
    CellMasks<T> cell(int slot, Index H, Index s, Index first_row, Index rows, Index begin,
                      Index end, T *scratch) const;
    // Factors of dropout of one row: 0 or 1 / (1 - p).
    void locked(MaskKind kind, int slot, double p, Index rank, Index size, T *out) const;
    // out = x under dropout between layers, at time t.
    void between(int layer, Index rank, Index t, Index size, const T *x, T *out) const;
    // out = x, row `row` of W_hh or of its gradient, under weight drop.
    void weight_row(int slot, Index row, Index K, const T *x, T *out) const;

  private:
    MaskArgs<T> args(MaskKind kind, int slot, double p) const;

    Rates rates_;
    const SequenceMap &map_;
    std::uint64_t seed_;
    const Index *row_ids_;
    Index kinds_ = 0;
};

} // namespace fastlstm
