// What the tests of io share: a folder of their own, sample arrays, messages of errors.
#pragma once

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "core/philox.hpp"
#include "io/array.hpp"
#include "support/temporary_folder.hpp"
#include "support/user_error.hpp"

namespace fluxsbi::io::test {

/// An empty folder that goes away with the test.
class Folder : public fluxsbi::test::TemporaryFolder {
 public:
  size_t entries() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(path()), {}));
  }
};

/// A file of tests/data/io, written by other programs.
inline std::string fixture(const std::string& name) {
  return std::string(FLUXSBI_SOURCE_DIR) + "/tests/data/io/" + name;
}

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file.good());
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  REQUIRE(file.good());
}

inline std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

using fluxsbi::test::error_of;

inline const std::vector<DType>& all_dtypes() {
  static const std::vector<DType> all{DType::f16, DType::bf16, DType::f32,    DType::f64, DType::i8,
                                      DType::i16, DType::i32,  DType::i64,    DType::u8,  DType::u16,
                                      DType::u32, DType::u64,  DType::boolean};
  return all;
}

/// An array of random bits (booleans: 0 or 1).
inline Array random_array(DType dtype, std::vector<int64_t> shape, uint64_t seed = 1) {
  core::Philox random(seed, core::Purpose::test);
  Array array{dtype, std::move(shape), {}};
  array.bytes.resize(checked_bytes(array.shape, dtype).value());
  for (auto& byte : array.bytes)
    byte = static_cast<std::byte>(random.below(dtype == DType::boolean ? 2 : 256));
  return array;
}

inline bool same(const Array& a, const Array& b) {
  return a.dtype == b.dtype && a.shape == b.shape && a.bytes == b.bytes;
}

}  // namespace fluxsbi::io::test
