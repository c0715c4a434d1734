// A joint distribution that is known, a Gaussian, behind the engine's interface: any conditional is exact.
#pragma once

#include <limits>
#include <span>
#include <vector>

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/csrc/autograd/autograd.h>

#include "core/error.hpp"
#include "data/standardise.hpp"
#include "engine/engine.hpp"
#include "sample/draw.hpp"
#include "sample/joint_condition.hpp"

namespace fluxsbi::test {

inline constexpr double blank = std::numeric_limits<double>::quiet_NaN();
inline constexpr int64_t tokens = 4;

// Standardised (theta_0, theta_1, x_0, x_1) ~ N(0, S), float64.
inline at::Tensor covariance() {
  return at::tensor({1.0, 0.4, 0.8, -0.1, 0.4, 1.0, 0.3, 0.6, 0.8, 0.3, 1.0, 0.2, -0.1, 0.6, 0.2, 1.0},
                    at::kDouble)
      .view({tokens, tokens});
}

inline const data::Standardiser units{{1, -2, 3, 0.5}, {2, 0.5, 1.5, 3}};

// The conditional N(mean_of(given values), covariance) of the tokens that `mask` leaves open.
struct Conditional {
  explicit Conditional(const at::Tensor& mask) {  // [tokens] bool
    given = mask.nonzero().view(-1);
    open = mask.logical_not().nonzero().view(-1);
    const at::Tensor s = covariance();
    const auto block = [&](const at::Tensor& i, const at::Tensor& j) {
      return s.index_select(0, i).index_select(1, j);
    };
    gain = at::matmul(block(open, given), at::linalg_inv(block(given, given)));
    spread = block(open, open) - at::matmul(gain, block(given, open));
  }
  at::Tensor mean_of(const at::Tensor& rows) const {  // [n, tokens] -> [n, open]
    return at::matmul(rows.index_select(1, given), gain.t());
  }
  at::Tensor given, open, gain, spread;
};

// v = mu + (t S - (1 - t)) ((1 - t)^2 + t^2 S)^-1 (x - t mu), the flow-matching velocity of data N(mu, S), by
// S's eigenvectors. x [n, d], mu [n, d], t [n].
inline at::Tensor velocity(const at::Tensor& x, const at::Tensor& mu, const at::Tensor& spread,
                           const at::Tensor& t) {
  const auto [values, vectors] = at::linalg_eigh(spread);
  const at::Tensor time = t.view({-1, 1}), left = 1 - time;
  const at::Tensor slope = (time * values - left) / (left.square() + time.square() * values);
  return mu + at::matmul(slope * at::matmul(x - time * mu, vectors), vectors.t());
}

// Answers each row by the conditional that its mask asks for, from the values that stand in its given tokens.
class GaussianEngine : public engine::Engine {
 public:
  std::string_view name() const override { return "gaussian"; }
  engine::FlatParameters& parameters() override { throw core::InternalError("no parameters"); }
  at::Device device() const override { return at::kCPU; }
  at::Tensor accumulate_gradient(const engine::Regression&, double) override { return {}; }

  at::Tensor forward(const model::Inputs& in) override {
    last = in;
    const at::Tensor rows = in.obs.squeeze(2).to(at::kDouble);
    const at::Tensor t = in.t.to(at::kDouble).expand({rows.size(0)});
    const at::Tensor mask = in.condition_mask.squeeze(2).expand({rows.size(0), tokens});
    at::Tensor out = at::full_like(rows, 1e3);  // a network's output at given tokens is anything
    const at::Tensor code = at::matmul(mask.to(at::kDouble), at::tensor({1.0, 2.0, 4.0, 8.0}, at::kDouble));
    for (int64_t pattern = 0; pattern < 16; ++pattern) {
      const at::Tensor which = (code == static_cast<double>(pattern)).nonzero().view(-1);
      if (which.numel() == 0) continue;
      const Conditional conditional(mask[which[0].item<int64_t>()]);
      const at::Tensor part = rows.index_select(0, which);
      const at::Tensor v = velocity(part.index_select(1, conditional.open), conditional.mean_of(part),
                                    conditional.spread, t.index_select(0, which));
      at::Tensor filled = at::full_like(part, 1e3);
      filled.index_copy_(1, conditional.open, v);
      out.index_copy_(0, which, filled);
    }
    return out.to(at::kFloat).unsqueeze(2);
  }

  engine::InputGradients input_gradients(const model::Inputs& in, const at::Tensor& cotangent,
                                         engine::InputsOf) override {
    const at::AutoGradMode with_grad(true);
    model::Inputs inputs = in;
    inputs.obs = in.obs.detach().clone().requires_grad_();
    engine::InputGradients result;
    result.output = forward(inputs);
    result.obs = torch::autograd::grad({result.output}, {inputs.obs}, {cotangent})[0];
    result.output = result.output.detach();
    return result;
  }

  model::Inputs last;
};

// What the conditions are drawn from under `method`; all three must outlive it.
inline sample::Source source_of(const method::Method& method, GaussianEngine& engine,
                                const sample::JointCondition& condition, std::span<const double> given) {
  sample::Source source;
  source.method = &method;
  source.bind = [&](std::span<const int64_t> chosen) { return condition.bind(engine, chosen); };
  source.frame = sample::Frame(units);
  source.tokens = source.kept = tokens;
  source.given = given;
  return source;
}

// Posterior, likelihood, a mixed conditional, and nothing given.
inline const std::vector<double> questions{blank, blank, 5,     -2,    3,     -2.5F, blank, blank,
                                           blank, -1.5F, 2.25F, blank, blank, blank, blank, blank};
inline constexpr int64_t rows = 4;

}  // namespace fluxsbi::test
