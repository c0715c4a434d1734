// Rows of small simulators, and what is found in them.
#pragma once

#include <cstdint>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "core/philox.hpp"
#include "data/files/names.hpp"
#include "data/symmetry/find_symmetries.hpp"
#include "data/symmetry/symmetry_test.hpp"

namespace fluxsbi::test {

inline data::RowNames names_of(int64_t theta, int64_t x) {
  return {data::default_names("theta", theta), data::default_names("x", x)};
}

// Rows that a simulator makes: theta, then x, from random numbers.
template <class Simulator>
data::JudgedRows simulated(size_t theta_size, size_t x_size, int64_t rows, uint64_t seed,
                           const Simulator& simulate) {
  data::JudgedRows judged{theta_size, x_size, {}};
  core::Philox random(seed, core::Purpose::test);
  for (int64_t row = 0; row < rows; ++row) {
    const std::vector<double> values = simulate(random);
    judged.values.insert(judged.values.end(), values.begin(), values.end());
  }
  return judged;
}

inline std::shared_ptr<const data::RowSource> source_of(const data::JudgedRows& judged) {
  std::vector<double> theta, x;
  for (size_t i = 0; i < judged.values.size(); ++i)
    (i % judged.width() < judged.theta_size ? theta : x).push_back(judged.values[i]);
  const auto rows = static_cast<int64_t>(judged.rows());
  const auto side = [&](const std::vector<double>& values) {
    return data::rows_in_memory(
        io::Array::from(std::span<const double>(values), {rows, std::ssize(values) / rows}));
  };
  return std::make_shared<const data::RowSource>(side(theta), side(x));
}

inline data::ChosenSymmetries symmetries_in(const std::string& wanted, const data::RowSource& rows,
                                            bool missing = false) {
  data::DataShape shape;
  shape.missing = missing;
  shape.theta_dim = rows.theta().row_size();
  shape.x_dim = rows.x().row_size();
  std::vector<int64_t> training(static_cast<size_t>(rows.rows()));
  std::iota(training.begin(), training.end(), int64_t{0});
  return data::choose_symmetries(wanted, rows, {shape, names_of(shape.theta_dim, shape.x_dim), training});
}

// A location and `n` measurements of it with noise of these widths.
inline auto measurements(std::vector<double> widths) {
  return [widths](core::Philox& random) {
    std::vector<double> row{random.normal()};
    for (const double width : widths) row.push_back(row[0] + width * random.normal());
    return row;
  };
}

}  // namespace fluxsbi::test
