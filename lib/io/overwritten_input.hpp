// An output that would take the place of what the command reads.
#pragma once

#include <string>
#include <vector>

namespace fluxsbi::io {

/// Throws the UserError of an output that is one of the files that the command reads, by whatever path: what
/// they hold would be lost, and --force, which replaces an earlier result, does not mean that. Inputs may be
/// "FILE:KEY"; those that are empty or do not exist are passed over.
void refuse_overwriting(const std::string& output, const std::vector<std::string>& inputs);

}  // namespace fluxsbi::io
