// metrics.jsonl: one JSON object a line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace fluxsbi::train {

/// Every failure (disk full, no permission) is a UserError that names the file.
class MetricsFile {
 public:
  /// Opens `path` and cuts it back to its first `keep` bytes, which are what a checkpoint has recorded.
  MetricsFile(std::string path, int64_t keep);
  ~MetricsFile();
  MetricsFile(const MetricsFile&) = delete;
  MetricsFile& operator=(const MetricsFile&) = delete;

  /// Appends a line; `text` holds no newline.
  void append(std::string_view text);
  /// Flushes to disk and returns the length.
  int64_t sync();

 private:
  [[noreturn]] void fail(const char* what) const;

  std::string path_;
  int descriptor_ = -1;
  int64_t size_ = 0;
};

}  // namespace fluxsbi::train
