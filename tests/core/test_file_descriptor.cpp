#include <array>
#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/file_descriptor.hpp"

using namespace fluxsbi::core;

namespace {

FileDescriptor memory_file() {
  return FileDescriptor(memfd_create("test", MFD_CLOEXEC));
}

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

std::string read_at(const FileDescriptor& file, uint64_t offset, size_t size) {
  std::string text(size, '\0');
  text.resize(read_all_at(file.number(), offset, std::as_writable_bytes(std::span(text))));
  return text;
}

}  // namespace

TEST_CASE("what is written to a file is read back, at places too", "[core][descriptor]") {
  const FileDescriptor file = memory_file();
  REQUIRE(write_all(file.number(), bytes_of("abcdef")));
  REQUIRE(write_all_at(file.number(), 2, bytes_of("XY")));
  REQUIRE(write_all(file.number(), bytes_of("g")));  // the descriptor's own place has not moved
  CHECK(size_of_file(file.number()) == 7);
  CHECK(read_at(file, 0, 7) == "abXYefg");
  CHECK(read_at(file, 3, 2) == "Ye");
}

TEST_CASE("a read that comes to the end says how much there was, without an error", "[core][descriptor]") {
  const FileDescriptor file = memory_file();
  REQUIRE(write_all(file.number(), bytes_of("abc")));
  errno = EIO;
  CHECK(read_at(file, 1, 10) == "bc");
  CHECK(errno == 0);
}

TEST_CASE("a pipe that gives and takes little at a time is read and written whole", "[core][descriptor]") {
  std::array<int, 2> ends{};
  REQUIRE(pipe2(ends.data(), O_CLOEXEC) == 0);
  const FileDescriptor outlet(ends[0]);
  FileDescriptor inlet(ends[1]);
  const std::string sent(1 << 20, 'a');  // a pipe holds 64 KiB
  std::jthread writer([&, inlet = std::move(inlet)] { (void)write_all(inlet.number(), bytes_of(sent)); });
  std::string got(sent.size(), '\0');
  CHECK(read_all(outlet.number(), std::as_writable_bytes(std::span(got))) == sent.size());
  CHECK(got == sent);
}

TEST_CASE("failures leave their number in errno", "[core][descriptor]") {
  const FileDescriptor full(open("/dev/full", O_WRONLY | O_CLOEXEC));
  REQUIRE(full.is_open());
  CHECK_FALSE(write_all(full.number(), bytes_of("a")));
  CHECK(errno == ENOSPC);
  std::array<std::byte, 4> bytes{};
  CHECK(read_all(-1, bytes) == 0);
  CHECK(errno == EBADF);
}

TEST_CASE("a descriptor is closed once, by its last owner", "[core][descriptor]") {
  const auto is_open = [](int number) { return fcntl(number, F_GETFD) != -1; };
  FileDescriptor first = memory_file();
  const int number = first.number();
  {
    FileDescriptor second = std::move(first);
    CHECK_FALSE(first.is_open());
    CHECK(second.number() == number);
    CHECK(is_open(number));
  }
  CHECK_FALSE(is_open(number));
  FileDescriptor other = memory_file();
  const int replaced = other.number();
  FileDescriptor next = memory_file();
  other = std::move(next);
  CHECK_FALSE(is_open(replaced));
  other.reset();
  CHECK_FALSE(other.is_open());
}
