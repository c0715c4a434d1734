#include "pairs_arguments.hpp"

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

}  // namespace fluxsbi::app
