// File descriptors that close themselves, and reads and writes that a signal or a short transfer does not
// end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace fluxsbi::core {

/// Owns an open file descriptor, or none (-1).
class FileDescriptor {
 public:
  explicit FileDescriptor(int number = -1) : number_(number) {}
  ~FileDescriptor() { reset(); }
  FileDescriptor(FileDescriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    if (this != &other) {
      reset();
      number_ = std::exchange(other.number_, -1);
    }
    return *this;
  }

  int number() const { return number_; }
  bool is_open() const { return number_ >= 0; }
  /// Closes it, where it is open.
  void reset();

 private:
  int number_;
};

/// Reads until `bytes` is full or nothing more comes. Returns how many bytes were read; where these are fewer
/// than asked for, errno is 0 at the end of the file and the problem's number otherwise.
size_t read_all(int descriptor, std::span<std::byte> bytes);
/// The same from a position in the file; the descriptor's own stays where it is.
size_t read_all_at(int descriptor, uint64_t offset, std::span<std::byte> bytes);

/// Writes all bytes. Returns false with errno set where that fails; some may have been written then.
[[nodiscard]] bool write_all(int descriptor, std::span<const std::byte> bytes);
/// The same to a position in the file; the descriptor's own stays where it is.
[[nodiscard]] bool write_all_at(int descriptor, uint64_t offset, std::span<const std::byte> bytes);

/// Bytes in an open file.
uint64_t size_of_file(int descriptor);

}  // namespace fluxsbi::core
