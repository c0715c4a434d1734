#include "data/side_choice.hpp"

#include <algorithm>
#include <utility>

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

TransformChooser::TransformChooser(const Dataset& dataset, const DataOptions& options, const ThetaEnds& ends)
    : theta_{"data.transform_theta",
             options.transform_theta,
             options.standardise_theta,
             feature_names(dataset.theta_names, dataset.shape.theta_channels),
             ends.ends,
             ends.logit,
             !dataset.shape.theta_grid.empty()},
      x_{"data.transform_x",
         options.transform_x,
         options.standardise_x,
         dataset.shape.x_size() > 0 ? feature_names(dataset.x_names, dataset.shape.x_channels)
                                    : std::vector<std::string>{},
         {},
         false,
         !dataset.shape.x_grid.empty() || dataset.shape.padded} {
  if (!looks(theta_) && (x_.names.empty() || !looks(x_))) return;
  SampledRows sample = sample_rows(*dataset.rows, options.nan == NanPolicy::drop);
  theta_sample_ = std::move(sample.theta);
  x_sample_ = std::move(sample.x);
}

Choices TransformChooser::choose(std::span<const ColumnTally> theta, std::span<const ColumnTally> x) const {
  return {choose_transforms(theta_, theta_sample_, theta), choose_transforms(x_, x_sample_, x)};
}

}  // namespace fluxsbi::data
