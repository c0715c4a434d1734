#include "data/look/failures.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "core/text.hpp"
#include "data/look/two_samples.hpp"
#include "data/missing.hpp"

namespace fluxsbi::data {

namespace {

constexpr double failure_level = 0.01;  // of the tests for all parameters together
constexpr double few_failures = 0.01;   // of the rows

// The parameter whose distribution differs most between failed rows and the others; empty if none does.
std::string dependence_text(const RowSample& sample, std::span<const ColumnFacts> theta) {
  double least = 1, distance = 0;
  size_t which = 0;
  for (size_t i = 0; i < sample.theta_size; ++i) {
    std::vector<double> failed, others;
    for (int64_t row = 0; row < sample.rows; ++row) {
      const double value = sample.theta_row(row)[i];
      if (is_finite(value)) (sample.failed[static_cast<size_t>(row)] ? failed : others).push_back(value);
    }
    const auto test = kolmogorov_smirnov(std::move(failed), std::move(others));
    if (test.probability < least || (test.probability == least && test.distance > distance)) {
      least = test.probability;
      distance = test.distance;
      which = i;
    }
  }
  const double corrected = std::min(1.0, least * static_cast<double>(sample.theta_size));
  if (corrected >= failure_level) return "";
  return "Kolmogorov-Smirnov: " + theta[which].name + ", distance " + core::brief_text(distance) + ", p " +
         (corrected < 1e-100 ? std::string("< 1e-100") : "= " + core::brief_text(corrected));
}

}  // namespace

std::vector<Finding> find_failures(const RowSample& sample, FailedRows counted,
                                   std::span<const ColumnFacts> theta, NanPolicy policy, bool joint) {
  if (counted.failed == 0) return {};
  const double share = static_cast<double>(counted.failed) / static_cast<double>(counted.rows);
  Finding finding{Severity::note, "failed-rows", {}, share, "", "", "data.nan"};
  finding.text =
      rows_text(counted.failed, counted.rows) + " hold NaN, infinite values or values " + beyond_largest;
  if (policy == NanPolicy::error) {
    finding.severity = Severity::error;
    finding.remedy =
        "correct them (another unit for numbers that are too large), or set data.nan: drop to leave such "
        "rows out, impute where values of x alone are missing, or pad for sets and series of varying length";
  } else if (policy == NanPolicy::drop) {
    finding.severity = share > few_failures ? Severity::warning : Severity::note;
    finding.text += " and are left out";
    finding.remedy = "see to it that the simulator returns numbers there if you need them";
  }
  const std::string dependence = dependence_text(sample, theta);
  if (!dependence.empty()) {
    if (policy == NanPolicy::drop) finding.severity = Severity::warning;
    finding.text += ", and theta of failed rows differs from that of the others (" + dependence + ")";
    if (sample.failed_are_out) {
      finding.remedy =
          std::string("what is learnt is the prior and the likelihood of rows that did not fail") +
          (joint ? ", and a joint model's samples of theta, of x and of other conditionals are "
                   "theirs; take flux1 if you ask for theta given x alone, or mend the simulator"
                 : "; theta given an x that did not fail is right all the same");
    }
  }
  return {std::move(finding)};
}

}  // namespace fluxsbi::data
