// The log: lines for people on standard error and, once a run folder exists, in its train.log.
#pragma once

#include <string>
#include <string_view>

namespace fluxsbi::core::log {

enum class Level { debug, info, warning, error };

/// Sets the lowest level that is shown on standard error (default info). Files get everything from info up.
void set_level(Level level);

/// Also appends every line from info up, with its time, to the file at `path`, including the last 100 lines
/// that came before the first call. An empty path ends that. Throws UserError if the file cannot be opened.
void tee(const std::string& path);

void debug(std::string_view message);
void info(std::string_view message);
void warning(std::string_view message);
void error(std::string_view message);
/// info and warning, where this message has not been logged before: of a file that is opened several times.
void info_once(const std::string& message);
void warning_once(const std::string& message);

/// Rewrites one line in place if standard error is a terminal and the level is info or lower; otherwise it
/// does nothing. Any other log line first ends the progress line.
void progress(std::string_view line);
/// Ends the progress line, keeping what it showed last.
void end_progress();
/// True where progress() shows something.
bool shows_progress();

}  // namespace fluxsbi::core::log
