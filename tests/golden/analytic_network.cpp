// The analytic networks of the method cases, read from each file's metadata.
#include <regex>
#include <string>

#include <ATen/TensorOperators.h>
#include <ATen/ops/roll.h>
#include <ATen/ops/tanh.h>

#include "core/error.hpp"
#include "golden/case.hpp"

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

}  // namespace

method::Evaluate analytic_network(const Case& golden, const std::string& name) {
  const double k = number_in(golden, "network_coefficients", "k");
  if (name == "linear") {
    const double a = number_in(golden, "network_coefficients", "a");
    return [=](const at::Tensor& t, const at::Tensor& x, const at::Tensor&) {
      return a * x + k * t.view({-1, 1, 1});
    };
  }
  const std::regex form(
      "\"" + name +
      R"re(": "out = ([0-9.]+)\*tanh\(([0-9.]+)\*x\) \+ ([0-9.]+)\*(?:t|tanh\(([0-9.]+)\*t\)))re"
      R"re(\*roll\(x, 1 along tokens\) - )re");
  const std::string text = golden.metadata("networks");
  std::smatch match;
  if (!std::regex_search(text, match, form)) {
    throw core::UserError(golden.name + ": the network '" + name + "' is not of a known form");
  }
  const double p = std::stod(match[1]), q = std::stod(match[2]), r = std::stod(match[3]);
  const double s = match[4].matched ? std::stod(match[4]) : 0;  // 0: t itself
  return [=](const at::Tensor& t, const at::Tensor& x, const at::Tensor&) {
    const at::Tensor time = s == 0 ? t : at::tanh(s * t);
    return p * at::tanh(q * x) + r * time.view({-1, 1, 1}) * at::roll(x, 1, 1) - k;
  };
}

}  // namespace fluxsbi::golden
