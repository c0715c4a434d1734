#include "core/registry.hpp"

#include <array>

#include <ATen/TensorOperators.h>

#include "model/flux1/spec.hpp"
#include "model/flux1joint/spec.hpp"
#include "model/network.hpp"
#include "model/simformer/spec.hpp"

namespace fluxsbi::model {

namespace {

constexpr std::array<std::string_view, 1> flux1_aliases{"flux"};
constexpr std::array<std::string_view, 1> flux1joint_aliases{"flux1_joint"};

}  // namespace

torch::Tensor mark_factor(const Inputs& inputs) {
  if (!inputs.missing.defined()) return inputs.condition_mask;
  const torch::Tensor missing = inputs.missing.to(at::kFloat);
  return inputs.condition_mask.defined() ? inputs.condition_mask.to(at::kFloat) - missing : -missing;
}

std::span<const ModelRow> models() {
  static const std::array rows{
      ModelRow{"flux1", flux1_aliases, "double- and single-stream transformer; the choice for most problems",
               []() -> std::unique_ptr<Spec> { return std::make_unique<Flux1Spec>(); }},
      ModelRow{"flux1joint", flux1joint_aliases,
               "single-stream transformer over theta and x together; any variable may be conditioned on",
               []() -> std::unique_ptr<Spec> { return std::make_unique<Flux1JointSpec>(); }},
      ModelRow{"simformer",
               {},
               "small joint transformer that embeds value, id and condition of each token",
               []() -> std::unique_ptr<Spec> { return std::make_unique<SimformerSpec>(); }},
  };
  return rows;
}

std::unique_ptr<Spec> make_spec(const std::string& name) {
  return core::row_named(models(), name, "strategy.model '" + name + "' is unknown").make();
}

}  // namespace fluxsbi::model
