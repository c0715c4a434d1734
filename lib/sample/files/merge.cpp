// Joins the shards of one run, piece by piece.
#include <algorithm>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/precision.hpp"
#include "io/array_reader.hpp"
#include "io/array_stream.hpp"
#include "io/journal.hpp"
#include "io/output.hpp"
#include "io/partial_file.hpp"
#include "sample/files/sample_file.hpp"
#include "sample/files/sample_head.hpp"
#include "sample/files/sample_layout.hpp"

namespace fluxsbi::sample {

namespace {

using Part = SampleHead;

void check_equal(const Part& first, const Part& other, const std::string& what, const std::string& a,
                 const std::string& b) {
  if (a == b) return;
  throw core::UserError(other.path + " does not belong to " + first.path + ": its " + what + " is " + b +
                        ", not " + a +
                        "; sample all shards with the same model, seed, draws and observations");
}

std::string tail_text(const io::ArrayInfo& array) {
  return core::shape_text(std::span(array.shape).subspan(1));
}

void check_same_run(const Part& first, const Part& other) {
  check_equal(first, other, "seed", std::to_string(first.origin.seed), std::to_string(other.origin.seed));
  check_equal(first, other, "model", first.origin.model, other.origin.model);
  check_equal(first, other, "number of observations", std::to_string(first.origin.total_rows),
              std::to_string(other.origin.total_rows));
  check_equal(first, other, "question", SampleLayout::key_of(first.kind), SampleLayout::key_of(other.kind));
  check_equal(first, other, "shape of a row's samples", tail_text(first.samples), tail_text(other.samples));
  check_equal(first, other, "shape of an observation", tail_text(first.question), tail_text(other.question));
  if (first.origin.work.empty() || other.origin.work.empty()) return;  // of an older version
  const std::string differences = io::description_differences(first.origin.work, other.origin.work);
  if (differences.empty()) return;
  throw core::UserError(other.path + " does not belong to " + first.path + ", which is `there`: " +
                        differences + "; sample all shards with the same options and observations");
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

// Appends an array of a shard, as float64 where the joined one is.
void copy(io::ArrayReader& from, const io::ArrayInfo& info, io::ArrayStream& to, const std::string& name) {
  constexpr size_t piece_bytes = size_t{1} << 22;
  const size_t target = number_of(to, name), element = size_of(info.dtype);
  const bool widened = info.dtype == io::DType::f32 && to.arrays()[target].dtype == io::DType::f64;
  size_t row = element;
  for (size_t axis = 1; axis < info.shape.size(); ++axis) row *= static_cast<size_t>(info.shape[axis]);
  if (row == 0) return;
  const auto rows_at_once = static_cast<int64_t>(std::max<size_t>(1, piece_bytes / row));
  std::vector<std::byte> bytes;
  std::vector<double> numbers;
  for (int64_t done = 0; done < info.shape[0]; done += rows_at_once) {
    bytes.resize(static_cast<size_t>(std::min(rows_at_once, info.shape[0] - done)) * row);
    from.read(info.name, bytes);
    if (widened) {
      numbers.resize(bytes.size() / element);
      io::to_double(info.dtype, bytes, numbers);
      to.append(target, std::as_bytes(std::span<const double>(numbers)));
    } else {
      to.append(target, bytes);
    }
  }
}

// The layout of all parts together, without rows.
SampleLayout joined_layout(const std::vector<Part>& parts, const std::string& out) {
  const Part& first = parts.front();
  SampleLayout all{out, first.origin, first.kind, first.samples.shape, first.question.shape};
  all.origin.first_row = 0;
  all.origin.shard = {};
  all.samples[0] = all.question[0] = 0;
  for (const Part& part : parts) {
    all.samples[0] += part.rows;
    all.question[0] += part.rows;
    all.wide_samples |= part.samples.dtype == io::DType::f64;
    all.wide_question |= part.question.dtype == io::DType::f64;
  }
  return all;
}

}  // namespace

void merge_files(const std::vector<std::string>& paths, const std::string& out, bool force) {
  if (paths.empty()) throw core::UserError("merge needs at least one file of samples");
  io::check_output(out, force, sample_extensions());
  std::vector<Part> parts;
  for (const std::string& path : paths) {
    parts.push_back(read_head(path));
    check_same_run(parts.front(), parts.back());
  }
  std::stable_sort(parts.begin(), parts.end(),
                   [](const Part& a, const Part& b) { return a.origin.first_row < b.origin.first_row; });
  check_rows(parts);
  const SampleLayout all = joined_layout(parts, out);
  // Not the name of a sampling that was stopped, which goes on from what it left.
  io::PartialFile file(out, ".partial-merge", "merge");
  io::ArrayStream stream(file, all.arrays(), all.axes());
  int64_t drawn = 0;
  for (const Part& part : parts) {
    io::ArrayReader from(part.path);
    copy(from, part.samples, stream, "samples");
    drawn += part.drawn;
    if (all.samples_alone()) continue;
    copy(from, part.filled, stream, "filled");
    copy(from, part.question, stream, part.question.name);
  }
  if (!all.samples_alone()) {
    const std::string meta = all.meta(drawn);
    stream.append(number_of(stream, "meta"), std::as_bytes(std::span(meta)));
  }
  stream.finish();
  file.commit();
}

}  // namespace fluxsbi::sample
