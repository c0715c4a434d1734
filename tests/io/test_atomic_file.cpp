#include <catch2/matchers/catch_matchers_string.hpp>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/atomic_file.hpp"
#include "io/files.hpp"
#include "io/lock.hpp"
#include "io/safetensors.hpp"
#include "io/support.hpp"

using namespace fluxsbi;
using namespace fluxsbi::io;
using namespace fluxsbi::io::test;
using Catch::Matchers::ContainsSubstring;

namespace {

/// No file may grow beyond `bytes` while this lives: a full disk without a disk.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit small{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
  }
  ~FullDisk() { setrlimit(RLIMIT_FSIZE, &before_); }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  rlimit before_{};
};

}  // namespace

TEST_CASE("a file appears whole at commit and not before", "[io][atomic]") {
  const Folder folder;
  const std::string path = folder.file("a.txt");
  AtomicFile file(path);
  file.write("hello ");
  file.write(std::string(1 << 20, 'x'));
  file.write("\n");
  CHECK(file.size() == 7 + (1 << 20));
  CHECK_FALSE(std::filesystem::exists(path));
  file.commit();
  CHECK(read_file(path) == "hello " + std::string(1 << 20, 'x') + "\n");
  CHECK(folder.entries() == 1);
}

TEST_CASE("a folder is locked once at a time", "[io][lock]") {
  const Folder folder;
  {
    const auto lock = lock_folder(folder.file("."));
    CHECK(lock.is_open());
    CHECK_THROWS_WITH(lock_folder(folder.file(".")), ContainsSubstring("another fluxsbi command"));
  }
  CHECK(lock_folder(folder.file(".")).is_open());
  CHECK_FALSE(lock_folder(folder.file("absent")).is_open());
}

TEST_CASE("a file that is not committed leaves the old one and no trace", "[io][atomic]") {
  const Folder folder;
  write_text(folder.file("a.txt"), "old");
  {
    AtomicFile file(folder.file("a.txt"));
    file.write("new");
  }
  CHECK(read_file(folder.file("a.txt")) == "old");
  CHECK(folder.entries() == 1);
}

TEST_CASE("what killed writers left is removed, and nothing else", "[io][atomic]") {
  const Folder folder;
  for (const char* name : {"a.npz.tmp-123-0", "a.npz.tmp-9-12", "a.npz", "b.tmp-x", "notes.tmp-3-1.txt"})
    write_text(folder.file(name), "x");
  remove_leftovers(folder.file("missing"));
  remove_leftovers(folder.file("."));
  CHECK(folder.entries() == 3);
  CHECK_FALSE(std::filesystem::exists(folder.file("a.npz.tmp-123-0")));
  CHECK(std::filesystem::exists(folder.file("notes.tmp-3-1.txt")));
}

TEST_CASE("what a killed writer of a file left goes when the file is written again", "[io][atomic]") {
  const Folder folder;
  const std::string path = folder.file("a.npz"), dead = path + ".tmp-123-0", alive = path + ".tmp-9-1";
  for (const std::string& name : {dead, alive, folder.file("b.npz.tmp-123-0"), path + ".tmp-x"})
    write_file(name, "x");
  const int writer = open(alive.c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(flock(writer, LOCK_EX | LOCK_NB) == 0);
  write_text(path, "new");
  CHECK(read_file(path) == "new");
  CHECK_FALSE(std::filesystem::exists(dead));
  CHECK(std::filesystem::exists(alive));  // its writer holds the lock
  CHECK(folder.entries() == 4);
  close(writer);
}

TEST_CASE("a header that is known last can be written at its place", "[io][atomic]") {
  const Folder folder;
  AtomicFile file(folder.file("a"));
  file.write("....data");
  file.write_at(1, bytes_of("ab"));
  file.write("!");
  CHECK_THROWS_AS(file.write_at(9, bytes_of("x")), core::InternalError);
  file.commit();
  CHECK(read_file(folder.file("a")) == ".ab.data!");
}

TEST_CASE("writing after commit is a defect", "[io][atomic]") {
  const Folder folder;
  AtomicFile file(folder.file("a"));
  file.commit();
  CHECK_THROWS_AS(file.write(std::string(1 << 20, 'x')), core::InternalError);
}

TEST_CASE("a full device is an error with a remedy", "[io][atomic]") {
  AtomicFile file("/dev/full");
  file.write("x");
  CHECK(error_of([&] { file.commit(); }) ==
        "/dev/full: cannot be written: No space left on device; free some space, or write to another disk");
  CHECK(std::filesystem::is_character_file("/dev/full"));
}

TEST_CASE("a write that fails midway leaves the old file and no temporary, in every format", "[io][atomic]") {
  const Folder folder;
  const Arrays old{{"array", random_array(DType::f32, {2, 2})}};
  const Arrays large{{"array", random_array(DType::f32, {500, 400})}};
  for (const std::string& extension : writable_extensions()) {
    INFO(extension);
    const std::string path = folder.file("a" + extension);
    save_arrays(path, old);
    const std::string before = read_file(path);
    const size_t entries = folder.entries();
    std::string message;
    {
      const FullDisk limit(100000);
      message = error_of([&] { save_arrays(path, large); });
    }
    CHECK_THAT(message, ContainsSubstring(
                            path + ": cannot be written: File too large; raise the limit on file sizes"));
    CHECK(read_file(path) == before);
    CHECK(folder.entries() == entries);
  }
}

TEST_CASE("a safetensors file that does not fit leaves the old one", "[io][atomic]") {
  const Folder folder;
  const std::string path = folder.file("m.safetensors");
  save_safetensors(path, {{{"w", random_array(DType::f32, {2})}}, {}, false});
  const std::string before = read_file(path);
  const FullDisk limit(4096);
  CHECK_THROWS_AS(save_safetensors(path, {{{"w", random_array(DType::f32, {200000})}}, {}, false}),
                  core::UserError);
  CHECK(read_file(path) == before);
  CHECK(folder.entries() == 1);
}

TEST_CASE("a place that cannot be written is named with what to do", "[io][atomic]") {
  const Folder folder;
  CHECK_THAT(error_of([&] { write_text(folder.file("no/such/a.txt"), "x"); }),
             ContainsSubstring("a.txt: cannot be written: No such file or directory; make its folder first"));
  CHECK_THAT(error_of([&] { write_text(folder.file(""), "x"); }),
             ContainsSubstring("it is a folder; name a file in it"));
  write_text(folder.file("file"), "x");
  CHECK_THAT(error_of([&] { write_text(folder.file("file/a.txt"), "x"); }),
             ContainsSubstring("make its folder first"));
}

TEST_CASE("a file in a folder without permission is refused", "[io][atomic]") {
  if (geteuid() == 0) SKIP("root may write everywhere");
  const Folder folder;
  std::filesystem::create_directory(folder.file("closed"));
  chmod(folder.file("closed").c_str(), 0500);
  CHECK_THAT(error_of([&] { write_text(folder.file("closed/a"), "x"); }),
             ContainsSubstring("check the permissions"));
}

TEST_CASE("a link stays a link and its target is replaced", "[io][atomic]") {
  const Folder folder;
  write_text(folder.file("target"), "old");
  std::filesystem::create_symlink("target", folder.file("link"));
  write_text(folder.file("link"), "new");
  CHECK(std::filesystem::is_symlink(folder.file("link")));
  CHECK(read_file(folder.file("target")) == "new");
}

TEST_CASE("the replaced file's permissions stay", "[io][atomic]") {
  const Folder folder;
  write_text(folder.file("secret"), "old");
  chmod(folder.file("secret").c_str(), 0600);
  write_text(folder.file("secret"), "new");
  struct stat status {};
  REQUIRE(stat(folder.file("secret").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
}

TEST_CASE("an existing output is only replaced by force", "[io][atomic]") {
  const Folder folder;
  const std::string path = folder.file("out.npz");
  refuse_existing(path, false);
  CHECK_FALSE(std::filesystem::exists(path));  // looked at, not made
  write_text(path, "x");
  CHECK(error_of([&] { refuse_existing(path, false); }) == path + ": exists; use --force to replace it");
  refuse_existing(path, true);
  CHECK(read_file(path) == "x");        // nor emptied
  refuse_existing("/dev/null", false);  // nothing is lost there
}

TEST_CASE("the CRC is zlib's and can be continued", "[io][atomic]") {
  const std::string text = "123456789";
  CHECK(crc32(bytes_of(text)) == 0xcbf43926u);  // the check value of CRC-32/ISO-HDLC
  const std::string head = "1234", tail = "56789";
  CHECK(crc32(bytes_of(tail), crc32(bytes_of(head))) == 0xcbf43926u);
  CHECK(crc32({}, 0x1234u) == 0x1234u);
  CHECK(crc32_combine(crc32(bytes_of(head)), crc32(bytes_of(tail)), tail.size()) == 0xcbf43926u);
}
