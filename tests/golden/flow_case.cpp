// Flow matching against golden files: path, target, times, losses, solvers. Analytic networks stand in for a
// model; their numbers are read from each file.
#include <regex>
#include <set>
#include <string>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/special_ndtr.h>
#include <ATen/ops/stack.h>

#include "golden/case.hpp"
#include "method/flow_matching.hpp"
#include "sample/fields.hpp"
#include "sample/solver/solver.hpp"

namespace fluxsbi::golden {

namespace {

// float32 arithmetic on numbers of order one, in another order of operations
constexpr double path_tolerance = 2e-6, loss_tolerance = 5e-6;
// the reference's float32 clock may add one tiny last step (note of the files)
constexpr double trajectory_tolerance = 1e-5;
// errors of an adaptive solver's steps add up
constexpr double adaptive_factor = 5;
// ours is in float64 at a tolerance that leaves the files' float32 and their solver's 1e-5 alone
constexpr double density_solver_tolerance = 1e-7, density_tolerance = 1e-5;

// Checks one file and remembers which arrays it took.
class FlowCase {
 public:
  FlowCase(const Case& golden, Report& report) : golden_(golden), report_(report) {}

  void check() {
    if (golden_.has("out/x_t")) check_path();
    for (const auto& [array, content] : golden_.content.arrays) check_array(array);
    name_unchecked(golden_, checked_, report_);
  }

 private:
  at::Tensor expected(const std::string& array) {
    checked_.insert(array);
    return golden_.tensor(array);
  }

  engine::Regression problem(bool masked) const {
    method::Batch batch;
    batch.obs = golden_.tensor("in/x1");
    if (masked) batch.condition_mask = golden_.tensor("in/condition_mask");
    return method::FlowMatching({method::TimeDistribution::uniform, 0, 0, 1})
        .regression(batch, {golden_.tensor("in/x0"), golden_.tensor("in/t")});
  }

  void check_path() {
    report_.compare("out/x_t", problem(false).inputs.obs, expected("out/x_t"), path_tolerance);
    report_.compare("out/target", problem(false).target, expected("out/target"), path_tolerance);
  }

  void check_array(const std::string& array) {
    static const std::regex times("out/t_logitnormal_m([-0-9.]+)_s([0-9.]+)");
    static const std::regex loss("out/([a-z]+)/(loss|per_sample)(_masked)?");
    static const std::regex fixed("out/([a-z]+)/(euler|midpoint|heun|rk4)([0-9]+)_(traj|end)");
    static const std::regex adaptive("out/([a-z]+)/dopri5_([0-9.e-]+)_end");
    static const std::regex density("out/([a-z]+)/log_prob_(true|dopri5|euler)");
    static const std::regex drift("out/sde/(zero_ends|non_singular)_drift");
    std::smatch match;
    if (std::regex_match(array, match, times)) check_times(array, std::stod(match[1]), std::stod(match[2]));
    if (std::regex_match(array, match, loss))
      check_loss(array, match[1], match[2] == "loss", match[3].matched);
    if (std::regex_match(array, match, fixed)) {
      check_fixed(array, match[1], match[2], std::stoll(match[3]), match[4] == "traj");
    }
    if (std::regex_match(array, match, adaptive)) check_adaptive(array, match[1], std::stod(match[2]));
    if (std::regex_match(array, match, density)) check_density(array, match[1], match[2]);
    if (std::regex_match(array, match, drift)) check_stochastic(match[1]);
  }

  void check_times(const std::string& array, double mean, double std) {
    const at::Tensor normal = golden_.tensor("in/normal"), reference = expected(array);
    report_.compare(array, method::logit_normal_time(normal, mean, std), reference, path_tolerance);
    // As training has them, from uniform numbers; in float64, since float32 uniforms are coarse in the tails.
    const method::FlowMatching flow({method::TimeDistribution::logit_normal, 0, mean, std});
    report_.compare(array + " from uniform numbers", flow.times(at::special_ndtr(normal.to(at::kDouble))),
                    reference, path_tolerance);
  }

  // The files' loss is the mean over all elements, conditioned ones counted as 0; ours is over the row's
  // unconditioned elements.
  void check_loss(const std::string& array, const std::string& network, bool mean, bool masked) {
    const auto regression = problem(masked);
    const at::Tensor output =
        analytic_network(golden_, network)(regression.inputs.t, regression.inputs.obs, {});
    const int64_t rows = output.size(0);
    const at::Tensor weighted = (output - regression.target).square() * regression.weight;  // [B, L, C]
    at::Tensor per_row = weighted.flatten(1).sum(1) * static_cast<double>(rows);            // [B]
    if (masked) {
      const at::Tensor free = golden_.tensor("in/condition_mask").logical_not().to(at::kFloat);
      per_row = per_row * free.flatten(1).mean(1);
    }
    const at::Tensor reference = expected(array).view(-1);
    report_.compare(array, mean ? per_row.mean().view(1) : per_row, reference, loss_tolerance);
  }

  void check_fixed(const std::string& array, const std::string& network, const std::string& name,
                   int64_t steps, bool trajectory) {
    const sample::SolverRow& solver = sample::find_solver(name);
    const at::Tensor x0 = golden_.tensor("in/x0");
    // The first i steps of a uniform grid are the i steps to its i-th time.
    const auto after = [&](int64_t i) {
      const double end = static_cast<double>(i) / static_cast<double>(steps);
      sample::SolverOptions options;
      options.steps = i;
      return sample::solve(solver, test::AnalyticField(analytic_network(golden_, network), 0, end), x0,
                           options)
          .x;
    };
    std::vector<at::Tensor> states;
    if (trajectory) {
      states.push_back(x0);
      for (int64_t i = 1; i <= steps; ++i) states.push_back(after(i));
    }
    report_.compare(array, trajectory ? at::stack(states) : after(steps), expected(array),
                    trajectory_tolerance);
  }

  void check_adaptive(const std::string& array, const std::string& network, double tolerance) {
    const sample::PathEquation equation(*path_, analytic_network(golden_, network));
    sample::SolverOptions options;
    options.atol = options.rtol = tolerance;
    const at::Tensor end =
        sample::sample_path(sample::find_solver("dopri5"), equation, golden_.tensor("in/x0"), options).x;
    report_.compare(array, end, expected(array), adaptive_factor * tolerance);
    const std::string truth = "out/" + network + "/true_end";
    if (golden_.has(truth)) report_.compare(truth, end, expected(truth), adaptive_factor * tolerance);
  }

  // The files' Euler run has 100 steps.
  void check_density(const std::string& array, const std::string& network, const std::string& solver) {
    const at::Tensor ours =
        log_prob_of(*path_, analytic_network(golden_, network), golden_.tensor("in/x1_logprob"),
                    solver == "true" ? "dopri5" : solver, 100, density_solver_tolerance);
    report_.compare(array, ours, expected(array), density_tolerance);
  }

  // Drift, diffusion and score at the times in/sde_t, from one step's parts.
  void check_stochastic(const std::string& sde) {
    const sample::PathEquation equation(*path_, analytic_network(golden_, golden_.setting("sde_network")));
    const at::Tensor x = golden_.tensor("in/x0"), times = golden_.numbers("in/sde_t");
    const double amount = golden_.number("sde_alpha");
    const auto kind = sde == "zero_ends" ? method::Sde::zero_ends : method::Sde::non_singular;
    std::vector<at::Tensor> drifts, diffusions, scores;
    for (int64_t i = 0; i < times.numel(); ++i) {
      const double t = times[i].item<double>(), noise = equation.level(t).second;
      const at::Tensor g_squared = amount * amount * path_->squared_diffusion(kind, times[i]);
      const double score = 1 / (noise * noise);
      drifts.push_back(equation.along(t, x, 1, g_squared.item<double>() / 2 * score));
      diffusions.push_back(g_squared.sqrt());
      scores.push_back(equation.along(t, x, 0, score));
    }
    report_.compare("out/sde/" + sde + "_drift", at::stack(drifts), expected("out/sde/" + sde + "_drift"),
                    path_tolerance);
    report_.compare("out/sde/" + sde + "_diffusion", at::stack(diffusions),
                    expected("out/sde/" + sde + "_diffusion"), path_tolerance);
    report_.compare("out/sde/score", at::stack(scores), expected("out/sde/score"), path_tolerance);
    checked_.insert("out/sde/" + sde + "_drift_gensbi_wrong");  // it is what its name says
  }

  const Case& golden_;
  Report& report_;
  std::unique_ptr<method::Path> path_ = method::FlowMatching({}).path();
  std::set<std::string> checked_;
};

}  // namespace

void check_flow(const Case& golden, Report& report) {
  FlowCase(golden, report).check();
}

}  // namespace fluxsbi::golden
