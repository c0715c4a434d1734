#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "core/registry.hpp"

using namespace fluxsbi;
using Catch::Matchers::Equals;
using Words = std::vector<std::string>;

namespace {

struct Plain {
  std::string_view name;
  int value;
};
struct Row {
  std::string_view name;
  std::span<const std::string_view> aliases;
};

constexpr std::array<std::string_view, 2> other_names{"equal", "same"};
constexpr std::array plain{Plain{"one", 1}, Plain{"two", 2}};
constexpr std::array<Row, 2> with_aliases{{{"identical", other_names}, {"different", {}}}};

}  // namespace

TEST_CASE("a registry's row is found by its name or an alias", "[core][registry]") {
  CHECK(core::find_row(plain, "two") == &plain[1]);
  CHECK(core::find_row(plain, "Two") == nullptr);
  CHECK(core::find_row(with_aliases, "same") == &with_aliases[0]);
  CHECK(core::find_row(std::span<const Row>(with_aliases), "different") == &with_aliases[1]);
  CHECK(core::row_named(plain, "one", "").value == 1);
}

TEST_CASE("a registry's names come in order, aliases behind their row", "[core][registry]") {
  CHECK(core::row_names(plain) == Words{"one", "two"});
  CHECK(core::row_names(with_aliases) == Words{"identical", "equal", "same", "different"});
}

TEST_CASE("an unknown name is refused with the nearest name or alias", "[core][registry]") {
  CHECK_THROWS_MATCHES(core::row_named(with_aliases, "sane", "unknown 'sane'"), core::UserError,
                       Catch::Matchers::MessageMatches(Equals("unknown 'sane' (did you mean 'same'?)")));
  CHECK_THROWS_MATCHES(core::row_named(plain, "zzzzzz", "unknown"), core::UserError,
                       Catch::Matchers::MessageMatches(Equals("unknown; known: one, two")));
}
