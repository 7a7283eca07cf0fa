// Aligned memory that is kept: a fresh large mapping costs a page fault for every 4 kB
// on first touch, so blocks go back to a pool and are used again by the next call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <stdexcept>
#include <vector>

namespace fastlstm {

constexpr std::size_t kAlignment = 64;

// Throws std::length_error where a * b does not fit a size that can be allocated.
std::size_t checked_multiply(std::size_t a, std::size_t b);

struct AlignedDelete {
    std::size_t alignment = kAlignment;
    void operator()(std::byte *p) const {
        ::operator delete[](p, std::align_val_t(alignment));
    }
};
using AlignedBytes = std::unique_ptr<std::byte[], AlignedDelete>;
AlignedBytes allocate_aligned(std::size_t bytes);

// An array of T that is zero at first and never grows.
template <class T> class Buffer {
  public:
    Buffer() = default;
    explicit Buffer(std::size_t n) : bytes_(allocate_aligned(checked_multiply(n, sizeof(T)))),
                                     size_(n) {
        for (std::size_t i = 0; i < n; ++i)
            data()[i] = T();
    }
    T *data() { return reinterpret_cast<T *>(bytes_.get()); }
    const T *data() const { return reinterpret_cast<const T *>(bytes_.get()); }
    std::size_t size() const { return size_; }

  private:
    AlignedBytes bytes_;
    std::size_t size_ = 0;
};

// Free blocks, shared by the calls of one object; safe from many threads. The pool keeps
// at most kKept blocks and drops the smallest beyond that.
class Pool {
  public:
    struct Block {
        AlignedBytes bytes;
        std::size_t size = 0;
    };
    Block take(std::size_t bytes);
    void give(Block block);

  private:
    static constexpr std::size_t kKept = 8;
    std::mutex mutex_;
    std::vector<Block> free_;
};

// One block of a pool, cut into arrays; goes back to the pool when it dies.
// Use: `request` every array, `commit`, then `get` them. Memory is NOT zeroed.
class Arena {
  public:
    explicit Arena(std::shared_ptr<Pool> pool) : pool_(std::move(pool)) {}
    ~Arena() {
        if (block_.bytes)
            pool_->give(std::move(block_));
    }
    Arena(const Arena &) = delete;
    Arena &operator=(const Arena &) = delete;

    // Asks for n elements; returns a ticket for get().
    template <class T> std::size_t request(std::int64_t n) {
        if (n < 0)
            throw std::length_error("negative workspace size");
        return reserve(checked_multiply(static_cast<std::size_t>(n), sizeof(T)));
    }
    void commit() { block_ = pool_->take(used_); }
    template <class T> T *get(std::size_t ticket) const {
        return reinterpret_cast<T *>(block_.bytes.get() + ticket);
    }
    std::size_t bytes() const { return used_; }

  private:
    std::size_t reserve(std::size_t bytes);
    std::shared_ptr<Pool> pool_;
    Pool::Block block_;
    std::size_t used_ = 0;
};

// Places many arrays in one arena with the same code run twice: the first pass asks,
// the second sets the pointers.
//   for (Placer place(arena); place.next_pass();) { place(p, n); place(q, n, m); }
class Placer {
  public:
    explicit Placer(Arena &arena) : arena_(arena) {}
    bool next_pass() {
        if (++pass_ == 2)
            arena_.commit();
        return pass_ <= 2;
    }
    bool placing() const { return pass_ == 2; }
    // An array of n x m elements of E.
    template <class E> void operator()(E *&pointer, std::int64_t n, std::int64_t m = 1) {
        if (placing())
            pointer = arena_.get<E>(tickets_[next_++]);
        else
            tickets_.push_back(arena_.request<E>(static_cast<std::int64_t>(checked_multiply(
                static_cast<std::size_t>(n), static_cast<std::size_t>(m)))));
    }

  private:
    Arena &arena_;
    int pass_ = 0;
    std::vector<std::size_t> tickets_;
    std::size_t next_ = 0;
};

} // namespace fastlstm
