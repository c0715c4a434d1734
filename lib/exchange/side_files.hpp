// The files that may stand beside samples in an export.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "diagnose/samples.hpp"
#include "exchange/content.hpp"

namespace fluxsbi::exchange {

/// The draws that an export keeps of a file: for each of its observations their places, in ascending order.
struct Kept {
  int64_t file_rows = 0, file_draws = 0;  ///< of the whole file
  std::vector<int64_t> observations;
  std::vector<std::vector<int64_t>> places;  ///< [observations][draws of it]
  bool all_places = false;                   ///< the export has all draws of the file, filled or not
};

/// Of a number for each draw of the file, [file_rows file_draws], those that are kept: [observations, draws].
Numbers numbers_of_draws(const std::vector<double>& values, const Kept& kept);

/// Draws of the prior for the variables `names`, from a file of draws (theta, samples, a table) or from the
/// prior of a run folder or model file: `count` of them. Sets `bounds` [names] in the latter case.
PriorDraws load_prior(const std::string& path, const std::vector<std::string>& names,
                      const std::vector<std::string>& all_names, int64_t count, std::vector<Bounds>& bounds);

/// x of simulations at the draws: [observations, draws or fewer, features ...]. A theta in the file must be
/// that of the draws in `samples`, as float32 holds them.
Numbers load_predictive(const std::string& path, const Kept& kept, const diagnose::SampleFile& samples);

/// PIT values [pairs, d] in [0, 1]; rows that are not finite are left out, and a line says how many.
Numbers load_pit(const std::string& path);
/// The names of their columns, which `diagnose` writes beside them; none where the file tells none.
std::vector<std::string> names_of_pit(const std::string& path);

/// The first of a run's diagnostics/*.npz, by name, that holds `pit`; empty if none does.
std::string pit_file_of_run(const std::string& run);

}  // namespace fluxsbi::exchange
