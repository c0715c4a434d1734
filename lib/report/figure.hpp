// A figure: its picture as SVG, its words for those who do not see it, and the numbers behind it.
#pragma once

#include <string>
#include <vector>

#include "report/svg.hpp"

namespace fluxsbi::report {

/// Columns of numbers; one that is shorter than the others ends earlier.
struct Numbers {
  struct Column {
    std::string name;
    std::vector<double> values;
  };
  std::vector<Column> columns;
  std::string note;  ///< what is left out, a sentence; "": nothing

  size_t rows() const;
};

/// The numbers as CSV: a line of names, then seven significant digits; NaN and what a column lacks are empty.
std::string csv_text(const Numbers& numbers);

struct Figure {
  std::string title;        ///< in words alone; the picture may show it, too
  std::string description;  ///< a sentence or two: what is seen in it, with its main numbers
  double width = 0, height = 0;
  Svg marks;
  Numbers numbers;
};

/// Pixels of a figure, and the size of its letters.
struct FigureSize {
  double width = 0, height = 0;
  double letters = 12;
};

/// The svg element of a page whose style sheet holds style::figure_sheet().
std::string inline_svg(const Figure& figure);

/// A whole .svg file with the style sheet and a ground in its colours.
std::string svg_file(const Figure& figure);

}  // namespace fluxsbi::report
