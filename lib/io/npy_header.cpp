// The header of .npy: magic, version, length, and a Python dict literal such as
//   {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>

#include "core/text.hpp"
#include "io/npy.hpp"

namespace fluxsbi::io {

namespace {

constexpr std::string_view magic("\x93NUMPY", 6);
constexpr size_t most_axes = 64;  // numpy 2's limit
constexpr uint32_t longest_header = 1u << 20;
constexpr const char* remedy = "; save it again with numpy.save";

struct Kind {
  std::string_view code;
  DType dtype;
};
constexpr std::array<Kind, 12> kinds{{{"f2", DType::f16},
                                      {"f4", DType::f32},
                                      {"f8", DType::f64},
                                      {"i1", DType::i8},
                                      {"i2", DType::i16},
                                      {"i4", DType::i32},
                                      {"i8", DType::i64},
                                      {"u1", DType::u8},
                                      {"u2", DType::u16},
                                      {"u4", DType::u32},
                                      {"u8", DType::u64},
                                      {"b1", DType::boolean}}};

// Reads the dict literal from left to right.
class Literal {
 public:
  Literal(std::string_view text, const Stream& in) : text_(text), in_(in) {}

  NpyHeader read() {
    expect('{');
    while (!accept('}')) {
      const std::string key = read_text();
      expect(':');
      read_entry(key);
      if (!accept(',') && peek() != '}') broken();
    }
    skip_space();
    if (at_ != text_.size() || !has_descr_ || !has_order_ || !has_shape_) broken();
    return header_;
  }

 private:
  [[noreturn]] void broken() const {
    in_.fail("its .npy header is not one that numpy writes (near character " + std::to_string(at_ + 1) + ")" +
             remedy);
  }
  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  char peek() {
    skip_space();
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool accept(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) broken();
  }
  bool accept_word(std::string_view word) {
    skip_space();
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  std::string read_text() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') broken();
    const size_t end = text_.find(quote, ++at_);
    if (end == std::string_view::npos) broken();
    const std::string word(text_.substr(at_, end - at_));
    at_ = end + 1;
    return word;
  }

  void read_entry(const std::string& key) {
    bool* seen = key == "descr" ? &has_descr_ : key == "fortran_order" ? &has_order_ : &has_shape_;
    if ((seen == &has_shape_ && key != "shape") || *seen) broken();
    *seen = true;
    if (seen == &has_descr_) {
      read_descr();
    } else if (seen == &has_order_) {
      header_.fortran_order = accept_word("True");
      if (!header_.fortran_order && !accept_word("False")) broken();
    } else {
      read_shape();
    }
  }

  void read_descr() {
    if (peek() == '[') unsupported("records (a structured dtype); save each field as an array of its own");
    const std::string descr = read_text();
    const char order = descr.empty() ? '\0' : descr[0];
    const std::string_view code = std::string_view(descr).substr(std::min<size_t>(1, descr.size()));
    const auto found =
        std::find_if(kinds.begin(), kinds.end(), [&](const Kind& kind) { return kind.code == code; });
    const bool ordered = order == '<' || order == '>' || order == '=';
    if (found == kinds.end() || !(ordered || (order == '|' && size_of(found->dtype) == 1))) refuse(descr);
    header_.dtype = found->dtype;
    header_.big_endian = order == '>';
  }

  [[noreturn]] void unsupported(const std::string& what) const {
    throw UnsupportedDType(in_.name() + ": holds " + what);
  }

  [[noreturn]] void refuse(const std::string& descr) const {
    const char kind = descr.size() > 1 ? descr[1] : '\0';
    const std::string numbers = "; save numbers, for example with .astype('float64')";
    if (kind == 'O') {
      unsupported("Python objects (dtype object), as numpy makes them of rows of different length" + numbers +
                  ": pad rows of different length with NaN to one shape [n, elements, channels] and set "
                  "data.nan: pad");
    }
    if (kind == 'U' || kind == 'S' || kind == 'a') unsupported("text (dtype '" + descr + "')" + numbers);
    if (kind == 'c')
      unsupported("complex numbers (dtype '" + descr + "'); save real and imaginary part as two arrays");
    if (kind == 'M' || kind == 'm') {
      unsupported("times (dtype '" + descr +
                  "'); save numbers, for example (t - t[0]) / numpy.timedelta64(1, 's')");
    }
    if (kind == 'V') unsupported("raw records (dtype '" + descr + "')" + numbers);
    unsupported("the dtype '" + descr + "', which fluxsbi does not know" + numbers);
  }

  void read_shape() {
    expect('(');
    while (!accept(')')) {
      skip_space();
      int64_t n = 0;
      const auto [end, problem] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), n);
      if (problem != std::errc() || n < 0) broken();
      at_ = static_cast<size_t>(end - text_.data());
      accept('L');  // Python 2 wrote long integers so
      if (header_.shape.size() == most_axes) broken();
      header_.shape.push_back(n);
      if (!accept(',') && peek() != ')') broken();
    }
  }

  std::string_view text_;
  const Stream& in_;
  size_t at_ = 0;
  NpyHeader header_;
  bool has_descr_ = false, has_order_ = false, has_shape_ = false;
};

uint32_t read_length(Stream& in, size_t width) {
  std::array<std::byte, 4> bytes{};
  in.read(std::span(bytes).first(width));
  uint32_t length = 0;
  std::memcpy(&length, bytes.data(), bytes.size());
  return length;
}

}  // namespace

NpyHeader read_npy_header(Stream& in) {
  std::array<std::byte, 8> start{};
  if (in.remaining() < start.size()) in.fail("is too short to be a .npy array");
  in.read(start);
  if (std::memcmp(start.data(), magic.data(), magic.size()) != 0)
    in.fail("is not a .npy array (its first bytes are others)");
  const int major = static_cast<int>(start[6]), minor = static_cast<int>(start[7]);
  if (major < 1 || major > 3 || minor != 0) {
    in.fail("is a .npy array of version " + std::to_string(major) + "." + std::to_string(minor) +
            "; versions 1.0 to 3.0 are known" + remedy);
  }
  const uint32_t length = read_length(in, major == 1 ? 2 : 4);
  if (length > longest_header || length > in.remaining())
    in.fail("its .npy header is longer than the file: it is truncated or damaged");
  std::string text(length, '\0');
  in.read(std::as_writable_bytes(std::span(text)));
  NpyHeader header = Literal(text, in).read();
  const auto bytes = checked_bytes(header.shape, header.dtype);
  if (!bytes) in.fail("its shape " + core::shape_text(header.shape) + " is too large; the header is damaged");
  header.data_bytes = *bytes;
  return header;
}

std::string npy_header(const Array& array) {
  return npy_header(array.dtype, array.shape);
}

std::string npy_header(DType dtype, const std::vector<int64_t>& sizes) {
  const auto found =
      std::find_if(kinds.begin(), kinds.end(), [&](const Kind& kind) { return kind.dtype == dtype; });
  core::require(found != kinds.end(), "npy_header: numpy does not know bfloat16");
  std::string shape;
  for (const int64_t n : sizes) shape += std::to_string(n) + (sizes.size() == 1 ? "," : ", ");
  if (sizes.size() > 1) shape.resize(shape.size() - 2);
  std::string text = "{'descr': '" + std::string(size_of(dtype) == 1 ? "|" : "<") + std::string(found->code) +
                     "', 'fortran_order': False, 'shape': (" + shape + "), }";
  constexpr size_t prefix = 10, alignment = 64;
  text.append(alignment - 1 - (prefix + text.size()) % alignment, ' ');
  text += '\n';
  core::require(text.size() <= 0xffff, "npy_header: the shape does not fit version 1.0");
  std::string header(magic);
  header += std::string("\x01\x00", 2);
  header += static_cast<char>(text.size() & 0xff);
  header += static_cast<char>(text.size() >> 8);
  return header + text;
}

}  // namespace fluxsbi::io
