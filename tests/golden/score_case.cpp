// Score matching against golden files: path, weights, losses, both equations of sampling. Their networks are
// the score itself.
#include <cmath>
#include <memory>
#include <regex>
#include <string>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/stack.h>

#include "golden/noisy_case.hpp"
#include "method/score_matching.hpp"
#include "sample/solver/runge_kutta.hpp"

namespace fluxsbi::golden {

namespace {

// float32 arithmetic in another order of operations; 1 - exp(-small) cancels in the files' vp
constexpr double score_path_tolerance = 5e-6, score_loss_tolerance = 1e-5;
// sums of a hundred and of a thousand float32 steps
constexpr double score_trajectory_tolerance = 1e-5, long_tolerance = 1e-4;
// two adaptive solvers of tolerance 1e-5
constexpr double adaptive_tolerance = 5e-5;
// ours is in float64 at a tolerance that leaves the files' float32 and their solver's 1e-5 alone, which ve
// with its 15000-fold range of noise exceeds a little
constexpr double score_density_solver_tolerance = 1e-7, score_density_tolerance = 2e-5;

method::ScoreMatching score_matching_of(const Case& golden) {
  method::ScoreMatchingOptions options;
  options.sde = golden.setting("sde") == "VE" ? method::ScoreSde::ve : method::ScoreSde::vp;
  options.scaled = false;
  options.weighting = method::ScoreWeighting::likelihood;
  options.times = method::ScoreTimes::uniform;
  options.time_min = golden.number("eps");
  if (options.sde == method::ScoreSde::ve) {
    options.sigma_min = golden.number("sigma_min");
    options.sigma_max = golden.number("sigma_max");
  } else {
    options.beta_min = golden.number("beta_min");
    options.beta_max = golden.number("beta_max");
  }
  return method::ScoreMatching(options);
}

// Checks one file and remembers which arrays it took.
class ScoreCase : NoisyCase {
 public:
  ScoreCase(const Case& golden, Report& report)
      : NoisyCase(golden, report), method_(score_matching_of(golden)), path_(method_.path()) {}

  void check() {
    check_path();
    check_stochastic();
    for (const auto& [array, content] : golden_.content.arrays) check_array(array);
    report_.compare("initial_scale", std::abs(path_->initial_scale() - golden_.number("prior_std")), 0);
    name_unchecked(golden_, checked_, report_);
  }

 private:
  engine::Regression problem(bool masked) const {
    return method_.regression_at(batch(masked), golden_.tensor("in/x0"), golden_.tensor("in/t").view(-1));
  }

  void check_path() {
    const at::Tensor t = golden_.tensor("in/t"), x = golden_.tensor("out/x_t");
    const method::Level level = path_->level(t);
    compare("out/mean_coeff", level.signal, score_path_tolerance);
    compare("out/std", level.noise, score_path_tolerance);
    compare("out/x_t", problem(false).inputs.obs, score_path_tolerance);
    compare("out/score_target", problem(false).target, score_path_tolerance);
    // The weight of one row of the mean over rows.
    compare("out/weight", problem(false).weight * static_cast<double>(x.size(0)), score_path_tolerance);
    const at::Tensor g_squared = path_->squared_diffusion(method::Sde::reverse, t);
    compare("out/diffusion", g_squared.sqrt(), score_path_tolerance);
    compare("out/drift", path_->velocity(t).x * x, score_path_tolerance);
  }

  void check_stochastic() {
    const sample::PathEquation equation(*path_, analytic_network(golden_, "score"));
    const at::Tensor x = golden_.tensor("in/x1_logprob"), times = golden_.numbers("in/sde_t");
    std::vector<at::Tensor> drifts, diffusions;
    for (int64_t i = 0; i < times.numel(); ++i) {
      const double t = times[i].item<double>(), noise = equation.level(t).second;
      const at::Tensor g_squared = path_->squared_diffusion(method::Sde::reverse, times[i]);
      // Time runs down: the score's part has the other sign than on a path whose time runs up.
      drifts.push_back(equation.along(t, x, 1, -g_squared.item<double>() / (2 * noise * noise)));
      diffusions.push_back(g_squared.sqrt().to(at::kFloat));
    }
    compare("out/reverse_sde_drift", at::stack(drifts), score_path_tolerance);
    compare("out/reverse_sde_diffusion", at::stack(diffusions), score_path_tolerance);
  }

  void check_array(const std::string& array) {
    static const std::regex loss("out/([a-z]+)/(loss|per_sample)(_masked)?");
    static const std::regex ends("out/pf_ode_(euler|heun)([0-9]+)_end");
    static const std::regex trajectory("out/pf_ode_(euler|heun)([0-9]+)_traj");
    std::smatch match;
    if (std::regex_match(array, match, loss))
      compare_loss(array, match[1], problem(match[3].matched), match[2] == "loss", score_loss_tolerance);
    if (std::regex_match(array, match, ends)) {
      const int64_t steps = std::stoll(match[2]);
      compare(array, flow(match[1], steps, 1), steps > 100 ? long_tolerance : score_trajectory_tolerance);
    }
    if (std::regex_match(array, match, trajectory)) check_trajectory(array, match[1], std::stoll(match[2]));
    if (array == "out/log_prob_dopri5") check_density(array, "dopri5", 0);
    if (array == "out/log_prob_euler1000") check_density(array, "euler", 1000);
    if (array == "out/pf_ode_dopri5_end") compare(array, flow("dopri5", 0, 1), adaptive_tolerance);
  }

  void check_density(const std::string& array, const std::string& solver, int64_t steps) {
    compare(array,
            log_prob_of(*path_, analytic_network(golden_, "score"), golden_.tensor("in/x1_logprob"), solver,
                        steps, score_density_solver_tolerance),
            score_density_tolerance);
  }

  // The state after a part of the way from in/x_T.
  at::Tensor flow(const std::string& name, int64_t steps, double part) const {
    const sample::PathEquation equation(*path_, analytic_network(golden_, "score"));
    const sample::SolverRow& solver = sample::find_solver(name);
    const at::Tensor x = golden_.tensor("in/x_T");
    if (solver.adaptive) return sample::sample_path(solver, equation, x, {}).x;
    sample::RungeKutta stepper(*solver.tableau, equation);
    const auto last = static_cast<size_t>(std::llround(part * static_cast<double>(steps)));
    const std::vector<double> times = sample::grid(equation, steps);
    at::Tensor state = x;
    for (size_t i = 0; i < last; ++i) state = stepper.take({times[i], times[i + 1], false}, state);
    return state;
  }

  // The files hold states at equal parts of the way, the start among them.
  void check_trajectory(const std::string& array, const std::string& solver, int64_t steps) {
    const int64_t states = golden_.tensor(array).size(0);
    std::vector<at::Tensor> ours;
    for (int64_t i = 0; i < states; ++i) {
      ours.push_back(flow(solver, steps, static_cast<double>(i) / static_cast<double>(states - 1)));
    }
    compare(array, at::stack(ours), score_trajectory_tolerance);
  }

  method::ScoreMatching method_;
  std::unique_ptr<method::Path> path_;
};

}  // namespace

void check_score_matching(const Case& golden, Report& report) {
  ScoreCase(golden, report).check();
}

}  // namespace fluxsbi::golden
