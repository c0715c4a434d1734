#include "io/safetensors_header.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <set>

#include <nlohmann/json.hpp>

#include "core/error.hpp"

namespace fluxsbi::io {

namespace {

constexpr const char* metadata_key = "__metadata__";
constexpr size_t most_tensor_axes = 64;

struct Code {
  const char* text;
  DType dtype;
};
constexpr std::array<Code, 13> codes{{{"F16", DType::f16},
                                      {"BF16", DType::bf16},
                                      {"F32", DType::f32},
                                      {"F64", DType::f64},
                                      {"I8", DType::i8},
                                      {"I16", DType::i16},
                                      {"I32", DType::i32},
                                      {"I64", DType::i64},
                                      {"U8", DType::u8},
                                      {"U16", DType::u16},
                                      {"U32", DType::u32},
                                      {"U64", DType::u64},
                                      {"BOOL", DType::boolean}}};

// Takes the JSON text as events, so that names that stand twice are seen and nothing nests. Depth 1 is the
// outer object, 2 a tensor or the metadata, 3 a list of numbers.
class Handler : public nlohmann::json_sax<nlohmann::json> {
 public:
  Handler(SafetensorsHeader& header, const Source& source) : header_(header), source_(source) {}

  bool start_object(std::size_t) override {
    if (depth_ > 1) unexpected();
    ++depth_;
    if (depth_ == 2) {
      in_metadata_ = outer_key_ == metadata_key;
      fields_.clear();
      if (!in_metadata_) header_.tensors.push_back({outer_key_, DType::f32, {}, 0, 0});
    }
    return true;
  }

  bool end_object() override {
    if (depth_ == 2 && !in_metadata_ && fields_.size() != 3)
      fail("needs exactly dtype, shape and data_offsets");
    --depth_;
    return true;
  }

  bool key(std::string& key) override {
    if (depth_ == 1) {
      if (!outer_keys_.insert(key).second) source_.fail(broken("names '" + key + "' twice"));
      outer_key_ = key;
      return true;
    }
    if (!in_metadata_ && key != "dtype" && key != "shape" && key != "data_offsets")
      fail("has the unknown field '" + key + "'");
    if (!fields_.insert(key).second) fail("has '" + key + "' twice");
    field_ = key;
    return true;
  }

  bool string(std::string& text) override {
    if (depth_ == 2 && in_metadata_) {
      header_.metadata[field_] = text;
    } else if (depth_ == 2 && field_ == "dtype") {
      const auto found =
          std::find_if(codes.begin(), codes.end(), [&](const Code& code) { return text == code.text; });
      if (found == codes.end()) fail("has the dtype '" + text + "', which fluxsbi does not know");
      header_.tensors.back().dtype = found->dtype;
    } else {
      unexpected();
    }
    return true;
  }

  bool start_array(std::size_t) override {
    if (depth_ != 2 || in_metadata_ || field_ == "dtype") unexpected();
    ++depth_;
    numbers_.clear();
    return true;
  }

  bool end_array() override {
    --depth_;
    TensorPlace& tensor = header_.tensors.back();
    if (field_ == "shape") {
      for (const uint64_t n : numbers_) tensor.shape.push_back(static_cast<int64_t>(n));
    } else {
      if (numbers_.size() != 2) fail("needs two data_offsets");
      tensor.begin = numbers_[0];
      tensor.end = numbers_[1];
    }
    return true;
  }

  bool number_unsigned(uint64_t number) override {
    if (depth_ != 3 || number > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) unexpected();
    if (numbers_.size() == most_tensor_axes)
      fail("has more than " + std::to_string(most_tensor_axes) + " axes");
    numbers_.push_back(number);
    return true;
  }

  bool number_integer(int64_t) override { unexpected(); }
  bool number_float(double, const std::string&) override { unexpected(); }
  bool boolean(bool) override { unexpected(); }
  bool null() override { unexpected(); }
  bool binary(nlohmann::json::binary_t&) override { unexpected(); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    source_.fail(broken("is not valid JSON at byte " + std::to_string(position)));
  }

 private:
  static std::string broken(const std::string& what) {
    return "its safetensors header " + what + ": the file is damaged; copy or make it again";
  }
  [[noreturn]] void fail(const std::string& what) const {
    source_.fail(broken(std::string("is wrong: ") +
                        (in_metadata_ ? "the metadata" : "tensor '" + outer_key_ + "'") + " " + what));
  }
  [[noreturn]] void unexpected() const {
    if (depth_ < 2) source_.fail(broken("is not an object of tensors"));
    fail(in_metadata_ ? "must hold texts only ('" + field_ + "')" : "has a wrong value for '" + field_ + "'");
  }

  SafetensorsHeader& header_;
  const Source& source_;
  int depth_ = 0;
  bool in_metadata_ = false;
  std::string outer_key_, field_;
  std::set<std::string> outer_keys_, fields_;
  std::vector<uint64_t> numbers_;
};

}  // namespace

const char* safetensors_code(DType dtype) {
  return std::find_if(codes.begin(), codes.end(), [&](const Code& code) { return code.dtype == dtype; })
      ->text;
}

SafetensorsHeader parse_safetensors_header(const std::string& text, const Source& source) {
  SafetensorsHeader header;
  Handler handler(header, source);
  nlohmann::json::sax_parse(text, &handler);
  return header;
}

std::string safetensors_header(const SafetensorsHeader& header) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  if (!header.metadata.empty()) json[metadata_key] = header.metadata;
  for (const auto& tensor : header.tensors) {
    core::require(tensor.name != metadata_key, "a tensor cannot be called __metadata__");
    json[tensor.name] = {{"dtype", safetensors_code(tensor.dtype)},
                         {"shape", tensor.shape},
                         {"data_offsets", {tensor.begin, tensor.end}}};
  }
  std::string text;
  try {
    text = json.dump();
  } catch (const nlohmann::json::type_error&) {
    throw core::UserError("a name or text to be saved in a safetensors file is not UTF-8; write it in UTF-8");
  }
  text.append((8 - text.size() % 8) % 8, ' ');
  return text;
}

}  // namespace fluxsbi::io
