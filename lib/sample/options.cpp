#include "sample/options.hpp"

#include <vector>

#include "core/text.hpp"
#include "method/student.hpp"
#include "sample/solver/solver.hpp"

namespace fluxsbi::sample {

const config::Table<SamplingOptions>& sampling_table() {
  using Options = SamplingOptions;
  static const auto table =
      config::Table<Options>("sampling", "How samples are drawn. The options of a command override these.")
          .add("solver", &Options::solver, config::one_of(solver_choices()),
               "the solver; auto: the method's own (docs/solvers.md)")
          .add("steps", &Options::steps, config::if_given(config::integer_between(1, 1000000)),
               "the number of steps of a fixed-step solver; null: the solver's default")
          .add(
              "spacing", &Options::spacing, config::if_given(config::number_between(1, 10)),
              "fixed-step solvers: how much steps shrink towards the data. Larger values shrink them more; 1 "
              "makes them equal in the method's own time; null: the method's default")
          .add("atol", &Options::atol, config::number_above(0), "the absolute tolerance of adaptive solvers")
          .add("rtol", &Options::rtol, config::number_at_least(0),
               "the relative tolerance of adaptive solvers")
          .add("max_evaluations", &Options::max_evaluations, config::integer_at_least(8),
               "adaptive solvers: the number of network evaluations after which a sample is given up")
          .add("noise_amount", &Options::noise_amount, config::number_at_least(0),
               "stochastic solvers: the factor by which the equation's noise is multiplied; 0 gives the "
               "deterministic equation")
          .add("corrector", &Options::corrector, config::number_between(1e-3, 0.7),
               "predictor_corrector: the size of the Langevin steps as a fraction of the noise level")
          .add("churn", &Options::churn, config::number_at_least(0),
               "edm_heun: S_churn; each step first raises its noise level by the fraction churn / steps, at "
               "most by 0.41")
          .alias("S_churn")
          .add("churn_min", &Options::churn_min, config::number_at_least(0),
               "edm_heun: S_min; lower noise levels are not raised")
          .alias("S_min")
          .add("churn_max", &Options::churn_max, config::if_given(config::number_above(0)),
               "edm_heun: S_max; higher noise levels are not raised; null: no limit")
          .alias("S_max")
          .add("churn_noise", &Options::churn_noise, config::number_above(0),
               "edm_heun: S_noise; the standard deviation of the added noise")
          .alias("S_noise")
          .add("guidance_scale", &Options::guidance_scale, config::number_at_least(0),
               "the weight of the condition: 1 switches guidance off, above 1 strengthens the condition, 0 "
               "ignores it; needs a model trained with strategy.condition_drop_rate (docs/guidance.md)")
          .add("guidance_min", &Options::guidance_min, config::number_at_least(0),
               "guidance applies to noise levels (noise / signal) from this one on")
          .add("guidance_max", &Options::guidance_max, config::if_given(config::number_above(0)),
               "guidance applies to noise levels up to this one; null: no limit")
          .add("memory_gb", &Options::memory_gb, config::number_above(0),
               "how many gigabytes a chunk of samples may take beside the result")
          .add("chunk", &Options::chunk, config::integer_at_least(0),
               "how many samples are computed together; 0: as many as memory_gb allows")
          .add("reject", &Options::reject, config::any<bool>(),
               "true: samples outside the prior's support are drawn again")
          .add("max_tries", &Options::max_tries, config::integer_at_least(0),
               "how often a sample is drawn again; a sample that is still outside the support then is NaN")
          .add("max_seconds", &Options::max_seconds, config::number_at_least(0),
               "the time in seconds after which no sample is drawn again");
  return table;
}

std::string guidance_problem(double scale) {
  return "= " + core::number_text(scale) +
         " compares the network with and without its condition, and this model learns no null condition: "
         "train flux1 with strategy.condition_drop_rate above 0 (0.1, say), or leave the scale at 1";
}

std::string student_problem(const SamplingOptions& options, const method::Method& method) {
  const method::Student* student = method::as_student(method);
  if (student == nullptr) return "";
  const std::string own = ", but the model is a student, which draws by " +
                          core::count_text(student->evaluations(), "jump") +
                          " of its own; leave it out, or " +
                          "draw from its teacher (teacher.safetensors in the student's run folder)";
  if (options.solver != "auto" && options.solver != method.default_solver())
    return "sampling.solver = " + options.solver + own;
  if (options.steps && *options.steps != student->evaluations())
    return "sampling.steps = " + std::to_string(*options.steps) + own;
  if (options.spacing && *options.spacing != student->spacing())
    return "sampling.spacing = " + core::number_text(*options.spacing) + own;
  if (options.guidance_scale != 1)
    return "sampling.guidance_scale = " + core::number_text(options.guidance_scale) +
           ", but the model is a student, which learned its teacher's draws without guidance; set it to 1, " +
           "or draw from the teacher (teacher.safetensors in the student's run folder)";
  return "";
}

void check(const SamplingOptions& options, const method::Method& method,
           const method::StrategyOptions& strategy, config::Reader& reader) {
  if (const SolverRow* solver = chosen_solver(options.solver)) {
    const std::string problem = solver_problem(*solver, *method.path(), method.name());
    if (!problem.empty()) reader.problem("sampling.solver", problem);
  }
  if (const std::string problem = student_problem(options, method); !problem.empty()) {
    const size_t space = problem.find(' ');
    reader.problem(problem.substr(0, space), problem.substr(space + 1));
  }
  reader.in_order("sampling.churn_min", options.churn_min, "sampling.churn_max", options.churn_max);
  reader.in_order("sampling.guidance_min", options.guidance_min, "sampling.guidance_max",
                  options.guidance_max);
  if (options.guidance_scale != 1 && strategy.condition_drop_rate == 0) {
    reader.problem("sampling.guidance_scale", guidance_problem(options.guidance_scale));
  }
}

}  // namespace fluxsbi::sample
