// A kernel's buffers and what is found wrong with them.
//
// Every buffer lies between two guard zones of NaN, whose payload names the buffer: what a kernel reads
// beyond its input shows in its output by name, and what it writes beyond its output is seen in the zone.
// Outputs begin as NaN, too, so that an element that nobody writes is seen.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace fluxsbi::test {

enum class Kind { float32, bfloat16, int64 };

using Numbers = std::vector<double>;

/// n numbers from a normal distribution, the same for the same seed.
Numbers random_numbers(size_t n, unsigned seed, double scale = 1, double centre = 0);

class Check {
 public:
  Check();
  ~Check();

  class Buffer {
   public:
    Buffer(Check& check, std::string name, Kind kind, size_t count, bool writable);
    void* data() const;
    template <class T>
    T* as() const {
      return static_cast<T*>(data());
    }
    /// As the kernel sees or has left them.
    Numbers values() const;
    const std::string& name() const { return name_; }
    Kind kind() const { return kind_; }

   private:
    friend class Check;
    void fill(const Numbers& values);
    std::vector<unsigned char> bytes() const;  // with the guard zones

    std::string name_;
    Kind kind_;
    size_t count_;
    int id_;
    std::shared_ptr<void> memory_, watch_;
  };

  /// `values` are rounded to the kind.
  Buffer& input(const std::string& name, Kind kind, const Numbers& values);
  Buffer& in_place(const std::string& name, Kind kind, const Numbers& values);
  Buffer& output(const std::string& name, Kind kind, size_t count);

  /// Every element of `found` lies within tolerance of `expected`, relative to the largest of them (1 at
  /// least); a bfloat16 one may also be a rounding off.
  void compare(const Buffer& found, const Numbers& expected, double tolerance);
  /// The same bits as another buffer's.
  void compare_bits(const Buffer& found, const Buffer& other);
  void expect(bool holds, const std::string& what);

  /// What was wrong; looks at the guard zones first.
  std::vector<std::string> faults();

 private:
  std::string nan_text(const Buffer& buffer, size_t i, double value) const;
  void look_at_guards(const Buffer& buffer);

  std::vector<std::unique_ptr<Buffer>> buffers_;
  std::vector<std::string> faults_;
};

/// The values as a kernel reads them.
Numbers rounded(const Numbers& values, Kind kind);

}  // namespace fluxsbi::test
