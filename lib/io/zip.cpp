#include "io/zip.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <optional>
#include <set>

#include <zlib.h>

#include "io/atomic_file.hpp"

namespace fluxsbi::io::zip {

namespace {

constexpr const char* damaged =
    "is not a whole zip archive: it is truncated or damaged; copy or make it again";

// Little-endian numbers from a record, left to right; whoever makes one has checked its length.
class Fields {
 public:
  explicit Fields(std::span<const std::byte> bytes) : bytes_(bytes) {}

  template <class T>
  T next() {
    T value;
    std::memcpy(&value, bytes_.data(), sizeof value);
    bytes_ = bytes_.subspan(sizeof value);
    return value;
  }
  uint16_t u16() { return next<uint16_t>(); }
  uint32_t u32() { return next<uint32_t>(); }
  uint64_t u64() { return next<uint64_t>(); }
  void skip(size_t bytes) { bytes_ = bytes_.subspan(bytes); }
  std::span<const std::byte> take(size_t bytes) {
    const auto taken = bytes_.first(bytes);
    skip(bytes);
    return taken;
  }
  size_t left() const { return bytes_.size(); }

 private:
  std::span<const std::byte> bytes_;
};

template <size_t size>
std::array<std::byte, size> record(const Source& source, uint64_t offset) {
  std::array<std::byte, size> bytes;
  source.read(offset, bytes);
  return bytes;
}

struct Directory {
  uint64_t entries = 0, size = 0, offset = 0;
};

// The zip64 end record, if a locator stands right before the end record.
std::optional<Directory> read_directory64(const Source& source, uint64_t end_offset) {
  constexpr size_t locator_size = 20, record_size = 56;
  if (end_offset < locator_size) return {};
  const auto locator_bytes = record<locator_size>(source, end_offset - locator_size);
  Fields locator(locator_bytes);
  if (locator.u32() != locator64_signature) return {};
  locator.skip(4);
  const uint64_t offset = locator.u64();
  if (offset > end_offset) source.fail(damaged);
  const auto end_bytes = record<record_size>(source, offset);
  Fields end(end_bytes);
  if (end.u32() != end64_signature) source.fail(damaged);
  end.skip(8 + 2 + 2 + 4 + 4 + 8);  // own size, versions, disks, entries on this disk
  Directory directory;
  directory.entries = end.u64();
  directory.size = end.u64();
  directory.offset = end.u64();
  return directory;
}

// The end record stands last, before a comment of at most 65,535 bytes that it counts.
Directory find_directory(const Source& source) {
  constexpr size_t end_size = 22, longest_comment = 0xffff;
  if (source.size() < end_size) source.fail(damaged);
  const uint64_t tail_size = std::min<uint64_t>(source.size(), end_size + longest_comment);
  std::vector<std::byte> tail(tail_size);
  source.read(source.size() - tail_size, tail);
  for (size_t at = tail.size() - end_size + 1; at-- > 0;) {
    Fields end{std::span(tail).subspan(at)};
    if (end.u32() != end_signature) continue;
    end.skip(2 + 2 + 2);  // disks, entries on this disk
    Directory directory;
    directory.entries = end.u16();
    directory.size = end.u32();
    directory.offset = end.u32();
    if (end.u16() != tail.size() - at - end_size) continue;
    const uint64_t end_offset = source.size() - tail_size + at;
    if (const auto wide = read_directory64(source, end_offset)) directory = *wide;
    if (directory.offset > end_offset || directory.size > end_offset - directory.offset) source.fail(damaged);
    return directory;
  }
  source.fail(damaged);
}

// Sizes and offset of 4 GB and more stand in the zip64 extra field, in this order, each only if needed.
void apply_zip64(const Source& source, Fields extra, uint64_t& size, uint64_t& packed_size,
                 uint64_t& offset) {
  while (extra.left() >= 4) {
    const uint16_t id = extra.u16(), length = extra.u16();
    if (length > extra.left()) source.fail(damaged);
    Fields field(extra.take(length));
    if (id != zip64_extra) continue;
    for (uint64_t* value : {&size, &packed_size, &offset}) {
      if (*value != in_zip64) continue;
      if (field.left() < 8) source.fail(damaged);
      *value = field.u64();
    }
    return;
  }
}

// Checks a member's local header against its central entry and finds the data after it.
uint64_t find_data(const Source& source, const Member& member, uint64_t local_offset) {
  constexpr size_t local_size = 30;
  const auto bytes = record<local_size>(source, local_offset);
  Fields local(bytes);
  const bool is_local = local.u32() == local_signature;
  local.skip(2 + 2);
  const uint16_t method = local.u16();
  local.skip(4 + 4 + 4 + 4);
  const uint16_t name_length = local.u16(), extra_length = local.u16();
  if (!is_local || method != member.method || name_length != member.name.size()) source.fail(damaged);
  std::string name(name_length, '\0');
  source.read(local_offset + local_size, std::as_writable_bytes(std::span(name)));
  if (name != member.name) source.fail(damaged);
  return local_offset + local_size + name_length + extra_length;
}

// Reads one central entry; `start` becomes where the member's local header stands.
Member read_entry(const Source& source, Fields& central, uint64_t& start) {
  constexpr size_t entry_size = 46;
  if (central.left() < entry_size) source.fail(damaged);
  if (central.u32() != central_signature) source.fail(damaged);
  central.skip(2 + 2);
  const uint16_t flags = central.u16();
  Member member;
  member.method = central.u16();
  central.skip(4);  // time
  member.crc = central.u32();
  member.packed_size = central.u32();
  member.size = central.u32();
  const uint16_t name_length = central.u16(), extra_length = central.u16(), comment_length = central.u16();
  central.skip(2 + 2 + 4);  // disk, attributes
  start = central.u32();
  if (central.left() < size_t{name_length} + extra_length + comment_length) source.fail(damaged);
  const auto name = central.take(name_length);
  member.name.assign(reinterpret_cast<const char*>(name.data()), name.size());
  apply_zip64(source, Fields(central.take(extra_length)), member.size, member.packed_size, start);
  central.skip(comment_length);
  if (flags & encrypted_flag)
    source.fail("its member '" + member.name + "' is encrypted; save it without a password");
  return member;
}

void check_sizes(const Source& source, const Member& member) {
  if (member.method != stored && member.method != deflated) {
    source.fail(
        "its member '" + member.name + "' is packed with zip method " + std::to_string(member.method) +
        "; only stored and deflated members are read: write it with numpy.savez or numpy.savez_compressed");
  }
  const bool possible = member.method == stored ? member.size == member.packed_size
                                                : member.size / most_inflation <= member.packed_size;
  if (!possible) source.fail("its member '" + member.name + "' has an impossible size: the file is damaged");
}

}  // namespace

std::vector<Member> read_directory(const Source& source) {
  const Directory directory = find_directory(source);
  std::vector<std::byte> bytes(directory.size);
  source.read(directory.offset, bytes);
  Fields central(bytes);
  std::vector<Member> members;
  std::set<std::string> names;
  std::vector<std::pair<uint64_t, uint64_t>> places;
  for (uint64_t i = 0; i < directory.entries; ++i) {
    uint64_t start = 0;
    Member member = read_entry(source, central, start);
    check_sizes(source, member);
    if (!names.insert(member.name).second) source.fail("holds two members called '" + member.name + "'");
    member.data_offset = find_data(source, member, start);
    const bool fits =
        member.data_offset <= directory.offset && member.packed_size <= directory.offset - member.data_offset;
    if (!fits) source.fail(damaged);
    places.emplace_back(start, member.data_offset + member.packed_size);
    members.push_back(std::move(member));
  }
  std::sort(places.begin(), places.end());  // members that share bytes could make a small file a huge one
  for (size_t i = 1; i < places.size(); ++i) {
    if (places[i].first < places[i - 1].second) source.fail("its members overlap: the file is damaged");
  }
  return members;
}

struct MemberStream::Inflater {
  z_stream state{};
  std::array<std::byte, 1u << 16> input;
  bool ended = false;
};

MemberStream::MemberStream(const Source& source, const Member& member, std::string name)
    : Stream(name, member.size),
      packed_(source, std::move(name), member.data_offset, member.packed_size),
      expected_crc_(member.crc) {
  if (member.method != deflated) return;
  inflater_ = std::make_unique<Inflater>();
  if (inflateInit2(&inflater_->state, -MAX_WBITS) != Z_OK)
    throw std::bad_alloc();  // raw deflate, no zlib header
}

MemberStream::~MemberStream() {
  if (inflater_) inflateEnd(&inflater_->state);
}

void MemberStream::take(std::span<std::byte> out) {
  if (!inflater_) {
    packed_.read(out);
    crc_ = io::crc32(out, crc_);
    return;
  }
  z_stream& state = inflater_->state;
  for (std::span<std::byte> rest = out; !rest.empty();) {
    if (state.avail_in == 0) {
      const auto piece =
          std::span(inflater_->input).first(std::min<uint64_t>(inflater_->input.size(), packed_.remaining()));
      packed_.read(piece);
      state.next_in = reinterpret_cast<unsigned char*>(piece.data());
      state.avail_in = static_cast<unsigned>(piece.size());
    }
    const auto wanted = static_cast<unsigned>(std::min(rest.size(), size_t{1} << 30));
    state.next_out = reinterpret_cast<unsigned char*>(rest.data());
    state.avail_out = wanted;
    const int result = inflater_->ended ? Z_DATA_ERROR : inflate(&state, Z_NO_FLUSH);
    inflater_->ended = result == Z_STREAM_END;
    rest = rest.subspan(wanted - state.avail_out);
    const bool starved = result == Z_BUF_ERROR && packed_.remaining() > 0;
    if (result != Z_OK && result != Z_STREAM_END && !starved) fail("cannot be unpacked: the file is damaged");
  }
  crc_ = io::crc32(out, crc_);
}

void MemberStream::check() {
  if (crc_ != expected_crc_) fail("has a wrong checksum: the file is damaged; copy or make it again");
}

}  // namespace fluxsbi::io::zip
