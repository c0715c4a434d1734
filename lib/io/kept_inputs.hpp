// An output is not one of the files of which it is made.
#pragma once

#include <string>
#include <vector>

namespace fluxsbi::io {

/// Throws UserError where the output `path` is one of the files that are read ("FILE" or "FILE:KEY"; empty
/// names are passed over): --force gives up an old output, not what the new one is made of.
void refuse_input_as_output(const std::string& path, const std::vector<std::string>& inputs);

}  // namespace fluxsbi::io
