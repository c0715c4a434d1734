#include "data/standardise.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/names.hpp"

namespace fluxsbi::data {

namespace {

/// Calls visit(feature, value) for every value of the given rows.
template <class Visit>
void for_each(std::span<const float> values, size_t size, std::span<const int64_t> rows, Visit visit) {
  for (const int64_t row : rows) {
    const float* first = values.data() + static_cast<size_t>(row) * size;
    for (size_t i = 0; i < size; ++i) visit(i, static_cast<double>(first[i]));
  }
}

/// One group per feature, or one for all of them (groups = 1).
Standardiser moments(std::span<const float> values, size_t size, std::span<const int64_t> rows,
                     size_t groups) {
  const bool shared = groups == 1;
  const double count = static_cast<double>(rows.size()) * static_cast<double>(size / groups);
  Standardiser result{std::vector<double>(groups), std::vector<double>(groups)};
  for_each(values, size, rows, [&](size_t i, double v) { result.mean[shared ? 0 : i] += v; });
  for (double& mean : result.mean) mean /= count;
  for_each(values, size, rows, [&](size_t i, double v) {
    const double difference = v - result.mean[shared ? 0 : i];
    result.scale[shared ? 0 : i] += difference * difference;
  });
  for (double& scale : result.scale) scale = std::sqrt(scale / count);
  return result;
}

[[noreturn]] void refuse_constant(const std::vector<std::string>& constant) {
  constexpr size_t shown = 6;
  const size_t listed = std::min(shown, constant.size());
  std::string text = core::join(std::span(constant).first(listed));
  if (constant.size() > listed) text += " and " + std::to_string(constant.size() - listed) + " more";
  throw core::UserError(
      (constant.size() == 1 ? "the column " + text + " is" : "the columns " + text + " are") +
      " constant in the training rows (to float32's precision), so nothing can be learnt from them; leave "
      "them "
      "out, subtract a large offset before writing the file, or set data.constant: keep (scale 1)");
}

}  // namespace

void Standardiser::apply(std::span<float> values) const {
  const size_t size = mean.size();
  for (size_t at = 0; at < values.size(); at += size) {
    for (size_t i = 0; i < size; ++i) {
      values[at + i] = static_cast<float>((values[at + i] - mean[i]) / scale[i]);
    }
  }
}

void Standardiser::invert(std::span<float> values) const {
  const size_t size = mean.size();
  for (size_t at = 0; at < values.size(); at += size) {
    for (size_t i = 0; i < size; ++i) {
      values[at + i] = static_cast<float>(values[at + i] * scale[i] + mean[i]);
    }
  }
}

Standardiser fit_standardiser(std::span<const float> values, int64_t size, std::span<const int64_t> rows,
                              const std::string& kind, bool keep_constant,
                              std::span<const std::string> names) {
  if (size == 0) return {};
  core::require(size >= 1 && !names.empty() && size % std::ssize(names) == 0,
                "a name for each feature or token");
  core::require(!rows.empty(), "standardisation needs rows");
  const auto features = static_cast<size_t>(size);
  if (kind == "none") return {std::vector<double>(features, 0.0), std::vector<double>(features, 1.0)};
  core::require(kind == "per_feature" || kind == "shared", "standardise is per_feature, shared or none");
  Standardiser result = moments(values, features, rows, kind == "shared" ? 1 : features);
  const auto feature = feature_names(names, size / std::ssize(names));
  std::vector<std::string> constant;
  for (size_t i = 0; i < result.scale.size(); ++i) {
    if (result.scale[i] > constant_ratio * std::abs(result.mean[i])) continue;
    constant.push_back(kind == "shared" ? feature.front() + " ... " + feature.back() : feature[i]);
    result.scale[i] = 1;
  }
  if (!constant.empty() && !keep_constant) refuse_constant(constant);
  if (kind == "shared") {
    result = {std::vector<double>(features, result.mean[0]), std::vector<double>(features, result.scale[0])};
  }
  return result;
}

}  // namespace fluxsbi::data
