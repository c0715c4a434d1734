#include <bit>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include <catch2/catch_test_macros.hpp>

#include "core/error.hpp"
#include "core/philox.hpp"
#include "core/text.hpp"

using namespace fluxsbi::core;

namespace {

const std::vector<std::string> keys{"nsteps", "batch_size", "ema_decay", "seed", "Flux1"};

}  // namespace

TEST_CASE("the nearest name is found across typing errors", "[core][text]") {
  CHECK(nearest("nstep", keys) == "nsteps");
  CHECK(nearest("n_steps", keys) == "nsteps");
  CHECK(nearest("batchsize", keys) == "batch_size");
  CHECK(nearest("bacth_size", keys) == "batch_size");
  CHECK(nearest("EMA_DECAY", keys) == "ema_decay");
  CHECK(nearest("flux1", keys) == "Flux1");
  CHECK(nearest("seeed", keys) == "seed");
}

TEST_CASE("a name that is far from all has no nearest", "[core][text]") {
  CHECK(nearest("learning_rate", keys).empty());
  CHECK(nearest("", keys).empty());
  CHECK(nearest("x", {}).empty());
  CHECK(nearest(std::string(1 << 20, 'x'), keys).empty());
}

TEST_CASE("a hint names the nearest, or all there are", "[core][text]") {
  CHECK(did_you_mean("sed", keys) == " (did you mean 'seed'?)");
  CHECK(did_you_mean("learning_rate", keys) == "; known: nsteps, batch_size, ema_decay, seed, Flux1");
  CHECK(did_you_mean("x", {}).empty());
}

TEST_CASE("numbers come back from their text to the last bit", "[core][text]") {
  Philox random(1, Purpose::test);
  for (int i = 0; i < 20000; ++i) {
    const auto value = std::bit_cast<double>(random.next_u64());
    if (!std::isfinite(value)) continue;
    const std::string text = number_text(value);
    double back = 0;
    std::from_chars(text.data(), text.data() + text.size(), back);
    REQUIRE(std::bit_cast<uint64_t>(back) == std::bit_cast<uint64_t>(value));
  }
}

TEST_CASE("numbers have their shortest text", "[core][text]") {
  CHECK(number_text(0.1) == "0.1");
  CHECK(number_text(3) == "3");
  CHECK(number_text(1e-5) == "1e-05");
  CHECK(number_text(-2.5) == "-2.5");
  CHECK(number_text(std::numeric_limits<double>::infinity()) == ".inf");
  CHECK(number_text(-std::numeric_limits<double>::infinity()) == "-.inf");
  CHECK(number_text(std::nan("")) == ".nan");
}

TEST_CASE("shapes, sizes and times read well", "[core][text]") {
  CHECK(shape_text(std::vector<int64_t>{3, 4, 1}) == "[3, 4, 1]");
  CHECK(shape_text({}) == "[]");
  CHECK(join(std::vector<std::string>{"a", "b"}, "; ") == "a; b");
  CHECK(bytes_text(1.5e9) == "1.5 GB");
  CHECK(bytes_text(3e8) == "300 MB");
  CHECK(bytes_text(11500) == "12 kB");
  CHECK(duration_text(4.2) == "4.2 s");
  CHECK(duration_text(200) == "3 min 20 s");
  CHECK(duration_text(3720) == "1 h 02 min");
}

TEST_CASE("a long list shows its first entries and counts the rest", "[core][text]") {
  const std::vector<std::string> words{"a", "b", "c"};
  CHECK(list_first(words, 2) == "a, b and 1 more");
  CHECK(list_first(words, 3) == "a, b, c");
  CHECK(list_first(std::vector<std::string>{}).empty());
  const std::string longest(200, 'a'), cut = std::string(199, 'a') + "\xc3\xa4";
  CHECK(list_first(std::vector<std::string>{longest, longest + "b"}) == longest + ", " + longest + "...");
  CHECK(list_first(std::vector<std::string>{cut}) == std::string(199, 'a') + "...");  // whole characters
  const std::vector<int64_t> numbers{5, -1, 7, 8};
  CHECK(list_first(numbers, 1) == "5 and 3 more");
  CHECK(list_first(numbers) == "5, -1, 7, 8");
  CHECK(list_first(std::vector<int64_t>(12, 3)) == "3, 3, 3, 3, 3, 3, 3, 3, 3, 3 and 2 more");
}

TEST_CASE("a text is a number as a whole or not at all", "[core][text]") {
  CHECK(parse_number("1.5e3") == 1500);
  CHECK(parse_number("+2") == 2);
  CHECK(parse_number("-inf") == -std::numeric_limits<double>::infinity());
  CHECK(std::isnan(parse_number("nan").value()));
  for (const char* text : {"", "+", "+-1", "--1", "1 ", " 1", "1,", "0x10", "1e999", "one"})
    CHECK_FALSE(parse_number(text).has_value());
  CHECK(parse_whole_number("-12") == -12);
  CHECK(parse_whole_number("9223372036854775807") == std::numeric_limits<int64_t>::max());
  for (const char* text : {"", "1.0", "1e3", "9223372036854775808", "12 "})
    CHECK_FALSE(parse_whole_number(text).has_value());
}

TEST_CASE("blanks at the ends of a text are cut off", "[core][text]") {
  CHECK(trimmed(" \t a b\r ") == "a b");
  CHECK(trimmed(" \t").empty());
  CHECK(trimmed("") == "");
}

TEST_CASE("quoted text is one line and not endless", "[core][text]") {
  CHECK(fluxsbi::core::quoted("abc") == "'abc'");
  CHECK(fluxsbi::core::quoted("a\nb\tc") == "'a b c'");
  CHECK(fluxsbi::core::quoted(std::string(100, 'x')) == "'" + std::string(60, 'x') + "...'");
  std::string umlauts;
  for (int i = 0; i < 40; ++i) umlauts += "x\xc3\xb6";  // byte 60 is the second of a character
  const std::string shown = fluxsbi::core::quoted(umlauts);
  CHECK(shown.substr(shown.size() - 5) == "\xb6...'");
}

TEST_CASE("several mistakes are one error with a line each", "[core][error]") {
  CHECK(std::string(UserErrors({"first", "second"}).what()) == "first\nsecond");
  CHECK_THROWS_AS(require(false, "no"), InternalError);
  require(true, "yes");  // says nothing: an exception would fail the test
}
