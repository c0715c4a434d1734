// A page of HTML that is well-formed XML, too: no network, no script.
#pragma once

#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "report/figure.hpp"

namespace fluxsbi::report {

/// A table with names of columns; a cell whose column is a number stands at its right.
struct HtmlTable {
  struct Column {
    std::string name;
    bool number = true;
  };
  std::string caption;  ///< for those who hear it
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;
};

/// How a figure stands on the page.
struct FigureLook {
  double least_width = 0;  ///< pixels; a narrower screen scrolls the figure, not the page
  double most_width = 460;
  bool table = true;  ///< its numbers as a table, where they are few; a file of them is always offered
};

/// Writes elements one behind the other. Texts are escaped here; `attributes` are written as they are
/// (class="x").
class Html {
 public:
  void open(std::string_view tag, std::string_view attributes = "");
  void close(std::string_view tag);
  void element(std::string_view tag, std::string_view text, std::string_view attributes = "");
  void paragraph(std::string_view text, std::string_view attributes = "") { element("p", text, attributes); }
  void list(const std::vector<std::string>& items);
  /// A fold with a headline, closed by close_fold().
  void open_fold(std::string_view headline, std::string_view attributes = "");
  void close_fold();
  /// In a region of its own that scrolls and takes the keyboard's focus.
  void table(const HtmlTable& table);
  /// The picture, its words for screen readers, and its numbers: a fold, and a link whose address is the CSV
  /// itself.
  void figure(const Figure& figure, const FigureLook& look);

  const std::string& text() const { return out_; }

 private:
  void numbers(const Figure& figure, const FigureLook& look);

  std::string out_;
};

/// A number for a table: four significant digits, or as many as a spread of `deviation` needs; NaN is "–".
std::string cell_text(double value, double deviation = std::numeric_limits<double>::quiet_NaN());

/// The whole page around the elements of its body.
std::string html_page(std::string_view title, const Html& body);

}  // namespace fluxsbi::report
