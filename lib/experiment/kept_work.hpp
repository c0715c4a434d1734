// Work of `sample`, `log-prob` and `map` that is kept beside the output until it is written
// (docs/running.md).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "core/device_problem.hpp"
#include "core/error.hpp"
#include "core/stop.hpp"
#include "sample/posterior.hpp"

namespace fluxsbi::experiment {

/// All that decides the numbers of an output, as lines "key: value".
class WorkDescription {
 public:
  WorkDescription() = default;
  /// The command, the model and what evaluates it.
  WorkDescription(const std::string& command, sample::Posterior& posterior);
  void add(const std::string& key, const std::string& value);
  /// The checksum of the numbers, and how many these are.
  void add(const std::string& key, std::span<const double> values);
  /// The section `sampling` but for what only says when redrawing ends.
  void add(const sample::SamplingOptions& options);
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// What add(key, values) says of numbers with this CRC-32.
std::string checksum_text(int64_t numbers, uint32_t crc);

class KeptWork {
 public:
  /// Keeps what `posterior` computes from here on in OUTPUT.partial, where OUTPUT is a file; a device or
  /// pipe, or no output, keeps nothing. Throws UserError for a partial output of other work, unless `force`.
  KeptWork(sample::Posterior& posterior, const std::string& output, bool force, const WorkDescription& work);
  ~KeptWork();
  KeptWork(const KeptWork&) = delete;
  KeptWork& operator=(const KeptWork&) = delete;

  /// What `work()` returns. Where a signal stops it and something is kept, throws core::Stopped, which says
  /// that the same command goes on; else core::Interrupted. Where the device fails, UserError says so.
  template <class Work>
  auto run(const Work& work) {
    try {
      return work();
    } catch (const core::Interrupted& interrupted) {
      stop(interrupted);
      throw;
    } catch (const std::exception& problem) {
      if (const auto device = core::device_problem(problem)) fail(core::UserError(*device));
      throw;
    }
  }
  /// The output is written: what was kept goes.
  void finish();
  /// The state that an earlier run left in the journal; "" where there is none, and where the values beside
  /// the output that it speaks of are gone (not `has_values`), which a warning says.
  std::string state(bool has_values) const;
  /// Ends work whose output cannot be written, or whose device has failed: keeps what still can be, and says
  /// that the same command goes on.
  [[noreturn]] void fail(const core::UserError& problem) const;
  /// For what is kept beside the chunks of `posterior`; null where nothing is.
  sample::ChunkJournal* journal() const { return journal_.get(); }

 private:
  void stop(const core::Interrupted& interrupted);

  sample::Posterior& posterior_;
  std::shared_ptr<sample::ChunkJournal> journal_;
};

}  // namespace fluxsbi::experiment
