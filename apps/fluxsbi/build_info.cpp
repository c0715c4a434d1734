#include "build_info.hpp"

#include "core/commit.hpp"
#include "core/system.hpp"
#include "core/text.hpp"
#include "core/version.hpp"
#include "data/tasks/task.hpp"
#include "engine/choice.hpp"
#include "engine/device.hpp"
#include "experiment/experiment.hpp"
#include "info_line.hpp"
#include "sample/solver/solver.hpp"

namespace fluxsbi::app {

std::string build_description() {
  const auto list = [](const auto& rows) {
    std::string text;
    for (const auto& row : rows) text += (text.empty() ? "" : ", ") + std::string(row.name);
    return text;
  };
  return info_line("fluxsbi", std::string(core::version) + " (commit " + std::string(core::source_commit()) +
                                  ", " + core::compiler + ", " + core::build_type + ")") +
         info_line("processor", core::cpu_description()) +
         info_line("memory", core::bytes_text(static_cast<double>(core::available_memory())) + " available") +
         info_line("device", engine::choose_device("auto").sentence) +
         info_line("engine", engine::default_engine_sentence()) +
         info_line("numbers", engine::default_compute_sentence()) +
         info_line("models", list(model::models())) + info_line("methods", list(method::methods())) +
         info_line("solvers", list(sample::solvers())) + info_line("tasks", list(data::tasks()));
}

std::string config_reference() {
  return experiment::option_reference();
}

}  // namespace fluxsbi::app
