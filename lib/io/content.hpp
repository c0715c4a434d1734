// What a file holds, by its first bytes: names lie.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "io/source.hpp"

namespace fluxsbi::io {

enum class Content { unknown, gzip, bzip2, xz, zstd, zip, npy, hdf5, netcdf3, pickle, matlab };

Content content_of(std::span<const std::byte> head);

/// Throws UserError where the first bytes are those of another known format than `own`: "NAME: is a file
/// compressed by gzip, not text; unpack it first". `own` is called `called` in the message.
void refuse_other_content(const Source& source, Content own, const std::string& called);

}  // namespace fluxsbi::io
