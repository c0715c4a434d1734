#include <string>

#include <catch2/catch_test_macros.hpp>

#include "core/utf8.hpp"

using fluxsbi::core::is_utf8;

TEST_CASE("UTF-8 is told from other bytes", "[core][text]") {
  for (const std::string good :
       {"", "theta_0", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"})
    CHECK(is_utf8(good));
  CHECK(is_utf8(std::string(1, '\0')));
  const std::string bad[] = {"\xe9",
                             "th\xe9ta",
                             "\xff\xfe",  // Latin-1, UTF-16's mark
                             "\x80",
                             "a\xc3",
                             "\xe2\x82",  // no beginning, no end
                             "\xc0\xaf",
                             "\xe0\x80\xaf",
                             "\xf0\x80\x80\xaf",  // longer than needed
                             "\xed\xa0\x80",
                             "\xf4\x90\x80\x80",
                             "\xf8\x88\x80\x80\x80"};
  for (const std::string& text : bad) CHECK_FALSE(is_utf8(text));
}
