// A small method with the interface of the real ones: what the trainer is tested with.
#pragma once

#include <memory>

#include "method/method.hpp"
#include "support/toy_network.hpp"

namespace fluxsbi::test {

/// The flow-matching loss, uniform t.
class ToyMethod : public method::Method {
 public:
  std::string_view name() const override { return "toy"; }
  engine::Regression regression(const method::Batch& batch, const method::Noise& noise) const override {
    const at::Tensor t = noise.level.defined() ? at::sigmoid(-noise.level) : noise.uniform;
    return toy_regression(batch.obs, batch.cond, noise.normal, t);
  }
  method::LevelRange training_levels() const override { return {}; }
  at::Tensor information_weight(const at::Tensor& level, int64_t /*elements*/) const override {
    return at::sigmoid(-level).square();
  }
  std::unique_ptr<method::Path> path() const override { return nullptr; }
  std::string default_solver() const override { return "euler"; }
  int64_t default_steps() const override { return 1; }
};

}  // namespace fluxsbi::test
