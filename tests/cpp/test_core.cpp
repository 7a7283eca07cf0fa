// The tests of the core, without Python: every kernel of every instruction set that this
// CPU has against plain loops, then what is built on the one in use.
// Prints "N passed, 0 failed" and returns non-zero where a check failed.
#include "check.h"

namespace {

template <class T> void test_table(const fastlstm::KernelTable &table) {
    const fastlstm::Kernels<T> &k = check::kernels_of<T>(table);
    check::test_products<T>(table.isa, k);
    check::test_functions<T>(table.isa, k);
    check::test_cell<T>(table.isa, k);
    check::test_pointwise<T>(table.isa, k);
}

} // namespace

int main() {
    for (const fastlstm::KernelTable *table : fastlstm::available_tables()) {
        const long before = check::passed;
        test_table<float>(*table);
        test_table<double>(*table);
        std::printf("%s: %ld checks\n", table->isa, check::passed - before);
    }
    const long before = check::passed;
    check::test_memory();
    check::test_threads();
    check::test_groups();
    check::test_special();
    check::test_layers<float>();
    check::test_layers<double>();
    std::printf("core (%s): %ld checks\n", fastlstm::kernel_table().isa,
                check::passed - before);
    std::printf("%ld passed, %ld failed\n", check::passed, check::failed);
    return check::failed ? 1 : 0;
}
