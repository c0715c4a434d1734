// A CUDA device on the host, for tests: the threads of a block are fibers that take turns between barriers,
// one block after the other. What a device would do silently wrong is a fault here, with the kernel's name:
//   race             a shared word is written by one thread and touched by another between two barriers, or
//                    read before anyone has written it; an element of global memory is written by one thread
//                    and touched by another in one launch
//   missing barrier  threads of a block wait at different barriers, or have left while others wait; likewise
//                    the lanes of a warp at shuffles
//   out of bounds    an access outside of the watched memory, or of the block's shared memory
// A launch is made under a lock; there is one journal for the process.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace fluxsbi::engine::cuda::kernels::emulation {

struct Index {
  int x = 0, y = 0;
};
struct Position {
  Index thread, block, block_size, grid;
};
/// A line of a kernel's source.
struct Place {
  const char* file = nullptr;
  int line = 0;
};

// --- what kernels call
// --------------------------------------------------------------------------------------

const Position& here();
void barrier(Place place);
float shuffle_xor(uint32_t mask, float value, int offset, Place place);

float read_shared(int64_t word);
void write_shared(int64_t word, float value);

/// A float32 of the block's shared memory.
class SharedWord {
 public:
  explicit SharedWord(int64_t word) : word_(word) {}
  operator float() const { return read_shared(word_); }
  SharedWord& operator=(float value) {
    write_shared(word_, value);
    return *this;
  }
  SharedWord& operator=(const SharedWord& other) { return *this = static_cast<float>(other); }

 private:
  int64_t word_;
};

/// What float* into shared memory is on a device.
class SharedFloats {
 public:
  explicit SharedFloats(int64_t word) : word_(word) {}
  SharedWord operator[](int64_t i) const { return SharedWord(word_ + i); }
  SharedFloats operator+(int64_t words) const { return SharedFloats(word_ + words); }

 private:
  int64_t word_;
};
inline SharedFloats shared_floats() {
  return SharedFloats(0);
}

struct bfloat16 {
  uint16_t bits = 0;
};
float to_float(bfloat16 x);
bfloat16 to_bfloat16(float x);  ///< rounded to the nearest, ties to even; NaN keeps its upper bits

/// False where the access is out of bounds and must not be made.
bool may_read(const void* address, size_t bytes);
bool may_write(const void* address, size_t bytes);

inline float load(const float* from, int64_t i) {
  return may_read(from + i, sizeof(float)) ? from[i] : NAN;
}
inline float load(const bfloat16* from, int64_t i) {
  return may_read(from + i, sizeof(bfloat16)) ? to_float(from[i]) : NAN;
}
inline int64_t load(const int64_t* from, int64_t i) {
  return may_read(from + i, sizeof(int64_t)) ? from[i] : 0;
}
inline void store(float* to, int64_t i, float value) {
  if (may_write(to + i, sizeof(float))) to[i] = value;
}
inline void store(bfloat16* to, int64_t i, float value) {
  if (may_write(to + i, sizeof(bfloat16))) to[i] = to_bfloat16(value);
}
inline float inverse_root(float x) {
  return 1 / std::sqrt(x);
}

// --- what launches and tests call
// ---------------------------------------------------------------------------

struct Launch {
  std::string kernel;
  int64_t blocks = 0, threads = 0, shared_bytes = 0;
  /// Of watched memory: bytes that threads asked for, and those of them that are different bytes.
  int64_t asked_bytes = 0, distinct_bytes = 0;
};
struct Journal {
  std::vector<Launch> launches;
  std::vector<std::string> faults;
};

/// Runs `thread` once for each thread of each block.
void launch(const std::string& kernel, Index grid, int threads, size_t shared_bytes,
            const std::function<void()>& thread);

/// What has happened since the last call.
Journal take_journal();

/// Memory that kernels may touch. While there is any, everything else is out of bounds.
class Watched {
 public:
  Watched(std::string name, const void* begin, size_t bytes, bool writable);
  ~Watched();
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;

 private:
  const void* begin_;
};

}  // namespace fluxsbi::engine::cuda::kernels::emulation
