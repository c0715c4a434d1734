// Sources of samples and densities with exact networks in place of trained ones.
#pragma once

#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include <ATen/ops/logsumexp.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/stack.h>

#include "sample/density/log_prob.hpp"
#include "sample/exact_network.hpp"
#include "sample/pull_back.hpp"

namespace fluxsbi::test {

/// A method whose network is told the state and the path's own time.
class PlainMethod : public MethodOf {
 public:
  explicit PlainMethod(const std::string& name) : MethodOf(method_named(name)) {}
  std::unique_ptr<method::Path> path() const override { return std::make_unique<PlainPath>(inner_->path()); }
};

/// Two round bumps of two tokens, of weights 0.3 and 0.7: the velocity is no linear function of the state.
struct Mixture {
  double width = 0.4;
  std::vector<double> weights{0.3, 0.7};
  std::vector<at::Tensor> means{at::tensor({-0.8, 0.5}, at::kDouble).view({1, 2, 1}),
                                at::tensor({0.9, -0.1}, at::kDouble).view({1, 2, 1})};

  /// E[x1 | x] = sum of r_i (m_i + a w^2 / (a^2 w^2 + b^2) (x - a m_i)) for signal a and noise b, r_i being
  /// the share of bump i in the density of x.
  sample::Evaluate network(const method::Path& path) const {
    return [this, &path](const at::Tensor& time, const at::Tensor& x, const at::Tensor&) {
      at::Tensor t = time.to(at::kDouble).view({-1, 1, 1});
      if (path.end() == 1) t = t.clamp_max(1 - 1e-7);  // flow divides by the noise, 0 at the data
      const at::Tensor wide = x.to(at::kDouble);
      const method::Level level = path.level(t);
      const at::Tensor total = level.signal.square() * width * width + level.noise.square();
      std::vector<at::Tensor> logs, clean;
      for (size_t i = 0; i < means.size(); ++i) {
        const at::Tensor apart = wide - level.signal * means[i];
        logs.push_back(std::log(weights[i]) - (apart.square() / total).sum({1, 2}) / 2);
        clean.push_back(means[i] + level.signal * width * width / total * apart);
      }
      const at::Tensor share = at::softmax(at::stack(logs), 0).unsqueeze(2).unsqueeze(3);
      const method::Linear linear = path.denoised(t);
      const at::Tensor data = (share * at::stack(clean)).sum(0);
      return ((data - linear.x * wide) / linear.network).to(x.scalar_type());
    };
  }
};

/// 0, 1, ..., rows - 1: each point has an observation of its own.
inline std::vector<int64_t> rows_up_to(int64_t rows) {
  std::vector<int64_t> numbers(static_cast<size_t>(rows));
  std::iota(numbers.begin(), numbers.end(), int64_t{0});
  return numbers;
}

/// A source of two tokens whose every row is answered by one network.
struct ExactSource {
  ExactSource(const std::string& name, const std::function<sample::Evaluate(const method::Path&)>& network)
      : method(name), path(method.path()) {
    source.method = &method;
    source.bind = [bound = network(*path)](std::span<const int64_t>) {
      return sample::Bound{bound, {}, pull_back_of(bound)};
    };
    source.frame = sample::Frame(units);
    source.tokens = source.kept = 2;
  }
  ExactSource(const ExactSource&) = delete;

  sample::LogProbs log_prob(std::span<const double> theta, const sample::DivergenceOptions& divergence = {},
                            const sample::SamplingOptions& options = {},
                            const sample::DensityMemory& memory = {4096, 1e9}) const {
    return sample::log_prob(source, theta, rows_up_to(std::ssize(theta) / 2), divergence, options, memory);
  }

  PlainMethod method;
  std::unique_ptr<method::Path> path;
  data::Standardiser units{{0, 0}, {1, 1}};
  sample::Source source;
};

}  // namespace fluxsbi::test
