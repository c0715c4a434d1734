#include "core/memory.hpp"

#include <algorithm>
#include <new>
#include <string_view>

#include "core/error.hpp"
#include "core/system.hpp"
#include "core/text.hpp"

namespace fluxsbi::core {

namespace {

std::string available_text() {
  return bytes_text(static_cast<double>(available_memory())) +
         " are available here (limits of the control group and of ulimit -v counted)";
}

// The words of LibTorch's and the standard library's messages: they are all that this room knows of them.
constexpr std::string_view cpu_words[] = {"DefaultCPUAllocator: ", "can't allocate memory: "};
constexpr std::string_view gpu_words[] = {"CUDA out of memory", "CUBLAS_STATUS_ALLOC_FAILED",
                                          "CUDNN_STATUS_ALLOC_FAILED", "CUDA error: out of memory"};
constexpr std::string_view size_words[] = {"Storage size calculation overflowed",
                                           "numel: integer multiplication overflow",
                                           "cannot create std::vector larger than max_size()",
                                           "vector::_M_default_append",
                                           "vector::_M_fill_insert",
                                           "vector::reserve",
                                           "basic_string::_M_create"};

template <size_t n>
bool says_one(std::string_view text, const std::string_view (&words)[n]) {
  for (const std::string_view word : words) {
    if (text.find(word) != std::string_view::npos) return true;
  }
  return false;
}

// "123 bytes" behind "you tried to allocate", "2.00 GiB" behind "Tried to allocate"; "" where neither stands.
std::string amount_in(std::string_view text) {
  for (const std::string_view mark : {"tried to allocate ", "Tried to allocate "}) {
    const size_t begin = text.find(mark);
    if (begin == std::string_view::npos) continue;
    const std::string_view rest = text.substr(begin + mark.size());
    const size_t digits = rest.find_first_not_of("0123456789.");
    const auto number = parse_number(rest.substr(0, digits));
    if (!number || digits == std::string_view::npos) continue;
    const std::string_view unit = rest.substr(digits, rest.find_first_of(".;", digits) - digits);
    if (trimmed(unit).starts_with("bytes")) return bytes_text(*number);
    const std::string_view word = trimmed(unit);
    return std::string(rest.substr(0, digits)) + " " + std::string(word.substr(0, word.find(' ')));
  }
  return "";
}

// What a GPU's message says of its memory: "GPU 0 has a total capacity of 139.81 GiB of which 1.2 GiB is
// free".
std::string gpu_text(std::string_view text) {
  const size_t begin = text.find("GPU ");
  if (begin == std::string_view::npos) return "the GPU's memory is full";
  size_t end = text.find(". ", begin);
  const size_t line = text.find('\n', begin);
  end = std::min({end, line, text.size()});
  return std::string(text.substr(begin, end - begin));
}

}  // namespace

void require_memory(double bytes, const std::string& what, const std::string& remedy) {
  if (bytes <= static_cast<double>(available_memory())) return;
  throw UserError(what + " needs " + bytes_text(bytes) + " of memory, but " + available_text() + "; " +
                  remedy);
}

std::optional<std::string> memory_problem(const std::exception& problem) {
  const std::string_view text = problem.what();
  const std::string amount = amount_in(text);
  const std::string begin =
      "out of memory: " +
      (amount.empty() ? std::string("more than there is was asked for") : amount + " could not be allocated");
  if (says_one(text, gpu_words)) return begin + "; " + gpu_text(text);
  const bool plain = dynamic_cast<const std::bad_alloc*>(&problem) != nullptr;
  if (plain || says_one(text, cpu_words) || says_one(text, size_words))
    return begin + "; " + available_text();
  return std::nullopt;
}

}  // namespace fluxsbi::core
