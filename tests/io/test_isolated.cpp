#include <cerrno>
#include <csignal>

#include <catch2/matchers/catch_matchers_string.hpp>
#include <sys/wait.h>

#include "io/isolated.hpp"
#include "io/support.hpp"

using namespace fluxsbi;
using namespace fluxsbi::io;
using namespace fluxsbi::io::test;
using Catch::Matchers::ContainsSubstring;

namespace {

const Isolated::Setting setting{"a.h5", "the library", "make it again", uint64_t{1} << 30, 60};

std::string error_of_work(const std::function<void(Isolated::Outlet&)>& work,
                          Isolated::Setting with = setting) {
  return error_of([&] {
    Isolated child(with, work);
    while (child.next()) child.receive_number();
  });
}

}  // namespace

TEST_CASE("what isolated work sends arrives in order", "[io][isolated]") {
  Isolated child(setting, [](Isolated::Outlet& out) {
    for (uint64_t i = 0; i < 3; ++i) {
      out.begin_record();
      out.send(i);
      out.send(std::string("text"));
    }
  });
  for (uint64_t i = 0; i < 3; ++i) {
    REQUIRE(child.next());
    CHECK(child.receive_number() == i);
    CHECK(child.receive_text() == "text");
  }
  CHECK_FALSE(child.next());
}

TEST_CASE("an error of isolated work arrives as it was thrown", "[io][isolated]") {
  CHECK(error_of_work([](Isolated::Outlet&) { throw core::UserError("a.h5: is wrong"); }) ==
        "a.h5: is wrong");
}

TEST_CASE("a crash, an endless loop and a lack of memory end the child alone", "[io][isolated]") {
  CHECK(error_of_work([](Isolated::Outlet&) { raise(SIGKILL); }) ==
        "a.h5: the library crashed over this file; make it again");
  CHECK(error_of_work([](Isolated::Outlet&) { throw std::bad_alloc(); }) ==
        "a.h5: the library found too little memory for this file; make it again");
  Isolated::Setting brief = setting;
  brief.seconds = 1;
  const auto spin = [](Isolated::Outlet&) {
    volatile bool on = true;
    while (on) continue;
  };
  CHECK(error_of_work(spin, brief) == "a.h5: the library came to no end with this file; make it again");
}

TEST_CASE("a child whose reader goes away is gone with it", "[io][isolated]") {
  {
    const Isolated child(setting, [](Isolated::Outlet& out) {
      const std::vector<std::byte> much(1 << 20);
      for (;;) out.send(much);
    });
    CHECK(waitpid(-1, nullptr, WNOHANG) == 0);  // it runs
  }
  CHECK(waitpid(-1, nullptr, WNOHANG) == -1);  // no child is left, not even a dead one
  CHECK(errno == ECHILD);
}
