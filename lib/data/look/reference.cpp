#include "data/look/reference.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "core/text.hpp"
#include "data/look/finding.hpp"
#include "data/prior/special_functions.hpp"

namespace fluxsbi::data {

namespace {

constexpr double beyond_range = 0.5, beyond_farthest = 1.5, beyond_nearest = 2;

double squared_distance(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double difference = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    if (!std::isnan(difference)) sum += difference * difference;
  }
  return sum;
}

// Distances from remembered rows to the nearest of the others, ascending.
std::vector<double> nearest_distances(const Reference& reference, size_t size) {
  const auto count = static_cast<size_t>(reference.row_count());
  const std::span<const float> all(reference.rows);
  std::vector<double> nearest(count, infinity);
  for (size_t i = 0; i < count; ++i) {
    for (size_t j = i + 1; j < count; ++j) {
      const double distance = squared_distance(all.subspan(i * size, size), all.subspan(j * size, size));
      nearest[i] = std::min(nearest[i], distance);
      nearest[j] = std::min(nearest[j], distance);
    }
  }
  for (double& distance : nearest) distance = std::sqrt(distance);
  std::sort(nearest.begin(), nearest.end());
  return nearest;
}

class Comparison {
 public:
  Comparison(const Reference& reference, std::span<const std::string> names)
      : reference_(reference),
        names_(names),
        size_(reference.mean.size()),
        nearest_(nearest_distances(reference, size_)) {}

  // What is unlike about a row; empty if nothing is.
  std::string text_of(std::span<const double> row) const {
    const std::string numbers = numbers_text(row), distance = distance_text(row);
    if (numbers.empty()) return distance;
    return distance.empty() ? numbers : numbers + "; " + distance;
  }

 private:
  // Deviations from the mean where the number is unlike the training values; 0 where it is not.
  double deviations(size_t i, double value) const {
    const double low = reference_.low[i], high = reference_.high[i];
    if (!(value < low || value > high)) return 0;  // NaN, too
    const double off = std::abs(value - reference_.mean[i]), range = high - low;
    const double z = reference_.deviation[i] > 0 ? off / reference_.deviation[i] : infinity;
    const bool out_of_range = value < low - beyond_range * range || value > high + beyond_range * range;
    const double farthest = std::max(high - reference_.mean[i], reference_.mean[i] - low);
    return out_of_range || (z > far_deviations && off > beyond_farthest * farthest) ? z : 0;
  }

  // The three numbers that are farthest off, in their own order.
  std::string numbers_text(std::span<const double> row) const {
    std::vector<std::pair<double, size_t>> far;
    for (size_t i = 0; i < size_; ++i) {
      const double z = deviations(i, row[i]);
      if (z > 0) far.emplace_back(z, i);
    }
    const size_t shown = std::min<size_t>(far.size(), 3);
    std::partial_sort(far.begin(), far.begin() + static_cast<std::ptrdiff_t>(shown), far.end(),
                      std::greater<>());
    std::sort(far.begin(), far.begin() + static_cast<std::ptrdiff_t>(shown),
              [](const auto& a, const auto& b) { return a.second < b.second; });
    std::string text;
    for (size_t k = 0; k < shown; ++k)
      text += (k == 0 ? "" : "; ") + number_text(far[k].first, far[k].second, row);
    if (shown == far.size()) return text;
    return text + "; " + core::and_more(far.size() - shown) + " of its numbers are unlike the training data";
  }

  std::string number_text(double z, size_t i, std::span<const double> row) const {
    const std::string value = names_[i] + " = " + core::number_text(row[i]);
    if (std::isinf(z))
      return value + ", where all training rows have " + core::brief_text(reference_.mean[i]);
    return value + " is " +
           (z < 1e6 ? core::number_text(z < 10 ? std::round(10 * z) / 10 : std::round(z))
                    : core::brief_text(z)) +
           " training standard deviations from the mean (training values lie in [" +
           core::brief_text(reference_.low[i]) + ", " + core::brief_text(reference_.high[i]) + "])";
  }

  std::string distance_text(std::span<const double> row) const {
    if (nearest_.size() < 2) return "";
    std::vector<float> u(size_);
    for (size_t i = 0; i < size_; ++i)
      u[i] = static_cast<float>(std::asinh((row[i] - reference_.median[i]) / unit(i)));
    const double enough = beyond_nearest * nearest_.back();
    double least_square = infinity;
    for (size_t first = 0; first < reference_.rows.size(); first += size_) {
      const auto remembered = std::span<const float>(reference_.rows).subspan(first, size_);
      least_square = std::min(least_square, squared_distance(u, remembered));
      if (least_square <= enough * enough) return "";  // most rows are near one of the first
    }
    const double least = std::sqrt(least_square);
    const std::string times =
        nearest_.back() > 0
            ? core::brief_text(std::round(10 * least / nearest_.back()) / 10) + " times as far"
            : "farther";
    return "its distance to the nearest training row is beyond the 100th percentile of that among training "
           "rows, " +
           times + " as the largest";
  }

  double unit(size_t i) const {
    if (reference_.spread[i] > 0) return reference_.spread[i];
    return reference_.deviation[i] > 0 ? reference_.deviation[i] : 1;
  }

  const Reference& reference_;
  std::span<const std::string> names_;
  size_t size_;
  std::vector<double> nearest_;
};

}  // namespace

std::vector<Unlikeness> unlike_training(const Reference& reference, std::span<const double> x,
                                        std::span<const std::string> names) {
  std::vector<Unlikeness> found;
  if (reference.empty()) return found;
  const Comparison comparison(reference, names);
  const size_t size = reference.mean.size();
  for (size_t row = 0; row * size < x.size(); ++row) {
    std::string text = comparison.text_of(x.subspan(row * size, size));
    if (!text.empty()) found.push_back({static_cast<int64_t>(row), std::move(text)});
  }
  return found;
}

}  // namespace fluxsbi::data
