#include "base/arena.h"

#include <algorithm>
#include <string>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace fastlstm {

std::size_t checked_multiply(std::size_t a, std::size_t b) {
    constexpr std::size_t most = std::numeric_limits<std::ptrdiff_t>::max() / 4;
    if (b != 0 && a > most / b)
        throw std::length_error("a workspace of " + std::to_string(a) + " x " +
                                std::to_string(b) + " bytes exceeds the address space");
    return a * b;
}

// Large blocks lie on huge pages where the system grants them: packed weights are read
// across thousands of small pages in every step otherwise.
AlignedBytes allocate_aligned(std::size_t bytes) {
    constexpr std::size_t kHugePage = std::size_t(2) << 20;
    const bool large = bytes >= kHugePage;
    const std::size_t alignment = large ? kHugePage : kAlignment;
    const std::size_t rounded = (bytes + alignment) / alignment * alignment;
    void *block = ::operator new[](rounded, std::align_val_t(alignment));
#if defined(__linux__)
    if (large)
        madvise(block, rounded, MADV_HUGEPAGE); // a hint: may fail
#endif
    return AlignedBytes(static_cast<std::byte *>(block), AlignedDelete{alignment});
}

Pool::Block Pool::take(std::size_t bytes) {
    {
        std::lock_guard<std::mutex> lock(mutex_);
        auto best = free_.end();
        for (auto it = free_.begin(); it != free_.end(); ++it)
            if (it->size >= bytes && (best == free_.end() || it->size < best->size))
                best = it;
        // A block far larger than asked for stays for the call that needs it.
        if (best != free_.end() && best->size / 4 <= bytes + 4096) {
            Block block = std::move(*best);
            free_.erase(best);
            return block;
        }
        // Nothing fits: what is smaller would only pile up while calls grow.
        free_.erase(std::remove_if(free_.begin(), free_.end(),
                                   [&](const Block &b) { return b.size < bytes; }),
                    free_.end());
    }
    return {allocate_aligned(bytes), bytes};
}

void Pool::give(Block block) {
    std::lock_guard<std::mutex> lock(mutex_);
    free_.push_back(std::move(block));
    if (free_.size() > kKept)
        free_.erase(std::min_element(
            free_.begin(), free_.end(),
            [](const Block &a, const Block &b) { return a.size < b.size; }));
}

std::size_t Arena::reserve(std::size_t bytes) {
    const std::size_t ticket = used_;
    const std::size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
    if (rounded > std::numeric_limits<std::ptrdiff_t>::max() / 4 - used_)
        throw std::length_error("the workspace exceeds the address space");
    used_ += rounded;
    return ticket;
}

} // namespace fastlstm
