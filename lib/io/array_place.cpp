#include "io/array_place.hpp"

#include <algorithm>
#include <utility>

#include "io/npy.hpp"
#include "io/output.hpp"
#include "io/zip.hpp"

namespace fluxsbi::io {

namespace {

// Reads the rest of a member, and then compares its checksum.
void check_rest(zip::MemberStream& stream) {
  constexpr uint64_t piece_bytes = 1u << 20;
  std::vector<std::byte> piece;
  while (stream.remaining() > 0) {
    piece.resize(std::min(piece_bytes, stream.remaining()));
    stream.read(piece);
  }
  stream.check();
}

// `end`: where the stream's bytes end in the file.
std::optional<ArrayPlace> place_in(Stream& stream, uint64_t end) {
  NpyHeader header = read_npy_header(stream);
  if (header.big_endian || (header.fortran_order && header.shape.size() > 1)) return {};
  if (header.data_bytes != stream.remaining()) stream.fail("is truncated or damaged");
  return ArrayPlace{header.dtype, std::move(header.shape), end - stream.remaining()};
}

}  // namespace

std::optional<ArrayPlace> find_place(const FileSource& file, const std::string& key) {
  const std::string extension = extension_of(file.name());
  if (extension == ".npy") {
    SourceStream stream(file);
    return place_in(stream, file.size());
  }
  if (extension != ".npz") return {};
  for (const zip::Member& member : zip::read_directory(file)) {
    if (member.name != key + ".npy" || member.method != zip::stored) continue;
    zip::MemberStream stream(file, member, file.name() + ": array '" + key + "'");
    auto place = place_in(stream, member.data_offset + member.size);
    if (place) check_rest(stream);
    return place;
  }
  return {};
}

}  // namespace fluxsbi::io
