// What is refused of an output's name before any work is done.
#include <filesystem>

#include <catch2/matchers/catch_matchers_string.hpp>

#include "io/output.hpp"
#include "io/overwritten_input.hpp"
#include "io/support.hpp"

using namespace fluxsbi;
using namespace fluxsbi::io;
using namespace fluxsbi::io::test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("an extension is compared in lower case", "[io][output]") {
  CHECK(extension_of("folder.d/a.NPZ") == ".npz");
  CHECK(extension_of("folder.d/a").empty());
  CHECK(extension_of("a.tar.gz") == ".gz");
}

TEST_CASE("what a write would fail of is refused before it", "[io][output]") {
  const Folder folder;
  const std::vector<std::string> kinds{".npz", ".h5"};
  const std::string file = folder.file("a.npz"), upper = folder.file("a.NPZ");
  check_output(file, false, kinds);
  check_output(upper, false, kinds);
  check_output(folder.file("any.kind"), false, {});
  CHECK_FALSE(std::filesystem::exists(file));  // looking leaves nothing behind

  CHECK_THROWS_WITH(check_output(folder.file("a.txt"), false, kinds),
                    ContainsSubstring("'.txt'") && ContainsSubstring(".npz, .h5"));
  CHECK_THROWS_WITH(check_output(folder.file("a"), false, kinds),
                    ContainsSubstring("the name has no extension"));
  CHECK_THROWS_WITH(check_output(folder.file("missing/a.npz"), true, kinds),
                    ContainsSubstring(folder.file("missing") + " does not exist"));
  std::filesystem::create_directory(folder.file("b.npz"));
  CHECK_THROWS_WITH(check_output(folder.file("b.npz"), true, kinds), ContainsSubstring("is a folder"));
  write_file(file, "here");
  CHECK_THROWS_WITH(check_output(file, false, kinds), ContainsSubstring("--force"));
  check_output(file, true, kinds);
  CHECK(read_file(file) == "here");
}

TEST_CASE("an output that is an input is refused by whatever path it is named", "[io][output]") {
  const Folder folder;
  const std::string file = folder.file("a.npz"), link = folder.file("link.npz"), other = folder.file("b.npz");
  refuse_overwriting(file, {file});  // nothing lies there that could be lost
  write_file(file, "samples");
  write_file(other, "samples");
  std::filesystem::create_symlink(file, link);
  for (const std::string& input : {file, file + ":x", folder.file("./a.npz"), link})
    CHECK_THROWS_WITH(refuse_overwriting(file, {other, "", input}),
                      ContainsSubstring("give the output another name"));
  CHECK_THROWS_WITH(refuse_overwriting(link, {file}), ContainsSubstring("-o " + link));
  refuse_overwriting(file, {other, "", folder.file("missing.npz"), other + ":x"});
}
