// Serving observations that arrive one by one: the model stays loaded (docs/cluster.md).
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>

#include "experiment/sampling.hpp"

namespace fluxsbi::experiment {

struct WatchRequest {
  std::string model;   ///< as the user named it, for messages
  std::string folder;  ///< of results; "": draws go to the standard output (lines only)
  int64_t draws = 0;   ///< for each observation
  uint64_t seed = 0;
  bool force = false;    ///< a result that is there is made again
  bool partial = false;  ///< see SamplingRequest
  sample::NumberType number_type = sample::NumberType::automatic;
  std::string extension = ".npz";  ///< of results in the folder, one of sample::sample_extensions()
};

struct WatchOutcome {
  int64_t answered = 0, refused = 0;
};

/// Answers each line of the open file `input` (observation_line.hpp) with one JSON line on `out`, until it
/// ends: {"id", "draws": n, "seconds", "acceptance", "samples": [[...], ...]}, or with a folder "file" in
/// place of "samples", or {"id", "error"}. Line k, counted from 0 without empty lines and heads of names, has
/// the draws of row k of a file of all lines; one with a "row" those of that row; else one with a seed of its
/// own those of row 0. A file that is there, but holds other samples, is an error of the line. No line is
/// read before the last one is answered, so that the sender's pipe is the queue: after a kill the lines that
/// have no whole line of answer are to be sent again. Throws core::Stopped between two lines where a signal
/// asked to stop.
WatchOutcome watch_lines(sample::Posterior& posterior, const WatchRequest& request,
                         const sample::SamplingOptions& options, int input, std::ostream& out);

/// Answers each file of observations of `source` as sample_to_file does, into request.folder/STEM.npz (or
/// with request.extension): first those that are there, in the order of their times, then those that come
/// (inotify; where there is none, which a line says, a look twice a second), for ever. Files whose result is
/// there are passed over; where that is not what this command would make of the file, STEM.error says so. One
/// that cannot be read or answered gets STEM.error, and is tried again when it has changed. A file counts as
/// whole when it was renamed into the folder or closed by its writer, or has not changed for two seconds.
/// Throws core::Stopped after the current file where a signal asked to stop, UserError where another process
/// serves the folder of results, WriteFailure where a result cannot be written.
void watch_folder(sample::Posterior& posterior, const WatchRequest& request,
                  const sample::SamplingOptions& options, const std::string& source);

}  // namespace fluxsbi::experiment
