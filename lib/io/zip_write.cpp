#include "io/zip_write.hpp"

#include <algorithm>

namespace fluxsbi::io::zip {

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

// The fields that local header and central entry share, from the version needed to the sizes.
void add_common(Record& record, const Entry& entry) {
  const bool ascii =
      std::all_of(entry.member.name.begin(), entry.member.name.end(), [](char c) { return (c & 0x80) == 0; });
  record.add(entry.wide ? version_zip64 : version_plain)
      .add(ascii ? uint16_t{0} : utf8_flag)
      .add(entry.member.method)
      .add(midnight)
      .add(first_of_january_1980)
      .add(entry.member.crc)
      .add(entry.wide ? in_zip64 : static_cast<uint32_t>(entry.member.packed_size))
      .add(entry.wide ? in_zip64 : static_cast<uint32_t>(entry.member.size))
      .add(static_cast<uint16_t>(entry.member.name.size()));
}

}  // namespace

bool needs_zip64(uint64_t member_size) {
  constexpr uint64_t four_gigabytes_less_deflate_overhead = 0xf0000000u;
  return member_size >= four_gigabytes_less_deflate_overhead;
}

std::string local_header(const Entry& entry) {
  Record record;
  record.add(local_signature);
  add_common(record, entry);
  record.add(static_cast<uint16_t>(entry.wide ? 20 : 0)).add(entry.member.name);
  if (entry.wide)
    record.add(zip64_extra).add(uint16_t{16}).add(entry.member.size).add(entry.member.packed_size);
  return record.text();
}

std::string central_entry(const Entry& entry) {
  const bool far = entry.wide || entry.local_offset >= in_zip64;
  Record extra;
  if (entry.wide) extra.add(entry.member.size).add(entry.member.packed_size);
  if (far) extra.add(entry.local_offset);
  Record record;
  record.add(central_signature).add(version_made_by);
  add_common(record, entry);
  record.add(static_cast<uint16_t>(far ? extra.text().size() + 4 : 0))
      .add(uint16_t{0})  // comment
      .add(uint16_t{0})  // disk
      .add(uint16_t{0})  // internal attributes
      .add(uint32_t{0100644u << 16})
      .add(far ? in_zip64 : static_cast<uint32_t>(entry.local_offset))
      .add(entry.member.name);
  if (far) record.add(zip64_extra).add(static_cast<uint16_t>(extra.text().size())).add(extra.text());
  return record.text();
}

std::string end_records(uint64_t entries, uint64_t directory, uint64_t size, bool always_zip64) {
  const uint64_t end64 = directory + size;
  Record end;
  const bool wide = always_zip64 || entries >= 0xffff || directory >= in_zip64 || size >= in_zip64;
  if (wide) {
    constexpr uint64_t rest_of_record = 44;
    end.add(end64_signature).add(rest_of_record).add(version_made_by).add(version_zip64);
    end.add(uint32_t{0}).add(uint32_t{0}).add(entries).add(entries).add(size).add(directory);
    end.add(locator64_signature).add(uint32_t{0}).add(end64).add(uint32_t{1});
  }
  const auto count = static_cast<uint16_t>(wide ? 0xffff : entries);
  end.add(end_signature).add(uint16_t{0}).add(uint16_t{0}).add(count).add(count);
  end.add(wide ? in_zip64 : static_cast<uint32_t>(size));
  end.add(wide ? in_zip64 : static_cast<uint32_t>(directory)).add(uint16_t{0});
  return end.text();
}

}  // namespace fluxsbi::io::zip
