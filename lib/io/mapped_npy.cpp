#include "io/mapped_npy.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/error.hpp"
#include "core/text.hpp"
#include "io/npy.hpp"

namespace fluxsbi::io {

MappedNpy::MappedNpy(const std::string& path) {
  const FileSource file(path);
  SourceStream stream(file);
  NpyHeader header = read_npy_header(stream);
  const std::string again = "; save it again with numpy.save(file, numpy.ascontiguousarray(array, '<f4'))";
  if (header.dtype != DType::f32 && header.dtype != DType::f64)
    file.fail(std::string("holds ") + name_of(header.dtype) + "; only float32 and float64 can be mapped" +
              again);
  if (header.shape.empty()) file.fail("holds a single number; an array of rows is needed");
  if (header.big_endian) file.fail("is big-endian and cannot be mapped" + again);
  if (header.fortran_order && header.shape.size() > 1)
    file.fail("is in Fortran order and cannot be mapped" + again);
  if (header.data_bytes != stream.remaining()) {
    file.fail("its header says " + std::to_string(header.data_bytes) + " bytes of data, but " +
              std::to_string(stream.remaining()) + " follow: it is truncated or damaged");
  }
  dtype_ = header.dtype;
  shape_ = std::move(header.shape);
  row_size_ = 1;
  for (size_t axis = 1; axis < shape_.size(); ++axis) row_size_ *= shape_[axis];
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) file.fail(std::string("cannot be opened: ") + std::strerror(errno));
  mapping_ = mmap(nullptr, file.size(), PROT_READ, MAP_SHARED, descriptor, 0);
  const int problem = errno;
  close(descriptor);
  if (mapping_ == MAP_FAILED) {
    mapping_ = nullptr;
    file.fail(std::string("cannot be mapped into memory: ") + std::strerror(problem));
  }
  mapped_bytes_ = file.size();
  data_ = static_cast<const std::byte*>(mapping_) + (file.size() - header.data_bytes);
}

MappedNpy::~MappedNpy() {
  release();
}

MappedNpy::MappedNpy(MappedNpy&& other) noexcept {
  *this = std::move(other);
}

MappedNpy& MappedNpy::operator=(MappedNpy&& other) noexcept {
  if (this == &other) return *this;
  release();
  dtype_ = other.dtype_;
  shape_ = std::move(other.shape_);
  row_size_ = other.row_size_;
  mapping_ = std::exchange(other.mapping_, nullptr);
  mapped_bytes_ = other.mapped_bytes_;
  data_ = std::exchange(other.data_, nullptr);
  return *this;
}

void MappedNpy::release() {
  if (mapping_) munmap(mapping_, mapped_bytes_);
  mapping_ = nullptr;
}

void MappedNpy::read_rows(int64_t first, int64_t count, std::span<float> out) const {
  core::require(first >= 0 && count >= 0 && first <= rows() && count <= rows() - first,
                "MappedNpy: rows beyond the array");
  const auto numbers = static_cast<size_t>(count * row_size_);
  core::require(out.size() == numbers, "MappedNpy: the target does not fit the rows");
  const std::byte* from = data_ + static_cast<size_t>(first * row_size_) * size_of(dtype_);
  if (dtype_ == DType::f32) {
    if (numbers > 0) std::memcpy(out.data(), from, numbers * sizeof(float));
    return;
  }
  for (size_t i = 0; i < numbers; ++i) {  // the data may lie unaligned
    double value;
    std::memcpy(&value, from + i * sizeof value, sizeof value);
    out[i] = static_cast<float>(value);
  }
}

void MappedNpy::gather(std::span<const int64_t> indices, std::span<float> out) const {
  const auto width = static_cast<size_t>(row_size_);
  core::require(out.size() == indices.size() * width, "MappedNpy: the target does not fit the rows");
  for (size_t i = 0; i < indices.size(); ++i) read_rows(indices[i], 1, out.subspan(i * width, width));
}

}  // namespace fluxsbi::io
