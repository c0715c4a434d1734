#include "pairs_arguments.hpp"

#include <filesystem>

#include <CLI/CLI.hpp>

#include "evidence/pairs.hpp"
#include "number_range.hpp"

namespace fluxsbi::app {

void add_pairs(CLI::App& app, evidence::PairsRequest& pairs) {
  app.add_option(
      "--data", pairs.data,
      "file of pairs theta, x that the model was not trained on (default: the run's validation rows)");
  app.add_option("--simulations", pairs.simulations,
                 "simulate so many fresh pairs by the run's task or simulator.command instead")
      ->check(above_zero());
  app.add_option("--pairs", pairs.most, "how many pairs are used at most")
      ->check(above_zero())
      ->capture_default_str();
}

std::string diagnostics_folder(const std::string& model) {
  const std::filesystem::path path(model);
  std::error_code ignored;
  return ((std::filesystem::is_directory(path, ignored) ? path : path.parent_path()) / "diagnostics")
      .string();
}

}  // namespace fluxsbi::app
