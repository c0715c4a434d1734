#include "sample/options.hpp"

#include <vector>

#include "sample/solver.hpp"

namespace fluxsbi::sample {

namespace {

std::vector<std::string> solver_names() {
  std::vector<std::string> names{"auto"};
  for (const SolverRow& row : solvers()) names.emplace_back(row.name);
  return names;
}

}  // namespace

const config::Table<SamplingOptions>& sampling_table() {
  using Options = SamplingOptions;
  static const auto table =
      config::Table<Options>("sampling", "How samples are drawn; a command's flags go before these.")
          .add("solver", &Options::solver, config::one_of(solver_names()), "auto: the method's own solver")
          .add("steps", &Options::steps, config::if_given(config::integer_between(1, 1000000)),
               "steps of a fixed-step solver; null: the solver's default")
          .add("atol", &Options::atol, config::number_above(0), "absolute tolerance of adaptive solvers")
          .add("rtol", &Options::rtol, config::number_at_least(0), "relative tolerance of adaptive solvers")
          .add("max_evaluations", &Options::max_evaluations, config::integer_at_least(8),
               "evaluations of the network after which an adaptive solver gives a sample up")
          .add("memory_gb", &Options::memory_gb, config::number_above(0),
               "gigabytes that a chunk of samples may take beside the result")
          .add("chunk", &Options::chunk, config::integer_at_least(0),
               "samples computed together; 0: as memory_gb allows")
          .add("reject", &Options::reject, config::any<bool>(), "redraw samples outside the prior's support")
          .add("max_tries", &Options::max_tries, config::integer_at_least(0),
               "redraws of one sample; one that cannot be filled is NaN")
          .add("max_seconds", &Options::max_seconds, config::number_at_least(0),
               "redrawing ends after this time");
  return table;
}

}  // namespace fluxsbi::sample
