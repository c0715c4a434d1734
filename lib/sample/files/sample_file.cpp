#include "sample/files/sample_file.hpp"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/text.hpp"
#include "core/version.hpp"
#include "data/files/given.hpp"
#include "data/files/names.hpp"
#include "data/precision.hpp"
#include "io/atomic_file.hpp"
#include "io/files.hpp"
#include "io/named_axes.hpp"
#include "io/output.hpp"

namespace fluxsbi::sample {

namespace {

using nlohmann::json;

constexpr int64_t sample_format = 1;
const std::vector<std::string> extensions{".npz", ".npy", ".h5", ".hdf5"};

// One sample file in memory.
struct Part {
  std::string path;
  Origin origin;
  std::string version;
  int64_t rows = 0, drawn = 0;
  Question::Kind kind = Question::Kind::x;
  io::Array samples, filled, question;
};

const char* key_of(Question::Kind kind) {
  return kind == Question::Kind::x ? "x" : "given";
}

std::vector<int64_t> shape_with_channels(std::vector<int64_t> shape, int64_t channels) {
  if (channels > 1) shape.push_back(channels);
  return shape;
}

// Names of the axes, for HDF5.
io::AxisNames axes_of(const io::Arrays& arrays) {
  const auto names = [&](const char* key, std::vector<std::string> all) {
    const auto found = arrays.find(key);
    if (found != arrays.end()) all.resize(found->second.shape.size());
    return all;
  };
  return {{"samples", names("samples", {"observation", "draw", "parameter", "channel"})},
          {"filled", {"observation", "draw"}},
          {"x", names("x", {"observation", "x_dim_0", "x_dim_1"})},
          {"given", names("given", {"observation", "parameter", "channel"})},
          {"meta", {"byte"}}};
}

void write(const std::string& path, Part part) {
  io::Arrays arrays;
  if (io::extension_of(path) == ".npy") {
    arrays.emplace("samples", std::move(part.samples));
  } else {
    const Origin& origin = part.origin;
    json meta{{"format", sample_format},
              {"version", part.version},
              {"seed", origin.seed},
              {"model", origin.model},
              {"first_row", origin.first_row},
              {"total_rows", origin.total_rows},
              {"shard", {origin.shard.index, origin.shard.count}},
              {"drawn", part.drawn},
              {"theta_names", origin.theta_names},
              {"x_names", origin.x_names}};
    if (origin.members > 1) meta["members"] = origin.members;
    if (part.kind == Question::Kind::given)
      meta["names"] = data::joint_names(origin.theta_names, origin.x_names);
    arrays.emplace("samples", std::move(part.samples));
    arrays.emplace("filled", std::move(part.filled));
    arrays.emplace(key_of(part.kind), std::move(part.question));
    arrays.emplace("meta", text_array(meta.dump()));
  }
  io::save_arrays_with_axes(path, arrays, axes_of(arrays));
}

Origin read_meta(Part& part, const io::Array& meta) {
  const auto* begin = reinterpret_cast<const char*>(meta.bytes.data());
  const json values = json::parse(begin, begin + meta.bytes.size());
  if (values.at("format").get<int64_t>() > sample_format) {
    throw core::UserError(part.path + " was written by fluxsbi " + values.at("version").get<std::string>() +
                          ", which is newer than this one; use that version to merge it");
  }
  part.version = values.at("version").get<std::string>();
  part.drawn = values.at("drawn").get<int64_t>();
  Origin origin;
  origin.seed = values.at("seed").get<uint64_t>();
  origin.model = values.at("model").get<std::string>();
  origin.first_row = values.at("first_row").get<int64_t>();
  origin.total_rows = values.at("total_rows").get<int64_t>();
  origin.shard = {values.at("shard").at(0).get<int64_t>(), values.at("shard").at(1).get<int64_t>()};
  origin.theta_names = values.at("theta_names").get<std::vector<std::string>>();
  origin.x_names = values.at("x_names").get<std::vector<std::string>>();
  origin.members = values.value("members", int64_t{1});
  return origin;
}

bool consistent(const Part& part) {
  const auto& samples = part.samples.shape;
  const auto& question = part.question;
  const auto is_number = [](const io::Array& array) {
    return array.dtype == io::DType::f32 || array.dtype == io::DType::f64;
  };
  return is_number(part.samples) && is_number(question) && samples.size() >= 3 &&
         part.filled.shape == std::vector<int64_t>{samples[0], samples[1]} &&
         size_of(part.filled.dtype) == 1 && question.shape.size() >= 2 && question.shape[0] == samples[0] &&
         part.origin.first_row >= 0;
}

Part load(const std::string& path) {
  if (io::extension_of(path) == ".npy") {
    throw core::UserError(path +
                          " holds samples alone, so that merge cannot tell which rows they are; sample the " +
                          "shards into .npz or .h5 files");
  }
  io::Arrays arrays = io::load_arrays(path).arrays;
  Part part;
  part.kind = arrays.count("given") ? Question::Kind::given : Question::Kind::x;
  for (const char* key : {"samples", "filled", key_of(part.kind), "meta"}) {
    if (arrays.count(key)) continue;
    throw core::UserError(path + " is not a file of `fluxsbi sample`: it has no array '" + key + "'");
  }
  part.path = path;
  part.samples = std::move(arrays["samples"]);
  part.filled = std::move(arrays["filled"]);
  part.question = std::move(arrays[key_of(part.kind)]);
  try {
    part.origin = read_meta(part, arrays["meta"]);
  } catch (const json::exception&) {
    throw core::UserError(path +
                          " is damaged: its array 'meta' is not what `fluxsbi sample` writes; sample that "
                          "shard again");
  }
  if (!consistent(part)) {
    throw core::UserError(path + " is damaged: its arrays do not fit each other; sample that shard again");
  }
  part.rows = part.samples.shape[0];
  return part;
}

void check_equal(const Part& first, const Part& other, const std::string& what, const std::string& a,
                 const std::string& b) {
  if (a == b) return;
  throw core::UserError(other.path + " does not belong to " + first.path + ": its " + what + " is " + b +
                        ", not " + a +
                        "; sample all shards with the same model, seed, draws and observations");
}

std::string tail_text(const io::Array& array) {
  return core::shape_text(std::span(array.shape).subspan(1));
}

void check_same_run(const Part& first, const Part& other) {
  check_equal(first, other, "seed", std::to_string(first.origin.seed), std::to_string(other.origin.seed));
  check_equal(first, other, "model", first.origin.model, other.origin.model);
  check_equal(first, other, "number of observations", std::to_string(first.origin.total_rows),
              std::to_string(other.origin.total_rows));
  check_equal(first, other, "question", key_of(first.kind), key_of(other.kind));
  check_equal(first, other, "shape of a row's samples", tail_text(first.samples), tail_text(other.samples));
  check_equal(first, other, "shape of an observation", tail_text(first.question), tail_text(other.question));
}

// The parts, sorted by row, must cover 0 ... total - 1 once.
void check_rows(const std::vector<Part>& parts) {
  const auto rows_text = [](int64_t first, int64_t end) {
    return end - first == 1 ? "row " + std::to_string(first)
                            : "rows " + std::to_string(first) + " to " + std::to_string(end - 1);
  };
  const int64_t total = parts.front().origin.total_rows;
  int64_t next = 0;
  const Part* previous = nullptr;
  for (const Part& part : parts) {
    if (part.rows == 0) continue;
    if (part.origin.first_row < next) {
      throw core::UserError(
          rows_text(part.origin.first_row, std::min(next, part.origin.first_row + part.rows)) + " stand in " +
          previous->path + " and in " + part.path + "; give each shard once");
    }
    if (part.origin.first_row > next) break;
    next += part.rows;
    previous = &part;
  }
  if (next == total) return;
  int64_t end = total;
  for (const Part& part : parts) {
    if (part.rows > 0 && part.origin.first_row > next) end = std::min(end, part.origin.first_row);
  }
  throw core::UserError(rows_text(next, end) + " of " + std::to_string(total) +
                        " are in none of the files; add the shard that holds them");
}

// Makes the arrays of all parts float64 where that of one part is.
void widen(std::vector<Part>& parts, io::Array Part::*member) {
  const bool wide = std::any_of(parts.begin(), parts.end(),
                                [&](const Part& part) { return (part.*member).dtype == io::DType::f64; });
  for (Part& part : parts) {
    io::Array& array = part.*member;
    if (wide && array.dtype != io::DType::f64) array = io::Array::from(array.to_double(), array.shape);
  }
}

// The columns of a row's samples by name.
std::vector<std::string> column_names(Question::Kind kind, const Origin& origin, int64_t channels) {
  return data::feature_names(kind == Question::Kind::given
                                 ? data::joint_names(origin.theta_names, origin.x_names)
                                 : origin.theta_names,
                             channels);
}

io::Array joined(std::vector<Part>& parts, io::Array Part::*member) {
  io::Array all = std::move(parts.front().*member);
  for (size_t i = 1; i < parts.size(); ++i) {
    io::Array& next = parts[i].*member;
    all.bytes.insert(all.bytes.end(), next.bytes.begin(), next.bytes.end());
    all.shape[0] += next.shape[0];
    next = {};
  }
  return all;
}

}  // namespace

io::Array text_array(const std::string& text) {
  io::Array array{io::DType::u8, {static_cast<int64_t>(text.size())}, {}};
  const auto bytes = std::as_bytes(std::span(text));
  array.bytes.assign(bytes.begin(), bytes.end());
  return array;
}

const std::vector<std::string>& sample_extensions() {
  return extensions;
}

void save_samples(const std::string& path, Samples samples, const Question& question, const Origin& origin,
                  NumberType type) {
  Part part;
  part.origin = origin;
  part.version = core::version;
  part.drawn = samples.drawn;
  part.kind = question.kind;
  const auto coarse =
      coarse_column(samples.values, samples.rows, samples.draws, samples.tokens * samples.channels);
  const bool wide = choose_float64(type, coarse, column_names(question.kind, origin, samples.channels), path);
  part.samples = data::array_of(
      samples.values, shape_with_channels({samples.rows, samples.draws, samples.tokens}, samples.channels),
      wide);
  samples.values = {};
  part.filled = io::Array::from_bool(samples.filled, {samples.rows, samples.draws});
  const bool exact = type == NumberType::float32 || data::fits_single(question.values);
  part.question = data::array_of(
      question.values, shape_with_channels({samples.rows, question.tokens}, question.channels), !exact);
  write(path, std::move(part));
}

void merge_files(const std::vector<std::string>& paths, const std::string& out, bool force) {
  if (paths.empty()) throw core::UserError("merge needs at least one file of samples");
  io::check_output(out, force, extensions);
  std::vector<Part> parts;
  for (const std::string& path : paths) {
    parts.push_back(load(path));
    check_same_run(parts.front(), parts.back());
  }
  std::stable_sort(parts.begin(), parts.end(),
                   [](const Part& a, const Part& b) { return a.origin.first_row < b.origin.first_row; });
  check_rows(parts);
  Part all;
  all.origin = parts.front().origin;
  all.origin.first_row = 0;
  all.origin.shard = {};
  all.version = core::version;
  for (const Part& part : parts) all.drawn += part.drawn;
  widen(parts, &Part::samples);
  widen(parts, &Part::question);
  all.samples = joined(parts, &Part::samples);
  all.filled = joined(parts, &Part::filled);
  all.kind = parts.front().kind;
  all.question = joined(parts, &Part::question);
  write(out, std::move(all));
}

}  // namespace fluxsbi::sample
