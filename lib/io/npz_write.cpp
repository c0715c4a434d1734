#include <algorithm>
#include <array>
#include <new>

#include <zlib.h>

#include "core/error.hpp"
#include "io/atomic_file.hpp"
#include "io/npy.hpp"
#include "io/npz.hpp"
#include "io/zip.hpp"

namespace fluxsbi::io {

namespace {

class Record {
 public:
  template <class T>
  Record& add(T value) {
    for (size_t i = 0; i < sizeof value; ++i) text_ += static_cast<char>((value >> (8 * i)) & 0xff);
    return *this;
  }
  Record& add(const std::string& text) {
    text_ += text;
    return *this;
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

constexpr uint16_t version_made_by = 0x0300 | 45, version_plain = 20, version_zip64 = 45;
constexpr uint16_t midnight = 0,
                   first_of_january_1980 = 0x21;  // a fixed time: the same arrays give the same bytes

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

struct Entry {
  zip::Member member;
  uint64_t local_offset = 0;
  bool wide = false;  ///< with a zip64 extra field
};

// The fields that local header and central entry share, from the version needed to the sizes.
void add_common(Record& record, const Entry& entry) {
  const bool ascii =
      std::all_of(entry.member.name.begin(), entry.member.name.end(), [](char c) { return (c & 0x80) == 0; });
  record.add(entry.wide ? version_zip64 : version_plain)
      .add(ascii ? uint16_t{0} : zip::utf8_flag)
      .add(entry.member.method)
      .add(midnight)
      .add(first_of_january_1980)
      .add(entry.member.crc)
      .add(entry.wide ? zip::in_zip64 : static_cast<uint32_t>(entry.member.packed_size))
      .add(entry.wide ? zip::in_zip64 : static_cast<uint32_t>(entry.member.size))
      .add(static_cast<uint16_t>(entry.member.name.size()));
}

std::string local_header(const Entry& entry) {
  Record record;
  record.add(zip::local_signature);
  add_common(record, entry);
  record.add(static_cast<uint16_t>(entry.wide ? 20 : 0)).add(entry.member.name);
  if (entry.wide)
    record.add(zip::zip64_extra).add(uint16_t{16}).add(entry.member.size).add(entry.member.packed_size);
  return record.text();
}

std::string central_entry(const Entry& entry) {
  const bool far = entry.wide || entry.local_offset >= zip::in_zip64;
  Record extra;
  if (entry.wide) extra.add(entry.member.size).add(entry.member.packed_size);
  if (far) extra.add(entry.local_offset);
  Record record;
  record.add(zip::central_signature).add(version_made_by);
  add_common(record, entry);
  record.add(static_cast<uint16_t>(far ? extra.text().size() + 4 : 0))
      .add(uint16_t{0})  // comment
      .add(uint16_t{0})  // disk
      .add(uint16_t{0})  // internal attributes
      .add(uint32_t{0100644u << 16})
      .add(far ? zip::in_zip64 : static_cast<uint32_t>(entry.local_offset))
      .add(entry.member.name);
  if (far) record.add(zip::zip64_extra).add(static_cast<uint16_t>(extra.text().size())).add(extra.text());
  return record.text();
}

Entry write_member(AtomicFile& file, const std::string& key, const Array& array, const NpzOptions& options) {
  const std::string header = npy_header(array);
  Entry entry;
  entry.local_offset = file.size();
  entry.member.name = key + ".npy";
  if (entry.member.name.size() > 0xffff)
    throw core::UserError("the array name '" + key + "' is too long for a zip file");
  entry.member.method = options.deflate ? zip::deflated : zip::stored;
  entry.member.size = entry.member.packed_size = header.size() + array.bytes.size();
  entry.member.crc = crc32(array.bytes, crc32(std::as_bytes(std::span(header))));
  constexpr uint64_t four_gigabytes_less_deflate_overhead = 0xf0000000u;
  entry.wide = options.always_zip64 || entry.member.size >= four_gigabytes_less_deflate_overhead;
  file.write(local_header(entry));
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
  const std::string known = local_header(entry);
  file.write_at(entry.local_offset, std::as_bytes(std::span(known)));
  return entry;
}

void write_end(AtomicFile& file, uint64_t entries, uint64_t directory, bool always_zip64) {
  const uint64_t size = file.size() - directory, end64 = file.size();
  Record end;
  const bool wide = always_zip64 || entries >= 0xffff || directory >= zip::in_zip64 || size >= zip::in_zip64;
  if (wide) {
    constexpr uint64_t rest_of_record = 44;
    end.add(zip::end64_signature).add(rest_of_record).add(version_made_by).add(version_zip64);
    end.add(uint32_t{0}).add(uint32_t{0}).add(entries).add(entries).add(size).add(directory);
    end.add(zip::locator64_signature).add(uint32_t{0}).add(end64).add(uint32_t{1});
  }
  const auto count = static_cast<uint16_t>(wide ? 0xffff : entries);
  end.add(zip::end_signature).add(uint16_t{0}).add(uint16_t{0}).add(count).add(count);
  end.add(wide ? zip::in_zip64 : static_cast<uint32_t>(size));
  end.add(wide ? zip::in_zip64 : static_cast<uint32_t>(directory)).add(uint16_t{0});
  file.write(end.text());
}

}  // namespace

void save_npz(const std::string& path, const Arrays& arrays, const NpzOptions& options) {
  AtomicFile file(path);
  std::vector<Entry> entries;
  for (const auto& [key, array] : arrays) {
    entries.push_back(array.dtype == DType::bf16 ? write_member(file, key, as_float32(array), options)
                                                 : write_member(file, key, array, options));
  }
  const uint64_t directory = file.size();
  for (const auto& entry : entries) file.write(central_entry(entry));
  write_end(file, entries.size(), directory, options.always_zip64);
  file.commit();
}

}  // namespace fluxsbi::io
