#include "kernels/dispatch.h"

#include <cstdlib>
#include <stdexcept>

// FASTLSTM_ISA_LIST comes from CMakeLists.txt: X(generic) X(avx2) ..., ascending.

namespace fastlstm {

#define X(name) extern const KernelTable kernels_##name;
FASTLSTM_ISA_LIST
#undef X

namespace {

// Each test names every feature that the compile flags of its instruction set enable.
bool cpu_has_generic() { return true; }
#if defined(__x86_64__)
[[maybe_unused]] bool cpu_has_avx2() {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
[[maybe_unused]] bool cpu_has_avx512() {
    return cpu_has_avx2() && __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}
#else
[[maybe_unused]] bool cpu_has_neon() { return true; } // part of AArch64
#endif

struct Entry {
    const KernelTable *table;
    bool usable;
};

std::vector<Entry> entries() {
    return {
#define X(name) Entry{&kernels_##name, cpu_has_##name()},
        FASTLSTM_ISA_LIST
#undef X
    };
}

const KernelTable &choose() {
    const char *wanted = std::getenv("FASTLSTM_ISA");
    const KernelTable *best = nullptr;
    for (const Entry &entry : entries()) {
        if (wanted && *wanted && std::string(wanted) != entry.table->isa)
            continue;
        if (entry.usable)
            best = entry.table;
    }
    if (best)
        return *best;
    std::string message = "FASTLSTM_ISA=";
    message += wanted;
    message += " cannot run here; expected one of";
    for (const std::string &name : available_isas())
        message += " " + name;
    throw std::invalid_argument(message);
}

} // namespace

const KernelTable &kernel_table() {
    static const KernelTable &table = choose();
    return table;
}

std::vector<const KernelTable *> available_tables() {
    std::vector<const KernelTable *> tables;
    for (const Entry &entry : entries())
        if (entry.usable)
            tables.push_back(entry.table);
    return tables;
}

std::vector<std::string> available_isas() {
    std::vector<std::string> names;
    for (const KernelTable *table : available_tables())
        names.push_back(table->isa);
    return names;
}

std::vector<std::string> compiled_isas() {
    std::vector<std::string> names;
    for (const Entry &entry : entries())
        names.push_back(entry.table->isa);
    return names;
}

} // namespace fastlstm
