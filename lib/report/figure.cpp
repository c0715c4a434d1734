#include "report/figure.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "report/style.hpp"

namespace fluxsbi::report {

namespace {

constexpr int digits = 7;

void append_number(std::string& text, double value) {
  if (std::isnan(value)) return;
  char number[40];
  text.append(number,
              std::to_chars(number, number + sizeof number, value, std::chars_format::general, digits).ptr);
}

// A name as CSV wants it where it holds commas, quotes or line ends.
std::string csv_name(const std::string& name) {
  if (name.find_first_of(",\"\r\n") == std::string::npos) return name;
  std::string quoted = "\"";
  for (const char c : name) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

std::string svg_element(const Figure& figure, const std::string& more, const std::string& before) {
  const std::string width = pixel_text(figure.width), height = pixel_text(figure.height);
  return "<svg" + more + " class=\"figure\" role=\"img\" viewBox=\"0 0 " + width + " " + height +
         "\" width=\"" + width + "\" height=\"" + height + "\">\n<title>" + escaped(figure.title) +
         "</title>\n<desc>" + escaped(figure.description) + "</desc>\n" + before + figure.marks.elements() +
         "</svg>\n";
}

}  // namespace

size_t Numbers::rows() const {
  size_t most = 0;
  for (const Column& column : columns) most = std::max(most, column.values.size());
  return most;
}

std::string csv_text(const Numbers& numbers) {
  std::string text;
  for (size_t j = 0; j < numbers.columns.size(); ++j)
    text += (j > 0 ? "," : "") + csv_name(numbers.columns[j].name);
  text += '\n';
  for (size_t row = 0; row < numbers.rows(); ++row) {
    for (size_t j = 0; j < numbers.columns.size(); ++j) {
      const auto& values = numbers.columns[j].values;
      if (j > 0) text += ',';
      if (row < values.size()) append_number(text, values[row]);
    }
    text += '\n';
  }
  return text;
}

std::string inline_svg(const Figure& figure) {
  return svg_element(figure, "", "");
}

std::string svg_file(const Figure& figure) {
  const std::string ground = "<rect class=\"page\" x=\"0\" y=\"0\" width=\"" + pixel_text(figure.width) +
                             "\" height=\"" + pixel_text(figure.height) + "\"/>\n";
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" +
         svg_element(figure, " xmlns=\"http://www.w3.org/2000/svg\"",
                     "<style>\n" + std::string(style::figure_sheet()) + "</style>\n" + ground);
}

}  // namespace fluxsbi::report
