#include "checkpoint/refined_for.hpp"

#include "config/rules.hpp"
#include "config/value.hpp"
#include "core/error.hpp"

namespace fluxsbi::checkpoint {

namespace {

constexpr const char* remark = "refined_for_x";

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

}  // namespace fluxsbi::checkpoint
