#include "data/side_choice.hpp"

#include <algorithm>

#include "data/files/names.hpp"
#include "data/missing.hpp"

namespace fluxsbi::data {

namespace {

/// Evenly spaced rows of both sides, as many as tell their distributions.
struct SampledRows {
  std::vector<double> theta, x;
};

std::vector<int64_t> spaced_rows(const RowSource& source) {
  constexpr int64_t most_rows = 20000, most_values = int64_t{1} << 23;
  const int64_t widest = std::max<int64_t>({source.theta().row_size(), source.x().row_size(), 1});
  const int64_t count = std::min({source.rows(), most_rows, std::max<int64_t>(1, most_values / widest)});
  std::vector<int64_t> rows;
  for (int64_t i = 0; i < count; ++i)
    rows.push_back(static_cast<int64_t>(static_cast<double>(i) * static_cast<double>(source.rows()) /
                                        static_cast<double>(count)));
  return rows;
}

/// Rows that data.nan: drop leaves out are left out here, too.
SampledRows sample_rows(const RowSource& source, bool drops) {
  const auto theta_size = static_cast<size_t>(source.theta().row_size()),
             x_size = static_cast<size_t>(source.x().row_size());
  const std::vector<int64_t> rows = spaced_rows(source);
  SampledRows all{std::vector<double>(rows.size() * theta_size), std::vector<double>(rows.size() * x_size)};
  if (theta_size > 0) source.theta().gather(rows, all.theta);
  if (x_size > 0) source.x().gather(rows, all.x);
  if (!drops) return all;
  SampledRows kept;
  for (size_t row = 0; row < rows.size(); ++row) {
    const auto theta = std::span(all.theta).subspan(row * theta_size, theta_size);
    const auto x = std::span(all.x).subspan(row * x_size, x_size);
    if (first_bad(theta) >= 0 || first_bad(x) >= 0) continue;
    kept.theta.insert(kept.theta.end(), theta.begin(), theta.end());
    kept.x.insert(kept.x.end(), x.begin(), x.end());
  }
  return kept;
}

/// Whether choosing looks at values.
bool looks(const SideFacts& facts) {
  const bool told = facts.words != TransformWords{TransformWord::automatic};
  return told || (facts.kind == Standardise::per_feature && !facts.ordered && !facts.logit);
}

}  // namespace

ThetaEnds theta_ends(const PriorOptions& options, const Prior* prior) {
  ThetaEnds found{transform_range(options, prior), options.transform == PriorTransform::logit};
  for (int64_t i = 0; !found.logit && prior && i < prior->dim(); ++i) {
    const auto [low, high] = prior->ends(static_cast<size_t>(i));
    found.ends.low.push_back(low);
    found.ends.high.push_back(high);
  }
  return found;
}

Choices choose_sides(const Dataset& dataset, const DataOptions& options, const ThetaEnds& ends) {
  const DataShape& shape = dataset.shape;
  const SideFacts theta{"data.transform_theta",
                        options.transform_theta,
                        options.standardise_theta,
                        feature_names(dataset.theta_names, shape.theta_channels),
                        ends.ends,
                        ends.logit,
                        !shape.theta_grid.empty()};
  const SideFacts x{
      "data.transform_x",
      options.transform_x,
      options.standardise_x,
      shape.x_size() > 0 ? feature_names(dataset.x_names, shape.x_channels) : std::vector<std::string>{},
      {},
      false,
      !shape.x_grid.empty() || shape.padded};
  SampledRows sample;
  if (looks(theta) || (!x.names.empty() && looks(x)))
    sample = sample_rows(*dataset.rows, options.nan == NanPolicy::drop);
  return {choose_transforms(theta, sample.theta), choose_transforms(x, sample.x)};
}

}  // namespace fluxsbi::data
