// The analytic networks of the method cases, read from each file's metadata.
#include <cmath>
#include <regex>
#include <string>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/full.h>
#include <ATen/ops/roll.h>
#include <ATen/ops/tanh.h>

#include "core/error.hpp"
#include "golden/case.hpp"
#include "sample/density/density_equation.hpp"
#include "sample/pull_back.hpp"

namespace fluxsbi::golden {

namespace {

double number_in(const Case& golden, const std::string& entry, const std::string& key) {
  const std::string text = golden.metadata(entry);
  std::smatch match;
  if (!std::regex_search(text, match, std::regex("\"" + key + "\": *([-+0-9.eE]+)"))) {
    throw core::UserError(golden.name + ": metadata " + entry + " holds no number '" + key + "'");
  }
  return std::stod(match[1]);
}

// The coefficients of the entry `networks` that a regular expression captures.
std::vector<double> coefficients(const Case& golden, const std::string& name, const std::string& form) {
  const std::string text = golden.metadata("networks");
  std::smatch match;
  if (!std::regex_search(text, match, std::regex("\"" + name + "\": \"out = " + form))) {
    throw core::UserError(golden.name + ": the network '" + name + "' is not of a known form");
  }
  std::vector<double> numbers;
  for (size_t i = 1; i < match.size(); ++i) numbers.push_back(match[i].matched ? std::stod(match[i]) : 0);
  return numbers;
}

// vp_score: p x + q t + r tanh(x); ve_score: (p x + q t) / (1 + sigma(t)^2).
sample::Evaluate score_network(const Case& golden) {
  if (golden.setting("sde") != "VE") {
    const auto c =
        coefficients(golden, "vp_score", R"re(([-0-9.]+)\*x \+ ([-0-9.]+)\*t \+ ([-0-9.]+)\*tanh\(x\))re");
    return [=](const at::Tensor& t, const at::Tensor& x, const at::Tensor&) {
      return c[0] * x + c[1] * t.view({-1, 1, 1}) + c[2] * at::tanh(x);
    };
  }
  const auto c =
      coefficients(golden, "ve_score", R"re(\(([-0-9.]+)\*x \+ ([-0-9.]+)\*t\) / \(1 \+ sigma\(t\)\^2\))re");
  const double least = golden.number("sigma_min"), most = golden.number("sigma_max");
  return [=](const at::Tensor& t, const at::Tensor& x, const at::Tensor&) {
    const at::Tensor time = t.view({-1, 1, 1}), sigma = least * at::exp(time * std::log(most / least));
    return (c[0] * x + c[1] * time) / (1 + sigma.square());
  };
}

}  // namespace

sample::Evaluate analytic_network(const Case& golden, const std::string& name) {
  const double k = number_in(golden, "network_coefficients", "k");
  if (name == "linear") {
    const double a = number_in(golden, "network_coefficients", "a");
    return [=](const at::Tensor& t, const at::Tensor& x, const at::Tensor&) {
      return a * x + k * t.view({-1, 1, 1});
    };
  }
  if (name == "score") return score_network(golden);
  const auto c =
      coefficients(golden, name,
                   R"re(([0-9.]+)\*tanh\(([0-9.]+)\*x\) \+ ([0-9.]+)\*(?:t|tanh\(([0-9.]+)\*t\)))re"
                   R"re(\*roll\(x, 1 along tokens\) - )re");
  const double p = c[0], q = c[1], r = c[2], s = c[3];  // s = 0: t itself
  return [=](const at::Tensor& t, const at::Tensor& x, const at::Tensor&) {
    const at::Tensor time = s == 0 ? t : at::tanh(s * t);
    return p * at::tanh(q * x) + r * time.view({-1, 1, 1}) * at::roll(x, 1, 1) - k;
  };
}

at::Tensor log_prob_of(const method::Path& path, const sample::Evaluate& network, const at::Tensor& x,
                       const std::string& solver, int64_t steps, double tolerance) {
  const at::Tensor free = at::full({x.size(1), x.size(2)}, true, at::kBool);
  const sample::DensityEquation equation(path, test::pull_back_of(network), free.to(x.device()),
                                         sample::unit_directions(free, x.device()), x.size(0));
  sample::SolverOptions options;
  options.steps = steps;
  options.atol = options.rtol = tolerance;
  return sample::log_density(equation, sample::find_solver(solver), x, options).value;
}

}  // namespace fluxsbi::golden
