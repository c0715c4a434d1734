#include "report/html.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "core/table_text.hpp"
#include "core/text.hpp"
#include "report/page_sheet.hpp"
#include "report/style.hpp"

namespace fluxsbi::report {

namespace {

constexpr size_t most_table_rows = 40, most_table_columns = 12;

std::string tag_of(std::string_view tag, std::string_view attributes) {
  return "<" + std::string(tag) + (attributes.empty() ? "" : " " + std::string(attributes)) + ">";
}

// Text as the address of a file that is the address itself (RFC 2397).
std::string data_address(std::string_view text) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string address = "data:text/csv;charset=utf-8,";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || std::string_view("-_.~,").find(c) != std::string_view::npos) {
      address += c;
    } else {
      address += {'%', hex[byte >> 4], hex[byte & 15]};
    }
  }
  return address;
}

// A file's name of a figure's title: letters, digits and hyphens.
std::string file_name(const std::string& title) {
  std::string name;
  for (const char c : title) {
    if (name.size() >= 60) break;
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
      name += c;
    } else if (!name.empty() && name.back() != '-') {
      name += '-';
    }
  }
  while (name.ends_with('-')) name.pop_back();
  return (name.empty() ? "figure" : name) + ".csv";
}

HtmlTable table_of(const Figure& figure) {
  HtmlTable table{"Numbers of the figure: " + figure.title, {}, {}};
  for (const Numbers::Column& column : figure.numbers.columns) table.columns.push_back({column.name});
  for (size_t row = 0; row < figure.numbers.rows(); ++row) {
    table.rows.emplace_back();
    for (const Numbers::Column& column : figure.numbers.columns)
      table.rows.back().push_back(row < column.values.size() ? cell_text(column.values[row]) : "");
  }
  return table;
}

}  // namespace

std::string cell_text(double value, double deviation) {
  return std::isnan(value) ? "–" : core::resolved_text(value, deviation);
}

void Html::open(std::string_view tag, std::string_view attributes) {
  out_ += tag_of(tag, attributes) + "\n";
}

void Html::close(std::string_view tag) {
  out_ += "</" + std::string(tag) + ">\n";
}

void Html::element(std::string_view tag, std::string_view text, std::string_view attributes) {
  out_ += tag_of(tag, attributes) + escaped(text) + "</" + std::string(tag) + ">\n";
}

void Html::list(const std::vector<std::string>& items) {
  if (items.empty()) return;
  open("ul");
  for (const std::string& item : items) element("li", item);
  close("ul");
}

void Html::open_fold(std::string_view headline, std::string_view attributes) {
  open("details", attributes);
  element("summary", headline);
}

void Html::close_fold() {
  close("details");
}

void Html::table(const HtmlTable& table) {
  open("div",
       "class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"" + escaped(table.caption) + "\"");
  open("table");
  open("thead");
  out_ += "<tr>";
  for (const HtmlTable::Column& column : table.columns)
    element("th", column.name, column.number ? "scope=\"col\" class=\"number\"" : "scope=\"col\"");
  out_ += "</tr>\n";
  close("thead");
  open("tbody");
  for (const auto& row : table.rows) {
    out_ += "<tr>";
    for (size_t j = 0; j < row.size(); ++j) {
      const bool number = table.columns[j].number;
      out_ += j == 0   ? number ? "<th scope=\"row\" class=\"number\">" : "<th scope=\"row\">"
              : number ? "<td class=\"number\">"
                       : "<td>";
      out_ += escaped(row[j]) + (j == 0 ? "</th>" : "</td>");
    }
    out_ += "</tr>\n";
  }
  close("tbody");
  close("table");
  close("div");
}

void Html::figure(const Figure& figure, const FigureLook& look) {
  open("figure", "style=\"max-width:" + pixel_text(look.most_width) + "px\"");
  const bool scrolls = look.least_width > 0;
  open("div", scrolls ? "class=\"picture scroll\" tabindex=\"0\" role=\"region\" aria-label=\"" +
                            escaped("Figure: " + figure.title) + "\""
                      : "class=\"picture\"");
  if (scrolls) open("div", "style=\"min-width:" + pixel_text(look.least_width) + "px\"");
  out_ += inline_svg(figure);
  if (scrolls) close("div");
  close("div");
  numbers(figure, look);
  close("figure");
}

void Html::numbers(const Figure& figure, const FigureLook& look) {
  const Numbers& numbers = figure.numbers;
  if (numbers.rows() == 0) return;
  open_fold("Numbers", "class=\"numbers\" aria-label=\"" + escaped("Numbers of " + figure.title) + "\"");
  if (!numbers.note.empty()) paragraph(numbers.note);
  if (look.table && numbers.rows() <= most_table_rows && numbers.columns.size() <= most_table_columns)
    table(table_of(figure));
  out_ += "<p><a download=\"" + file_name(figure.title) + "\" href=\"" + data_address(csv_text(numbers)) +
          "\">" + style::grouped(static_cast<long long>(numbers.rows())) + " rows as a CSV file</a></p>\n";
  close_fold();
}

std::string html_page(std::string_view title, const Html& body) {
  return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
         "<meta name=\"color-scheme\" content=\"light dark\"/>\n<title>" +
         escaped(title) + "</title>\n<style>\n" + std::string(page_sheet()) +
         std::string(style::figure_sheet()) + "</style>\n</head>\n<body>\n" + body.text() +
         "</body>\n</html>\n";
}

}  // namespace fluxsbi::report
