#include "io/safetensors.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <tuple>

#include "core/error.hpp"
#include "core/text.hpp"
#include "io/atomic_file.hpp"
#include "io/safetensors_header.hpp"

namespace fluxsbi::io {

namespace {

constexpr const char* crc_key = "fluxsbi.crc32";
constexpr uint64_t longest_json = 100'000'000;  // the reference reader's limit

uint32_t crc_of_text(const std::string& text, uint32_t crc) {
  return crc32(std::as_bytes(std::span(text.c_str(), text.size() + 1)), crc);  // with the closing zero
}

bool by_name(const TensorPlace& a, const TensorPlace& b) {
  return a.name < b.name;
}

// The checksum of all but the data; `header.metadata` is without the checksum itself.
uint32_t crc_of_header(const SafetensorsHeader& header) {
  uint32_t crc = 0;
  for (const auto& [key, value] : header.metadata) crc = crc_of_text(value, crc_of_text(key, crc));
  auto tensors = header.tensors;
  std::sort(tensors.begin(), tensors.end(), by_name);
  for (const auto& tensor : tensors) {
    crc = crc_of_text(safetensors_code(tensor.dtype), crc_of_text(tensor.name, crc));
    crc = crc_of_text(core::shape_text(tensor.shape), crc);
  }
  return crc;
}

std::string hexadecimal(uint32_t value) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (int shift = 28; shift >= 0; shift -= 4) text += digits[(value >> shift) & 0xfu];
  return text;
}

// The offsets must lead through the data without gap or overlap, each part as large as its shape says.
void check_places(std::vector<TensorPlace>& tensors, uint64_t data_size, const Source& source) {
  std::sort(tensors.begin(), tensors.end(), [](const TensorPlace& a, const TensorPlace& b) {
    return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
  });
  uint64_t at = 0;
  for (const auto& tensor : tensors) {
    const std::string what = "tensor '" + tensor.name + "' ";
    if (tensor.end < tensor.begin || tensor.end > data_size)
      source.fail(what + "reaches beyond the end: the file is truncated or damaged; copy it again");
    if (tensor.begin != at)
      source.fail(what + (tensor.begin < at ? "overlaps another one" : "follows a gap") +
                  ": the file is damaged");
    if (checked_bytes(tensor.shape, tensor.dtype) != tensor.end - tensor.begin) {
      source.fail(what + "of shape " + core::shape_text(tensor.shape) + " and dtype " +
                  name_of(tensor.dtype) + " does not fill its " + std::to_string(tensor.end - tensor.begin) +
                  " bytes: the file is damaged");
    }
    at = tensor.end;
  }
  if (at != data_size)
    source.fail("holds " + std::to_string(data_size - at) +
                " bytes beyond its last tensor: the file is damaged");
}

std::string read_header_text(const Source& source) {
  std::array<std::byte, 8> prefix;
  if (source.size() < prefix.size()) source.fail("is too short to be a safetensors file");
  source.read(0, prefix);
  uint64_t length = 0;
  std::memcpy(&length, prefix.data(), prefix.size());
  if (length > longest_json || length > source.size() - prefix.size())
    source.fail("its header is longer than the file: it is truncated, damaged, or no safetensors file");
  std::string text(length, '\0');
  source.read(prefix.size(), std::as_writable_bytes(std::span(text)));
  if (!text.starts_with('{')) source.fail("is not a safetensors file (its header does not start with '{')");
  return text;
}

void check_crc(const std::string& stored, uint32_t found, const Source& source) {
  if (stored != hexadecimal(found))
    source.fail("has a wrong checksum (" + hexadecimal(found) + ", it says " + stored.substr(0, 8) +
                "): the file is damaged; copy or make it again");
}

Safetensors read_safetensors(const Source& source) {
  const std::string text = read_header_text(source);
  SafetensorsHeader header = parse_safetensors_header(text, source);
  const uint64_t data_start = 8 + text.size(), data_size = source.size() - data_start;
  check_places(header.tensors, data_size, source);
  const auto stored = header.metadata.extract(crc_key);
  uint32_t crc = crc_of_header(header);
  Safetensors content;
  for (auto& tensor : header.tensors) {  // in the order of the data
    Array array{tensor.dtype, std::move(tensor.shape), std::vector<std::byte>(tensor.end - tensor.begin)};
    source.read(data_start + tensor.begin, array.bytes);
    if (stored) crc = crc32(array.bytes, crc);
    content.arrays.emplace(std::move(tensor.name), std::move(array));
  }
  if (stored) check_crc(stored.mapped(), crc, source);
  content.verified = !stored.empty();
  content.metadata = std::move(header.metadata);
  return content;
}

}  // namespace

Safetensors load_safetensors(const std::string& path) {
  return read_safetensors(FileSource(path));
}

Safetensors parse_safetensors(std::span<const std::byte> bytes, const std::string& name) {
  return read_safetensors(MemorySource(bytes, name));
}

std::vector<ArrayInfo> list_safetensors(const std::string& path) {
  const FileSource source(path);
  const std::string text = read_header_text(source);
  SafetensorsHeader header = parse_safetensors_header(text, source);
  check_places(header.tensors, source.size() - 8 - text.size(), source);
  std::sort(header.tensors.begin(), header.tensors.end(), by_name);
  std::vector<ArrayInfo> list;
  for (auto& tensor : header.tensors) list.push_back({tensor.name, tensor.dtype, std::move(tensor.shape)});
  return list;
}

void save_safetensors(const std::string& path, const Safetensors& content) {
  SafetensorsHeader header;
  header.metadata = content.metadata;
  header.metadata.erase(crc_key);
  uint64_t at = 0;
  for (const auto& [name, array] : content.arrays) {
    header.tensors.push_back({name, array.dtype, array.shape, at, at + array.bytes.size()});
    at += array.bytes.size();
  }
  uint32_t crc = crc_of_header(header);
  for (const auto& entry : content.arrays) crc = crc32(entry.second.bytes, crc);
  header.metadata[crc_key] = hexadecimal(crc);
  const std::string text = safetensors_header(header);
  const uint64_t length = text.size();
  AtomicFile file(path);
  file.write(std::as_bytes(std::span(&length, 1)));
  file.write(text);
  for (const auto& entry : content.arrays) file.write(entry.second.bytes);
  file.commit();
}

}  // namespace fluxsbi::io
