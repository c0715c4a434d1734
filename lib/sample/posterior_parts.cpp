#include "sample/posterior_parts.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <ATen/ops/from_blob.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "data/files/names.hpp"
#include "data/files/sets.hpp"
#include "model/network.hpp"

namespace fluxsbi::sample {

namespace {

// The network with observations bound: embedded cond [rows, M, K] -> Bound for items of the given rows.
Bound bind(engine::Engine& engine, const at::Tensor& cond, std::span<const int64_t> rows) {
  const bool same = std::all_of(rows.begin(), rows.end(), [&](int64_t row) { return row == rows.front(); });
  at::Tensor chosen;  // [1 or n, M, K]
  if (same) {
    chosen = cond.narrow(0, rows.front(), 1);  // the engine repeats it as it needs
    if (!cond.is_cpu()) chosen = chosen.clone();
  } else {
    const at::Tensor index = at::tensor(at::ArrayRef<int64_t>(rows.data(), rows.size()), at::kLong);
    chosen = cond.index_select(0, index.to(cond.device(), at::kLong, /*non_blocking=*/true));
  }
  Bound bound =
      bound_of(engine, [chosen, same](const at::Tensor& t, const at::Tensor& x, const at::Tensor& items) {
        model::Inputs inputs;
        inputs.t = t;
        inputs.obs = x;
        inputs.cond = same || !items.defined() ? chosen : chosen.index_select(0, items);
        inputs.embedded = true;
        return inputs;
      });
  if (!cond.is_cpu()) bound.reads = {chosen};
  return bound;
}

// The same network by its null condition. Any row of cond [1 or n, M, K] gives the shape.
Evaluate without_condition(engine::Engine& engine, const at::Tensor& cond) {
  return [&engine, any = cond.narrow(0, 0, 1)](const at::Tensor& t, const at::Tensor& x, const at::Tensor&) {
    model::Inputs inputs;
    inputs.t = t;
    inputs.obs = x;
    inputs.cond = any;
    inputs.embedded = true;
    inputs.conditioned = at::zeros({1}, x.options().dtype(at::kBool));
    return engine.forward(inputs);
  };
}

// Rows of a joint model in which x [rows, cond size] is given and theta blank.
std::vector<double> given_x(std::span<const double> x, int64_t rows, const data::DataShape& shape) {
  std::vector<double> given;
  for (int64_t row = 0; row < rows; ++row) {
    given.insert(given.end(), static_cast<size_t>(shape.theta_size()),
                 std::numeric_limits<double>::quiet_NaN());
    const auto values =
        x.subspan(static_cast<size_t>(row * shape.x_size()), static_cast<size_t>(shape.x_size()));
    given.insert(given.end(), values.begin(), values.end());
  }
  return given;
}

// Tokens of x that are NaN in some channel of given [rows, L, C] become NaN in all. Returns where they are,
// [rows, L]; empty where there are none.
template <class Values>
std::vector<uint8_t> blank_tokens(Values& given, int64_t rows, const data::DataShape& shape) {
  const int64_t tokens = shape.theta_dim + shape.x_dim, channels = shape.theta_channels;
  std::vector<uint8_t> blank(static_cast<size_t>(rows * tokens), 0);
  bool any = false;
  for (int64_t at = 0; at < rows * tokens; ++at) {
    if (at % tokens < shape.theta_dim) continue;
    const auto first = given.begin() + at * channels;
    if (std::none_of(first, first + channels, [](auto v) { return std::isnan(v); })) continue;
    std::fill_n(first, channels, std::numeric_limits<typename Values::value_type>::quiet_NaN());
    blank[static_cast<size_t>(at)] = 1;
    any = true;
  }
  return any ? blank : std::vector<uint8_t>{};
}

// Rows of x [rows, size] that lack more values than training usually did.
template <class Values>
void warn_of_gaps(const Values& x, int64_t size, int64_t usual) {
  std::vector<int64_t> rows;
  int64_t most = 0;
  for (int64_t row = 0; row < std::ssize(x) / size; ++row) {
    const auto first = x.begin() + row * size;
    const int64_t lacking = std::count_if(first, first + size, [](auto v) { return std::isnan(v); });
    if (lacking <= usual) continue;
    rows.push_back(row);
    most = std::max(most, lacking);
  }
  if (rows.empty()) return;
  core::log::warning(
      (rows.size() == 1 ? "row " : "rows ") + core::list_first(rows) + " of x (counted from 0) " +
      (rows.size() == 1 ? "lacks" : "lack") + " up to " + std::to_string(most) + " of " +
      std::to_string(size) + " values, training usually at most " + std::to_string(usual) +
      ": the model extrapolates; let the training data lack as much as observations do, or raise "
      "data.missing_rate");
}

// theta's features, then x's.
data::Standardiser side_by_side(data::Standardiser theta, const data::Standardiser& x) {
  theta.mean.insert(theta.mean.end(), x.mean.begin(), x.mean.end());
  theta.scale.insert(theta.scale.end(), x.scale.begin(), x.scale.end());
  if (theta.transforms.empty() && x.transforms.empty()) return theta;
  theta.transforms.resize(theta.mean.size() - x.mean.size());
  theta.transforms.insert(theta.transforms.end(), x.transforms.begin(), x.transforms.end());
  theta.transforms.resize(theta.mean.size());
  return theta;
}

// Says once of a model how many given values lie beyond the ends that the training data gave their
// transforms. A value on an end, such as a count of 0, is nothing strange: training took those the same way,
// and said so.
void warn_of_moved(const data::Standardiser& standardiser, std::span<const double> values, bool& warned) {
  const int64_t count = warned ? 0 : standardiser.moved(values);
  if (count == 0) return;
  warned = true;
  core::log::warning(
      core::count_text(count, "given value") +
      " beyond an end of the transform (data.transform_theta, transform_x), or nearer to it than any "
      "training value, taken at half the training data's smallest distance from the end: the model "
      "never saw such values; check units and signs");
}

void check_questions(const JointCondition& condition, const method::ConditionMask& trained,
                     const std::string& kind, const data::DataShape& shape) {
  for (const GivenMask& mask : condition.masks()) {
    if (trained.covers(mask)) continue;
    throw core::UserError(
        shape.x_dim == 0
            ? "the model was trained without x, on the joint distribution of theta: it knows no "
              "conditionals; leave every cell blank"
            : "the model was trained with condition_mask.kind = " + kind +
                  " and never saw one of these questions (which columns are given, which blank); train with "
                  "condition_mask.kind: structured to ask any");
  }
}

}  // namespace

Posterior::Parts::Parts(PosteriorContent content) : PosteriorContent(std::move(content)) {
  if (!engine->parameters().network()->joint()) return;
  row = side_by_side(theta, x);
  mask.emplace(condition_mask, shape.theta_dim, shape.x_dim, at::kCPU);
}

Source Posterior::Parts::source() const {
  Source source;
  source.method = method.get();
  source.frame = Frame(theta);
  source.prior = prior && prior->bounded() ? prior.get() : nullptr;
  source.theta_names = data::feature_names(theta_names, shape.theta_channels);
  source.tokens = source.kept = shape.theta_dim;
  source.channels = shape.theta_channels;
  source.device = engine->device();
  source.journal = journal.get();
  source.who = who;
  return source;
}

Source Posterior::Parts::joint_source(const JointCondition& condition, std::span<const double> given,
                                      int64_t kept) const {
  Source joint = source();
  joint.frame = Frame(row);
  joint.tokens = tokens();
  joint.kept = kept;
  joint.given = given;
  joint.bind = [this, &condition](std::span<const int64_t> rows) { return condition.bind(*engine, rows); };
  return joint;
}

JointCondition Posterior::Parts::condition_of(std::span<const double> given, int64_t rows,
                                              std::span<const uint8_t> missing) const {
  if (speaks) warn_of_moved(row, given, warned_of_moved);
  JointCondition condition(given, rows, tokens(), shape.theta_channels, row, engine->device(), missing);
  check_questions(condition, *mask, config::name_of(condition_mask.kind), shape);
  return condition;
}

at::Tensor Posterior::Parts::embed(std::vector<float> standardised, int64_t rows) const {
  const at::Tensor cond =
      at::from_blob(standardised.data(), {rows, shape.x_dim, shape.x_channels}, at::kFloat)
          .clone()
          .to(engine->device());
  return engine->embed(cond);
}

void Posterior::Parts::with_source(std::span<const double> observations, int64_t rows,
                                   const std::function<void(Source)>& work) const {
  if (mask) {
    auto given = given_x(observations, rows, shape);
    const std::vector<uint8_t> missing = blank_tokens(given, rows, shape);
    if (shape.has_gaps()) given = given_x(filled(observations), rows, shape);
    const bool learnt = shape.has_gaps() && !missing.empty();
    if (speaks && !learnt && !missing.empty()) {
      core::log::info(
          "values of x are missing (NaN): the joint model, trained on complete data, infers them beside "
          "theta, and they are left out of the result");
    }
    const JointCondition condition = condition_of(given, rows, learnt ? missing : std::vector<uint8_t>{});
    work(joint_source(condition, given, shape.theta_dim));
    return;
  }
  if (speaks) warn_of_moved(x, observations, warned_of_moved);
  const std::vector<float> standardised = x.apply(observations);
  Source of_x = source();
  of_x.frame = Frame(theta, regression, standardised);
  const at::Tensor cond = embed(standardised, rows);
  of_x.bind = [&](std::span<const int64_t> chosen) {
    Bound bound = bind(*engine, cond, chosen);
    if (strategy.condition_drop_rate > 0) bound.unconditional = without_condition(*engine, cond);
    return bound;
  };
  work(std::move(of_x));
}

std::vector<double> Posterior::Parts::filled(std::span<const double> observations) const {
  std::vector<double> values(observations.begin(), observations.end());
  const std::vector<double> centre = x.invert(std::vector<float>(x.mean.size(), 0));
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(values[i])) values[i] = centre[i % centre.size()];
  }
  return values;
}

void Posterior::Parts::require_density(std::span<const double> observations) const {
  if (!mask || shape.has_gaps()) return;
  const auto gap =
      std::find_if(observations.begin(), observations.end(), [](auto v) { return std::isnan(v); });
  if (gap == observations.end()) return;
  throw core::UserError(
      "row " + std::to_string((gap - observations.begin()) / shape.x_size()) +
      " of the observations lacks a value of x: this joint model was trained on complete data and "
      "infers it beside theta, so it has no density of theta alone; train with data.nan: impute");
}

std::vector<double> Posterior::Parts::onto_ends(std::span<const double> values, size_t size) const {
  std::vector<double> moved(values.begin(), values.end());
  for (size_t i = 0; prior && i < moved.size(); ++i) {
    const size_t component = i % size;
    if (!std::cmp_less(component, prior->dim()) || prior->component_in_support(component, moved[i])) continue;
    const auto [low, high] = prior->ends(component);
    // Only numbers of float32 can have been rounded to it.
    if (static_cast<float>(moved[i]) != moved[i]) continue;
    if (data::is_end(moved[i], low, true)) moved[i] = low;
    if (data::is_end(moved[i], high, true)) moved[i] = high;
  }
  return moved;
}

void Posterior::Parts::check_observations(std::span<const double> observations, int64_t rows) const {
  if (shape.x_dim == 0) throw core::UserError("the model was trained without x, so there is no x to give");
  const int64_t size = shape.x_size();
  if (static_cast<int64_t>(observations.size()) != rows * size) {
    throw core::UserError("the observations hold " + std::to_string(observations.size()) +
                          " values; the model needs " + std::to_string(rows) + " rows of " +
                          std::to_string(size));
  }
  for (int64_t row = 0; shape.padded && row < rows; ++row) {
    const auto set = observations.subspan(static_cast<size_t>(row * size), static_cast<size_t>(size));
    const std::string problem = data::set_problem(set, shape.x_channels);
    if (!problem.empty())
      throw core::UserError("row " + std::to_string(row) + " of the observations: " + problem);
  }
  if (shape.missing) warn_of_gaps(observations, size, most_missing);
  const bool may_lack = shape.has_gaps() || mask;  // a joint model infers what it is not given
  for (size_t i = 0; i < observations.size(); ++i) {
    if (std::isfinite(observations[i]) || (may_lack && std::isnan(observations[i]))) continue;
    throw core::UserError("row " + std::to_string(static_cast<int64_t>(i) / size) +
                          " of the observations holds a value that is not finite; remove that row" +
                          (may_lack ? "" : ", or train with data.nan: impute, which lets values be missing"));
  }
}

}  // namespace fluxsbi::sample
