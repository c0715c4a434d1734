#include "diagnose/foreign_samples.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/files/draw_weights.hpp"
#include "io/csv.hpp"
#include "io/output.hpp"

namespace fluxsbi::diagnose {

namespace {

using Names = std::vector<std::string>;

constexpr const char* group = "posterior/";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// The number that begins at `at`, without leading zeros, and where it ends.
std::string take_number(const std::string& text, size_t& at) {
  size_t end = at;
  while (end < text.size() && is_digit(text[end])) ++end;
  while (at + 1 < end && text[at] == '0') ++at;
  const std::string number = text.substr(at, end - at);
  at = end;
  return number;
}

// Values of a variable [chains, draws, features ...] put into columns of the samples.
struct Variable {
  std::string name;
  std::vector<double> values;
  int64_t features = 1;
};

}  // namespace

bool natural_less(const std::string& a, const std::string& b) {
  size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (is_digit(a[i]) && is_digit(b[j])) {
      const std::string left = take_number(a, i), right = take_number(b, j);
      if (left.size() != right.size()) return left.size() < right.size();
      if (left != right) return left < right;
    } else if (a[i] != b[j]) {
      return a[i] < b[j];
    } else {
      ++i;
      ++j;
    }
  }
  return a.size() - i < b.size() - j;
}

std::optional<io::FileContent> load_inference_data(const std::string& path,
                                                   const std::vector<io::ArrayInfo>& listed) {
  std::vector<io::ArrayInfo> variables;
  int64_t observations = 0;  // 0: the file knows none
  for (const io::ArrayInfo& array : listed) {
    if (!array.name.starts_with(group) || !array.problem.empty()) continue;
    if (array.name == std::string(group) + "observation" && array.shape.size() == 1)
      observations = array.shape[0];
    if (array.shape.size() >= 2) variables.push_back(array);
  }
  if (variables.empty()) return std::nullopt;
  std::sort(variables.begin(), variables.end(),
            [](const auto& a, const auto& b) { return natural_less(a.name, b.name); });
  const int64_t draws = variables[0].shape[0] * variables[0].shape[1];
  const bool by_observation =
      observations > 1 && std::all_of(variables.begin(), variables.end(), [&](const auto& v) {
        return v.shape.size() >= 3 && v.shape[2] == observations;
      });
  const int64_t rows = by_observation ? observations : 1;
  Names keys, columns;
  for (const io::ArrayInfo& variable : variables) {
    keys.push_back(variable.name);
    if (variable.shape[0] * variable.shape[1] != draws)
      throw core::UserError(path + ": " + variable.name + " has the shape " +
                            core::shape_text(variable.shape) + ", " + variables[0].name + " " +
                            core::shape_text(variables[0].shape) +
                            "; the variables of a posterior have the same chains and draws");
  }
  const io::Arrays arrays = io::load_arrays(path, keys).arrays;
  std::vector<Variable> all;
  for (const std::string& key : keys) {
    Variable variable{key.substr(std::string(group).size()), arrays.at(key).to_double()};
    variable.features = std::ssize(variable.values) / std::max<int64_t>(rows * draws, 1);
    for (int64_t f = 0; f < variable.features; ++f)
      columns.push_back(variable.features == 1 ? variable.name
                                               : variable.name + "[" + std::to_string(f) + "]");
    all.push_back(std::move(variable));
  }
  std::vector<double> samples;
  samples.reserve(static_cast<size_t>(rows * draws) * columns.size());
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t draw = 0; draw < draws; ++draw) {
      for (const Variable& variable : all) {
        const auto from = variable.values.begin() + (draw * rows + row) * variable.features;
        samples.insert(samples.end(), from, from + variable.features);
      }
    }
  }
  std::vector<int64_t> shape{draws, std::ssize(columns)};
  if (by_observation) shape.insert(shape.begin(), rows);
  return io::FileContent{{{"samples", io::Array::from(samples, shape)}}, std::move(columns)};
}

std::optional<io::FileContent> load_getdist(const std::string& path) {
  const std::string root = path.substr(0, path.size() - io::extension_of(path).size());
  if (io::extension_of(path) != ".txt" || !std::filesystem::exists(root + ".paramnames")) return std::nullopt;
  std::ifstream file(root + ".paramnames");
  Names names;
  for (std::string line; std::getline(file, line);) {
    std::string name;
    if (!(std::istringstream(line) >> name)) continue;
    if (name.ends_with('*')) name.pop_back();  // a derived parameter
    names.push_back(name);
  }
  const io::Csv table = io::load_csv(path);
  const auto columns = static_cast<size_t>(table.values.shape.at(1));
  constexpr size_t before = 2;  // weight and minus the log-likelihood
  if (!table.columns.empty() || columns != names.size() + before)
    throw core::UserError(path + " holds " + std::to_string(columns) + " columns, " + root + ".paramnames " +
                          core::count_text(std::ssize(names), "name") +
                          "; a getdist chain has a weight, a likelihood and a column for each name");
  const std::vector<double> values = table.values.to_double();
  std::vector<double> samples, weights;
  for (size_t at = 0; at < values.size(); at += columns) {
    weights.push_back(values[at]);
    samples.insert(samples.end(), values.begin() + static_cast<int64_t>(at + before),
                   values.begin() + static_cast<int64_t>(at + columns));
  }
  data::refuse_different_weights(weights, path);
  return io::FileContent{{{"array", io::Array::from(samples, {table.values.shape[0], std::ssize(names)})}},
                         names};
}

}  // namespace fluxsbi::diagnose
