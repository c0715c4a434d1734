#include "checkpoint/refined_for.hpp"

#include <algorithm>
#include <cmath>

#include "config/rules.hpp"
#include "config/value.hpp"
#include "core/error.hpp"

namespace fluxsbi::checkpoint {

namespace {

constexpr const char* remark = "refined_for_x";

// The same value, but for the digits of float32.
bool same_value(double a, double b) {
  constexpr double rounding = 1e-6;
  return (std::isnan(a) && std::isnan(b)) || std::abs(a - b) <= rounding * std::max(std::abs(a), std::abs(b));
}

}  // namespace

void remember_observation(std::span<const double> x, ModelFile& model) {
  model.remarks[remark] = config::emit(std::vector<double>(x.begin(), x.end()));
}

std::vector<double> refined_for(const ModelFile& model) {
  const auto found = model.remarks.find(remark);
  if (found == model.remarks.end()) return {};
  const config::Value document = config::parse_yaml("x: " + found->second, "the model file's remark");
  std::vector<double> x;
  if (config::read(*document.find("x"), x) || std::ssize(x) != model.shape.x_size())
    throw core::UserError("the model file's remark " + std::string(remark) +
                          " is damaged: it does not hold " + std::to_string(model.shape.x_size()) +
                          " numbers");
  return x;
}

bool is_refined_for(std::span<const double> refined, std::span<const double> row) {
  return refined.empty() || std::equal(row.begin(), row.end(), refined.begin(), refined.end(), same_value);
}

std::string loss_of_others() {
  return "the model knows theta only where that observation's posterior lies, so the answer may lack most of "
         "another's (docs/refine.md)";
}

}  // namespace fluxsbi::checkpoint
