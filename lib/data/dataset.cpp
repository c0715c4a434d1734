#include <span>
#include <utility>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "data/dataset_size.hpp"
#include "data/files/dataset_file.hpp"
#include "data/files/names.hpp"
#include "data/screening/use_x.hpp"
#include "data/simulate/simulate.hpp"
#include "data/source/parts.hpp"
#include "data/tasks/task.hpp"

namespace fluxsbi::data {

namespace {

/// Throws unless exactly one source is named.
void check_source(const DataOptions& options) {
  if (options.theta_file.has_value() != options.x_file.has_value()) {
    throw core::UserError(std::string("data.") + (options.theta_file ? "x_file" : "theta_file") +
                          " is missing; data.theta_file and data.x_file go together");
  }
  const int sources = options.file.has_value() + !options.files.empty() + options.theta_file.has_value() +
                      options.task.has_value();
  if (options.task && !options.ignore.empty())
    throw core::UserError(
        "data.ignore leaves out columns of text files, and data.task is no file; remove it");
  if (sources == 1) return;
  throw core::UserError(std::string(sources == 0 ? "no data: " : "data has more than one source: ") +
                        "give one of data.file (--data), data.files, data.theta_file with data.x_file, or "
                        "data.task (--task)");
}

Dataset from_task(const DataOptions& options, uint64_t seed) {
  if (options.simulations < 1) throw core::UserError("data.simulations must be at least 1");
  const auto task = make_task(*options.task);
  const TaskSimulations simulations = simulate(*task, options.simulations, seed);
  const auto side = [&](const std::vector<float>& values, int64_t size) {
    return rows_in_memory(io::Array::from(std::span<const float>(values), {simulations.rows, size}));
  };
  Dataset dataset;
  dataset.shape = task->shape();
  dataset.rows = std::make_shared<RowSource>(side(simulations.theta, simulations.theta_dim),
                                             side(simulations.x, simulations.x_dim));
  dataset.prior = task->prior().options();
  dataset.source = "task " + *options.task + ", " + std::to_string(simulations.rows) + " simulations";
  return dataset;
}

DataShape shape_of(const SidePair& pair) {
  return {pair.theta.tokens, pair.theta.channels, pair.x.tokens,
          pair.x.channels,   pair.theta.grid,     pair.x.grid};
}

std::string shape_text(const SidePair& pair) {
  const auto side = [](const Side& one) {
    std::vector<int64_t> shape = one.grid.empty() ? std::vector<int64_t>{one.tokens} : one.grid;
    shape.push_back(one.channels);
    return core::shape_text(shape);
  };
  return "theta " + side(pair.theta) + " and x " + side(pair.x);
}

void require_shape(const SidePair& part, const std::string& path, const SidePair& first,
                   const std::string& first_path) {
  const auto same = [](const Side& a, const Side& b) {
    return a.tokens == b.tokens && a.channels == b.channels && a.grid == b.grid;
  };
  if (!same(part.theta, first.theta) || !same(part.x, first.x)) {
    throw core::UserError(path + ": a row has " + shape_text(part) + ", but " + shape_text(first) + " in " +
                          first_path + "; the parts of one set have one shape");
  }
  const auto differ = [](const std::vector<std::string>& a, const std::vector<std::string>& b) {
    return !a.empty() && !b.empty() && a != b;  // arrays need not name their columns
  };
  if (differ(part.theta_names, first.theta_names) || differ(part.x_names, first.x_names)) {
    throw core::UserError(path + " has other columns than " + first_path +
                          "; name those of theta and x in data.names");
  }
}

FileKeys keys_of(const DataOptions& options) {
  return {options.theta_key, options.x_key, options.transposed, options.ignore};
}

/// The parts that the options name, as pairs.
std::vector<SidePair> open_parts(const DataOptions& options, const std::vector<std::string>& paths,
                                 Loading loading) {
  if (options.theta_file)
    return {open_npy_pair(*options.theta_file, *options.x_file, loading, keys_of(options))};
  std::vector<SidePair> parts;
  for (const auto& path : paths) {
    parts.push_back(open_pair(path, options.theta_names, options.x_names, loading, keys_of(options)));
    require_shape(parts.back(), path, parts.front(), paths.front());
  }
  return parts;
}

std::vector<std::string> paths_of(const DataOptions& options) {
  if (options.theta_file) return {};
  return part_files(options.file ? std::vector<std::string>{*options.file} : options.files);
}

std::string source_text(const DataOptions& options, const std::vector<std::string>& paths) {
  if (options.theta_file) return *options.theta_file + " and " + *options.x_file;
  if (paths.size() == 1) return paths.front();
  return std::to_string(paths.size()) + " files from " + paths.front() + " to " + paths.back();
}

double gigabytes_by_row(const DataOptions& options, const std::vector<std::string>& paths) {
  const bool npy_pair = options.theta_file && !options.transposed.value_or(false);
  uint64_t bytes = npy_pair ? bytes_by_row(*options.theta_file, *options.x_file) : 0;
  for (const auto& path : paths) bytes += bytes_by_row(path, keys_of(options));
  return static_cast<double>(bytes) / 1e9;
}

Dataset from_files(const DataOptions& options) {
  const auto paths = paths_of(options);
  const double gigabytes = gigabytes_by_row(options, paths);
  const bool by_row = gigabytes > options.memory_gb;
  auto parts = open_parts(options, paths, by_row ? Loading::by_row : Loading::whole);
  const std::string channels_first = channels_first_problem(parts.front().x);
  if (!channels_first.empty()) core::log::warning(source_text(options, paths) + ": " + channels_first);
  std::vector<RowArrayPtr> theta, x;
  for (auto& part : parts) {
    theta.push_back(std::move(part.theta.values));
    x.push_back(std::move(part.x.values));
  }
  Dataset dataset;
  dataset.shape = shape_of(parts.front());
  dataset.rows = std::make_shared<RowSource>(joined_rows(std::move(theta)), joined_rows(std::move(x)));
  dataset.theta_names = parts.front().theta_names;
  dataset.x_names = parts.front().x_names;
  dataset.source = source_text(options, paths);
  if (by_row) {
    dataset.remarks = "rows are read from the files while training: they hold " +
                      core::number_text(gigabytes) +
                      " GB, more than data.memory_gb = " + core::number_text(options.memory_gb);
  }
  return dataset;
}

const std::vector<std::string>& named(const std::vector<std::string>& of_file,
                                      const std::vector<std::string>& given) {
  return of_file.empty() ? given : of_file;
}

/// The shape with the values of x that the options name; of those that `auto` will find nothing is known yet.
DataShape seen_shape(DataShape shape, const std::vector<std::string>& names_of_file,
                     const DataOptions& options) {
  if (options.use_x.names.empty()) return shape;
  const auto names = resolve_names(named(names_of_file, options.x_names), "x", shape.x_dim);
  see_some(shape, places_of(options.use_x.names, names));
  return shape;
}

}  // namespace

DataShape dataset_shape(const DataOptions& options) {
  check_source(options);
  if (options.task) return seen_shape(make_task(*options.task)->shape(), {}, options);
  std::vector<std::string> paths = paths_of(options);
  if (paths.size() > 1) paths.resize(1);
  const SidePair pair = open_parts(options, paths, Loading::shape).front();
  return seen_shape(shape_of(pair), pair.x_names, options);
}

DatasetSize dataset_size(const DataOptions& options) {
  check_source(options);
  if (options.task) return {seen_shape(make_task(*options.task)->shape(), {}, options), options.simulations};
  const auto parts = open_parts(options, paths_of(options), Loading::shape);
  DatasetSize size{seen_shape(shape_of(parts.front()), parts.front().x_names, options)};
  for (const SidePair& part : parts) size.rows += part.theta.rows;
  return size;
}

void complete(Dataset& dataset, const DataOptions& options) {
  dataset.theta_names =
      resolve_names(named(dataset.theta_names, options.theta_names), "theta", dataset.shape.theta_dim);
  dataset.x_names = resolve_names(named(dataset.x_names, options.x_names), "x", dataset.shape.x_dim);
  dataset.shape.padded = options.nan == NanPolicy::pad;
  dataset.shape.missing = options.nan == NanPolicy::impute && dataset.shape.x_dim > 0;
  dataset.shape.transposed = options.transposed.value_or(false);
  if (options.use_x.names.empty()) return;
  see_some(dataset.shape, places_of(options.use_x.names, dataset.x_names));
  const auto& places = dataset.shape.x_places;
  dataset.rows = rows_seen_at(*dataset.rows, places);
  std::vector<std::string> seen;
  for (const int64_t place : places) seen.push_back(dataset.x_names[static_cast<size_t>(place)]);
  dataset.x_names = std::move(seen);
}

Dataset open_dataset(const DataOptions& options, uint64_t seed) {
  check_source(options);
  Dataset dataset = options.task ? from_task(options, seed) : from_files(options);
  complete(dataset, options);
  return dataset;
}

}  // namespace fluxsbi::data
