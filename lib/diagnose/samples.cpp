#include "diagnose/samples.hpp"

#include <algorithm>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"
#include "io/files.hpp"

namespace fluxsbi::diagnose {

namespace {

constexpr const char* samples_key = "samples";
constexpr const char* filled_key = "filled";

// A file of one unnamed array (npy, csv) is that array; any other must hold `samples`.
io::FileContent load_content(const std::string& path) {
  const std::vector<io::ArrayInfo> listed = io::list_arrays(path);
  std::vector<std::string> names, wanted;
  for (const io::ArrayInfo& array : listed) {
    names.push_back(array.name);
    if (array.name == samples_key || array.name == filled_key) wanted.push_back(array.name);
  }
  if (names.size() == 1 && names.front() == "array") return io::load_arrays(path);
  if (std::find(wanted.begin(), wanted.end(), samples_key) == wanted.end())
    throw core::UserError(path + " holds no array called samples, only " + core::join(names) +
                          "; give a file that fluxsbi sample wrote, or a .npy or .csv file of draws [n, d]");
  return io::load_arrays(path, wanted);
}

// The row to read of a [rows, n, d] array.
int64_t choose_row(const std::string& path, const std::vector<int64_t>& shape, int64_t row) {
  if (row < 0 && shape[0] == 1) return 0;
  const std::string range = "0.." + std::to_string(shape[0] - 1);
  if (row < 0)
    throw core::UserError(path + " holds samples for " + std::to_string(shape[0]) +
                          " observations; choose one with --row (" + range + ")");
  if (row >= shape[0])
    throw core::UserError(path + ": row " + std::to_string(row) + " is not among its observations (" + range +
                          ")");
  return row;
}

// Keeps row `row` of the array's first axis.
void keep_row(io::Array& array, int64_t row) {
  const size_t bytes = array.bytes.size() / static_cast<size_t>(array.shape[0]);
  const auto begin = array.bytes.begin() + static_cast<std::ptrdiff_t>(row * static_cast<int64_t>(bytes));
  array.bytes = std::vector<std::byte>(begin, begin + static_cast<std::ptrdiff_t>(bytes));
  array.shape.erase(array.shape.begin());
}

void drop_unfilled(SampleSet& set, const std::vector<int64_t>& filled) {
  int64_t kept = 0;
  for (int64_t i = 0; i < set.rows; ++i) {
    if (filled[i] == 0) continue;
    std::copy_n(set.values.begin() + i * set.dimensions, set.dimensions,
                set.values.begin() + kept * set.dimensions);
    ++kept;
  }
  set.unfilled = set.rows - kept;
  set.rows = kept;
  set.values.resize(static_cast<size_t>(kept * set.dimensions));
}

}  // namespace

SampleSet load_samples(const std::string& path, int64_t row) {
  io::FileContent content = load_content(path);
  const bool named = content.arrays.contains(samples_key);
  io::Array& samples = named ? content.arrays.at(samples_key) : content.arrays.begin()->second;
  const std::string shape = core::shape_text(samples.shape);
  const size_t rank = samples.shape.size();
  if (rank < 2 || rank > 4)
    throw core::UserError(path + ": samples have the shape " + shape + "; need [n, d] or [rows, n, d]");
  if (samples.elements() == 0) throw core::UserError(path + " holds no samples (shape " + shape + ")");
  if (rank == 2 && row >= 0)
    throw core::UserError(path + " holds one set of samples (shape " + shape + "); leave out --row");

  SampleSet set;
  set.name = path;
  set.columns = content.columns;
  const std::vector<int64_t> whole = samples.shape;
  if (rank > 2) {
    row = choose_row(path, whole, row);
    if (whole[0] > 1) set.name += " row " + std::to_string(row);
    keep_row(samples, row);
  }
  set.rows = samples.shape[0];
  set.dimensions = samples.elements() / set.rows;
  set.values = samples.to_float();
  if (named && rank > 2 && content.arrays.contains(filled_key)) {
    io::Array& filled = content.arrays.at(filled_key);
    if (filled.shape != std::vector<int64_t>{whole[0], whole[1]})
      throw core::UserError(path + ": filled has the shape " + core::shape_text(filled.shape) + ", samples " +
                            shape + "; need [rows, n] for [rows, n, d]: write the file anew");
    keep_row(filled, row);
    drop_unfilled(set, filled.to_int64());
    if (set.rows == 0)
      throw core::UserError(set.name + ": none of its " + std::to_string(set.unfilled) + " draws is filled");
  }
  return set;
}

}  // namespace fluxsbi::diagnose
