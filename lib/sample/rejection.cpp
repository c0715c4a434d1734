#include "sample/rejection.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/log.hpp"
#include "core/text.hpp"

namespace fluxsbi::sample {

namespace {

constexpr double rule_of_three = 3;
constexpr double worth_saying = 0.9;  // fewer kept draws than this share are reported after the first pass

std::string interval_text(double low, double high) {
  return "[" + core::brief_text(low) + ", " + core::brief_text(high) + "]";
}

}  // namespace

Rejection::Rejection(int64_t rows, const data::Prior* prior, std::vector<std::string> names,
                     const SamplingOptions& options)
    : rows_(static_cast<size_t>(rows)),
      components_(prior ? static_cast<size_t>(prior->dim()) : 0),
      prior_(prior),
      names_(std::move(names)),
      options_(options) {
  for (size_t i = names_.size(); i < components_.size(); ++i) names_.push_back("theta_" + std::to_string(i));
}

void Rejection::count(int64_t row, bool kept, std::span<const double> theta) {
  Tries& tries = rows_[static_cast<size_t>(row)];
  ++tries.tried;
  tries.kept += kept;
  if (kept || !prior_) return;
  for (size_t i = 0; i < components_.size(); ++i) {
    Component& component = components_[i];
    component.low = rejected_ == 0 ? theta[i] : std::min(component.low, theta[i]);
    component.high = rejected_ == 0 ? theta[i] : std::max(component.high, theta[i]);
    component.outside += !prior_->component_in_support(i, theta[i]);
  }
  ++rejected_;
}

Rejection::Tries Rejection::total() const {
  Tries sum;
  for (const Tries& row : rows_) {
    sum.tried += row.tried;
    sum.kept += row.kept;
  }
  return sum;
}

// Each missing draw needs 1 / p tries on average, p being the share that its observation keeps.
double Rejection::time_to_fill(double seconds, bool all) const {
  double needed = 0;
  for (const Tries& row : rows_) {
    if (!all && hopeless(row)) continue;  // is given up
    const auto missing = static_cast<double>(row.tried - row.kept), tried = static_cast<double>(row.tried);
    const double tries = row.kept > 0 ? tried / static_cast<double>(row.kept) : tried;
    needed += missing * std::min(tries, static_cast<double>(options_.max_tries));
  }
  return needed * seconds / static_cast<double>(total().tried);
}

bool Rejection::out_of_time(double seconds) const {
  const Tries all = total();
  return options_.max_seconds > 0 && all.kept > 0 &&
         time_to_fill(seconds, /*all=*/false) > 2 * options_.max_seconds;
}

void Rejection::report_first_pass(int64_t pending, double seconds, const std::string& who) const {
  const Tries all = total();
  if (all.tried == 0 || static_cast<double>(all.kept) >= worth_saying * static_cast<double>(all.tried))
    return;
  const double time = time_to_fill(seconds, /*all=*/true);
  const double share = static_cast<double>(all.kept) / static_cast<double>(all.tried);
  const std::string places = where();
  const std::string kept =
      all.kept == 0
          ? "after the first pass not one of " + std::to_string(all.tried) + " draws is kept"
          : "after the first pass " + core::number_text(std::round(share * 1e4) / 100) +
                " % of the draws are kept; to draw the other " + std::to_string(pending) +
                " again takes about " + core::duration_text(time) +
                (time > options_.max_seconds ? ", more than sampling.max_seconds = " +
                                                   core::number_text(options_.max_seconds) + " allows"
                                             : "");
  core::log::info(who + kept + (places.empty() ? "" : " (" + places + ")"));
}

bool Rejection::hopeless(const Tries& tries) const {
  if (tries.tried < enough_tries) return false;
  const double most = (static_cast<double>(tries.kept) + rule_of_three) / static_cast<double>(tries.tried);
  return most < 1 && std::pow(1 - most, static_cast<double>(options_.max_tries)) > 0.5;
}

int64_t Rejection::give_up(std::vector<int64_t>& pending, int64_t draws) {
  ++passes_;
  const Tries all = total();
  const bool nothing = passes_ >= 2 && all.kept == 0 && all.tried >= enough_tries;
  return std::erase_if(
      pending, [&](int64_t item) { return nothing || hopeless(rows_[static_cast<size_t>(item / draws)]); });
}

std::string Rejection::where() const {
  std::vector<size_t> worst;
  for (size_t i = 0; i < components_.size(); ++i) {
    if (components_[i].outside > 0) worst.push_back(i);
  }
  std::stable_sort(worst.begin(), worst.end(),
                   [&](size_t a, size_t b) { return components_[a].outside > components_[b].outside; });
  std::string text;
  for (size_t k = 0; k < std::min<size_t>(worst.size(), 3); ++k) {
    const size_t i = worst[k];
    const auto [low, high] = prior_->ends(i);
    text += (text.empty() ? "" : "; ") + names_[i] + ": rejected draws lie in " +
            interval_text(components_[i].low, components_[i].high) + ", the prior in " +
            interval_text(low, high);
  }
  return text;
}

}  // namespace fluxsbi::sample
