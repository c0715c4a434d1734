#include "exchange/side_files.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <numeric>
#include <utility>

#include <nlohmann/json.hpp>

#include "checkpoint/model_file.hpp"
#include "config/reader.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/philox.hpp"
#include "core/text.hpp"
#include "data/files/names.hpp"
#include "data/prior/prior.hpp"
#include "diagnose/draw_numbers.hpp"
#include "io/files.hpp"
#include "io/output.hpp"

namespace fluxsbi::exchange {

namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;
using Shape = std::vector<int64_t>;

std::string draws_text(const Kept& kept) {
  return std::to_string(kept.file_rows) + " x " + std::to_string(kept.file_draws) + " draws";
}

int64_t product(const Shape& shape, size_t first) {
  return std::accumulate(shape.begin() + static_cast<int64_t>(first), shape.end(), int64_t{1},
                         std::multiplies<>());
}

// The draws for the variables `names` of a set whose columns are known or, in their order, are `all_names`.
PriorDraws of_variables(diagnose::SampleSet set, const Names& names, const Names& all_names,
                        const std::string& option) {
  if (set.columns.empty()) {
    if (set.dimensions != std::ssize(all_names))
      throw core::UserError(option + " holds " + std::to_string(set.dimensions) +
                            " columns without names, the samples " + std::to_string(all_names.size()) + " (" +
                            core::list_first(all_names) + "); give as many, or a .csv file that names them");
    set.columns = all_names;
  }
  Names found;
  for (const std::string& name : names) {
    if (std::count(set.columns.begin(), set.columns.end(), name)) found.push_back(name);
  }
  if (found.empty())
    throw core::UserError(option + " holds the columns " + core::list_first(set.columns) +
                          ", none of which is a variable of the samples (" + core::list_first(names) + ")");
  const int64_t dropped = diagnose::drop_not_finite(set);
  if (dropped > 0)
    core::log::warning(option + ": " + core::count_text(dropped, "draw") +
                       " that are not finite are left out");
  set = diagnose::with_columns(set, found);
  return {{{set.rows, set.dimensions}, std::move(set.values)}, found};
}

bool is_model(const std::string& path) {
  return fs::is_directory(path) || io::extension_of(path) == ".safetensors";
}

PriorDraws draw_prior(const std::string& path, const Names& names, int64_t count,
                      std::vector<Bounds>& bounds) {
  std::string note;
  const checkpoint::ModelFile model = checkpoint::load_model(checkpoint::find_model(path, note));
  if (!note.empty()) core::log::info(note);
  const config::Value document = config::parse_yaml(model.config, path);
  config::Reader reader(document);
  data::PriorOptions options;
  reader.read(data::prior_table(), options);
  data::resolve(options, reader);
  reader.finish_part();
  const auto prior = data::make_prior(options, model.shape.theta_size());
  if (!prior)
    throw core::UserError(
        "--prior " + path +
        ": its config says nothing of the prior (prior.kind is none); give a file of draws");
  const Names theta = data::feature_names(model.theta_names, model.shape.theta_channels);
  diagnose::SampleSet set{path, count, prior->dim(), {}, theta, 0};
  set.values.resize(static_cast<size_t>(count * prior->dim()));
  for (int64_t i = 0; i < count; ++i) {
    core::Philox random(0, core::Purpose::prior, static_cast<uint64_t>(i));
    prior->sample(random,
                  std::span(set.values)
                      .subspan(static_cast<size_t>(i * prior->dim()), static_cast<size_t>(prior->dim())));
  }
  PriorDraws drawn = of_variables(std::move(set), names, theta, "--prior " + path);
  for (const std::string& name : names) {
    const auto at = std::find(theta.begin(), theta.end(), name);
    constexpr double infinity = std::numeric_limits<double>::infinity();
    const auto [low, high] = at == theta.end() ? std::pair(-infinity, infinity)
                                               : prior->ends(static_cast<size_t>(at - theta.begin()));
    bounds.push_back({low, high});
  }
  return drawn;
}

// Which draw of the export each of n simulations belongs to: consecutive ones of the observations, or of the
// file.
struct Places {
  int64_t draws = 0;        // of each observation
  std::vector<int64_t> of;  // [observations, draws]: the simulation, or -1
};

Places places_of(int64_t n, const Kept& kept, const std::vector<int64_t>& filled_before,
                 const std::string& what) {
  const int64_t rows = std::ssize(kept.observations), filled = filled_before.back();
  int64_t most = 0;
  for (const auto& places : kept.places) most = std::max(most, std::ssize(places));
  const int64_t width = kept.all_places ? kept.file_draws : most;
  const auto fill = [&](const auto& simulation) {
    Places found{width, std::vector<int64_t>(static_cast<size_t>(rows * width), -1)};
    for (int64_t i = 0; i < rows; ++i) {
      const auto& places = kept.places[static_cast<size_t>(i)];
      for (int64_t k = 0; k < std::ssize(places); ++k) {
        const int64_t place = places[static_cast<size_t>(k)];
        found.of[static_cast<size_t>(i * width + (kept.all_places ? place : k))] = simulation(i, k, place);
      }
    }
    return found;
  };
  const auto row_of = [&](int64_t i) { return kept.observations[static_cast<size_t>(i)]; };
  if (n == kept.file_rows * kept.file_draws)
    return fill([&](int64_t i, int64_t, int64_t place) { return row_of(i) * kept.file_draws + place; });
  if (n == filled)
    return fill(
        [&](int64_t i, int64_t k, int64_t) { return filled_before[static_cast<size_t>(row_of(i))] + k; });
  if (rows == 1 && n <= most) {
    Places found{n, std::vector<int64_t>(static_cast<size_t>(n))};
    std::iota(found.of.begin(), found.of.end(), 0);
    return found;
  }
  throw core::UserError(
      what + " holds " + std::to_string(n) + " simulations, the samples " + draws_text(kept) +
      (filled < kept.file_rows * kept.file_draws ? " of which " + std::to_string(filled) + " are filled"
                                                 : "") +
      "; simulate at all of them: fluxsbi simulate TASK --theta SAMPLES -o FILE");
}

// The simulations' theta must be the draws', as float32 holds them.
void compare_theta(const io::Array& theta, const Places& places, const Kept& kept,
                   const diagnose::SampleFile& samples, const std::string& what) {
  const std::vector<double> simulated = theta.to_double();
  const int64_t d = product(theta.shape, 1);
  for (size_t i = 0; i < kept.observations.size(); ++i) {
    const diagnose::SampleSet set = samples.set(samples.by_observation() ? kept.observations[i] : -1);
    if (set.dimensions != d) return;  // of another part of the variables
    const auto place_of = [&](int64_t k) {
      return set.places.empty() ? k : set.places[static_cast<size_t>(k)];
    };
    for (int64_t k = 0, next = 0; k < set.rows && next < std::ssize(kept.places[i]); ++k) {
      if (place_of(k) != kept.places[i][static_cast<size_t>(next)]) continue;
      const int64_t column = kept.all_places ? place_of(k) : next;
      ++next;
      if (column >= places.draws) break;
      const int64_t simulation =
          places.of[i * static_cast<size_t>(places.draws) + static_cast<size_t>(column)];
      for (int64_t j = 0; j < d; ++j) {
        const double a = set.values[static_cast<size_t>(k * d + j)],
                     b = simulated[static_cast<size_t>(simulation * d + j)];
        if (static_cast<float>(a) == static_cast<float>(b)) continue;
        throw core::UserError(what + ": theta of its row " + std::to_string(simulation) + " is not draw " +
                              std::to_string(place_of(k)) + " of " + set.name + " (" + core::brief_text(b) +
                              ", not " + core::brief_text(a) +
                              "); simulate at these samples: fluxsbi simulate TASK --theta " +
                              samples.path() + " -o FILE");
      }
    }
  }
}

}  // namespace

Numbers numbers_of_draws(const std::vector<double>& values, const Kept& kept) {
  const int64_t rows = std::ssize(kept.observations);
  const int64_t draws = kept.all_places ? kept.file_draws : std::ssize(kept.places.front());
  Numbers numbers{{rows, draws}, std::vector<double>(static_cast<size_t>(rows * draws), std::nan(""))};
  for (int64_t i = 0; i < rows; ++i) {
    const auto& places = kept.places[static_cast<size_t>(i)];
    for (int64_t k = 0; k < std::ssize(places); ++k) {
      const int64_t place = places[static_cast<size_t>(k)];
      numbers.values[static_cast<size_t>(i * draws + (kept.all_places ? place : k))] =
          values[static_cast<size_t>(kept.observations[static_cast<size_t>(i)] * kept.file_draws + place)];
    }
  }
  return numbers;
}

PriorDraws load_prior(const std::string& path, const Names& names, const Names& all_names, int64_t count,
                      std::vector<Bounds>& bounds) {
  if (is_model(path)) return draw_prior(path, names, count, bounds);
  const diagnose::SampleFile file(path);
  if (file.observations() > 1)
    throw core::UserError("--prior " + path + " holds draws for " + std::to_string(file.observations()) +
                          " observations, but a prior has none; give draws [n, d]");
  return of_variables(file.set(), names, all_names, "--prior " + path);
}

Numbers load_predictive(const std::string& path, const Kept& kept, const diagnose::SampleFile& samples) {
  const std::string what = "--predictive " + path;
  io::Array x = diagnose::load_one_of(path, {"x"}, "--predictive");
  if (x.shape.empty()) throw core::UserError(what + ": x is a single number; give x [n, features]");
  if (x.shape.size() > 2 && x.shape[0] == kept.file_rows && x.shape[1] == kept.file_draws) {
    x.shape[1] *= x.shape[0];
    x.shape.erase(x.shape.begin());
  }
  std::vector<int64_t> filled_before{0};
  for (int64_t row = 0; row < kept.file_rows; ++row)
    filled_before.push_back(filled_before.back() + std::ssize(samples.finite_draws(row)));
  const Places places = places_of(x.shape[0], kept, filled_before, what);
  if (!io::is_text_table(path) && io::extension_of(path) != ".npy") {
    const auto list = io::list_arrays(path);
    if (std::any_of(list.begin(), list.end(), [](const auto& info) { return info.name == "theta"; }))
      compare_theta(io::load_arrays(path, {"theta"}).arrays.at("theta"), places, kept, samples, what);
  }
  const int64_t features = product(x.shape, 1);
  const std::vector<double> values = x.to_double();
  Numbers found{{std::ssize(kept.observations), places.draws}, {}};
  found.shape.insert(found.shape.end(), x.shape.begin() + 1, x.shape.end());
  found.values.reserve(places.of.size() * static_cast<size_t>(features));
  for (const int64_t simulation : places.of) {
    for (int64_t j = 0; j < features; ++j)
      found.values.push_back(simulation < 0 ? std::nan("")
                                            : values[static_cast<size_t>(simulation * features + j)]);
  }
  return found;
}

Numbers load_pit(const std::string& path) {
  const io::Array array = diagnose::load_one_of(path, {"pit"}, "--pit");
  if (array.shape.empty() || array.shape.size() > 2 || array.elements() == 0)
    throw core::UserError("--pit " + path + ": pit has the shape " + core::shape_text(array.shape) +
                          "; give [pairs, d]");
  const int64_t d = array.shape.size() == 2 ? array.shape[1] : 1;
  diagnose::SampleSet set{path, array.shape[0], d, array.to_double(), {}, 0};
  const int64_t dropped = diagnose::drop_not_finite(set);
  if (dropped > 0)
    core::log::warning("--pit " + path + ": " + std::to_string(dropped) +
                       " pairs that are not finite are left out");
  const auto outside =
      std::find_if(set.values.begin(), set.values.end(), [](double u) { return u < 0 || u > 1; });
  if (outside != set.values.end())
    throw core::UserError("--pit " + path + ": holds " + core::number_text(*outside) +
                          "; PIT values lie between 0 and 1 (divide ranks by the number of draws + 1)");
  if (set.rows == 0) throw core::UserError("--pit " + path + " holds no finite pair");
  return {{set.rows, d}, std::move(set.values)};
}

std::vector<std::string> names_of_pit(const std::string& path) {
  if (io::extension_of(path) != ".npz") return {};
  const auto arrays = io::load_arrays(path).arrays;
  const auto names = arrays.find("names");
  if (names == arrays.end() || names->second.dtype != io::DType::u8) return {};
  const auto& bytes = names->second.bytes;
  const auto* text = reinterpret_cast<const char*>(bytes.data());
  const auto list = nlohmann::json::parse(text, text + bytes.size(), nullptr, false);
  const bool good = list.is_array() &&
                    std::all_of(list.begin(), list.end(), [](const auto& name) { return name.is_string(); });
  return good ? list.get<std::vector<std::string>>() : std::vector<std::string>();
}

std::string pit_file_of_run(const std::string& run) {
  std::vector<std::string> files;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(fs::path(run) / "diagnostics", ignored)) {
    if (io::extension_of(entry.path().string()) == ".npz") files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  for (const std::string& file : files) {
    const auto list = io::list_arrays(file);
    if (std::any_of(list.begin(), list.end(), [](const auto& info) { return info.name == "pit"; }))
      return file;
  }
  return "";
}

}  // namespace fluxsbi::exchange
