#include "io/npy.hpp"

#include <algorithm>
#include <cstring>

#include "core/text.hpp"
#include "io/atomic_file.hpp"
#include "io/content.hpp"

namespace fluxsbi::io {

namespace {

void swap_byte_order(std::vector<std::byte>& bytes, size_t width) {
  for (size_t i = 0; i + width <= bytes.size(); i += width)
    std::reverse(bytes.begin() + static_cast<std::ptrdiff_t>(i),
                 bytes.begin() + static_cast<std::ptrdiff_t>(i + width));
}

// Fortran order to C order: walks the elements as they lie and adds up where each belongs.
std::vector<std::byte> to_c_order(const std::vector<std::byte>& in, const std::vector<int64_t>& shape,
                                  size_t width) {
  std::vector<std::byte> out(in.size());
  std::vector<size_t> stride(shape.size(), width), index(shape.size(), 0);
  for (size_t axis = shape.size(); axis-- > 1;)
    stride[axis - 1] = stride[axis] * static_cast<size_t>(shape[axis]);
  size_t target = 0;
  for (size_t at = 0; at < in.size(); at += width) {
    std::memcpy(out.data() + target, in.data() + at, width);
    for (size_t axis = 0; axis < shape.size(); ++axis) {
      target += stride[axis];
      if (++index[axis] < static_cast<size_t>(shape[axis])) break;
      target -= stride[axis] * index[axis];
      index[axis] = 0;
    }
  }
  return out;
}

}  // namespace

Array read_npy(Stream& in) {
  NpyHeader header = read_npy_header(in);
  if (header.data_bytes != in.remaining()) {
    in.fail("its header says " + std::to_string(header.data_bytes) + " bytes of data (" +
            name_of(header.dtype) + " " + core::shape_text(header.shape) + "), but " +
            std::to_string(in.remaining()) + " follow: it is truncated or damaged");
  }
  Array array{header.dtype, std::move(header.shape), room_for(header.data_bytes, in.name())};
  in.read(array.bytes);
  const size_t width = size_of(array.dtype);
  if (header.big_endian && width > 1) swap_byte_order(array.bytes, width);
  if (header.fortran_order && array.shape.size() > 1)
    array.bytes = to_c_order(array.bytes, array.shape, width);
  return array;
}

Array load_npy(const std::string& path) {
  const FileSource file(path);
  refuse_other_content(file, Content::npy, "a .npy array");
  SourceStream stream(file);
  return read_npy(stream);
}

Array parse_npy(std::span<const std::byte> bytes, const std::string& name) {
  const MemorySource source(bytes, name);
  SourceStream stream(source);
  return read_npy(stream);
}

Array as_float32(const Array& array) {
  return Array::from(std::span<const float>(array.to_float()), array.shape);
}

void save_npy(const std::string& path, const Array& array) {
  if (array.dtype == DType::bf16) return save_npy(path, as_float32(array));
  AtomicFile file(path);
  file.write(npy_header(array));
  file.write(array.bytes);
  file.commit();
}

}  // namespace fluxsbi::io
