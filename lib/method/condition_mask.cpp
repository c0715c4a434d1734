#include "method/condition_mask.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/bucketize.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include "core/error.hpp"

namespace fluxsbi::method {

namespace {

// One mask of the mixture: how probable it is, and how probable it is then that a token is given.
struct Part {
  std::optional<MaskKind> alone;  // the kind that draws this mask for all rows
  double weight, theta_rate, x_rate;
};

std::array<Part, 5> mixture(const ConditionMaskOptions& options) {
  return {{{MaskKind::joint, options.joint, 0, 0},
           {MaskKind::posterior, options.posterior, 0, 1},
           {MaskKind::likelihood, options.likelihood, 1, 0},
           {{}, options.random_low, options.random_low_rate, options.random_low_rate},
           {{}, options.random_high, options.random_high_rate, options.random_high_rate}}};
}

double weight_sum(const ConditionMaskOptions& options) {
  double sum = 0;
  for (const Part& part : mixture(options)) sum += part.weight;
  return sum;
}

// The masks that are drawn at all. Without x there is no question but the joint distribution of theta.
std::vector<Part> drawn_parts(const ConditionMaskOptions& options, int64_t x_dim) {
  const MaskKind kind = x_dim == 0 ? MaskKind::joint : options.kind;
  std::vector<Part> parts;
  for (const Part& part : mixture(options)) {
    if (kind == MaskKind::structured ? part.weight > 0 : part.alone == kind) parts.push_back(part);
  }
  return parts;
}

config::Rule<double> rate() {
  return {"above 0 and below 1", [](const double& v) { return v > 0 && v < 1; }};
}

}  // namespace

std::span<const std::string_view> enum_names(MaskKind) {
  static constexpr std::array<std::string_view, 4> names{"structured", "posterior", "likelihood", "joint"};
  return names;
}

const config::Table<ConditionMaskOptions>& condition_mask_table() {
  using O = ConditionMaskOptions;
  const auto weight = config::number_at_least(0);
  static const auto table =
      config::Table<O>(
          "condition_mask",
          "For joint models (flux1joint, simformer). Which tokens of a training row are given. The mask is "
          "drawn anew for each row.")
          .add("kind", &O::kind, config::one_of<MaskKind>(),
               "structured: the mixture below, after which the model answers any conditional; posterior: x "
               "is always given; likelihood: theta is always given; joint: nothing is given")
          .add("joint", &O::joint, weight, "structured: the weight of rows in which nothing is given")
          .add("posterior", &O::posterior, weight, "structured: the weight of rows in which x is given")
          .add("likelihood", &O::likelihood, weight, "structured: the weight of rows in which theta is given")
          .add("random_low", &O::random_low, weight,
               "structured: the weight of rows in which each token is given with probability random_low_rate")
          .add("random_high", &O::random_high, weight,
               "structured: the weight of rows in which each token is given with probability "
               "random_high_rate")
          .add("random_low_rate", &O::random_low_rate, rate(), "probability that a token is given")
          .add("random_high_rate", &O::random_high_rate, rate(), "probability that a token is given");
  return table;
}

void check(const ConditionMaskOptions& options, config::Reader& reader) {
  if (options.kind != MaskKind::structured || weight_sum(options) > 0) return;
  reader.problem(
      "condition_mask.joint",
      "and the weights posterior, likelihood, random_low and random_high are all 0; give at least one "
      "of them a weight above 0");
}

ConditionMask::ConditionMask(const ConditionMaskOptions& options, int64_t theta_dim, int64_t x_dim,
                             at::Device device) {
  core::require(theta_dim >= 1 && x_dim >= 0, "a joint row has theta tokens");
  if (options.kind == MaskKind::likelihood && x_dim == 0) {
    throw core::UserError(
        "condition_mask.kind = likelihood learns x given theta, but the data hold no x, so nothing is left "
        "to infer; use structured or joint, or data with x");
  }
  const std::vector<Part> parts = drawn_parts(options, x_dim);
  core::require(!parts.empty(), "a condition mask of the mixture has a weight");
  double sum = 0, below = 0;
  for (const Part& part : parts) sum += part.weight;
  std::vector<float> bounds;
  rates_ = at::empty({std::ssize(parts), theta_dim + x_dim}, at::kFloat);
  for (int64_t i = 0; i < std::ssize(parts); ++i) {
    const Part& part = parts[static_cast<size_t>(i)];
    if (i > 0) bounds.push_back(static_cast<float>(below / sum));
    below += part.weight;
    rates_[i].narrow(0, 0, theta_dim).fill_(part.theta_rate);
    rates_[i].narrow(0, theta_dim, x_dim).fill_(part.x_rate);
  }
  bounds_ = at::tensor(bounds, at::kFloat).to(device);
  rates_ = rates_.to(device);
}

at::Tensor ConditionMask::draw(const at::Tensor& uniform) const {
  const int64_t tokens = rates_.size(1);
  core::require(uniform.dim() == 2 && uniform.size(1) == tokens + 1,
                "a condition mask needs uniform numbers [B, tokens + 1]");
  const at::Tensor part =  // [B]: bounds[part - 1] <= number < bounds[part]
      at::bucketize(uniform.select(1, 0).contiguous(), bounds_, /*out_int32=*/false, /*right=*/true);
  const at::Tensor given = uniform.narrow(1, 1, tokens) < rates_.index_select(0, part);  // [B, tokens]
  return given.logical_and(given.all(1, /*keepdim=*/true).logical_not()).unsqueeze(2);
}

bool ConditionMask::covers(std::span<const uint8_t> mask) const {
  const at::Tensor rates = rates_.cpu();
  core::require(std::ssize(mask) == rates.size(1), "a mask has an entry for each token");
  const bool nothing = std::none_of(mask.begin(), mask.end(), [](uint8_t given) { return given == 1; });
  for (int64_t part = 0; part < rates.size(0); ++part) {
    const float* rate = rates.const_data_ptr<float>() + part * rates.size(1);
    const auto all = [&](auto possible) {
      size_t token = 0;
      return std::all_of(mask.begin(), mask.end(),
                         [&](uint8_t given) { return possible(given != 0, rate[token++]) || given == 2; });
    };
    if (all([](bool given, float p) { return given ? p > 0 : p < 1; })) return true;
    if (nothing && all([](bool, float p) { return p > 0; })) return true;  // all given, hence nothing
  }
  return false;
}

}  // namespace fluxsbi::method
