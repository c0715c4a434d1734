// Marks of a picture as SVG elements.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fluxsbi::report {

/// A place in a picture: pixels from its top left corner, y downwards.
struct Pixel {
  double x = 0, y = 0;
};

/// A text with a subscript, which may be empty.
struct Label {
  std::string text;
  std::string subscript = "";
};

/// A variable's name as it is drawn: theta_0 as the Greek letter with a subscript, any other name letter for
/// letter.
Label variable_label(const std::string& name);

/// Any text as it may stand in XML, in content and in attributes alike: & < > " ' as entities; what is not
/// UTF-8, and control characters, which XML 1.0 forbids, as U+FFFD.
std::string escaped(std::string_view text);

/// A coordinate with a tenth of a pixel, without trailing zero: "12.3", "-4", "0" for NaN.
std::string pixel_text(double value);

/// About how many pixels wide a text is drawn; sans-serif letters differ by font, so this is for layout
/// alone.
double text_width(std::string_view text, double size);

/// The text in lines of at most `width` pixels, broken at blanks; a longer word stands alone, cut with an
/// ellipsis.
std::vector<std::string> wrapped(const std::string& text, double size, double width);

enum class Anchor { start, middle, end };

/// How a text stands.
struct TextLook {
  double size = 12;
  Anchor anchor = Anchor::start;
  std::string_view classes = "";
  double degrees = 0;  ///< turned clockwise about its place
};

/// Elements in the order in which they are painted. `classes` are those of the style sheet (style.hpp).
/// Coordinates are rounded to a tenth of a pixel and limited to a million; marks with NaN are left out.
class Svg {
 public:
  void open_group(std::string_view classes);
  void close_group();

  /// What follows until close_clip() is shown inside this rectangle alone. (An svg element of its own does
  /// it: a clipPath would need an id, and ids have to differ between the figures of a page.)
  void open_clip(Pixel corner, double width, double height);
  void close_clip();

  void line(Pixel from, Pixel to, std::string_view classes);
  /// Straight lines through the points, broken where one of them is NaN; a point between two breaks is a dot.
  void polyline(std::span<const Pixel> points, std::string_view classes);
  /// The inside of closed outlines by the even-odd rule, so that an outline within another is a hole.
  void area(std::span<const std::vector<Pixel>> outlines, std::string_view classes);
  void rectangle(Pixel corner, double width, double height, std::string_view classes);
  void circle(Pixel centre, double radius, std::string_view classes);
  /// `at` is on the baseline.
  void text(const Label& label, Pixel at, const TextLook& look = {});

  /// All marks of another picture, with its corner at this place.
  void place(const Svg& marks, Pixel corner);

  const std::string& elements() const { return out_; }

 private:
  std::string out_;
};

}  // namespace fluxsbi::report
