#include "report/svg.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <utility>

namespace fluxsbi::report {

namespace {

constexpr double farthest = 1e6;           // pixels; keeps numbers short and slopes as good as exact
constexpr double letter_width = 0.55;      // of the size, DejaVu Sans on average
constexpr const char* unknown = "\uFFFD";  // stands for what may not be written

constexpr std::array<std::pair<std::string_view, std::string_view>, 24> greek = {{
    {"alpha", "α"}, {"beta", "β"},  {"gamma", "γ"},   {"delta", "δ"}, {"epsilon", "ε"}, {"zeta", "ζ"},
    {"eta", "η"},   {"theta", "θ"}, {"iota", "ι"},    {"kappa", "κ"}, {"lambda", "λ"},  {"mu", "μ"},
    {"nu", "ν"},    {"xi", "ξ"},    {"omicron", "ο"}, {"pi", "π"},    {"rho", "ρ"},     {"sigma", "σ"},
    {"tau", "τ"},   {"phi", "φ"},   {"chi", "χ"},     {"psi", "ψ"},   {"omega", "ω"},   {"upsilon", "υ"},
}};

// Bytes of the UTF-8 character that begins a text; 0 where none does: a cut, overlong, surrogate or too large
// one.
size_t character_bytes(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  const size_t count = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < count) return 0;
  for (size_t i = 1; i < count; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  const unsigned second = byte(1);
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool impossible = (first == 0xED && second > 0x9F) || (first == 0xF4 && second > 0x8F);
  const bool no_character = first == 0xEF && second == 0xBF && byte(2) >= 0xBE;  // U+FFFE, U+FFFF
  return overlong || impossible || no_character ? 0 : count;
}

size_t character_count(std::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

int64_t tenths(double value) {
  if (std::isnan(value)) return 0;
  return std::llround(10 * std::clamp(value, -farthest, farthest));
}

std::string tenths_text(int64_t value) {
  std::string text = value < 0 ? "-" : "";
  value = std::abs(value);
  if (value >= 10 || value == 0) text += std::to_string(value / 10);
  if (value % 10 != 0) text += "." + std::to_string(value % 10);
  return text;
}

std::string attribute(std::string_view name, const std::string& value) {
  return " " + std::string(name) + "=\"" + value + "\"";
}

std::string class_attribute(std::string_view classes) {
  return classes.empty() ? "" : attribute("class", std::string(classes));
}

// A path in steps from point to point, of whole tenths so that their rounding does not add up.
class PathText {
 public:
  void move(Pixel to) {
    x_ = tenths(to.x), y_ = tenths(to.y);
    text_ += "M" + tenths_text(x_) + " " + tenths_text(y_);
    first_ = true;
  }
  void step(Pixel to) {
    const int64_t x = tenths(to.x), y = tenths(to.y);
    if (x == x_ && y == y_) return;
    const std::string dx = tenths_text(x - x_), dy = tenths_text(y - y_);
    text_ += first_ ? "l" : dx[0] == '-' ? "" : " ";
    text_ += dx + (dy[0] == '-' ? "" : " ") + dy;
    x_ = x, y_ = y;
    first_ = false;
  }
  void close() { text_ += "z"; }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  int64_t x_ = 0, y_ = 0;
  bool first_ = true;
};

bool is_place(Pixel point) {
  return !std::isnan(point.x) && !std::isnan(point.y);
}

}  // namespace

Label variable_label(const std::string& name) {
  const size_t underscore = name.find('_');
  std::string base = name.substr(0, underscore);
  const auto letter =
      std::find_if(greek.begin(), greek.end(), [&](const auto& row) { return row.first == base; });
  const std::string rest = underscore == std::string::npos ? "" : name.substr(underscore + 1);
  const bool number = !rest.empty() && rest.find_first_not_of("0123456789") == std::string::npos;
  if (letter == greek.end() && !(number && base.size() == 1)) return {name};
  if (letter != greek.end()) base = letter->second;
  return {base, rest};
}

std::string escaped(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t bytes = character_bytes(text);
    const char c = text[0];
    const bool control = bytes == 1 && (static_cast<unsigned char>(c) < 0x20 || c == 0x7F);
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (c == '\'') {
      out += "&#39;";
    } else if (bytes == 0 || (control && c != '\n' && c != '\t')) {
      out += unknown;
    } else {
      out += text.substr(0, bytes);
    }
    text.remove_prefix(std::max<size_t>(bytes, 1));
  }
  return out;
}

std::string pixel_text(double value) {
  return tenths_text(tenths(value));
}

double text_width(std::string_view text, double size) {
  return letter_width * size * static_cast<double>(character_count(text));
}

std::vector<std::string> wrapped(const std::string& text, double size, double width) {
  const auto most = static_cast<size_t>(std::max(4.0, width / (letter_width * size)));
  std::vector<std::string> lines;
  for (size_t at = text.find_first_not_of(' '); at != std::string::npos;) {
    const size_t end = std::min(text.find(' ', at), text.size());
    std::string word = text.substr(at, end - at);
    at = text.find_first_not_of(' ', end);
    if (character_count(word) > most) {
      size_t kept = 0;
      for (size_t count = 0; count + 1 < most; ++count)
        kept += std::max<size_t>(1, character_bytes(std::string_view(word).substr(kept)));
      word = word.substr(0, kept) + "…";
    }
    if (!lines.empty() && character_count(lines.back()) + 1 + character_count(word) <= most) {
      lines.back() += " " + word;
    } else {
      lines.push_back(word);
    }
  }
  return lines;
}

void Svg::open_group(std::string_view classes) {
  out_ += "<g" + class_attribute(classes) + ">\n";
}

void Svg::close_group() {
  out_ += "</g>\n";
}

void Svg::open_clip(Pixel corner, double width, double height) {
  const std::string x = pixel_text(corner.x), y = pixel_text(corner.y), w = pixel_text(width),
                    h = pixel_text(height);
  out_ += "<svg" + attribute("x", x) + attribute("y", y) + attribute("width", w) + attribute("height", h) +
          attribute("viewBox", x + " " + y + " " + w + " " + h) + ">\n";
}

void Svg::close_clip() {
  out_ += "</svg>\n";
}

void Svg::place(const Svg& marks, Pixel corner) {
  out_ += "<g" +
          attribute("transform", "translate(" + pixel_text(corner.x) + " " + pixel_text(corner.y) + ")") +
          ">\n" + marks.elements() + "</g>\n";
}

void Svg::line(Pixel from, Pixel to, std::string_view classes) {
  const std::array<Pixel, 2> points{from, to};
  if (is_place(from) && is_place(to)) polyline(points, classes);
}

void Svg::polyline(std::span<const Pixel> points, std::string_view classes) {
  PathText path;
  std::vector<Pixel> dots;
  for (size_t begin = 0; begin < points.size();) {
    size_t end = begin;
    while (end < points.size() && is_place(points[end])) ++end;
    if (end == begin + 1) dots.push_back(points[begin]);
    if (end > begin + 1) path.move(points[begin]);
    for (size_t i = begin + 1; i < end; ++i) path.step(points[i]);
    begin = std::max(end, begin + 1);
  }
  if (!path.text().empty()) out_ += "<path" + class_attribute(classes) + attribute("d", path.text()) + "/>\n";
  for (const Pixel dot : dots) circle(dot, 1.5, classes);
}

void Svg::area(std::span<const std::vector<Pixel>> outlines, std::string_view classes) {
  PathText path;
  for (const auto& outline : outlines) {
    if (outline.size() < 3 || !std::all_of(outline.begin(), outline.end(), is_place)) continue;
    path.move(outline.front());
    for (const Pixel point : std::span(outline).subspan(1)) path.step(point);
    path.close();
  }
  if (path.text().empty()) return;
  out_ += "<path" + class_attribute(classes) + attribute("fill-rule", "evenodd") +
          attribute("d", path.text()) + "/>\n";
}

void Svg::rectangle(Pixel corner, double width, double height, std::string_view classes) {
  if (!is_place(corner) || std::isnan(width) || std::isnan(height)) return;
  out_ += "<rect" + class_attribute(classes) + attribute("x", pixel_text(corner.x)) +
          attribute("y", pixel_text(corner.y)) + attribute("width", pixel_text(std::max(0.0, width))) +
          attribute("height", pixel_text(std::max(0.0, height))) + "/>\n";
}

void Svg::circle(Pixel centre, double radius, std::string_view classes) {
  if (!is_place(centre)) return;
  out_ += "<circle" + class_attribute(classes) + attribute("cx", pixel_text(centre.x)) +
          attribute("cy", pixel_text(centre.y)) + attribute("r", pixel_text(radius)) + "/>\n";
}

void Svg::text(const Label& label, Pixel at, const TextLook& look) {
  if (label.text.empty() && label.subscript.empty()) return;
  const std::string x = pixel_text(at.x), y = pixel_text(at.y);
  out_ += "<text" + class_attribute(look.classes) + attribute("x", x) + attribute("y", y) +
          attribute("font-size", pixel_text(look.size));
  if (look.anchor != Anchor::start)
    out_ += attribute("text-anchor", look.anchor == Anchor::middle ? "middle" : "end");
  if (look.degrees != 0)
    out_ += attribute("transform", "rotate(" + pixel_text(look.degrees) + " " + x + " " + y + ")");
  out_ += ">" + escaped(label.text);
  if (!label.subscript.empty())
    out_ += "<tspan" + attribute("dy", pixel_text(0.25 * look.size)) +
            attribute("font-size", pixel_text(0.75 * look.size)) + ">" + escaped(label.subscript) +
            "</tspan>";
  out_ += "</text>\n";
}

}  // namespace fluxsbi::report
