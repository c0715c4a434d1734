// A file of samples that is written while they are drawn, over several runs of the command where it must be.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "io/array_stream.hpp"
#include "io/partial_file.hpp"
#include "sample/files/number_type.hpp"
#include "sample/files/sample_file.hpp"

namespace fluxsbi::sample {

struct SampleLayout;

/// What is known of the samples of a file before they are drawn.
struct SamplePlan {
  int64_t rows = 0, draws = 0, tokens = 0, channels = 1;
  Question question;  ///< its values must outlive the writer
  Origin origin;
  NumberType type = NumberType::automatic;
};

/// Writes the samples, in the order of rows and draws, into OUT.partial-rows, which becomes OUT by commit();
/// its memory does not grow with them. Where float32 turns out too coarse for a column after float32 was
/// begun with, what has been written is copied as float64 into OUT.partial-rows64, and a line says so. The
/// first piece decides before anything is written.
class SampleWriter {
 public:
  /// `state`: what state() said in the run that goes on; empty: begins anew. Throws UserError where another
  /// process writes the same output (`command`: its name for messages), and for a disk with too little space.
  SampleWriter(const std::string& path, const std::string& command, SamplePlan plan,
               const std::string& state = "");
  ~SampleWriter();

  /// Whether an earlier run left samples beside this output.
  static bool has_begun(const std::string& path);

  /// The next draws: values [n, tokens, channels] in the data's units, and which of them are filled [n].
  void append(std::span<const double> values, std::span<const uint8_t> filled);
  int64_t items() const { return items_; }    ///< draws that were appended
  int64_t filled() const { return filled_; }  ///< of them

  /// Where the writer stands, for a later run. sync() must have come before it is kept anywhere.
  std::string state() const;
  /// Flushes to disk what was appended, and leaves the file for a later run.
  void sync();
  /// Gives the space back that a failed append() has taken.
  void drop_rest();

  /// Nothing of it is to stay.
  void give_up();

  /// All draws were appended. `drawn`: samples computed, redraws included.
  void commit(int64_t drawn);

 private:
  SampleLayout layout(bool wide) const;
  void begin(bool wide, std::vector<io::ArrayStream::Progress> progress);
  void widen(int64_t coarse);
  void require_space(bool wide) const;
  void append_numbers(const std::string& name, std::span<const double> values, bool wide);
  io::PartialFile& file();

  std::string path_, command_;
  SamplePlan plan_;
  bool wide_question_ = false;
  io::PartialFile narrow_file_;                 ///< whose lock is that of the output
  std::unique_ptr<io::PartialFile> wide_file_;  ///< after widen()
  std::unique_ptr<io::ArrayStream> stream_;     ///< null before the first draws
  bool wide_ = false, second_is_kept_ = false;
  CoarseColumns coarse_;
  int64_t items_ = 0, filled_ = 0;
};

}  // namespace fluxsbi::sample
