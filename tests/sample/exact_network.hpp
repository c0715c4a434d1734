// Exact networks of Gaussian data for the paths of all methods.
#pragma once

#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/tensor.h>

#include "method/diffusion.hpp"
#include "method/flow_matching.hpp"
#include "method/score_matching.hpp"
#include "sample/fields.hpp"
#include "support/enum_named.hpp"

namespace fluxsbi::test {

/// A method's path that tells the network the state and the path's own time.
class PlainPath : public ChangedPath {
 public:
  using ChangedPath::ChangedPath;
  method::Query query(const at::Tensor& t) const override { return {t, at::ones_like(t)}; }
};

/// flow, edm, edm_vp, edm_ve, score_vp, score_ve; score_noise and score_raw: ve whose networks give the noise
/// and the score.
inline std::unique_ptr<method::Method> method_named(const std::string& name) {
  if (name == "flow") return std::make_unique<method::FlowMatching>(method::FlowMatchingOptions{});
  const size_t line = name.find('_');
  const std::string kind = line == std::string::npos ? name : name.substr(line + 1);
  if (name.starts_with("edm")) {
    method::DiffusionOptions options;
    options.preconditioning = enum_named<method::PreconditioningKind>(kind);
    return std::make_unique<method::Diffusion>(options);
  }
  method::ScoreMatchingOptions options;
  options.sde = enum_named<method::ScoreSde>(kind == "raw" || kind == "noise" ? "ve" : kind);
  if (kind == "raw") options.output = method::ScoreOutput::score;
  if (kind == "noise") options.output = method::ScoreOutput::noise;
  return std::make_unique<method::ScoreMatching>(options);
}
inline std::vector<std::string> method_names() {
  return {"flow", "edm", "edm_vp", "edm_ve", "score_vp", "score_ve", "score_noise", "score_raw"};
}

/// Another method, of which a test changes something.
class MethodOf : public method::Method {
 public:
  explicit MethodOf(std::unique_ptr<method::Method> inner) : inner_(std::move(inner)) {}
  std::string_view name() const override { return inner_->name(); }
  engine::Regression regression(const method::Batch& batch, const method::Noise& noise) const override {
    return inner_->regression(batch, noise);
  }
  method::LevelRange training_levels() const override { return inner_->training_levels(); }
  at::Tensor information_weight(const at::Tensor& level, int64_t elements) const override {
    return inner_->information_weight(level, elements);
  }
  std::unique_ptr<method::Path> path() const override { return inner_->path(); }
  std::string default_solver() const override { return inner_->default_solver(); }
  int64_t default_steps() const override { return inner_->default_steps(); }
  double default_spacing() const override { return inner_->default_spacing(); }

 protected:
  std::unique_ptr<method::Method> inner_;
};

/// Correlated normal data of two tokens: N(mean, covariance) = N(m, R diag(widths^2) R^T), R a turn.
struct Gaussian {
  std::vector<double> mean{0.3, -0.2}, widths{0.3, 1.1};
  double angle = 0.6;

  at::Tensor turn() const {  // [2, 2], columns are the axes
    const double c = std::cos(angle), s = std::sin(angle);
    return at::tensor({c, -s, s, c}, at::kDouble).view({2, 2});
  }
  /// x [n, 2, 1] in the axes' coordinates, and back.
  at::Tensor to_axes(const at::Tensor& x) const { return at::matmul(x.squeeze(2), turn()).unsqueeze(2); }
  at::Tensor from_axes(const at::Tensor& z) const {
    return at::matmul(z.squeeze(2), turn().t()).unsqueeze(2);
  }
  at::Tensor centre() const { return at::tensor(mean, at::kDouble).view({1, 2, 1}); }
  at::Tensor variances() const { return at::tensor(widths, at::kDouble).square().view({1, 2, 1}); }
  at::Tensor covariance() const {
    return at::matmul(turn() * at::tensor(widths, at::kDouble).square(), turn().t());
  }
  /// log N(x; mean, covariance) of x [n, 2, 1], [n].
  at::Tensor log_prob(const at::Tensor& x) const {
    const at::Tensor z = to_axes(x.to(at::kDouble) - centre());
    return -0.5 * ((z.square() / variances()).sum({1, 2}) + std::log(4 * M_PI * M_PI)) -
           std::log(widths[0] * widths[1]);
  }

  /// The network whose velocity on a PlainPath of the method is exact: with the marginal N(a mean,
  /// a^2 C + b^2 I) of signal a and noise b, E[x1 | x] = mean + a C (a^2 C + b^2 I)^-1 (x - a mean).
  sample::Evaluate network(const method::Path& path) const {
    return [this, &path](const at::Tensor& time, const at::Tensor& x, const at::Tensor&) {
      const at::Tensor t = time.to(at::kDouble).view({-1, 1, 1}), wide = x.to(at::kDouble);
      const method::Level level = path.level(t);
      const at::Tensor z = to_axes(wide - level.signal * centre());
      const at::Tensor share = variances() / (level.signal.square() * variances() + level.noise.square());
      const method::Linear clean = path.denoised(t);
      if ((level.noise == 0).any().item<bool>()) {  // flow at the data: the velocity there
        return (centre() + from_axes(z * share)).to(x.scalar_type());
      }
      const at::Tensor data = centre() + level.signal * from_axes(z * share);
      return ((data - clean.x * wide) / clean.network).to(x.scalar_type());
    };
  }
};

}  // namespace fluxsbi::test
