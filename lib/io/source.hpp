// Where the readers take their bytes from: a file or a span of memory. Every read is checked against the
// size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace fluxsbi::io {

class Source {
 public:
  virtual ~Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  /// Fills `out` from `offset`. Throws UserError if that reaches beyond the end or cannot be read.
  void read(uint64_t offset, std::span<std::byte> out) const;
  /// Everything.
  std::vector<std::byte> read_all() const;

  uint64_t size() const { return size_; }
  const std::string& name() const { return name_; }
  /// Throws UserError "NAME: message".
  [[noreturn]] void fail(const std::string& message) const;

 protected:
  explicit Source(std::string name) : name_(std::move(name)) {}
  virtual void take(uint64_t offset, std::span<std::byte> out) const = 0;

  std::string name_;
  uint64_t size_ = 0;
};

/// `bytes` must outlive it.
class MemorySource : public Source {
 public:
  MemorySource(std::span<const std::byte> bytes, std::string name);

 private:
  void take(uint64_t offset, std::span<std::byte> out) const override;
  std::span<const std::byte> bytes_;
};

class FileSource : public Source {
 public:
  /// Throws UserError for a path that is missing, not a regular file, or not readable.
  explicit FileSource(const std::string& path);
  ~FileSource() override;

 private:
  void take(uint64_t offset, std::span<std::byte> out) const override;
  int descriptor_ = -1;
};

/// Bytes of known number, read in order.
class Stream {
 public:
  virtual ~Stream() = default;

  /// Throws UserError if fewer bytes remain.
  void read(std::span<std::byte> out);
  uint64_t remaining() const { return remaining_; }
  const std::string& name() const { return name_; }
  [[noreturn]] void fail(const std::string& message) const;

 protected:
  Stream(std::string name, uint64_t size) : name_(std::move(name)), remaining_(size) {}
  virtual void take(std::span<std::byte> out) = 0;

 private:
  std::string name_;
  uint64_t remaining_;
};

/// A part of a source; the source must outlive it.
class SourceStream : public Stream {
 public:
  SourceStream(const Source& source, std::string name, uint64_t offset, uint64_t size)
      : Stream(std::move(name), size), source_(source), offset_(offset) {}
  explicit SourceStream(const Source& source) : SourceStream(source, source.name(), 0, source.size()) {}

 private:
  void take(std::span<std::byte> out) override;
  const Source& source_;
  uint64_t offset_;
};

/// Memory for `bytes` of an array of the file `name`. Throws UserError where there is too little: a system
/// that overcommits would grant it and end the program while it is filled.
std::vector<std::byte> room_for(uint64_t bytes, const std::string& name);

}  // namespace fluxsbi::io
