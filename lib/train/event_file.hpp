// TensorBoard events: a file of records, each a length, its checksum, a protobuf message and its checksum
// (tensorflow's record_writer.h, event.proto, summary.proto). Only scalars are written.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fluxsbi::train {

/// CRC-32C (Castagnoli), the records' checksum before it is masked.
uint32_t crc32c(std::string_view bytes);
/// One record: u64 length, u32 masked CRC of it, payload, u32 masked CRC of it; little-endian.
std::string event_record(std::string_view payload);

using Scalars = std::vector<std::pair<std::string, double>>;

/// The messages' bytes: the first of a file, the start of a session at `step` (TensorBoard then forgets what
/// an interrupted run wrote beyond it), and scalars.
std::string version_event(double wall_time);
std::string session_event(double wall_time, int64_t step);
std::string scalars_event(double wall_time, int64_t step, const Scalars& scalars);

/// FOLDER/events.out.tfevents.<seconds>.<host>.<process>; each session of a run writes its own.
class EventFile {
 public:
  /// Throws UserError if the file cannot be created.
  EventFile(const std::string& folder, int64_t first_step);
  ~EventFile();
  EventFile(const EventFile&) = delete;
  EventFile& operator=(const EventFile&) = delete;

  /// A failure to write ends the events with a warning; they only repeat what metrics.jsonl holds.
  void write(int64_t step, const Scalars& scalars);

 private:
  void append(const std::string& payload);

  std::string path_;
  int descriptor_ = -1;
};

}  // namespace fluxsbi::train
