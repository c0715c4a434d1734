#include "core/device_problem.hpp"

#include <algorithm>
#include <string_view>

namespace fluxsbi::core {

namespace {

// Behind "CUDA error: ", the driver's words for a device that no longer works. Others, such as an illegal
// memory access, tell of a defect of the program.
constexpr std::string_view lost_words[] = {"unspecified launch failure",
                                           "unknown error",
                                           "uncorrectable ECC error",
                                           "uncorrectable NVLink error",
                                           "hardware stack error",
                                           "the launch timed out and was terminated",
                                           "CUDA-capable device(s) is/are busy or unavailable",
                                           "no CUDA-capable device is detected",
                                           "GPU is lost",
                                           "driver shutting down",
                                           "system not yet initialized"};

}  // namespace

std::optional<std::string> device_problem(const std::exception& problem) {
  const std::string_view text = problem.what();
  const size_t begin = text.find("CUDA error: ");
  if (begin == std::string_view::npos) return std::nullopt;
  const std::string_view said = text.substr(begin, text.find('\n', begin) - begin);
  const bool lost = std::any_of(std::begin(lost_words), std::end(lost_words), [&](std::string_view word) {
    return said.find(word) != std::string_view::npos;
  });
  if (!lost) return std::nullopt;
  return "the GPU has failed (" + std::string(said) +
         "); nvidia-smi and the kernel's log say what became of it, and --device names another one or cpu";
}

}  // namespace fluxsbi::core
