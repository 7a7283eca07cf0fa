// The module _core: a list of topics, one bind_<topic>.cpp each.
#include "bindings/bindings.h"

PYBIND11_MODULE(_core, m, pybind11::mod_gil_not_used()) {
    m.doc() = "Compiled kernels of fastlstm; use the Python layers above.";
    m.attr("__version__") = FASTLSTM_VERSION;
    fastlstm::bind_runtime(m);
    fastlstm::bind_ceilings(m);
    fastlstm::bind_lstm(m);
    fastlstm::bind_stream(m);
    fastlstm::bind_layers(m);
    fastlstm::bind_batch_norm(m);
    fastlstm::bind_losses(m);
    fastlstm::bind_optim(m);
}
