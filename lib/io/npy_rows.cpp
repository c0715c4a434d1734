#include "io/npy_rows.hpp"

#include "core/error.hpp"
#include "core/text.hpp"

namespace fluxsbi::io {

NpyRows::NpyRows(const std::string& path) : file_(path) {
  SourceStream stream(file_);
  header_ = read_npy_header(stream);
  const std::string again = "; save it again with numpy.save(file, numpy.ascontiguousarray(array, '<f4'))";
  if (header_.shape.empty()) file_.fail("holds a single number; an array of rows is needed");
  if (header_.big_endian) file_.fail("is big-endian and cannot be read row by row" + again);
  if (header_.fortran_order && header_.shape.size() > 1)
    file_.fail("is in Fortran order and cannot be read row by row" + again);
  if (header_.data_bytes != stream.remaining()) {
    file_.fail("its header says " + std::to_string(header_.data_bytes) + " bytes of data, but " +
               std::to_string(stream.remaining()) + " follow: it is truncated or damaged");
  }
  data_offset_ = file_.size() - header_.data_bytes;
  row_bytes_ = size_of(header_.dtype);
  for (size_t axis = 1; axis < header_.shape.size(); ++axis)
    row_bytes_ *= static_cast<size_t>(header_.shape[axis]);
}

void NpyRows::read(int64_t first, int64_t count, std::span<std::byte> out) const {
  core::require(first >= 0 && count >= 0 && first <= rows() && count <= rows() - first,
                "NpyRows: rows beyond the array");
  core::require(out.size() == static_cast<size_t>(count) * row_bytes_,
                "NpyRows: the target does not fit the rows");
  file_.read(data_offset_ + static_cast<uint64_t>(first) * row_bytes_, out);
}

}  // namespace fluxsbi::io
