#include <catch2/matchers/catch_matchers_string.hpp>

#include "io/files.hpp"
#include "io/safetensors.hpp"
#include "io/support.hpp"

using namespace fluxsbi;
using namespace fluxsbi::io;
using namespace fluxsbi::io::test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("the extension chooses the format", "[io][files]") {
  const Folder folder;
  CHECK(writable_extensions() == std::vector<std::string>{".npz", ".npy", ".h5", ".hdf5", ".csv"});
  const Array table = random_array(DType::i32, {5, 2});
  for (const std::string& extension : writable_extensions()) {
    INFO(extension);
    const std::string path = folder.file("a" + extension);
    save_arrays(path, {{"array", table}}, {"p", "q"});
    const FileContent content = load_arrays(path);
    REQUIRE(content.arrays.size() == 1);
    CHECK(content.arrays.at("array").to_int64() == table.to_int64());
    CHECK(content.columns ==
          (extension == ".csv" ? std::vector<std::string>{"p", "q"} : std::vector<std::string>{}));
    const auto list = list_arrays(path);
    REQUIRE(list.size() == 1);
    CHECK(list[0].name == "array");
    CHECK(list[0].shape == table.shape);
    CHECK(list[0].dtype == content.arrays.at("array").dtype);
    CHECK(load_arrays(path, {"array"}).arrays.size() == 1);
    CHECK_THAT(error_of([&] { load_arrays(path, {"theta"}); }), ContainsSubstring("'theta'; it holds array"));
  }
}

TEST_CASE("an extension in capitals is the same", "[io][files]") {
  const Folder folder;
  save_arrays(folder.file("A.NPZ"), {{"x", random_array(DType::f32, {2})}});
  CHECK(load_arrays(folder.file("A.NPZ")).arrays.contains("x"));
}

TEST_CASE("safetensors are read as arrays", "[io][files]") {
  CHECK(load_arrays(fixture("reference.safetensors")).arrays.size() == 2);
  CHECK(load_arrays(fixture("reference.safetensors"), {"steps", "steps"}).arrays.size() == 1);
  CHECK(list_arrays(fixture("reference.safetensors")).size() == 2);
}

TEST_CASE("an unknown extension is refused with those known", "[io][files]") {
  CHECK(error_of([] { load_arrays("a.mat"); }) ==
        "a.mat: has the unknown extension '.mat'; read are .npz, .npy, .h5, .hdf5, .csv, .safetensors");
  CHECK(error_of([] { save_arrays("a", {}); }) ==
        "a: has no extension; written are .npz, .npy, .h5, .hdf5, .csv");
  CHECK_THAT(error_of([] { save_arrays("a.safetensors", {}); }),
             ContainsSubstring("unknown extension '.safetensors'"));
}

TEST_CASE("formats of one array refuse several", "[io][files]") {
  const Folder folder;
  const Arrays two{{"a", random_array(DType::f32, {2})}, {"b", random_array(DType::f32, {2})}};
  for (const char* name : {"a.npy", "a.csv"}) {
    CHECK_THAT(error_of([&] { save_arrays(folder.file(name), two); }),
               ContainsSubstring("this format holds one array, but there are 2; write .npz or .h5"));
  }
  CHECK(folder.entries() == 0);
}
