// The records of a zip archive that is written. Used only within lib/io.
#pragma once

#include <cstdint>
#include <string>

#include "io/zip.hpp"

namespace fluxsbi::io::zip {

struct Entry {
  Member member;
  uint64_t local_offset = 0;
  bool wide = false;  ///< with a zip64 extra field
};

/// Whether a member of so many bytes needs the zip64 extra field, whatever deflate makes of it.
bool needs_zip64(uint64_t member_size);

/// What stands before a member's bytes. Its length depends on the name and on `wide` alone.
std::string local_header(const Entry& entry);

/// A member's entry in the central directory.
std::string central_entry(const Entry& entry);

/// What follows the central directory, which lies at `directory` and has `size` bytes.
std::string end_records(uint64_t entries, uint64_t directory, uint64_t size, bool always_zip64);

}  // namespace fluxsbi::io::zip
