#include "data/look/look.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "core/text.hpp"
#include "data/files/names.hpp"
#include "data/look/column_findings.hpp"
#include "data/look/failures.hpp"
#include "data/look/independence.hpp"
#include "data/look/outside.hpp"
#include "data/look/relations.hpp"
#include "data/look/repeats.hpp"
#include "data/look/sample.hpp"
#include "data/missing.hpp"
#include "data/precision.hpp"

namespace fluxsbi::data {

namespace {

constexpr int64_t few_rows = 100;

std::vector<ColumnFacts> facts_of(const RowSample& sample, const std::vector<std::string>& names, bool theta,
                                  std::span<const ColumnTally> tallies, bool single) {
  std::vector<ColumnFacts> facts;
  for (size_t i = 0; i < names.size(); ++i) {
    std::vector<double> values;
    int64_t missing = 0;
    for (int64_t row = 0; row < sample.rows; ++row) {
      const double value = theta ? sample.theta_row(row)[i] : sample.x_row(row)[i];
      if (!is_finite(value)) {
        ++missing;
      } else if (sample.used(row)) {
        values.push_back(value);
      }
    }
    facts.push_back(
        column_facts(names[i], std::move(values), missing, tallies.empty() ? nullptr : &tallies[i]));
    ColumnFacts& column = facts.back();
    const double size = std::max(std::abs(column.lower_quartile), std::abs(column.upper_quartile));
    column.step = single ? single_step(size) : std::nextafter(size, 2 * size + 1) - size;
  }
  return facts;
}

// Ten significant digits, so that a model file of many variables stays small.
double rounded(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.10g", value);
  return std::strtod(text, nullptr);
}

class Looking {
 public:
  Looking(const Dataset& dataset, const DataOptions& options, const LookRequest& request)
      : dataset_(dataset),
        options_(options),
        request_(request),
        sample_(sample_rows(dataset, options, request.seed, request.most_numbers)) {
    look_.rows = dataset.rows->rows();
    look_.looked_at = sample_.rows;
    look_.failed = sample_.failures();
    look_.exact =
        request.theta_tallies.size() == sample_.theta_size && request.x_tallies.size() == sample_.x_size;
    look_.theta = facts_of(sample_, feature_names(dataset.theta_names, dataset.shape.theta_channels), true,
                           request.theta_tallies, dataset.rows->theta().is_single());
    look_.x = facts_of(sample_, feature_names(dataset.x_names, dataset.shape.x_channels), false,
                       request.x_tallies, dataset.rows->x().is_single());
  }

  Look run() {
    find_row_findings();
    const bool empty_columns = find_empty_columns();
    const bool counted = look_.rows > look_.looked_at && sample_.failed_are_out && request_.dropped;
    if (counted) look_.failed = *request_.dropped;
    if (!empty_columns) {  // else all rows fail, for one reason
      add(find_failures(sample_,
                        {counted ? look_.failed : sample_.failures(), counted ? look_.rows : sample_.rows},
                        look_.theta, options_.nan, request_.joint));
    }
    if (request_.prior) {
      auto outside = find_outside(sample_, dataset_.rows->theta(), *request_.prior, look_.theta);
      if (outside.empty()) outside = find_other_distribution(sample_, *request_.prior, look_.theta);
      add(std::move(outside));
    }
    const bool out = sample_.failed_are_out;
    add(find_column_findings({"theta", look_.theta, request_.theta, options_.standardise_theta}, out));
    add(find_column_findings({"x", look_.x, request_.x, options_.standardise_x}, out));
    add(find_relations(sample_, look_.theta, look_.x));
    if (!dataset_.shape.padded) add(find_independence(sample_, look_.theta, look_.x));
    std::stable_sort(look_.findings.begin(), look_.findings.end(),
                     [](const Finding& a, const Finding& b) { return a.severity > b.severity; });
    remember();
    return std::move(look_);
  }

 private:
  void add(Finding finding) { look_.findings.push_back(std::move(finding)); }
  void add(std::vector<Finding> findings) {
    for (Finding& finding : findings) add(std::move(finding));
  }
  int64_t used_rows() const {
    return sample_.failed_are_out ? sample_.rows - sample_.failures() : sample_.rows;
  }

  void find_row_findings() {
    if (look_.rows == look_.looked_at && used_rows() > 0 && used_rows() < few_rows) {
      add({Severity::warning,
           "few-rows",
           {},
           static_cast<double>(used_rows()),
           "there " + std::string(used_rows() == 1 ? "is" : "are") + " only " +
               core::count_text(used_rows(), "row") + " to train and validate on",
           "a network needs hundreds at least; simulate more",
           ""});
    }
    add(find_repeats(sample_, look_.theta, look_.x));
  }

  // Whether there are columns that no row holds; a set's last element may be one.
  bool find_empty_columns() {
    if (dataset_.shape.padded) return false;
    std::vector<FindingItem> empty;
    for (const auto* side : {&look_.theta, &look_.x}) {
      for (const ColumnFacts& column : *side) {
        if (sample_.rows > 0 && column.missing == sample_.rows) empty.push_back({column.name, "", 1});
      }
    }
    if (empty.empty()) return false;
    add(grouped(Severity::error, "empty-columns", std::move(empty),
                std::string("missing, infinite or ") + beyond_largest + " in every row: ", "",
                "nothing can be learnt from it; leave it out (data.ignore does so with a column of text), "
                "mend what writes it, or set data.nan: pad if x holds sets or series of varying length",
                "data.ignore"));
    return true;
  }

  // What later observations are compared with.
  void remember() {
    Reference& reference = look_.reference;
    const size_t size = look_.x.size();
    if (size == 0 || used_rows() == 0) return;
    const auto most = std::min<int64_t>(reference_rows, reference_numbers / static_cast<int64_t>(size));
    const bool keeps_rows = most >= least_reference_rows;
    for (const ColumnFacts& column : look_.x) {
      reference.mean.push_back(rounded(column.mean));
      reference.deviation.push_back(rounded(column.deviation));
      reference.low.push_back(rounded(column.smallest));
      reference.high.push_back(rounded(column.largest));
      if (!keeps_rows) continue;
      reference.median.push_back(rounded(column.median));
      reference.spread.push_back(rounded(column.spread));
    }
    if (!keeps_rows) return;
    const int64_t used = used_rows(), wanted = std::min(most, used);
    for (int64_t row = 0, at = 0, taken = 0; row < sample_.rows && taken < wanted; ++row) {
      if (!sample_.used(row)) continue;
      if (at++ * wanted / used < taken) continue;  // evenly spread over the rows
      append_row(sample_.x_row(row));
      ++taken;
    }
  }

  void append_row(std::span<const double> x) {
    Reference& reference = look_.reference;
    for (size_t i = 0; i < x.size(); ++i) {
      const double unit = reference.spread[i] > 0      ? reference.spread[i]
                          : reference.deviation[i] > 0 ? reference.deviation[i]
                                                       : 1;
      reference.rows.push_back(static_cast<float>(std::asinh((x[i] - reference.median[i]) / unit)));
    }
  }

  const Dataset& dataset_;
  const DataOptions& options_;
  const LookRequest& request_;
  RowSample sample_;
  Look look_;
};

}  // namespace

int64_t Look::count(Severity severity) const {
  return std::count_if(findings.begin(), findings.end(),
                       [&](const Finding& finding) { return finding.severity == severity; });
}

Look look(const Dataset& dataset, const DataOptions& options, const LookRequest& request) {
  return Looking(dataset, options, request).run();
}

}  // namespace fluxsbi::data
