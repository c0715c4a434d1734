// Diffusion against golden files: preconditionings, noise levels, loss, denoiser, sampling without churn.
#include <memory>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <ATen/ops/special_ndtr.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include "golden/noisy_case.hpp"
#include "method/diffusion.hpp"
#include "sample/solver/runge_kutta.hpp"
#include "support/enum_named.hpp"

namespace fluxsbi::golden {

namespace {

// float32 arithmetic in another order of operations; vp's sigma near 0 is a cancelling difference in the
// files
constexpr double level_tolerance = 5e-6, edm_loss_tolerance = 5e-6;
constexpr double edm_trajectory_tolerance = 5e-6, vp_trajectory_tolerance = 2e-5;  // vp's sigma again

double setting(const Case& golden, const std::string& key, double otherwise) {
  const std::string text = golden.setting(key);
  return text.empty() ? otherwise : std::stod(text);
}

method::Diffusion method_of(const Case& golden) {
  method::DiffusionOptions options;
  std::string kind = golden.setting("sde");
  for (char& letter : kind) letter = static_cast<char>(std::tolower(letter));
  options.preconditioning = test::enum_named<method::PreconditioningKind>(kind);
  const method::Preconditioning& row = method::preconditioning_of(options.preconditioning);
  if (row.sigma_min) options.sigma_min = setting(golden, "sigma_min", *row.sigma_min);
  if (row.sigma_max) options.sigma_max = setting(golden, "sigma_max", *row.sigma_max);
  options.sigma_data = setting(golden, "sigma_data", options.sigma_data);
  options.sigma_mean = setting(golden, "P_mean", options.sigma_mean);
  options.sigma_std = setting(golden, "P_std", options.sigma_std);
  options.rho = setting(golden, "rho", options.rho);
  options.beta_min = setting(golden, "beta_min", options.beta_min);
  options.beta_max = setting(golden, "beta_max", options.beta_max);
  return method::Diffusion(options);
}

// Checks one file and remembers which arrays it took.
class EdmCase : NoisyCase {
 public:
  EdmCase(const Case& golden, Report& report)
      : NoisyCase(golden, report), method_(method_of(golden)), path_(method_.path()) {}

  void check() {
    check_coefficients();
    check_training();
    for (const auto& [array, content] : golden_.content.arrays) check_array(array);
    name_unchecked(golden_, checked_, report_);
  }

 private:
  engine::Regression problem(bool masked) const {
    return method_.regression_at(batch(masked), golden_.tensor("in/x0"), golden_.tensor("in/sigma").view(-1));
  }

  void check_coefficients() {
    const auto c = method_.preconditioning().coefficients(method_.options(), golden_.tensor("in/sigma"));
    compare("out/c_skip", c.skip, level_tolerance);
    compare("out/c_out", c.out, level_tolerance);
    compare("out/c_in", c.in, level_tolerance);
    compare("out/c_noise", c.noise, level_tolerance);
    compare("out/loss_weight", c.weight, level_tolerance);
    report_.compare("1 - c_skip", 1 - c.rest, c.skip, level_tolerance);
    compare("out/x_t", problem(false).inputs.obs / c.in, level_tolerance);
    compare("out/target_of_F", problem(false).target, level_tolerance);
  }

  void check_training() {
    // As training has them, from uniform numbers; in float64, since float32 uniforms are coarse in the tails.
    const at::Tensor uniform = golden_.has("in/uniform")
                                   ? golden_.tensor("in/uniform").to(at::kDouble)
                                   : at::special_ndtr(golden_.tensor("in/normal").to(at::kDouble));
    compare("out/sigma_train", method_.training_sigma(uniform), level_tolerance);
  }

  void check_array(const std::string& array) {
    if (array.ends_with("_under_jit")) checked_.insert(array);  // noise of another program's compiler (note)
    static const std::regex path("out/(timesteps|sigmas|scale)_([0-9]+)");
    static const std::regex loss("out/([a-z]+)/(loss|per_sample)(_masked)?");
    static const std::regex denoised("out/([a-z]+)/denoised");
    static const std::regex trajectory("out/([a-z]+)/(euler|heun)([0-9]+)(_churn)?_traj");
    std::smatch match;
    if (std::regex_match(array, match, path)) check_path(array, match[1], std::stoll(match[2]));
    if (std::regex_match(array, match, loss)) {
      compare_loss(array, match[1], problem(match[3].matched), match[2] == "loss", edm_loss_tolerance);
    }
    if (std::regex_match(array, match, denoised)) {
      compare(array, clean_of(match[1]), level_tolerance);
    }
    if (std::regex_match(array, match, trajectory)) {
      check_trajectory(array, match[1], match[4].matched ? "edm_heun" : match[2].str(), std::stoll(match[3]));
    }
  }

  // The files' lists end with the place without noise, which is the end of finish().
  void check_path(const std::string& array, const std::string& what, int64_t steps) {
    const at::Tensor times =
        at::tensor(sample::grid(sample::PathEquation(*path_, sample::Evaluate{}), steps - 1), at::kDouble);
    const method::NoiseLevel level = method_.preconditioning().level(method_.options(), times);
    const bool scale = what == "scale";
    const at::Tensor values = scale ? level.scale : what == "sigmas" ? level.sigma : times;
    compare(array, at::cat({values, at::full({1}, scale ? 1.0 : 0.0, at::kDouble)}), level_tolerance);
  }

  // D at in/sigma and out/x_t, which is data and noise before the path's own scale.
  at::Tensor clean_of(const std::string& network) const {
    const at::Tensor sigma = golden_.tensor("in/sigma").to(at::kDouble).view(-1);
    at::Tensor t = at::empty_like(sigma);
    for (int64_t i = 0; i < t.numel(); ++i) t[i] = path_->time_of(sigma[i].item<double>());
    t = t.view({-1, 1, 1});
    const at::Tensor x = path_->level(t).signal * golden_.tensor("out/x_t");
    const method::Query query = path_->query(t);
    const method::Linear clean = path_->denoised(t);
    return clean.x * x + clean.network * analytic_network(golden_, network)(query.time, query.scale * x, {});
  }

  // Steps in S_churn's words; the files count the step to the data.
  sample::SolverOptions options_for(int64_t steps) const {
    sample::SolverOptions options;
    options.steps = steps;
    if (golden_.has("in/churn_noise")) {
      const auto place = std::make_shared<int64_t>(0);
      options.normal = [noise = golden_.tensor("in/churn_noise"), place] { return noise[(*place)++]; };
      options.noise.churn = golden_.number("S_churn");
      options.noise.least = golden_.number("S_min");
      options.noise.most = golden_.number("S_max");
      options.noise.deviation = golden_.number("S_noise");
    }
    return options;
  }

  void check_trajectory(const std::string& array, const std::string& network, const std::string& name,
                        int64_t steps) {
    const sample::PathEquation equation(*path_, analytic_network(golden_, network));
    at::Tensor x = equation.initial(golden_.tensor("in/x_init"));
    const sample::SolverRow& solver = sample::find_solver(name);
    const sample::SolverOptions options = options_for(steps);
    std::unique_ptr<sample::Stepper> stepper;
    if (solver.tableau) {
      stepper = std::make_unique<sample::RungeKutta>(*solver.tableau, equation);
    } else {
      stepper = solver.stepper(equation, solver, options);
    }
    const std::vector<double> times = sample::grid(equation, steps - 1);
    std::vector<at::Tensor> states;
    for (size_t i = 0; i + 1 < times.size(); ++i) {
      x = stepper->take({times[i], times[i + 1], i + 2 == times.size()}, x);
      states.push_back(x);
    }
    states.push_back(stepper->to_data(equation, x));
    const bool vp = method_.options().preconditioning == method::PreconditioningKind::vp;
    compare(array, at::stack(states), vp ? vp_trajectory_tolerance : edm_trajectory_tolerance);
  }

  method::Diffusion method_;
  std::unique_ptr<method::Path> path_;
};

}  // namespace

void check_diffusion(const Case& golden, Report& report) {
  EdmCase(golden, report).check();
}

}  // namespace fluxsbi::golden
