// A small fuzzer for compilers without one: replays a corpus, then a fixed number of mutated inputs.
//   fuzz_TARGET CORPUS ITERATIONS [SEED] [FIRST]
// Input number i depends on the seed and i alone: FIRST starts anywhere. An input that ends the program is
// written to crash-input in the working directory; fuzz_TARGET crash-input 0 runs it again.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "core/philox.hpp"
#include "fuzz/check.hpp"

// The sanitizers' runtime has it; without them it is absent.
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());

namespace {

using fluxsbi::core::Philox;
using Input = std::vector<uint8_t>;

constexpr size_t longest_input = 1u << 16;

const Input* current = nullptr;
pid_t own_process = 0;

void keep_input() {
  if (getpid() != own_process || !current) return;  // a reader's child process may end; that is its purpose
  const int file = open("crash-input", O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (file >= 0 && write(file, current->data(), current->size()) >= 0) close(file);
  current = nullptr;
}

void on_signal(int signal) {
  keep_input();
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

Input read_input(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return Input(std::istreambuf_iterator<char>(file), {});
}

std::vector<Input> read_corpus(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) return {read_input(path)};
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(path)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<Input> corpus;
  for (const auto& file : files) corpus.push_back(read_input(file));
  return corpus;
}

void overwrite(Input& input, size_t at, uint64_t value, size_t width) {
  for (size_t i = 0; i < width && at + i < input.size(); ++i)
    input[at + i] = static_cast<uint8_t>(value >> (8 * i));
}

// A part of `from`, of any length up to 64 bytes.
Input part(Philox& random, const Input& from) {
  if (from.empty()) return {};
  const size_t start = random.below(from.size());
  const size_t length = std::min<size_t>(from.size() - start, 1 + random.below(64));
  return {from.begin() + static_cast<std::ptrdiff_t>(start),
          from.begin() + static_cast<std::ptrdiff_t>(start + length)};
}

void insert(Input& input, size_t at, const Input& what) {
  input.insert(input.begin() + static_cast<std::ptrdiff_t>(at), what.begin(), what.end());
}

void mutate_once(Philox& random, Input& input, const std::vector<Input>& corpus) {
  constexpr uint64_t edges[] = {0,
                                1,
                                0x7f,
                                0x80,
                                0xff,
                                0x7fff,
                                0xffff,
                                0x7fffffff,
                                0x80000000,
                                0xffffffff,
                                0x7fffffffffffffff,
                                0x8000000000000000,
                                0xffffffffffffffff};
  if (input.empty()) input.push_back(0);
  const size_t at = random.below(input.size());
  switch (random.below(8)) {
    case 0:
      input[at] ^= static_cast<uint8_t>(1u << random.below(8));
      break;
    case 1:
      input[at] = static_cast<uint8_t>(random.below(256));
      break;
    case 2:
      overwrite(input, at, edges[random.below(std::size(edges))], size_t{1} << random.below(4));
      break;
    case 3:
      input.erase(input.begin() + static_cast<std::ptrdiff_t>(at),
                  input.begin() + static_cast<std::ptrdiff_t>(
                                      at + 1 + random.below(std::min<size_t>(16, input.size() - at))));
      break;
    case 4:
      insert(input, at, part(random, corpus[random.below(corpus.size())]));
      break;
    case 5: {  // repeats a piece many times: deep nesting, long lists
      const Input piece = part(random, input);
      for (uint64_t i = random.below(64); i > 0 && input.size() < longest_input; --i)
        insert(input, at, piece);
      break;
    }
    case 6: {
      const Input piece = part(random, corpus[random.below(corpus.size())]);
      for (size_t i = 0; i < piece.size() && at + i < input.size(); ++i) input[at + i] = piece[i];
      break;
    }
    default:
      input[at] = static_cast<uint8_t>(input[at] + 1 - 2 * random.below(2));
  }
}

Input make_input(uint64_t seed, uint64_t number, const std::vector<Input>& corpus) {
  Philox random(seed, fluxsbi::core::Purpose::test, number);
  Input input = corpus[random.below(corpus.size())];
  for (uint64_t i = 1 + random.below(6); i > 0; --i) mutate_once(random, input, corpus);
  if (input.size() > longest_input) input.resize(longest_input);
  return input;
}

void run(const Input& input) {
  current = &input;
  LLVMFuzzerTestOneInput(input.data(), input.size());
  current = nullptr;
}

}  // namespace

int main(int count, char** words) {
  if (count < 3) {
    std::fprintf(stderr, "usage: %s CORPUS ITERATIONS [SEED] [FIRST]\n", words[0]);
    return 1;
  }
  own_process = getpid();
  if (__sanitizer_set_death_callback) __sanitizer_set_death_callback(keep_input);
  std::signal(SIGABRT, on_signal);  // an exception that nobody catches ends here too
  const std::vector<Input> corpus = read_corpus(words[1]);
  if (corpus.empty()) {
    std::fprintf(stderr, "%s: the corpus is empty\n", words[1]);
    return 1;
  }
  for (const Input& input : corpus) run(input);
  const uint64_t iterations = std::strtoull(words[2], nullptr, 10);
  const uint64_t seed = count > 3 ? std::strtoull(words[3], nullptr, 10) : 1;
  const uint64_t first = count > 4 ? std::strtoull(words[4], nullptr, 10) : 0;
  for (uint64_t i = first; i < first + iterations; ++i) run(make_input(seed, i, corpus));
  std::printf("%zu files and %llu mutations survived\n", corpus.size(),
              static_cast<unsigned long long>(iterations));
  return 0;
}
