// The files that a command runs.
#pragma once

#include <string>
#include <vector>

namespace fluxsbi::data {

/// The words of a shell command, in quotes or not, that name programs: regular files that can be executed or
/// have the extension of a script (.py, .R, .jl, ...), without those that the command writes to (behind >).
std::vector<std::string> program_files(const std::string& command);
/// Those that name other files, such as tables that the program reads.
std::vector<std::string> data_files(const std::string& command);

/// "command '...', sim.py 1a2b3c4d": the command in one line and the CRC-32 of each of its program files.
std::string program_text(const std::string& command);
/// "table.csv 1a2b3c4d, ...": the other files and their CRC-32; empty where there are none.
std::string data_text(const std::string& command);

}  // namespace fluxsbi::data
