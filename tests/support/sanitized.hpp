// Sizes of tests under the sanitizers.
#pragma once

namespace fluxsbi::test {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif

/// `whole`, or `part` under a sanitizer, which runs ten times as slowly and looks at memory, not at
/// statistics: the same code runs on fewer numbers there.
template <class T>
constexpr T unless_sanitized(T whole, T part) {
  return sanitized ? part : whole;
}

}  // namespace fluxsbi::test
