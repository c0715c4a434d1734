// The arrays of a file of samples: what sample_file.hpp says, for whoever writes one. Inside sample/files
// alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/array_stream.hpp"
#include "sample/files/sample_file.hpp"

namespace fluxsbi::sample {

/// What decides which arrays a file has.
struct SampleLayout {
  std::string path;  ///< whose extension is one of sample_extensions()
  Origin origin;
  Question::Kind kind = Question::Kind::x;
  std::vector<int64_t> samples, question;            ///< shapes
  bool wide_samples = false, wide_question = false;  ///< float64, else float32

  /// "x" or "given"
  static const char* key_of(Question::Kind kind);
  /// Whether the file holds samples alone.
  bool samples_alone() const;
  /// In the order of the file.
  std::vector<io::ArrayInfo> arrays() const;
  io::AxisNames axes() const;
  /// The array `meta`. Blanks make its length independent of `drawn`, so that its place is known before that.
  std::string meta(int64_t drawn) const;
};

/// The number of the array `name`.
size_t number_of(const io::ArrayStream& stream, const std::string& name);

}  // namespace fluxsbi::sample
