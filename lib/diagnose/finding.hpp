// What a test of a posterior finds: values, a verdict, words, and the numbers behind its picture.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fluxsbi::diagnose {

enum class Verdict {
  pass,
  fail,
  not_enough,  ///< too few pairs or draws for a verdict; Finding::next says how many
  measured     ///< a number to compare runs by, which neither passes nor fails
};
/// "pass", "FAIL", "not enough data", "measured"
std::string_view text_of(Verdict verdict);

/// Curves over one axis: what a picture of a finding shows.
struct Graph {
  enum class Kind {
    lines,      ///< y of each curve at x
    histogram,  ///< x holds the n + 1 edges of n bars
    points
  };
  struct Curve {
    std::string label;
    std::vector<double> y;
  };
  Kind kind = Kind::lines;
  std::string title, x_label, y_label;
  std::vector<double> x;
  std::vector<Curve> curves;
  std::vector<double> low, high;   ///< the band in which y lies where the posterior is right; empty: none
  std::optional<double> expected;  ///< a horizontal line; nothing: none
  bool diagonal = false;           ///< the line y = x is what is right
};

struct Finding {
  std::string test;       ///< its name in the registry
  std::string variable;   ///< of theta; "": all of it together
  std::string statistic;  ///< what `value` is, "KS distance of the ranks from uniform"
  double value = std::numeric_limits<double>::quiet_NaN();
  /// What `value` may be; NaN: no bound on that side. Where there is a p-value, that decides instead.
  double low = std::numeric_limits<double>::quiet_NaN(), high = std::numeric_limits<double>::quiet_NaN();
  std::optional<double> standard_error;
  std::optional<double> p_value;  ///< of a value as extreme if the posterior is right
  Verdict verdict = Verdict::measured;
  std::string meaning;          ///< a sentence: what this says about the posterior
  std::string meaning_of_pass;  ///< the same if it passes; judge() moves it to `meaning`
  std::string next;             ///< a sentence: what to do; "": nothing
  std::vector<Graph> graphs;
  /// Of another conditional than the model's own: what was given, "theta_0, x_1"; else "".
  std::string given = {};
};

/// Gives every finding that has a p-value its verdict: Holm's procedure (Holm 1979, Scand. J. Statist. 6)
/// over all of them together, so that a right posterior fails any with probability `level` at most. Findings
/// that are not_enough stay so and do not count. One that passes gets its meaning_of_pass as meaning, where
/// it has one, and no `next`; meaning_of_pass is empty then, of all.
void judge(std::vector<Finding>& findings, double level);

/// True where one has failed.
bool any_failed(const std::vector<Finding>& findings);

}  // namespace fluxsbi::diagnose
