#include "sample/options.hpp"

#include <vector>

#include "core/text.hpp"
#include "sample/solver/solver.hpp"

namespace fluxsbi::sample {

const config::Table<SamplingOptions>& sampling_table() {
  using Options = SamplingOptions;
  static const auto table =
      config::Table<Options>("sampling", "How samples are drawn; a command's flags go before these.")
          .add("solver", &Options::solver, config::one_of(solver_choices()),
               "auto: the method's own solver; docs/solvers.md tells them apart")
          .add("steps", &Options::steps, config::if_given(config::integer_between(1, 1000000)),
               "steps of a fixed-step solver; null: the solver's default")
          .add(
              "spacing", &Options::spacing, config::if_given(config::number_between(1, 10)),
              "fixed-step solvers: steps get shorter towards the data, the more, the greater; 1: even in the "
              "method's own time; null: the method's own")
          .add("atol", &Options::atol, config::number_above(0), "absolute tolerance of adaptive solvers")
          .add("rtol", &Options::rtol, config::number_at_least(0), "relative tolerance of adaptive solvers")
          .add("max_evaluations", &Options::max_evaluations, config::integer_at_least(8),
               "evaluations of the network after which an adaptive solver gives a sample up")
          .add("noise_amount", &Options::noise_amount, config::number_at_least(0),
               "stochastic solvers: factor of the equation's noise; 0: the deterministic equation")
          .add("corrector", &Options::corrector, config::number_between(1e-3, 0.7),
               "predictor_corrector: size of the Langevin steps as a share of the noise level")
          .add("churn", &Options::churn, config::number_at_least(0),
               "edm_heun: S_churn; a step's noise level is raised by churn / steps of it, 0.41 at most")
          .alias("S_churn")
          .add("churn_min", &Options::churn_min, config::number_at_least(0),
               "edm_heun: S_min, noise levels below are not raised")
          .alias("S_min")
          .add("churn_max", &Options::churn_max, config::if_given(config::number_above(0)),
               "edm_heun: S_max, noise levels above are not raised; null: no limit")
          .alias("S_max")
          .add("churn_noise", &Options::churn_noise, config::number_above(0),
               "edm_heun: S_noise, standard deviation of the added noise")
          .alias("S_noise")
          .add("guidance_scale", &Options::guidance_scale, config::number_at_least(0),
               "weight of the condition: 1 off, above 1 more of it, 0 without it; needs a model trained with "
               "strategy.condition_drop_rate (docs/guidance.md)")
          .add("guidance_min", &Options::guidance_min, config::number_at_least(0),
               "noise levels (noise / signal) below are not guided")
          .add("guidance_max", &Options::guidance_max, config::if_given(config::number_above(0)),
               "noise levels above are not guided; null: no limit")
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

std::string guidance_problem(double scale) {
  return "= " + core::number_text(scale) +
         " compares the network with and without its condition, and this model learns no null condition: "
         "train flux1 with strategy.condition_drop_rate above 0 (0.1, say), or leave the scale at 1";
}

void check(const SamplingOptions& options, const method::Method& method,
           const method::StrategyOptions& strategy, config::Reader& reader) {
  if (const SolverRow* solver = chosen_solver(options.solver)) {
    const std::string problem = solver_problem(*solver, *method.path(), method.name());
    if (!problem.empty()) reader.problem("sampling.solver", problem);
  }
  reader.in_order("sampling.churn_min", options.churn_min, "sampling.churn_max", options.churn_max);
  reader.in_order("sampling.guidance_min", options.guidance_min, "sampling.guidance_max",
                  options.guidance_max);
  if (options.guidance_scale != 1 && strategy.condition_drop_rate == 0) {
    reader.problem("sampling.guidance_scale", guidance_problem(options.guidance_scale));
  }
}

}  // namespace fluxsbi::sample
