#include "train/metrics_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>

#include <fcntl.h>
#include <unistd.h>

#include "core/error.hpp"
#include "core/file_descriptor.hpp"
#include "core/io_problem.hpp"
#include "core/log.hpp"

namespace fluxsbi::train {

MetricsFile::MetricsFile(std::string path, int64_t keep) : path_(std::move(path)) {
  descriptor_ = open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor_ < 0) fail("open");
  const int64_t found = lseek(descriptor_, 0, SEEK_END);
  if (found < keep) {
    core::log::warning(path_ + " is shorter than when the checkpoint was written; its last lines are lost");
  }
  size_ = std::min(found, keep);
  if (ftruncate(descriptor_, size_) != 0) fail("cut");
}

MetricsFile::~MetricsFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

void MetricsFile::append(std::string_view text) {
  const std::string line = std::string(text) + "\n";
  if (!core::write_all(descriptor_, std::as_bytes(std::span(line)))) fail("write to");
  size_ += static_cast<int64_t>(line.size());
}

int64_t MetricsFile::sync() {
  if (fdatasync(descriptor_) != 0) fail("flush");
  return size_;
}

void MetricsFile::fail(const char* what) const {
  throw core::UserError("cannot " + std::string(what) + " " + path_ + ": " + core::io_problem(errno));
}

}  // namespace fluxsbi::train
