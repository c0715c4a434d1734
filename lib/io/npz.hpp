// NumPy's .npz: a zip archive whose members are .npy arrays, stored or deflated, zip64 where needed.
// Format: PKWARE APPNOTE 6.3; deflate: RFC 1951.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/array.hpp"

namespace fluxsbi::io {

/// All arrays, or those of `keys`. The CRC-32 of every member read is checked; members that are not .npy are
/// left alone. Throws UserError for a missing key (it names those there are), for encrypted members, members
/// with one name or on one place, for other compression than deflate, and for whatever is damaged.
Arrays load_npz(const std::string& path, const std::optional<std::vector<std::string>>& keys = {});
/// The same for a file's bytes; `name` stands for the path in messages.
Arrays parse_npz(std::span<const std::byte> bytes, const std::string& name);

std::vector<ArrayInfo> list_npz(const std::string& path);

struct NpzOptions {
  bool deflate = false;       ///< else stored, as numpy.savez does
  bool always_zip64 = false;  ///< else only for members and files of 4 GB and more
};

/// Writes atomically; the same arrays give the same bytes. bfloat16 is written as float32.
void save_npz(const std::string& path, const Arrays& arrays, const NpzOptions& options = {});

/// What to say of an array that is not there: "; name another with --x-key (data.x_key)" for theta and x,
/// else nothing.
std::string key_remedy(const std::string& key);

}  // namespace fluxsbi::io
