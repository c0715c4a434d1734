// safetensors: u64 little-endian header length, JSON header, raw data. One file for weights, config and all
// else.
#pragma once

#include <map>
#include <string>

#include "io/array.hpp"

namespace fluxsbi::io {

struct Safetensors {
  Arrays arrays;
  std::map<std::string, std::string> metadata;
};

/// Reads and checks a whole file: header length, JSON, dtypes, offsets without gaps or overlaps, sizes.
/// If the metadata holds "fluxsbi.crc32" (8 hexadecimal digits over the data, and over all other metadata),
/// it is verified. Throws UserError naming the file, what is wrong and what to do.
Safetensors load_safetensors(const std::string& path);

/// Writes atomically; adds "fluxsbi.crc32" to the metadata. Arrays are stored in the order of their names.
void save_safetensors(const std::string& path, const Safetensors& content);

}  // namespace fluxsbi::io
