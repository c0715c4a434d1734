// safetensors: u64 little-endian header length, JSON header, raw data. One file holds weights, config and
// everything else.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "io/array.hpp"

namespace fluxsbi::io {

struct Safetensors {
  Arrays arrays;
  std::map<std::string, std::string> metadata;  ///< without "fluxsbi.crc32"
  bool verified = false;                        ///< the file held a checksum, and it matched
};

/// Reads and checks a whole file: header length, JSON, dtypes, offsets without gaps or overlaps, sizes.
/// If the metadata holds "fluxsbi.crc32", it is verified: 8 hexadecimal digits, the CRC-32 of all other
/// metadata (key, 0, value, 0; sorted), then of every array's name, dtype and shape (name, 0, "F32", 0, "[2,
/// 3]", 0; sorted), then of the data. Throws UserError naming the file, what is wrong and what to do.
Safetensors load_safetensors(const std::string& path);

/// The same for a file's bytes; `name` stands for the path in messages.
Safetensors parse_safetensors(std::span<const std::byte> bytes, const std::string& name);

/// Names, dtypes and shapes, sorted by name, without reading the data.
std::vector<ArrayInfo> list_safetensors(const std::string& path);

/// Writes atomically; adds "fluxsbi.crc32" to the metadata. Arrays are stored in the order of their names.
void save_safetensors(const std::string& path, const Safetensors& content);

}  // namespace fluxsbi::io
