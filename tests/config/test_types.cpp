#include <array>
#include <limits>

#include <catch2/matchers/catch_matchers_string.hpp>

#include "config/support.hpp"

using namespace fluxsbi;
using namespace fluxsbi::config;
using namespace fluxsbi::config::test;
using Catch::Matchers::ContainsSubstring;

namespace {

template <class T>
T value_of(const std::string& text) {
  const Value document = parse_yaml("v: " + text, "a.yaml");
  T out{};
  const Problem problem = read(document.map[0].second, out);
  INFO(text << ": " << problem.value_or("fine"));
  CHECK_FALSE(problem);
  return out;
}

template <class T>
std::string problem_of(const std::string& text) {
  const Value document = parse_yaml("v: " + text, "a.yaml");
  T out{};
  return read(document.map[0].second, out).value_or("");
}

template <class T>
bool holds(const Rule<T>& rule, T value) {
  return rule.holds(value);
}

constexpr double infinity = std::numeric_limits<double>::infinity();

}  // namespace

TEST_CASE("whole numbers are read as people write them", "[config][types]") {
  CHECK(value_of<int64_t>("12") == 12);
  CHECK(value_of<int64_t>("-3") == -3);
  CHECK(value_of<int64_t>("+3") == 3);
  CHECK(value_of<int64_t>("1e5") == 100000);
  CHECK(value_of<int64_t>("2.5e3") == 2500);
  CHECK(value_of<int64_t>("100_000") == 100000);
  CHECK(value_of<int64_t>("4.0") == 4);
  CHECK(value_of<int64_t>("9223372036854775807") == std::numeric_limits<int64_t>::max());
}

TEST_CASE("what is no whole number is refused", "[config][types]") {
  for (const char* text : {"1.5", "abc", "''", "'12'", "[1]", "{a: 1}", "null", "9223372036854775808",
                           "1e300", ".inf", ".nan", "0x10", "1_", "_1", "1__0", "+-3", "12 13"})
    CHECK_THAT(problem_of<int64_t>(text), ContainsSubstring("must be a whole number, found "));
}

TEST_CASE("numbers are read with every digit", "[config][types]") {
  CHECK(value_of<double>("0.1") == 0.1);
  CHECK(value_of<double>(".5") == 0.5);
  CHECK(value_of<double>("5.") == 5);
  CHECK(value_of<double>("-1e-4") == -1e-4);
  CHECK(value_of<double>("+2") == 2);
  CHECK(value_of<double>("10_000.5") == 10000.5);
  CHECK(value_of<double>("3") == 3);
  CHECK(value_of<double>(".inf") == infinity);
  CHECK(value_of<double>("-.inf") == -infinity);
  CHECK_THAT(problem_of<double>(".nan"), ContainsSubstring("must be a number"));
  CHECK(problem_of<double>("1e999") == "is out of range: '1e999'");
  for (const char* text : {"abc", "'1'", "inf", "nan", "1,5", "1e", "true", "null", "[1]"})
    CHECK_THAT(problem_of<double>(text), ContainsSubstring("must be a number, found "));
}

TEST_CASE("switches are true or false in YAML's words", "[config][types]") {
  for (const char* text : {"true", "True", "TRUE", "yes", "on"}) CHECK(value_of<bool>(text));
  for (const char* text : {"false", "False", "FALSE", "no", "off"}) CHECK_FALSE(value_of<bool>(text));
  for (const char* text : {"1", "'true'", "null", "[true]", "maybe"})
    CHECK_THAT(problem_of<bool>(text), ContainsSubstring("must be true or false, found "));
}

TEST_CASE("text is any scalar", "[config][types]") {
  CHECK(value_of<std::string>("abc") == "abc");
  CHECK(value_of<std::string>("'12'") == "12");
  CHECK(value_of<std::string>("12") == "12");
  CHECK(problem_of<std::string>("[a]") == "must be text, found a list");
  CHECK(problem_of<std::string>("{a: 1}") == "must be text, found a section");
  CHECK(problem_of<std::string>("null") == "must be text, found nothing");
}

TEST_CASE("lists name the entry that is wrong", "[config][types]") {
  CHECK(value_of<std::vector<int64_t>>("[1, 2e1]") == std::vector<int64_t>{1, 20});
  CHECK(value_of<std::vector<std::string>>("[]").empty());
  CHECK(problem_of<std::vector<int64_t>>("[1, b]") == "entry 2 must be a whole number, found 'b'");
  CHECK(problem_of<std::vector<int64_t>>("3") == "must be a list like [a, b], found '3'");
}

TEST_CASE("null, auto and none mean absent where that is allowed", "[config][types]") {
  for (const char* text : {"null", "~", "auto", "none", ""})
    CHECK_FALSE(value_of<std::optional<double>>(text));
  CHECK(value_of<std::optional<double>>("2") == 2.0);
  CHECK(value_of<std::optional<std::string>>("'auto'") == "auto");
  CHECK_THAT(problem_of<std::optional<double>>("x"), ContainsSubstring("must be a number"));
}

TEST_CASE("rules hold at their edges and not beyond", "[config][rules]") {
  CHECK(holds(number_between(0, 1), 0.0));
  CHECK(holds(number_between(0, 1), 1.0));
  CHECK_FALSE(holds(number_between(0, 1), 1.0000001));
  CHECK(number_between(0, 0.5).allowed == "from 0 to 0.5");
  CHECK(holds(number_at_least(2), 2.0));
  CHECK_FALSE(holds(number_at_least(2), infinity));
  CHECK_FALSE(holds(number_above(0), 0.0));
  CHECK(holds(number_above(0), 1e-300));
  CHECK_FALSE(holds(finite_number(), infinity));
  CHECK(holds(fraction_below_one(), 0.0));
  CHECK_FALSE(holds(fraction_below_one(), 1.0));
  CHECK(holds(integer_between(1, 3), int64_t{3}));
  CHECK_FALSE(holds(integer_between(1, 3), int64_t{4}));
  CHECK_FALSE(holds(integer_at_least(1), int64_t{0}));
  CHECK(holds(one_of({"a", "b"}), std::string("b")));
  CHECK_FALSE(holds(one_of({"a", "b"}), std::string("B")));
  CHECK(holds(each(integer_at_least(1), 2), std::vector<int64_t>{1, 2}));
  CHECK_FALSE(holds(each(integer_at_least(1), 2), std::vector<int64_t>{1}));
  CHECK_FALSE(holds(each(integer_at_least(1)), std::vector<int64_t>{1, 0}));
  CHECK(holds(if_given(number_above(0)), std::optional<double>{}));
  CHECK_FALSE(holds(if_given(number_above(0)), std::optional<double>{-1}));
  CHECK(holds(any<bool>(), true));
}

TEST_CASE("a word that is not allowed names the nearest", "[config][rules]") {
  const auto rule = one_of({"flow", "diffusion"});
  CHECK(rule.allowed == "one of flow, diffusion");
  CHECK(rule.hint("flwo") == " (did you mean 'flow'?)");
  CHECK(rule.hint("something").empty());
  CHECK(each(rule).hint({"flow", "difusion"}) == " (did you mean 'diffusion'?)");
  CHECK(if_given(rule).hint("flowx") == " (did you mean 'flow'?)");
}

namespace {

enum class Colour { red, green };
std::span<const std::string_view> enum_names(Colour) {
  static constexpr std::array<std::string_view, 2> names{"red", "green"};
  return names;
}

}  // namespace

TEST_CASE("an enum is read and written by its enumerators' names", "[config][types]") {
  CHECK(value_of<Colour>("green") == Colour::green);
  CHECK(value_of<Colour>("'red'") == Colour::red);
  CHECK(emit(Colour::green) == "\"green\"");
  CHECK(name_of(Colour::red) == "red");
  CHECK(type_name(static_cast<const Colour*>(nullptr)) == "text");
  CHECK(one_of<Colour>().allowed == "one of red, green");
  CHECK(problem_of<Colour>("gren") == "must be one of red, green, found 'gren' (did you mean 'green'?)");
  CHECK_THAT(problem_of<Colour>("[red]"), ContainsSubstring("must be text, found"));
  CHECK(value_of<std::optional<Colour>>("null") == std::nullopt);
}
