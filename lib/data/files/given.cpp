#include "data/files/given.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/files/dataset_file.hpp"
#include "data/files/given_cells.hpp"
#include "data/files/names.hpp"
#include "data/missing.hpp"

namespace fluxsbi::data {

namespace {

constexpr size_t most_problems = 20;
constexpr double blank = std::numeric_limits<double>::quiet_NaN();

int64_t row_size(const DataShape& shape) {
  return shape.theta_size() + shape.x_size();
}

// Mistakes in the rows of a file, the first ones by name.
class Problems {
 public:
  explicit Problems(std::string path) : path_(std::move(path)) {}

  void add(int64_t row, const std::string& what) {
    if (lines_.size() < most_problems)
      lines_.push_back(path_ + ": row " + std::to_string(row) + " (counted from 0) " + what);
    ++count_;
  }
  void throw_if_any() const {
    if (count_ == 0) return;
    auto lines = lines_;
    if (count_ > lines.size()) lines.push_back(core::and_more(count_ - lines.size()));
    throw core::UserErrors(lines);
  }

 private:
  std::string path_;
  std::vector<std::string> lines_;
  size_t count_ = 0;
};

// Position in a row of the model of each column of the file.
std::vector<int64_t> positions(const std::string& path, const std::vector<std::string>& columns,
                               const std::vector<std::string>& features) {
  const auto found = find_columns(features, columns);
  std::vector<std::string> unknown;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (found[i] >= 0) continue;
    unknown.push_back(path + ": the model knows no column " + core::quoted(columns[i]) +
                      core::did_you_mean(columns[i], features));
  }
  if (!unknown.empty()) throw core::UserErrors(unknown);
  return found;
}

// One row [columns] of the file in the model's order; values outside float32 or the prior are problems.
void take_row(const double* cells, int64_t row, const std::vector<int64_t>& at,
              const std::vector<std::string>& features, const Prior* prior, double* values,
              Problems& problems) {
  std::vector<double> theta(prior ? static_cast<size_t>(prior->dim()) : 0, blank);
  for (size_t i = 0; i < at.size(); ++i) {
    const double value = cells[i];
    if (std::isnan(value)) continue;
    const std::string& name = features[static_cast<size_t>(at[i])];
    if (std::cmp_less(at[i], theta.size())) theta[static_cast<size_t>(at[i])] = value;
    values[at[i]] = value;
    if (!is_finite(value)) {
      problems.add(row, "has " + core::number_text(value) + " in " + name + ", which is infinite or " +
                            beyond_largest + "; give a number, or leave the cell blank");
    } else if (prior && at[i] < prior->dim() &&
               !prior->component_in_support(static_cast<size_t>(at[i]), value)) {
      problems.add(row, "has " + name + " = " + core::number_text(value) +
                            ", which lies outside the prior's support: the model never saw such a theta");
      return;
    }
  }
  if (prior && !prior->admits(theta)) {
    problems.add(
        row,
        "gives values of theta that the prior's support does not hold together: the model never saw such "
        "a theta");
  }
}

// A row asks for something, and its tokens are filled or blank as a whole.
void check_row(const double* values, int64_t row, int64_t tokens, int64_t channels,
               const std::vector<std::string>& names, Problems& problems) {
  int64_t inferred = 0;
  for (int64_t token = 0; token < tokens; ++token) {
    const double* first = values + token * channels;
    const auto blanks = std::count_if(first, first + channels, [](double v) { return std::isnan(v); });
    inferred += blanks > 0;
    if (blanks == 0 || blanks == channels) continue;
    problems.add(row, "has some channels of " + names[static_cast<size_t>(token)] +
                          " filled and some blank; fill all of them or none");
  }
  if (inferred == 0) {
    problems.add(row,
                 "has no blank cell, so nothing is left to infer; leave the cells blank that you ask for");
  }
}

}  // namespace

std::vector<std::string> joint_names(const std::vector<std::string>& theta_names,
                                     const std::vector<std::string>& x_names) {
  std::vector<std::string> names = theta_names;
  names.insert(names.end(), x_names.begin(), x_names.end());
  return names;
}

Given load_given(const std::string& path, const DataShape& shape, const std::vector<std::string>& theta_names,
                 const std::vector<std::string>& x_names, const Prior* prior) {
  const auto names = joint_names(resolve_names(theta_names, "theta", shape.theta_dim),
                                 resolve_names(x_names, "x", shape.x_dim));
  const auto features = feature_names(names, shape.theta_channels);
  const GivenCells file = load_given_cells(path, shape, features);
  const auto at = positions(path, file.columns, features);
  const std::vector<double>& cells = file.values;

  Given given;
  given.rows = file.rows;
  if (given.rows == 0)
    throw core::UserError(path + " holds no rows; a row of blank cells asks for the joint distribution");
  const int64_t size = row_size(shape);
  given.values.assign(static_cast<size_t>(given.rows * size), blank);
  for (size_t i = 0; i < features.size(); ++i) {
    if (std::find(at.begin(), at.end(), static_cast<int64_t>(i)) == at.end())
      given.absent.push_back(features[i]);
  }
  Problems problems(path);
  for (int64_t row = 0; row < given.rows; ++row) {
    double* values = given.values.data() + row * size;
    take_row(cells.data() + row * std::ssize(at), row, at, features, prior, values, problems);
    check_row(values, row, std::ssize(names), shape.theta_channels, names, problems);
  }
  problems.throw_if_any();
  return given;
}

Given nothing_given(const DataShape& shape) {
  return {1, std::vector<double>(static_cast<size_t>(row_size(shape)), blank), {}};
}

}  // namespace fluxsbi::data
