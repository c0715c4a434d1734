#include "io/array_stream.hpp"

#include <algorithm>
#include <utility>

#include "core/error.hpp"
#include "io/atomic_file.hpp"
#include "io/hdf5_places.hpp"
#include "io/npy.hpp"
#include "io/output.hpp"
#include "io/zip_write.hpp"

namespace fluxsbi::io {

namespace {

// The member of an npz file that holds an array, from its local header on.
zip::Entry npz_entry(const ArrayInfo& info, uint64_t values, uint64_t local_offset) {
  zip::Entry entry;
  entry.local_offset = local_offset;
  entry.member.name = info.name + ".npy";
  entry.member.size = entry.member.packed_size = npy_header(info.dtype, info.shape).size() + values;
  entry.wide = zip::needs_zip64(entry.member.size);
  return entry;
}

}  // namespace

ArrayStream::ArrayStream(PartialFile& file, std::vector<ArrayInfo> arrays, const AxisNames& axes,
                         std::vector<Progress> progress)
    : file_(file), arrays_(std::move(arrays)), progress_(std::move(progress)) {
  const std::string extension = extension_of(file.output());
  format_ = extension == ".npy" ? Format::npy : extension == ".npz" ? Format::npz : Format::hdf5;
  for (const ArrayInfo& info : arrays_) {
    const auto bytes = checked_bytes(info.shape, info.dtype);
    core::require(bytes.has_value(), "ArrayStream: the shapes have sizes");
    sizes_.push_back(*bytes);
  }
  const bool anew = progress_.empty();
  if (anew) file.cut(0);
  progress_.resize(arrays_.size());
  if (format_ == Format::hdf5) {
    places_ = h5::place_arrays(file.path(), file.output(), arrays_, axes, anew);
  } else {
    core::require(format_ == Format::npz || arrays_.size() == 1, "ArrayStream: .npy holds one array");
    place_plain();
  }
  const uint64_t there = file.size();
  for (size_t i = 0; i < arrays_.size(); ++i) {
    if (progress_[i].bytes == 0 || places_[i] + progress_[i].bytes <= there) continue;
    throw core::UserError(file.path() +
                          " is shorter than the journal beside it says; put the whole file "
                          "back, or remove both to begin anew");
  }
}

// Where the arrays of .npy and .npz lie: behind headers whose lengths are known before their content.
void ArrayStream::place_plain() {
  for (size_t i = 0; i < arrays_.size(); ++i) {
    end_ += format_ == Format::npy ? npy_header(arrays_[i].dtype, arrays_[i].shape).size()
                                   : npz_head(i, end_, 0).size();
    places_.push_back(end_);
    end_ += sizes_[i];
  }
}

// What stands before the values of an array in an npz file: zip's header and that of .npy. `crc`: of the
// values.
std::string ArrayStream::npz_head(size_t array, uint64_t offset, uint32_t crc) const {
  const std::string header = npy_header(arrays_[array].dtype, arrays_[array].shape);
  zip::Entry entry = npz_entry(arrays_[array], sizes_[array], offset);
  entry.member.crc = crc32_combine(crc32(std::as_bytes(std::span(header))), crc, sizes_[array]);
  return zip::local_header(entry) + header;
}

void ArrayStream::append(size_t array, std::span<const std::byte> values) {
  Progress& progress = progress_.at(array);
  core::require(values.size() <= sizes_[array] - progress.bytes,
                "ArrayStream: more values than the array has");
  if (values.empty()) return;
  file_.write_at(places_[array] + progress.bytes, values);
  if (format_ == Format::npz) progress.crc = crc32(values, progress.crc);
  progress.bytes += values.size();
}

void ArrayStream::drop_rest() {
  for (size_t i = 0; i < arrays_.size(); ++i) {
    if (progress_[i].bytes < sizes_[i])
      file_.free_range(places_[i] + progress_[i].bytes, sizes_[i] - progress_[i].bytes);
  }
}

void ArrayStream::read(size_t array, uint64_t offset, std::span<std::byte> out) const {
  core::require(offset + out.size() <= progress_.at(array).bytes, "ArrayStream: values not yet written");
  file_.read_at(places_[array] + offset, out);
}

double ArrayStream::bytes_of(const std::vector<ArrayInfo>& arrays) {
  double bytes = 0;
  for (const ArrayInfo& info : arrays) {
    double of_array = static_cast<double>(size_of(info.dtype));
    for (const int64_t n : info.shape) of_array *= static_cast<double>(n);
    bytes += of_array;
  }
  return bytes;
}

void ArrayStream::finish() {
  for (size_t i = 0; i < arrays_.size(); ++i)
    core::require(progress_[i].bytes == sizes_[i], "ArrayStream: an array is not whole");
  if (format_ == Format::npy) {
    const std::string header = npy_header(arrays_[0].dtype, arrays_[0].shape);
    file_.write_at(0, std::as_bytes(std::span(header)));
  }
  if (format_ == Format::npz) finish_npz();
}

void ArrayStream::finish_npz() {
  std::string directory;
  uint64_t offset = 0;
  for (size_t i = 0; i < arrays_.size(); ++i) {
    const std::string head = npz_head(i, offset, progress_[i].crc);
    file_.write_at(offset, std::as_bytes(std::span(head)));
    zip::Entry entry = npz_entry(arrays_[i], sizes_[i], offset);
    const std::string header = npy_header(arrays_[i].dtype, arrays_[i].shape);
    entry.member.crc = crc32_combine(crc32(std::as_bytes(std::span(header))), progress_[i].crc, sizes_[i]);
    directory += zip::central_entry(entry);
    offset = places_[i] + sizes_[i];
  }
  directory += zip::end_records(arrays_.size(), end_, directory.size(), false);
  file_.write_at(end_, std::as_bytes(std::span(directory)));
}

}  // namespace fluxsbi::io
