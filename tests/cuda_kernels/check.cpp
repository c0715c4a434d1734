#include "cuda_kernels/check.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "cuda_kernels/memory.hpp"

namespace fluxsbi::test {

namespace {

constexpr size_t guard_elements = 64;  // before and after
constexpr size_t most_shown = 3;
constexpr double bfloat16_rounding = 1.0 / 256;  // half a unit in the last place, and the sums' own error
constexpr int unwritten = 63;                    // the payload of an output's elements before the kernel

size_t size_of(Kind kind) {
  return kind == Kind::float32 ? 4 : kind == Kind::bfloat16 ? 2 : 8;
}

uint32_t bits_of(float x) {
  uint32_t bits = 0;
  std::memcpy(&bits, &x, sizeof(bits));
  return bits;
}

float float_of(uint32_t bits) {
  float x = 0;
  std::memcpy(&x, &bits, sizeof(x));
  return x;
}

// A quiet NaN that names a buffer in bits that bfloat16 has, too.
uint32_t nan_bits(int id) {
  return 0x7FC00000U | static_cast<uint32_t>(id) << 16;
}

uint16_t bfloat16_bits(float x) {
  const uint32_t bits = bits_of(x);
  if (std::isnan(x)) return static_cast<uint16_t>(bits >> 16);
  return static_cast<uint16_t>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

void put(unsigned char* to, Kind kind, uint32_t bits) {
  const auto upper = static_cast<uint16_t>(bits >> 16);
  const int64_t wide = -(int64_t{1} << 40);  // far outside of every table
  if (kind == Kind::float32) std::memcpy(to, &bits, sizeof(bits));
  if (kind == Kind::bfloat16) std::memcpy(to, &upper, sizeof(upper));
  if (kind == Kind::int64) std::memcpy(to, &wide, sizeof(wide));
}

double number_at(const unsigned char* from, Kind kind) {
  if (kind == Kind::float32) {
    float x = 0;
    std::memcpy(&x, from, sizeof(x));
    return x;
  }
  if (kind == Kind::bfloat16) {
    uint16_t bits = 0;
    std::memcpy(&bits, from, sizeof(bits));
    return float_of(static_cast<uint32_t>(bits) << 16);
  }
  int64_t x = 0;
  std::memcpy(&x, from, sizeof(x));
  return static_cast<double>(x);
}

}  // namespace

Numbers random_numbers(size_t n, unsigned seed, double scale, double centre) {
  std::mt19937 generator(seed);
  std::normal_distribution<double> normal(centre, scale);
  Numbers numbers(n);
  for (double& number : numbers) number = normal(generator);
  return numbers;
}

Numbers rounded(const Numbers& values, Kind kind) {
  Numbers result = values;
  for (double& value : result) {
    const auto narrow = static_cast<float>(value);
    if (kind == Kind::float32) value = narrow;
    if (kind == Kind::bfloat16) value = float_of(static_cast<uint32_t>(bfloat16_bits(narrow)) << 16);
  }
  return result;
}

Check::Buffer::Buffer(Check& check, std::string name, Kind kind, size_t count, bool writable)
    : name_(std::move(name)),
      kind_(kind),
      count_(count),
      id_(static_cast<int>(check.buffers_.size()) + 1),
      memory_(memory::allocate((count + 2 * guard_elements) * size_of(kind))) {
  std::vector<unsigned char> bytes((count + 2 * guard_elements) * size_of(kind));
  for (size_t i = 0; i < bytes.size(); i += size_of(kind)) put(bytes.data() + i, kind, nan_bits(id_));
  memory::upload(memory_.get(), bytes.data(), bytes.size());
  fill(Numbers(count, std::nan("")));
  watch_ = memory::watch(name_, data(), count * size_of(kind), writable);
}

void* Check::Buffer::data() const {
  return static_cast<unsigned char*>(memory_.get()) + guard_elements * size_of(kind_);
}

void Check::Buffer::fill(const Numbers& values) {
  std::vector<unsigned char> bytes(count_ * size_of(kind_));
  for (size_t i = 0; i < count_; ++i) {
    unsigned char* at = bytes.data() + i * size_of(kind_);
    if (kind_ == Kind::int64 && !std::isnan(values[i])) {
      const auto whole = static_cast<int64_t>(values[i]);
      std::memcpy(at, &whole, sizeof(whole));
    } else if (std::isnan(values[i])) {
      put(at, kind_, nan_bits(unwritten));
    } else {
      const auto narrow = static_cast<float>(values[i]);
      put(at, kind_,
          kind_ == Kind::bfloat16 ? static_cast<uint32_t>(bfloat16_bits(narrow)) << 16 : bits_of(narrow));
    }
  }
  memory::upload(data(), bytes.data(), bytes.size());
}

std::vector<unsigned char> Check::Buffer::bytes() const {
  std::vector<unsigned char> bytes((count_ + 2 * guard_elements) * size_of(kind_));
  memory::download(bytes.data(), memory_.get(), bytes.size());
  return bytes;
}

Numbers Check::Buffer::values() const {
  const std::vector<unsigned char> all = bytes();
  Numbers result(count_);
  for (size_t i = 0; i < count_; ++i)
    result[i] = number_at(all.data() + (i + guard_elements) * size_of(kind_), kind_);
  return result;
}

Check::Check() {
  memory::take_faults();
}
Check::~Check() = default;

Check::Buffer& Check::input(const std::string& name, Kind kind, const Numbers& values) {
  buffers_.push_back(std::make_unique<Buffer>(*this, name, kind, values.size(), /*writable=*/false));
  buffers_.back()->fill(values);
  return *buffers_.back();
}

Check::Buffer& Check::in_place(const std::string& name, Kind kind, const Numbers& values) {
  buffers_.push_back(std::make_unique<Buffer>(*this, name, kind, values.size(), /*writable=*/true));
  buffers_.back()->fill(values);
  return *buffers_.back();
}

Check::Buffer& Check::output(const std::string& name, Kind kind, size_t count) {
  buffers_.push_back(std::make_unique<Buffer>(*this, name, kind, count, /*writable=*/true));
  return *buffers_.back();
}

// A NaN says where it comes from.
std::string Check::nan_text(const Buffer& buffer, size_t i, double value) const {
  const int id = static_cast<int>(bits_of(static_cast<float>(value)) >> 16 & 0x3F);
  const std::string where = buffer.name() + "[" + std::to_string(i) + "]";
  if (id == unwritten) return where + " was not written";
  for (const auto& other : buffers_) {
    if (other->id_ == id) return where + " comes from outside of " + other->name();
  }
  return where + " is not a number";
}

void Check::compare(const Buffer& found, const Numbers& expected, double tolerance) {
  const Numbers values = found.values();
  double largest = 1;
  for (const double value : expected) largest = std::max(largest, std::abs(value));
  size_t wrong = 0;
  std::string first;
  for (size_t i = 0; i < expected.size(); ++i) {
    const double allowed = tolerance * largest +
                           (found.kind() == Kind::bfloat16 ? bfloat16_rounding * std::abs(expected[i]) : 0);
    if (std::abs(values[i] - expected[i]) <= allowed) continue;
    if (wrong++ > 0) continue;
    first = std::isnan(values[i])
                ? nan_text(found, i, values[i])
                : found.name() + "[" + std::to_string(i) + "] is " + std::to_string(values[i]) +
                      " instead of " + std::to_string(expected[i]);
  }
  if (wrong > 0)
    faults_.push_back(first + " (" + std::to_string(wrong) + " of " + std::to_string(expected.size()) +
                      " elements of " + found.name() + " are wrong)");
}

void Check::compare_bits(const Buffer& found, const Buffer& other) {
  const auto a = found.bytes(), b = other.bytes();
  const size_t zone = guard_elements * size_of(found.kind_);
  expect(a.size() == b.size() && std::equal(a.begin() + static_cast<std::ptrdiff_t>(zone),
                                            a.end() - static_cast<std::ptrdiff_t>(zone),
                                            b.begin() + static_cast<std::ptrdiff_t>(zone)),
         found.name() + " and " + other.name() + " have the same bits");
}

void Check::expect(bool holds, const std::string& what) {
  if (!holds) faults_.push_back("it does not hold that " + what);
}

void Check::look_at_guards(const Buffer& buffer) {
  const std::vector<unsigned char> bytes = buffer.bytes();
  const size_t size = size_of(buffer.kind_);
  std::vector<unsigned char> guard(size);
  put(guard.data(), buffer.kind_, nan_bits(buffer.id_));
  size_t shown = 0;
  for (size_t i = 0; i < 2 * guard_elements && shown < most_shown; ++i) {
    const bool before = i < guard_elements;
    const size_t element = before ? i : i + buffer.count_;
    if (std::equal(guard.begin(), guard.end(), bytes.begin() + static_cast<std::ptrdiff_t>(element * size)))
      continue;
    ++shown;
    faults_.push_back(
        "something was written " +
        (before ? std::to_string(guard_elements - i) + " elements before " + buffer.name()
                : std::to_string(i - guard_elements + 1) + " elements after the end of " + buffer.name()));
  }
}

std::vector<std::string> Check::faults() {
  for (const auto& buffer : buffers_) look_at_guards(*buffer);
  std::vector<std::string> all = memory::take_faults();
  all.insert(all.end(), faults_.begin(), faults_.end());
  faults_.clear();
  return all;
}

}  // namespace fluxsbi::test
