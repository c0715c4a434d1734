#include "data/simulate/simulation_file.hpp"

#include <algorithm>
#include <cstdint>
#include <span>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "data/files/column_order.hpp"
#include "data/files/names.hpp"
#include "data/precision.hpp"
#include "io/files.hpp"
#include "io/named_axes.hpp"
#include "io/output.hpp"

namespace fluxsbi::data {

namespace {

struct Wide {
  bool theta = false, x = false;  ///< in float64
};

// The columns of theta that hold numbers which float32 does not.
std::vector<std::string> wide_names(const Simulations& all, const std::vector<std::string>& theta_names) {
  const auto names = resolve_names(theta_names, "theta", all.theta_dim);
  std::vector<uint8_t> wide(names.size(), 0);
  for (size_t i = 0; i < all.theta.size(); ++i) {
    if (!fits_single(std::span(&all.theta[i], 1))) wide[i % names.size()] = 1;
  }
  std::vector<std::string> found;
  for (size_t i = 0; i < names.size(); ++i) {
    if (wide[i]) found.push_back(names[i]);
  }
  return found;
}

// Says what is float64, and why.
Wide wide_sides(const std::string& output, const Simulations& all,
                const std::vector<std::string>& theta_names, const std::vector<std::string>& x_names) {
  const auto names = wide_names(all, theta_names);
  Wide wide{!names.empty(), false};
  if (wide.theta)
    core::log::info(output + ": theta is float64, because " + core::list_first(names, 3) +
                    (names.size() == 1 ? " has" : " have") + " more digits than float32, or sizes beyond it");
  if (fits_single(all.x)) return wide;
  const auto coarse = coarse_in_single(all.x, static_cast<size_t>(all.x_dim));
  if (!coarse) return wide;
  wide.x = true;
  core::log::info(output + ": x is float64, because float32 cannot resolve " +
                  resolve_names(x_names, "x", all.x_dim)[*coarse] +
                  " to a thousandth of its spread, or has no numbers of its size");
  return wide;
}

void save_csv(const std::string& output, const Simulations& all, Wide wide, bool with_failed,
              const std::vector<std::string>& theta_names, const std::vector<std::string>& x_names) {
  std::vector<std::string> columns = resolve_names(theta_names, "theta", all.theta_dim);
  const auto x_columns = resolve_names(x_names, "x", all.x_dim);
  columns.insert(columns.end(), x_columns.begin(), x_columns.end());
  if (with_failed) columns.push_back("failed");
  std::vector<double> table;  // [rows, columns]
  table.reserve(static_cast<size_t>(all.rows) * columns.size());
  for (int64_t row = 0; row < all.rows; ++row) {
    const auto theta = all.theta.begin() + row * all.theta_dim, x = all.x.begin() + row * all.x_dim;
    table.insert(table.end(), theta, theta + all.theta_dim);
    table.insert(table.end(), x, x + all.x_dim);
    if (with_failed) table.push_back(all.failed[static_cast<size_t>(row)]);
  }
  io::save_arrays(output, {{"array", array_of(table, {all.rows, std::ssize(columns)}, wide.theta || wide.x)}},
                  columns);
}

}  // namespace

std::vector<std::string> simulation_files(const std::string& output) {
  const auto& known = io::writable_extensions();
  const std::string extension = io::extension_of(output);
  if (std::find(known.begin(), known.end(), extension) == known.end()) {
    throw core::UserError(output + ": simulations can be written as " + core::join(known) +
                          "; choose a name with one of these extensions");
  }
  if (extension != ".npy") return {output};
  const std::string stem = output.substr(0, output.size() - extension.size());
  return {stem + "_theta.npy", stem + "_x.npy"};
}

void save_simulations(const std::string& output, const Simulations& all, bool with_failed,
                      const std::vector<std::string>& theta_names, const std::vector<std::string>& x_names) {
  const Wide wide = wide_sides(output, all, theta_names, x_names);
  if (io::extension_of(output) == ".csv") {
    save_csv(output, all, wide, with_failed, theta_names, x_names);
    return;
  }
  auto theta = array_of(all.theta, {all.rows, all.theta_dim}, wide.theta);
  std::vector<int64_t> x_shape{all.rows};
  if (all.x_shape.empty()) x_shape.push_back(all.x_dim);
  x_shape.insert(x_shape.end(), all.x_shape.begin(), all.x_shape.end());
  auto x = array_of(all.x, x_shape, wide.x);
  const auto files = simulation_files(output);
  if (files.size() == 2) {
    io::save_arrays(files[0], {{"theta", std::move(theta)}});
    io::save_arrays(files[1], {{"x", std::move(x)}});
    return;
  }
  io::Arrays arrays;
  arrays["theta"] = std::move(theta);
  arrays["x"] = std::move(x);
  if (with_failed) arrays["failed"] = io::Array::from_bool(all.failed, {all.rows});
  // A series has a name for each token, of which x_dim counts the channels.
  const int64_t tokens = all.x_dim / (all.x_shape.size() > 1 ? all.x_shape.back() : 1);
  const bool names_x = std::ssize(x_names) == tokens;
  if (!theta_names.empty() || (names_x && !x_names.empty()))
    arrays["meta"] = meta_of_names(theta_names, names_x ? x_names : std::vector<std::string>());
  std::vector<std::string> x_axes{"simulation"};
  for (size_t axis = 1; axis < arrays["x"].shape.size(); ++axis)
    x_axes.push_back("x_dim_" + std::to_string(axis - 1));
  io::save_arrays_with_axes(output, arrays,
                            {{"theta", {"simulation", "parameter"}},
                             {"x", x_axes},
                             {"failed", {"simulation"}},
                             {"meta", {"byte"}}});
}

}  // namespace fluxsbi::data
