#include <algorithm>
#include <array>
#include <new>

#include <zlib.h>

#include "core/error.hpp"
#include "io/atomic_file.hpp"
#include "io/npy.hpp"
#include "io/npz.hpp"
#include "io/zip_write.hpp"

namespace fluxsbi::io {

namespace {

// Deflates pieces into a file.
class Deflater {
 public:
  explicit Deflater(AtomicFile& file) : file_(file) {
    constexpr int memory_level = 8;
    if (deflateInit2(&state_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, memory_level,
                     Z_DEFAULT_STRATEGY) != Z_OK)
      throw std::bad_alloc();
  }
  ~Deflater() { deflateEnd(&state_); }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  void write(std::span<const std::byte> bytes) {
    constexpr size_t most_at_once = size_t{1} << 30;  // zlib counts in 32 bits
    while (bytes.size() > most_at_once) {
      run(bytes.first(most_at_once), Z_NO_FLUSH);
      bytes = bytes.subspan(most_at_once);
    }
    run(bytes, Z_NO_FLUSH);
  }
  void finish() { run({}, Z_FINISH); }

 private:
  void run(std::span<const std::byte> bytes, int mode) {
    state_.next_in = reinterpret_cast<unsigned char*>(const_cast<std::byte*>(bytes.data()));
    state_.avail_in = static_cast<unsigned>(bytes.size());
    do {
      state_.next_out = reinterpret_cast<unsigned char*>(output_.data());
      state_.avail_out = static_cast<unsigned>(output_.size());
      const int result = deflate(&state_, mode);
      core::require(result != Z_STREAM_ERROR, "deflate failed");
      file_.write(std::span(output_).first(output_.size() - state_.avail_out));
    } while (state_.avail_out == 0);
  }

  AtomicFile& file_;
  z_stream state_{};
  std::array<std::byte, 1u << 16> output_;
};

zip::Entry write_member(AtomicFile& file, const std::string& key, const Array& array,
                        const NpzOptions& options) {
  const std::string header = npy_header(array);
  zip::Entry entry;
  entry.local_offset = file.size();
  entry.member.name = key + ".npy";
  if (entry.member.name.size() > 0xffff)
    throw core::UserError("the array name '" + key + "' is too long for a zip file");
  entry.member.method = options.deflate ? zip::deflated : zip::stored;
  entry.member.size = entry.member.packed_size = header.size() + array.bytes.size();
  entry.member.crc = crc32(array.bytes, crc32(std::as_bytes(std::span(header))));
  entry.wide = options.always_zip64 || zip::needs_zip64(entry.member.size);
  file.write(zip::local_header(entry));
  if (!options.deflate) {
    file.write(header);
    file.write(array.bytes);
    return entry;
  }
  const uint64_t start = file.size();
  Deflater deflater(file);
  deflater.write(std::as_bytes(std::span(header)));
  deflater.write(array.bytes);
  deflater.finish();
  entry.member.packed_size = file.size() - start;
  const std::string known = zip::local_header(entry);
  file.write_at(entry.local_offset, std::as_bytes(std::span(known)));
  return entry;
}

}  // namespace

void save_npz(const std::string& path, const Arrays& arrays, const NpzOptions& options) {
  AtomicFile file(path);
  std::vector<zip::Entry> entries;
  for (const auto& [key, array] : arrays) {
    entries.push_back(array.dtype == DType::bf16 ? write_member(file, key, as_float32(array), options)
                                                 : write_member(file, key, array, options));
  }
  const uint64_t directory = file.size();
  for (const auto& entry : entries) file.write(zip::central_entry(entry));
  file.write(zip::end_records(entries.size(), directory, file.size() - directory, options.always_zip64));
  file.commit();
}

}  // namespace fluxsbi::io
