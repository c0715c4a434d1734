// What a file of samples says of itself, without its numbers.
#pragma once

#include <span>
#include <string>

#include "io/array.hpp"
#include "sample/files/sample_file.hpp"

namespace fluxsbi::sample {

struct SampleHead {
  std::string path;
  Origin origin;
  int64_t rows = 0, drawn = 0;
  Question::Kind kind = Question::Kind::x;
  io::ArrayInfo samples, filled, question;
};

/// Reads the head of an .npz or HDF5 file. Throws UserError for .npy, which holds samples alone, for files
/// that `sample` did not write, for damage, and for a newer layout.
SampleHead read_head(const std::string& path);

/// Where the samples of `path` are not those that origin (model, seed, options) and draws ask for given
/// `values` ([rows, ...] in the data's units; empty: are not compared): "seed is 0 there and 4 here; the
/// observations are others". "" where nothing differs, and of .npy files, which cannot tell. Work, where both
/// have some, is compared but for its first line, the checksum of values. Throws UserError as read_head does.
std::string differences_of_samples(const std::string& path, const Origin& origin, int64_t draws,
                                   std::span<const double> values);

}  // namespace fluxsbi::sample
