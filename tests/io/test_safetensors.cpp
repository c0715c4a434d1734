#include <catch2/matchers/catch_matchers_string.hpp>

#include "io/safetensors.hpp"
#include "io/support.hpp"

using namespace fluxsbi;
using namespace fluxsbi::io;
using namespace fluxsbi::io::test;
using Catch::Matchers::ContainsSubstring;

namespace {

Safetensors sample() {
  Safetensors content;
  for (const DType dtype : all_dtypes()) content.arrays[name_of(dtype)] = random_array(dtype, {3, 2}, 5);
  content.arrays["empty"] = random_array(DType::f32, {0, 4});
  content.arrays["scalar"] = random_array(DType::f64, {});
  content.metadata = {{"config",
                       "a: \"quoted\"\nb: gr\xc3\xb6\xc3\x9f"
                       "e\n"},
                      {"version", "1"}};
  return content;
}

std::string safetensors_file(const Safetensors& content) {
  const Folder folder;
  save_safetensors(folder.file("a.safetensors"), content);
  return read_file(folder.file("a.safetensors"));
}

bool same_content(const Safetensors& a, const Safetensors& b) {
  if (a.metadata != b.metadata || a.arrays.size() != b.arrays.size()) return false;
  for (const auto& [name, array] : a.arrays) {
    if (!b.arrays.contains(name) || !same(array, b.arrays.at(name))) return false;
  }
  return true;
}

std::string with_header(const std::string& header, const std::string& data = "") {
  std::string file;
  for (int shift = 0; shift < 64; shift += 8) file += static_cast<char>((header.size() >> shift) & 0xff);
  return file + header + data;
}

std::string error_of_safetensors(const std::string& file) {
  return error_of([&] { parse_safetensors(bytes_of(file), "m.safetensors"); });
}

std::string tensor(const std::string& begin_end, const std::string& shape = "[1]",
                   const std::string& dtype = "F32") {
  return R"({"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + begin_end + "}";
}

}  // namespace

TEST_CASE("safetensors files come back as they were saved, with a verified checksum", "[io][safetensors]") {
  const Folder folder;
  save_safetensors(folder.file("a.safetensors"), sample());
  const Safetensors found = load_safetensors(folder.file("a.safetensors"));
  CHECK(same_content(found, sample()));
  CHECK(found.verified);
  save_safetensors(folder.file("b.safetensors"), found);
  CHECK(read_file(folder.file("a.safetensors")) == read_file(folder.file("b.safetensors")));
}

TEST_CASE("saved data start at a multiple of 8 bytes", "[io][safetensors]") {
  for (size_t length = 0; length < 9; ++length) {
    Safetensors content = sample();
    content.metadata["filler"] = std::string(length, 'x');
    const std::string file = safetensors_file(content);
    CHECK(static_cast<unsigned char>(file[0]) % 8 == 0);
  }
}

TEST_CASE("a file of the reference library is read", "[io][safetensors]") {
  const Safetensors found = load_safetensors(fixture("reference.safetensors"));
  CHECK(found.metadata == std::map<std::string, std::string>{{"made_by", "safetensors"}});
  CHECK_FALSE(found.verified);
  CHECK(found.arrays.at("weight").to_float() == std::vector<float>{-0.5f, -0.25f, 0, 0.25f, 0.5f, 0.75f});
  CHECK(found.arrays.at("steps").to_int64() == std::vector<int64_t>{7});
}

TEST_CASE("a file without tensors or metadata is read", "[io][safetensors]") {
  CHECK(parse_safetensors(bytes_of(with_header("{}")), "a").arrays.empty());
  CHECK(same_content(parse_safetensors(bytes_of(safetensors_file({})), "a"), {}));
}

TEST_CASE("no flipped byte of a saved file passes as a verified other content", "[io][safetensors]") {
  Safetensors content;
  content.arrays["weight"] = random_array(DType::f32, {3, 2});
  content.arrays["steps"] = random_array(DType::i64, {});
  content.metadata["fluxsbi.version"] = "1";
  const std::string whole = safetensors_file(content);
  for (size_t at = 0; at < whole.size(); ++at) {
    for (const int mask : {0x01, 0x20, 0xff}) {
      std::string flipped = whole;
      flipped[at] = static_cast<char>(flipped[at] ^ mask);
      try {
        const Safetensors found = parse_safetensors(bytes_of(flipped), "a");
        INFO("byte " << at << " mask " << mask);
        CHECK((!found.verified || same_content(found, content)));
      } catch (const core::UserError&) {
        continue;
      }
    }
  }
}

TEST_CASE("every truncation of a safetensors file is refused", "[io][safetensors]") {
  const std::string whole = safetensors_file(sample());
  for (size_t size = 0; size < whole.size(); ++size) {
    const std::string part = whole.substr(0, size);
    CHECK_THROWS_AS(parse_safetensors(bytes_of(part), "part"), core::UserError);
  }
}

TEST_CASE("changed data and changed metadata are found by the checksum", "[io][safetensors]") {
  std::string data = safetensors_file(sample());
  data.back() = static_cast<char>(data.back() ^ 1);
  CHECK_THAT(error_of_safetensors(data), ContainsSubstring("m.safetensors: has a wrong checksum"));
  std::string metadata = safetensors_file(sample());
  metadata.replace(metadata.find("quoted"), 6, "QUOTED");
  CHECK_THAT(error_of_safetensors(metadata), ContainsSubstring("has a wrong checksum"));
}

TEST_CASE("offsets must lead through the data without gap, overlap or rest", "[io][safetensors]") {
  const std::string eight(8, '\0');
  CHECK_THAT(error_of_safetensors(with_header(R"({"a":)" + tensor("[0,4]") + "}", eight)),
             ContainsSubstring("holds 4 bytes beyond its last tensor"));
  CHECK_THAT(error_of_safetensors(with_header(R"({"a":)" + tensor("[4,8]") + "}", eight)),
             ContainsSubstring("tensor 'a' follows a gap"));
  CHECK_THAT(error_of_safetensors(
                 with_header(R"({"a":)" + tensor("[0,4]") + R"(,"b":)" + tensor("[2,6]") + "}", eight)),
             ContainsSubstring("tensor 'b' overlaps another one"));
  CHECK_THAT(error_of_safetensors(with_header(R"({"a":)" + tensor("[0,12]", "[3]") + "}", eight)),
             ContainsSubstring("tensor 'a' reaches beyond the end"));
  CHECK_THAT(error_of_safetensors(with_header(R"({"a":)" + tensor("[4,0]") + "}", eight)),
             ContainsSubstring("tensor 'a' reaches beyond the end"));
  CHECK_THAT(error_of_safetensors(with_header(R"({"a":)" + tensor("[0,8]", "[3]") + "}", eight)),
             ContainsSubstring("of shape [3] and dtype float32 does not fill its 8 bytes"));
  CHECK_THAT(
      error_of_safetensors(with_header(R"({"a":)" + tensor("[0,8]", "[4611686018427387904,4]") + "}", eight)),
      ContainsSubstring("does not fill"));
}

TEST_CASE("a header that is not as the format says is refused", "[io][safetensors]") {
  const auto error = [](const std::string& header) {
    return error_of_safetensors(with_header(header, "abcd"));
  };
  CHECK_THAT(error("[]"), ContainsSubstring("does not start with '{'"));
  CHECK_THAT(error("{\"a\":1"), ContainsSubstring("is not an object of tensors"));
  CHECK_THAT(error("{\"a\""), ContainsSubstring("is not valid JSON"));
  CHECK_THAT(error("{} x"), ContainsSubstring("is not valid JSON"));
  CHECK_THAT(error(R"({"a":)" + tensor("[0,4]") + R"(,"a":)" + tensor("[0,4]") + "}"),
             ContainsSubstring("names 'a' twice"));
  CHECK_THAT(error(R"({"a":)" + tensor("[0,4]", "[1]", "F8_E4M3") + "}"),
             ContainsSubstring("the dtype 'F8_E4M3', which fluxsbi does not know"));
  CHECK_THAT(error(R"({"a":{"dtype":"F32","shape":[1]}})"), ContainsSubstring("needs exactly dtype, shape"));
  CHECK_THAT(error(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}})"),
             ContainsSubstring("unknown field 'x'"));
  CHECK_THAT(error(R"({"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}})"),
             ContainsSubstring("'dtype' twice"));
  CHECK_THAT(error(R"({"a":)" + tensor("[0,4,8]") + "}"), ContainsSubstring("needs two data_offsets"));
  CHECK_THAT(error(R"({"a":)" + tensor("[0,4]", "[-1]") + "}"),
             ContainsSubstring("a wrong value for 'shape'"));
  CHECK_THAT(error(R"({"a":)" + tensor("[0,4]", "[1.0]") + "}"),
             ContainsSubstring("a wrong value for 'shape'"));
  CHECK_THAT(error(R"({"a":)" + tensor("[0,4]", "[[1]]") + "}"),
             ContainsSubstring("a wrong value for 'shape'"));
  CHECK_THAT(error(R"({"__metadata__":{"a":1}})"),
             ContainsSubstring("the metadata must hold texts only ('a')"));
  CHECK_THAT(error(R"({"__metadata__":{"a":{}}})"), ContainsSubstring("the metadata must hold texts only"));
  CHECK_THAT(error(R"({"__metadata__":{"a":"b","a":"c"}})"), ContainsSubstring("the metadata has 'a' twice"));
  CHECK_THAT(error(R"({"__metadata__":"text"})"), ContainsSubstring("is not an object of tensors"));
  CHECK_THAT(error(R"({"a":null})"), ContainsSubstring("is not an object of tensors"));
  CHECK_THAT(error("{\"a\xff\":" + tensor("[0,4]") + "}"), ContainsSubstring("is not valid JSON"));
}

TEST_CASE("a header length beyond the file or the format's limit is refused", "[io][safetensors]") {
  CHECK_THAT(error_of_safetensors("abc"), ContainsSubstring("too short to be a safetensors file"));
  CHECK_THAT(error_of_safetensors(std::string(8, '\xff') + "{}"),
             ContainsSubstring("its header is longer than the file"));
  CHECK_THAT(error_of_safetensors(std::string("\x03\0\0\0\0\0\0\0{}", 10)),
             ContainsSubstring("longer than the file"));
}

TEST_CASE("texts that are not UTF-8 cannot be saved", "[io][safetensors]") {
  const Folder folder;
  Safetensors content;
  content.metadata["note"] =
      "gr\xf6\xdf"
      "e";
  CHECK_THAT(error_of([&] { save_safetensors(folder.file("a.safetensors"), content); }),
             ContainsSubstring("UTF-8"));
  CHECK(folder.entries() == 0);
}

TEST_CASE("tensors are listed without their data", "[io][safetensors]") {
  const auto list = list_safetensors(fixture("reference.safetensors"));
  REQUIRE(list.size() == 2);
  CHECK(list[0].name == "steps");
  CHECK(list[1].shape == std::vector<int64_t>{2, 3});
}
