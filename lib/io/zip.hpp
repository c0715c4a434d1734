// The part of the zip format that .npz needs. Used only within lib/io.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "io/source.hpp"

namespace fluxsbi::io::zip {

inline constexpr uint32_t local_signature = 0x04034b50, central_signature = 0x02014b50,
                          end_signature = 0x06054b50, end64_signature = 0x06064b50,
                          locator64_signature = 0x07064b50;
inline constexpr uint16_t stored = 0, deflated = 8, zip64_extra = 1;
inline constexpr uint16_t encrypted_flag = 1, utf8_flag = 1u << 11;
inline constexpr uint32_t in_zip64 = 0xffffffffu;  ///< the value stands in the zip64 extra field
/// Deflate makes at most 1032 bytes of one; a member that claims more is damaged or malicious and would only
/// cost memory.
inline constexpr uint64_t most_inflation = 1100;

struct Member {
  std::string name;
  uint16_t method = stored;
  uint32_t crc = 0;
  uint64_t packed_size = 0;
  uint64_t size = 0;
  uint64_t data_offset = 0;
};

/// The members that the central directory names, each with its place checked: it lies inside the file,
/// overlaps no other, and its local header agrees. Throws UserError.
std::vector<Member> read_directory(const Source& source);

/// A member's content, unpacked as it is read; check() afterwards compares the CRC-32.
class MemberStream : public Stream {
 public:
  MemberStream(const Source& source, const Member& member, std::string name);
  ~MemberStream() override;

  /// Call when everything was read. Throws UserError if the content is not the one that was packed.
  void check();

 private:
  struct Inflater;

  void take(std::span<std::byte> out) override;

  SourceStream packed_;
  std::unique_ptr<Inflater> inflater_;  ///< none for a stored member
  uint32_t crc_ = 0;
  uint32_t expected_crc_;
};

}  // namespace fluxsbi::io::zip
