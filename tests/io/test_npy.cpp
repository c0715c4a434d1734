#include <algorithm>
#include <cmath>

#include <catch2/matchers/catch_matchers_string.hpp>

#include "io/npy.hpp"
#include "io/support.hpp"

using namespace fluxsbi;
using namespace fluxsbi::io;
using namespace fluxsbi::io::test;
using Catch::Matchers::ContainsSubstring;

namespace {

// A .npy file with any header text.
std::string npy_file(const std::string& header, const std::string& data, char major = 1) {
  std::string file = "\x93NUMPY";
  file += major;
  file += '\0';
  file += static_cast<char>(header.size() & 0xff);
  file += static_cast<char>(header.size() >> 8);
  if (major > 1) file += std::string(2, '\0');
  return file + header + data;
}

std::string dict(const std::string& descr, const std::string& shape, const std::string& order = "False") {
  return "{'descr': " + descr + ", 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
}

std::string error_of_npy(const std::string& file) {
  return error_of([&] { parse_npy(bytes_of(file), "a.npy"); });
}

}  // namespace

TEST_CASE("npy files of every dtype and rank come back as they were saved", "[io][npy]") {
  const Folder folder;
  const std::vector<std::vector<int64_t>> shapes{{}, {5}, {3, 4}, {0, 3}, {2, 1, 3, 2}};
  for (const DType dtype : all_dtypes()) {
    for (const auto& shape : shapes) {
      const Array array = random_array(dtype, shape);
      save_npy(folder.file("a.npy"), array);
      const Array expected = dtype == DType::bf16 ? as_float32(array) : array;
      CHECK(same(load_npy(folder.file("a.npy")), expected));
    }
  }
  CHECK(folder.entries() == 1);
}

TEST_CASE("a saved npy file is byte for byte numpy's", "[io][npy]") {
  const Folder folder;
  for (const char* name : {"float32.npy", "scalar.npy", "empty.npy", "bool.npy", "float16.npy"}) {
    save_npy(folder.file("a.npy"), load_npy(fixture(name)));
    const std::string mine = read_file(folder.file("a.npy")), numpys = read_file(fixture(name));
    const size_t header = numpys.find('\n') + 1;
    CHECK(mine.substr(mine.find('\n') + 1) == numpys.substr(header));
    CHECK((mine.find('\n') + 1) % 64 == 0);
    const size_t text = 10;
    CHECK(mine.substr(text, mine.find('}') - text) == numpys.substr(text, numpys.find('}') - text));
  }
}

TEST_CASE("numpy's versions 1, 2 and 3 hold the same array", "[io][npy]") {
  const std::vector<float> values{-0.5f, -0.25f, 0, 0.25f, 0.5f, 0.75f};
  for (const char* name : {"float32.npy", "version2.npy", "version3.npy"}) {
    const Array array = load_npy(fixture(name));
    CHECK(array.dtype == DType::f32);
    CHECK(array.shape == std::vector<int64_t>{2, 3});
    CHECK(array.to_float() == values);
  }
}

TEST_CASE("big-endian and Fortran-ordered files are turned", "[io][npy]") {
  const Array big = load_npy(fixture("big_endian.npy"));
  CHECK(big.to_int64() == std::vector<int64_t>{-3, -2, -1, 0, 1, 2});
  const Array fortran = load_npy(fixture("fortran.npy"));
  CHECK(fortran.shape == std::vector<int64_t>{2, 3, 4});
  std::vector<int64_t> expected(24);
  for (size_t i = 0; i < expected.size(); ++i) expected[i] = static_cast<int64_t>(i);
  CHECK(fortran.to_int64() == expected);
}

TEST_CASE("numpy's float16 values are understood", "[io][npy]") {
  const auto values = load_npy(fixture("float16.npy")).to_float();
  REQUIRE(values.size() == 10);
  CHECK(values[3] == -2.5f);
  CHECK(values[4] == 65504.0f);
  CHECK(values[5] == 0x1p-24f);
  CHECK(std::isinf(values[6]));
  CHECK(std::isnan(values[8]));
}

TEST_CASE("a scalar and an empty array are arrays", "[io][npy]") {
  const Array scalar = load_npy(fixture("scalar.npy"));
  CHECK(scalar.shape.empty());
  CHECK(scalar.to_double() == std::vector<double>{2.5});
  const Array empty = load_npy(fixture("empty.npy"));
  CHECK(empty.shape == std::vector<int64_t>{0, 3});
  CHECK(empty.bytes.empty());
}

TEST_CASE("dtypes that are no numbers are refused by name", "[io][npy]") {
  const auto error = [](const std::string& name) { return error_of([&] { load_npy(fixture(name)); }); };
  CHECK_THAT(error("object.npy"), ContainsSubstring("object.npy: holds Python objects (dtype object)"));
  CHECK_THAT(error("structured.npy"), ContainsSubstring("records (a structured dtype)"));
  CHECK_THAT(error("text.npy"), ContainsSubstring("text (dtype '<U2')"));
  CHECK_THAT(error("complex.npy"), ContainsSubstring("complex numbers (dtype '<c16')"));
  CHECK_THAT(error("time.npy"), ContainsSubstring("times (dtype '<M8[D]')"));
  CHECK_THAT(error_of_npy(npy_file(dict("'<f16'", "(1,)"), std::string(16, '\0'))),
             ContainsSubstring("the dtype '<f16', which fluxsbi does not know"));
  CHECK_THAT(error_of_npy(npy_file(dict("'|V8'", "(1,)"), std::string(8, '\0'))),
             ContainsSubstring("raw records"));
}

TEST_CASE("a damaged npy file is refused with its name", "[io][npy]") {
  CHECK_THAT(error_of([] { load_npy("/nowhere/a.npy"); }),
             ContainsSubstring("/nowhere/a.npy: there is no such file; check the path"));
  CHECK_THAT(error_of([] { load_npy(fixture("")); }), ContainsSubstring("is a folder; name a file in it"));
  CHECK(error_of_npy("") == "a.npy: is too short to be a .npy array");
  CHECK_THAT(error_of_npy("PK\x03\x04 something else"), ContainsSubstring("is not a .npy array"));
  CHECK_THAT(error_of_npy(npy_file(dict("'<f4'", "(1,)"), "abcd", 9)), ContainsSubstring("version 9.0"));
  CHECK_THAT(error_of_npy(npy_file(dict("'<f4'", "(2,)"), "abcd")),
             ContainsSubstring("its header says 8 bytes of data (float32 [2]), but 4 follow"));
  CHECK_THAT(error_of_npy(npy_file(dict("'<f4'", "(1,)"), "abcdef")), ContainsSubstring("but 6 follow"));
  CHECK_THAT(error_of_npy(npy_file(dict("'<f4'", "(4611686018427387904, 8)"), "")),
             ContainsSubstring("is too large; the header is damaged"));
}

TEST_CASE("a wrong npy header is refused, not guessed at", "[io][npy]") {
  const std::string whole = dict("'<f4'", "(1,)");
  const std::vector<std::string> wrong{
      "",
      "{",
      "{}",
      "{'descr': '<f4'}",
      whole + "x",
      "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}",
      "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1 2)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': [1]}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1,}",
      "{'descr': '<f4', 'fortran_order: False, 'shape': (1,)}",
      "{descr: '<f4', 'fortran_order': False, 'shape': (1,)}",
      "{'descr': '<f4' 'fortran_order': False, 'shape': (1,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'more': 1}",
  };
  for (const auto& header : wrong)
    CHECK_THAT(error_of_npy(npy_file(header, "abcd")),
               ContainsSubstring("header is not one that numpy writes"));
  std::string many = "(";
  for (int i = 0; i < 65; ++i) many += "1, ";
  CHECK_THAT(error_of_npy(npy_file(dict("'<f4'", many + ")"), "abcd")),
             ContainsSubstring("not one that numpy"));
}

TEST_CASE("headers of old Python versions are read", "[io][npy]") {
  CHECK(parse_npy(
            bytes_of(npy_file("{\"shape\": (2L,), \"descr\": \"|u1\", \"fortran_order\": False}", "ab")), "a")
            .to_int64() == std::vector<int64_t>{'a', 'b'});
}

TEST_CASE("every truncation of an npy file is refused", "[io][npy]") {
  const std::string whole = read_file(fixture("float32.npy"));
  for (size_t size = 0; size < whole.size(); ++size) {
    const std::string part = whole.substr(0, size);
    CHECK_THROWS_AS(parse_npy(bytes_of(part), "part.npy"), core::UserError);
  }
}

TEST_CASE("an array that the memory cannot hold is refused before it is allocated", "[io][npy][memory]") {
  CHECK_THAT(error_of([] { room_for(uint64_t{1} << 60, "big.npy"); }),
             ContainsSubstring("big.npy: an array needs ") && ContainsSubstring("data.memory_gb"));
  CHECK(room_for(3, "small.npy").size() == 3);
}
