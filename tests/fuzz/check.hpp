// What every fuzz target asks of a reader: a UserError that names the file, or arrays that are whole.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "core/error.hpp"
#include "io/array.hpp"

namespace fluxsbi::fuzz {

inline constexpr const char* file_name = "input-of-the-fuzzer";

inline std::span<const std::byte> bytes_of(const uint8_t* data, size_t size) {
  return std::as_bytes(std::span(data, size));
}

/// A defect: ends the program so that the fuzzer keeps the input.
inline void demand(bool condition) {
  if (!condition) std::abort();
}

inline void check(const io::Array& array) {
  demand(io::checked_bytes(array.shape, array.dtype) == array.bytes.size());
  demand(array.to_float().size() == static_cast<size_t>(array.elements()));
}

/// Runs a reader; UserErrors are fine if they name the file, whatever else it throws is a defect.
template <class Read>
void survive(Read read) {
  try {
    read();
  } catch (const core::UserError& error) {
    demand(std::string(error.what()).find(file_name) != std::string::npos);
  }
}

}  // namespace fluxsbi::fuzz

/// LibFuzzer's entry point; driver.cpp calls it where the compiler has no fuzzer.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
