#include <catch2/matchers/catch_matchers_string.hpp>

#include "io/npy.hpp"
#include "io/npz.hpp"
#include "io/support.hpp"

using namespace fluxsbi;
using namespace fluxsbi::io;
using namespace fluxsbi::io::test;
using Catch::Matchers::ContainsSubstring;

namespace {

Arrays sample_arrays() {
  Arrays arrays;
  for (const DType dtype : all_dtypes()) arrays[name_of(dtype)] = random_array(dtype, {4, 3}, 7);
  arrays["nested/name"] = random_array(DType::f32, {2, 2, 2});
  arrays["empty"] = random_array(DType::f64, {0, 2});
  arrays["scalar"] = random_array(DType::i64, {});
  arrays
      ["gr\xc3\xb6\xc3\x9f"
       "e"] = random_array(DType::f32, {1});
  return arrays;
}

void check_same(const Arrays& found, const Arrays& expected) {
  REQUIRE(found.size() == expected.size());
  for (const auto& [name, array] : expected) {
    INFO(name);
    REQUIRE(found.contains(name));
    CHECK(same(found.at(name), array.dtype == DType::bf16 ? as_float32(array) : array));
  }
}

std::string error_of_npz(const std::string& file) {
  return error_of([&] { parse_npz(bytes_of(file), "a.npz"); });
}

std::string npz_file(const Arrays& arrays, const NpzOptions& options = {}) {
  const Folder folder;
  save_npz(folder.file("a.npz"), arrays, options);
  return read_file(folder.file("a.npz"));
}

}  // namespace

TEST_CASE("npz files come back as they were saved, stored, deflated and zip64", "[io][npz]") {
  const Folder folder;
  for (const bool deflate : {false, true}) {
    for (const bool zip64 : {false, true}) {
      save_npz(folder.file("a.npz"), sample_arrays(), {deflate, zip64});
      check_same(load_npz(folder.file("a.npz")), sample_arrays());
    }
  }
  CHECK(folder.entries() == 1);
}

TEST_CASE("the same arrays give the same npz file", "[io][npz]") {
  CHECK(npz_file(sample_arrays()) == npz_file(sample_arrays()));
}

TEST_CASE("deflate makes a constant array small and large pieces survive it", "[io][npz]") {
  const Arrays arrays{{"zero", {DType::f32, {1 << 20}, std::vector<std::byte>(4 << 20)}},
                      {"noise", random_array(DType::u8, {300000})}};
  const std::string file = npz_file(arrays, {true, false});
  CHECK(file.size() < 400000);
  check_same(parse_npz(bytes_of(file), "a.npz"), arrays);
}

TEST_CASE("numpy's npz files are read", "[io][npz]") {
  const Arrays stored = load_npz(fixture("stored.npz"));
  CHECK(stored.size() == 12);
  for (const auto& [name, array] : stored) {
    CHECK(name == name_of(array.dtype));
    const int64_t first = array.dtype == DType::boolean ? 0 : 100;
    CHECK(array.to_int64()[0] == first);
    CHECK(array.to_int64()[3] == (array.dtype == DType::boolean ? 1 : 103));
  }
  const Arrays deflated = load_npz(fixture("deflated.npz"));
  CHECK(deflated.at("theta").shape == std::vector<int64_t>{40, 2});
  CHECK(deflated.at("x").to_double()[79] == 79);
}

TEST_CASE("an npz file without arrays is read and written", "[io][npz]") {
  CHECK(parse_npz(bytes_of(npz_file({})), "a.npz").empty());
}

TEST_CASE("only the wanted keys are read, a missing one is named with those there are", "[io][npz]") {
  const Arrays some = load_npz(fixture("with_text.npz"), std::vector<std::string>{"theta"});
  CHECK(some.size() == 1);
  CHECK(some.contains("theta"));
  CHECK_THAT(error_of([] { load_npz(fixture("with_text.npz"), std::vector<std::string>{"x"}); }),
             ContainsSubstring("with_text.npz: holds no array 'x'; it holds theta, names"));
  CHECK_THAT(error_of([] { load_npz(fixture("with_text.npz")); }),
             ContainsSubstring("with_text.npz: array 'names': holds text"));
}

TEST_CASE("npz arrays are listed without their data", "[io][npz]") {
  const auto list = list_npz(fixture("with_text.npz"));
  REQUIRE(list.size() == 2);
  CHECK_THAT(list[0].problem + list[1].problem, ContainsSubstring("array 'names': holds text"));
  const ArrayInfo& theta = list[list[0].name == "theta" ? 0 : 1];
  CHECK(theta.problem.empty());
  CHECK(theta.dtype == DType::f32);
  CHECK(theta.shape == std::vector<int64_t>{2, 3});
}

TEST_CASE("other files than npz are refused", "[io][npz]") {
  CHECK_THAT(error_of_npz(""), ContainsSubstring("a.npz: is not a whole zip archive"));
  CHECK_THAT(error_of_npz(std::string(200, 'x')), ContainsSubstring("is not a whole zip archive"));
  CHECK_THAT(error_of([] { load_npz(fixture("lzma.npz")); }),
             ContainsSubstring("packed with zip method 14; only stored and deflated"));
}

TEST_CASE("every truncation of an npz file is refused", "[io][npz]") {
  for (const char* name : {"stored.npz", "deflated.npz"}) {
    const std::string whole = read_file(fixture(name));
    for (size_t size = 0; size < whole.size(); ++size) {
      const std::string part = whole.substr(0, size);
      CHECK_THROWS_AS(parse_npz(bytes_of(part), "part.npz"), core::UserError);
    }
  }
}

TEST_CASE("a flipped byte of an npz file never changes a number unseen", "[io][npz]") {
  const Arrays arrays{{"theta", random_array(DType::f32, {3, 2})}, {"x", random_array(DType::f64, {3})}};
  for (const bool deflate : {false, true}) {
    const std::string whole = npz_file(arrays, {deflate, false});
    for (size_t at = 0; at < whole.size(); ++at) {
      std::string flipped = whole;
      flipped[at] = static_cast<char>(flipped[at] ^ 0x11);
      Arrays found;
      try {
        found = parse_npz(bytes_of(flipped), "a.npz");
      } catch (const core::UserError&) {
        continue;
      }
      for (const auto& [name, array] : found) {
        INFO("byte " << at);
        REQUIRE(arrays.contains(name));
        CHECK(same(array, arrays.at(name)));
      }
    }
  }
}

TEST_CASE("a member that claims to unpack to more than deflate can is refused", "[io][npz]") {
  std::string file = npz_file({{"a", random_array(DType::f32, {8})}}, {true, false});
  const size_t central = file.find("PK\x01\x02");
  constexpr size_t size_field = 24;
  file.replace(central + size_field, 4, "\xff\xff\xff\x7f");
  CHECK_THAT(error_of_npz(file), ContainsSubstring("impossible size"));
}

TEST_CASE("members that share bytes or a name are refused", "[io][npz]") {
  const std::string one =
      npz_file({{"aa", random_array(DType::f32, {8})}, {"ab", random_array(DType::f32, {8}, 2)}});
  const size_t first = one.find("PK\x01\x02"), second = one.find("PK\x01\x02", first + 1);
  const size_t end = one.find("PK\x05\x06");
  std::string same_name = one;
  same_name.replace(second, end - second, one.substr(first, second - first));
  CHECK_THAT(error_of_npz(same_name), ContainsSubstring("two members called 'aa.npy'"));

  // Two entries of other names on one local header: the header names only one of them.
  std::string same_place = one;
  constexpr size_t offset_field = 42;
  same_place.replace(second + offset_field, 4, one.substr(first + offset_field, 4));
  CHECK_THAT(error_of_npz(same_place), ContainsSubstring("not a whole zip archive"));
}

TEST_CASE("encrypted members are refused", "[io][npz]") {
  std::string file = npz_file({{"a", random_array(DType::f32, {8})}});
  constexpr size_t flags_field = 8;
  file[file.find("PK\x01\x02") + flags_field] = 1;
  CHECK_THAT(error_of_npz(file), ContainsSubstring("'a.npy' is encrypted"));
}

TEST_CASE("an npz file with a comment is read", "[io][npz]") {
  std::string file = npz_file({{"a", random_array(DType::f32, {8})}});
  const std::string comment = "made by hand";
  file[file.size() - 2] = static_cast<char>(comment.size());
  CHECK(parse_npz(bytes_of(file + comment), "a.npz").size() == 1);
}
