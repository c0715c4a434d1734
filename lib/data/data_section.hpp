// Reading where data come from: the sections of data and the key of GenSBI's that stands beside them.
#pragma once

#include <optional>
#include <string>

#include "config/reader.hpp"
#include "data/data_options.hpp"

namespace fluxsbi::data {

/// Reads the sections data and data.names, and the key task_name beside the sections: it names a built-in
/// task where the section names no data. A task_name without effect is a warning.
void read_data_section(config::Reader& reader, DataOptions& options);

/// The first file or folder of the options that is not there; none if all are. Patterns are not looked at.
std::optional<std::string> missing_file(const DataOptions& options);

}  // namespace fluxsbi::data
