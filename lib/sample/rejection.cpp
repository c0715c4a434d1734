#include "sample/rejection.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/log.hpp"
#include "core/text.hpp"
#include "sample/files/exact_numbers.hpp"

namespace fluxsbi::sample {

namespace {

using nlohmann::json;

constexpr double rule_of_three = 3;
constexpr double worth_saying = 0.9;  // fewer kept draws than this share are reported after the first pass

// What OneRejectionReport asks for.
enum class Reports { all, one, none_left };
std::atomic<Reports> reports_asked{Reports::all};

bool may_report() {
  Reports one = Reports::one;
  return reports_asked.compare_exchange_strong(one, Reports::none_left) || one == Reports::all;
}

std::string interval_text(double low, double high) {
  return "[" + core::brief_text(low) + ", " + core::brief_text(high) + "]";
}

}  // namespace

OneRejectionReport::OneRejectionReport() {
  reports_asked = Reports::one;
}

OneRejectionReport::~OneRejectionReport() {
  reports_asked = Reports::all;
}

Rejection::Rejection(const data::Prior* prior, std::vector<std::string> names, const SamplingOptions& options)
    : components_(prior ? static_cast<size_t>(prior->dim()) : 0),
      prior_(prior),
      names_(std::move(names)),
      options_(options) {
  for (size_t i = names_.size(); i < components_.size(); ++i) names_.push_back("theta_" + std::to_string(i));
}

void Rejection::begin_block(int64_t first_row, int64_t rows) {
  const int64_t last = first_row_ + std::ssize(rows_) - 1;
  before_ = !rows_.empty() && first_row == last ? rows_.back() : Tries{};
  total_before_ = total_;
  rows_.assign(static_cast<size_t>(rows), {});
  if (rows > 0) rows_.front() = before_;
  first_row_ = first_row;
}

void Rejection::count_broken(int64_t row) {
  ++this->row(row).tried;
  ++total_.tried;
}

void Rejection::count(int64_t row, bool kept, std::span<const double> theta) {
  for (Tries* tries : {&this->row(row), &total_}) {
    ++tries->tried;
    tries->kept += kept;
  }
  if (kept || !prior_) return;
  for (size_t i = 0; i < components_.size(); ++i) {
    Component& component = components_[i];
    component.low = rejected_ == 0 ? theta[i] : std::min(component.low, theta[i]);
    component.high = rejected_ == 0 ? theta[i] : std::max(component.high, theta[i]);
    component.outside += !prior_->component_in_support(i, theta[i]);
  }
  ++rejected_;
}

Rejection::Tries Rejection::of_block() const {
  return {total_.tried - total_before_.tried, total_.kept - total_before_.kept};
}

// Each missing draw needs 1 / p tries on average, p being the share that its observation keeps.
double Rejection::time_to_fill(double seconds, bool all) const {
  double needed = 0;
  for (const Tries& row : rows_) {
    if (!all && hopeless(row)) continue;  // is given up
    const int64_t earlier = &row == rows_.data() ? before_.tried - before_.kept : 0;
    const auto missing = static_cast<double>(row.tried - row.kept - earlier),
               tried = static_cast<double>(row.tried);
    const double tries = row.kept > 0 ? tried / static_cast<double>(row.kept) : tried;
    needed += missing * std::min(tries, static_cast<double>(options_.max_tries));
  }
  return needed * seconds / static_cast<double>(of_block().tried);
}

bool Rejection::out_of_time(double seconds, double spent, double share) const {
  return options_.max_seconds > 0 && of_block().kept > 0 &&
         (spent + time_to_fill(seconds, /*all=*/false)) / share > 2 * options_.max_seconds;
}

void Rejection::report_first_pass(int64_t pending, double seconds, double share, const std::string& who) {
  const Tries all = of_block();
  if (reported_ || all.tried == 0 ||
      static_cast<double>(all.kept) >= worth_saying * static_cast<double>(all.tried))
    return;
  reported_ = true;
  if (!may_report()) return;
  const double time = time_to_fill(seconds, /*all=*/true) / share;
  const double kept_share = static_cast<double>(all.kept) / static_cast<double>(all.tried);
  const auto others = static_cast<int64_t>(std::round(static_cast<double>(pending) / share));
  const std::string places = where();
  const std::string first = share < 1 ? "after the first pass over " + std::to_string(all.tried) + " draws "
                                      : "after the first pass ";
  const std::string kept =
      all.kept == 0
          ? first + "not one of " + std::to_string(all.tried) + " draws is kept"
          : first + core::number_text(std::round(kept_share * 1e4) / 100) +
                " % of the draws are kept; to draw the other " + std::to_string(others) +
                (share < 1 ? " of all" : "") + " again takes about " + core::duration_text(time) +
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
  const bool nothing = passes_ >= 2 && total_.kept == 0 && total_.tried >= enough_tries;
  return std::erase_if(pending, [&](int64_t item) { return nothing || hopeless(row(item / draws)); });
}

std::string Rejection::state() const {
  json components = json::array();
  for (const Component& c : components_)
    components.push_back({exact_bits(std::vector{c.low, c.high}), c.outside});
  const Tries last = rows_.empty() ? Tries{} : rows_.back();
  return json{{"row", first_row_ + std::ssize(rows_) - 1},
              {"tries", {last.tried, last.kept}},
              {"total", {total_.tried, total_.kept}},
              {"components", components},
              {"passes", passes_},
              {"rejected", rejected_},
              {"reported", reported_}}
      .dump();
}

void Rejection::restore(const std::string& state) {
  const json kept = json::parse(state);
  const auto tries_of = [&](const char* key) {
    return Tries{kept.at(key).at(0).get<int64_t>(), kept.at(key).at(1).get<int64_t>()};
  };
  first_row_ = kept.at("row").get<int64_t>();
  rows_ = {tries_of("tries")};
  total_ = tries_of("total");
  passes_ = kept.at("passes").get<int64_t>();
  rejected_ = kept.at("rejected").get<int64_t>();
  reported_ = kept.at("reported").get<bool>();
  const json& components = kept.at("components");
  for (size_t i = 0; i < components_.size(); ++i) {
    const auto ends = from_bits(components.at(i).at(0).get<std::vector<uint64_t>>());
    components_[i] = {ends.at(0), ends.at(1), components.at(i).at(1).get<int64_t>()};
  }
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
