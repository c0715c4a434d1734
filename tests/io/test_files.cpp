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

TEST_CASE("text of other extensions is read and not written", "[io][files]") {
  const Folder folder;
  for (const char* name : {"a.txt", "a.DAT", "a.tsv", "a.csv"}) {
    write_file(folder.file(name), "a b\n1 2\n");
    CHECK(is_text_table(name));
    CHECK(load_arrays(folder.file(name)).columns == std::vector<std::string>{"a", "b"});
  }
  CHECK_FALSE(is_text_table("a.npz"));
  CHECK_THAT(error_of([] { save_arrays("a.txt", {}); }), ContainsSubstring("unknown extension '.txt'"));
}

TEST_CASE("an array that cannot be read is listed with the reason", "[io][files]") {
  const Folder folder;
  save_arrays(folder.file("a.npz"),
              {{"theta", random_array(DType::f32, {2})}, {"x", random_array(DType::f64, {2})}});
  std::string bytes = read_file(folder.file("a.npz"));
  for (const auto& [type, reason] :
       std::vector<std::pair<std::string, std::string>>{{"'|O' ", "pad rows of different length with NaN"},
                                                        {"'<U3'", "text"},
                                                        {"'<M8'", "numpy.timedelta64"},
                                                        {"'<c8'", "real and imaginary part"}}) {
    INFO(type);
    std::string other = bytes;
    for (size_t at = 0; (at = other.find("'<f8'", at)) != std::string::npos; ++at) other.replace(at, 5, type);
    write_file(folder.file("b.npz"), other);
    const auto list = list_arrays(folder.file("b.npz"));
    REQUIRE(list.size() == 2);
    CHECK(list[0].problem.empty());
    CHECK_THAT(list[1].problem, ContainsSubstring(reason));
  }
}

TEST_CASE("safetensors are read as arrays", "[io][files]") {
  CHECK(load_arrays(fixture("reference.safetensors")).arrays.size() == 2);
  CHECK(load_arrays(fixture("reference.safetensors"), {"steps", "steps"}).arrays.size() == 1);
  CHECK(list_arrays(fixture("reference.safetensors")).size() == 2);
}

TEST_CASE("an unknown extension is refused with those known", "[io][files]") {
  CHECK(error_of([] { load_arrays("a.mat"); }) ==
        "a.mat: has the unknown extension '.mat'; read are .npz, .npy, .h5, .hdf5, .nc, .csv, .txt, .dat, "
        ".tsv, .safetensors");
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
