// What is checked of an output's name before any long work.
#pragma once

#include <string>
#include <vector>

namespace fluxsbi::io {

/// The extension of a path in lower case, with its dot (".npz" of "a.NPZ"); "" where there is none.
std::string extension_of(const std::string& path);

/// Throws the UserError that a later write to `path` would end in: an extension that is none of `extensions`
/// (empty: any is fine), a folder in its place, a folder that does not exist or cannot be written to, a file
/// that exists while `force` is not set.
void check_output(const std::string& path, bool force, const std::vector<std::string>& extensions);

}  // namespace fluxsbi::io
