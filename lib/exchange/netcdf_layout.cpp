#include "exchange/netcdf_layout.hpp"

#include <algorithm>
#include <ctime>
#include <utility>

#include "core/version.hpp"
#include "exchange/names.hpp"

namespace fluxsbi::exchange {

namespace {

using Names = std::vector<std::string>;
using Shape = std::vector<int64_t>;

constexpr const char* chain = "chain";
constexpr const char* draw = "draw";
constexpr const char* observation = "observation";

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S+00:00", &parts)};
}

bool allowed(char c) {
  return c != '/' && static_cast<unsigned char>(c) >= 0x20 && c != 0x7F;
}

Names fitting(const Names& names, const io::NetcdfGroup& group) {
  Names reserved;
  for (const io::NetcdfDimension& dimension : group.dimensions) reserved.push_back(dimension.name);
  return fitting_names(names, reserved, allowed, "a netCDF file");
}

// Values [observations, draws, features] as [draws, observations, features].
std::vector<double> draws_before_observations(const std::vector<double>& values, int64_t rows,
                                              int64_t draws) {
  const int64_t features = std::ssize(values) / std::max<int64_t>(rows * draws, 1);
  std::vector<double> turned;
  turned.reserve(values.size());
  for (int64_t k = 0; k < draws; ++k) {
    for (int64_t i = 0; i < rows; ++i) {
      const auto from = values.begin() + (i * draws + k) * features;
      turned.insert(turned.end(), from, from + features);
    }
  }
  return turned;
}

class Layout {
 public:
  explicit Layout(const Content& content) : content_(content), many_(content.rows() > 1) {}

  io::NetcdfFile run() {
    file_.attributes = {{"created_at", utc_now()},
                        {"creation_library", "fluxsbi"},
                        {"creation_library_version", core::version},
                        {"inference_library", "fluxsbi"},
                        {"inference_library_version", core::version},
                        {"source", content_.source}};
    if (!content_.target.empty()) file_.attributes.emplace_back("target", content_.target);
    if (!content_.log_prob_target.empty())
      file_.attributes.emplace_back("log_prob_target", content_.log_prob_target);
    posterior();
    sample_stats();
    posterior_predictive();
    observed_data();
    prior();
    prior_sbc();
    return std::move(file_);
  }

 private:
  io::NetcdfGroup& add(const std::string& name, int64_t draws) {
    io::NetcdfGroup& group = file_.groups.emplace_back(io::NetcdfGroup{name, {}, {}});
    if (draws > 0) group.dimensions = {{chain, 1, {}, 0}, {draw, draws, {}, 0}};
    return group;
  }
  void add_observations(io::NetcdfGroup& group) {
    if (many_) group.dimensions.push_back({observation, content_.rows(), {}, 0});
  }

  // A variable of [observations, draws, features ...], whose feature axes are x's.
  void add_by_draw(io::NetcdfGroup& group, const std::string& name, const std::vector<double>& values,
                   int64_t draws, const Shape& features = {}) {
    io::NetcdfVariable variable{name, {}, {chain, draw}};
    Shape shape{1, draws};
    if (many_) {
      shape.push_back(content_.rows());
      variable.dimensions.push_back(observation);
    }
    for (size_t axis = 0; axis < features.size(); ++axis) {
      shape.push_back(features[axis]);
      variable.dimensions.push_back(x_axis(axis));
    }
    variable.values = io::Array::from(draws_before_observations(values, content_.rows(), draws), shape);
    group.variables.push_back(std::move(variable));
  }

  // Columns [n, names] as variables [1, n].
  void add_columns(const std::string& name, const Numbers& table, const Names& names) {
    const int64_t n = table.shape[0], d = table.shape[1];
    io::NetcdfGroup& group = add(name, n);
    const Names fit = fitting(names, group);
    for (int64_t j = 0; j < d; ++j) {
      std::vector<double> column;
      for (int64_t i = 0; i < n; ++i) column.push_back(table.values[static_cast<size_t>(i * d + j)]);
      group.variables.push_back(
          {fit[static_cast<size_t>(j)], io::Array::from(column, {1, n}), {chain, draw}});
    }
  }

  static std::string x_axis(size_t axis) { return "x_dim_" + std::to_string(axis); }
  void add_x_axes(io::NetcdfGroup& group, const Shape& features) const {
    for (size_t axis = 0; axis < features.size(); ++axis) {
      const bool named = axis == 0 && std::ssize(content_.x_names) == features[0];
      group.dimensions.push_back({x_axis(axis), features[axis], named ? content_.x_names : Names(), 0});
    }
  }

  void posterior() {
    io::NetcdfGroup& group = add("posterior", content_.draws);
    add_observations(group);
    const Names names = fitting(content_.names, group);
    const int64_t d = content_.dimensions();
    for (int64_t j = 0; j < d; ++j) {
      std::vector<double> column;
      for (size_t i = static_cast<size_t>(j); i < content_.samples.values.size(); i += static_cast<size_t>(d))
        column.push_back(content_.samples.values[i]);
      add_by_draw(group, names[static_cast<size_t>(j)], column, content_.draws);
    }
  }

  void sample_stats() {
    if (!content_.log_prob && !content_.weights) return;
    io::NetcdfGroup& group = add("sample_stats", content_.draws);
    add_observations(group);
    if (content_.log_prob) add_by_draw(group, "lp", content_.log_prob->values, content_.draws);
    if (content_.weights) add_by_draw(group, "weight", content_.weights->values, content_.draws);
  }

  void posterior_predictive() {
    if (!content_.predictive) return;
    const Numbers& predictive = *content_.predictive;
    const Shape features(predictive.shape.begin() + 2, predictive.shape.end());
    io::NetcdfGroup& group = add("posterior_predictive", predictive.shape[1]);
    add_observations(group);
    add_x_axes(group, features);
    add_by_draw(group, "x", predictive.values, predictive.shape[1], features);
  }

  void observed_data() {
    if (!content_.x && content_.given_names.empty()) return;
    io::NetcdfGroup& group = add("observed_data", 0);
    add_observations(group);
    const Names of_rows = many_ ? Names{observation} : Names();
    if (content_.x) {
      const Shape features(content_.x->shape.begin() + 1, content_.x->shape.end());
      add_x_axes(group, features);
      io::NetcdfVariable x{"x", {}, of_rows};
      for (size_t axis = 0; axis < features.size(); ++axis) x.dimensions.push_back(x_axis(axis));
      x.values = io::Array::from(content_.x->values, many_ ? content_.x->shape : features);
      group.variables.push_back(std::move(x));
    }
    const Names names = fitting(content_.given_names, group);
    for (size_t j = 0; j < names.size(); ++j) {
      std::vector<double> column;
      for (size_t i = j; i < content_.given.values.size(); i += names.size())
        column.push_back(content_.given.values[i]);
      group.variables.push_back(
          {names[j], io::Array::from(column, many_ ? Shape{content_.rows()} : Shape()), of_rows});
    }
  }

  void prior() {
    if (content_.prior) add_columns("prior", content_.prior->draws, content_.prior->names);
  }
  void prior_sbc() {
    if (content_.pit) add_columns("prior_sbc", *content_.pit, content_.pit_names);
  }

  const Content& content_;
  bool many_;  // observations
  io::NetcdfFile file_;
};

}  // namespace

io::NetcdfFile netcdf_layout(const Content& content) {
  return Layout(content).run();
}

}  // namespace fluxsbi::exchange
