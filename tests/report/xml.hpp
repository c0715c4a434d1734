// A strict reader of XML, and of HTML that is written as XML: anything that is not well-formed is an error.
#pragma once

#include <cctype>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace fluxsbi::report::test {

struct Element {
  std::string name, text;  ///< text: its own, without that of its children
  std::map<std::string, std::string> attributes;
  std::vector<std::unique_ptr<Element>> children;

  std::string attribute(const std::string& key) const {
    const auto found = attributes.find(key);
    return found == attributes.end() ? "" : found->second;
  }
  double number(const std::string& key) const { return std::stod(attribute(key)); }
  bool has_class(const std::string& word) const {
    return (" " + attribute("class") + " ").find(" " + word + " ") != std::string::npos;
  }
  std::string whole_text() const {
    std::string all = text;
    for (const auto& child : children) all += child->whole_text();
    return all;
  }
  /// This element and all within it, in the order of the text.
  void collect(std::vector<const Element*>& found) const {
    found.push_back(this);
    for (const auto& child : children) child->collect(found);
  }
};

class XmlReader {
 public:
  explicit XmlReader(std::string_view text) : text_(text) { check_characters(); }

  std::unique_ptr<Element> read() {
    skip_blanks();
    if (rest().starts_with("<?xml ")) at_ = end_of("?>");
    skip_between();
    if (rest().starts_with("<!DOCTYPE html>")) at_ += 15;
    skip_between();
    auto root = element();
    skip_between();
    if (at_ != text_.size()) fail("text behind the root element");
    return root;
  }

 private:
  std::string_view rest() const { return text_.substr(at_); }
  [[noreturn]] void fail(const std::string& what) const {
    throw std::runtime_error(what + " at byte " + std::to_string(at_) + ": " +
                             std::string(text_.substr(at_ < 40 ? 0 : at_ - 40, 80)));
  }
  void skip_blanks() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
  }
  size_t end_of(std::string_view mark) const {
    const size_t found = text_.find(mark, at_);
    if (found == std::string_view::npos) fail("no " + std::string(mark));
    return found + mark.size();
  }
  void skip_between() {
    for (skip_blanks(); rest().starts_with("<!--"); skip_blanks()) at_ = end_of("-->");
  }

  // UTF-8 alone, and none of the control characters that XML forbids.
  void check_characters() {
    for (at_ = 0; at_ < text_.size();) {
      const unsigned first = static_cast<unsigned char>(text_[at_]);
      const size_t count = first < 0x80 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
      if (first < 0x20 && first != '\n' && first != '\t') fail("a control character");
      if ((first >= 0x80 && first < 0xC2) || first > 0xF4 || at_ + count > text_.size()) fail("not UTF-8");
      for (size_t i = 1; i < count; ++i)
        if ((static_cast<unsigned char>(text_[at_ + i]) & 0xC0) != 0x80) fail("not UTF-8");
      at_ += count;
    }
    at_ = 0;
  }

  std::string name() {
    const size_t begin = at_;
    const auto fits = [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == ':';
    };
    while (at_ < text_.size() && fits(text_[at_])) ++at_;
    if (at_ == begin) fail("no name");
    return std::string(text_.substr(begin, at_ - begin));
  }

  void expect(std::string_view mark) {
    if (!rest().starts_with(mark)) fail("no " + std::string(mark));
    at_ += mark.size();
  }

  // Text up to `end`, with its entities replaced.
  std::string content(char end) {
    std::string out;
    for (; at_ < text_.size() && text_[at_] != end;) {
      const char c = text_[at_];
      if (c == '<') fail("a bare <");
      if (c != '&') {
        out += c;
        ++at_;
        continue;
      }
      static const std::map<std::string, char> entities{
          {"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&#39;", '\''}};
      const auto found = entities.find(std::string(text_.substr(at_, end_of(";") - at_)));
      if (found == entities.end()) fail("a bare & or an entity that is not known");
      out += found->second;
      at_ += found->first.size();
    }
    if (at_ == text_.size()) fail("the text ends too early");
    return out;
  }

  void read_attributes(Element& element) {
    for (;;) {
      const size_t before = at_;
      skip_blanks();
      if (rest().starts_with(">") || rest().starts_with("/>")) return;
      if (before == at_) fail("no blank before an attribute");
      const std::string key = name();
      expect("=\"");
      if (!element.attributes.emplace(key, content('"')).second) fail("attribute " + key + " twice");
      expect("\"");
    }
  }

  std::unique_ptr<Element> element() {
    auto found = std::make_unique<Element>();
    expect("<");
    found->name = name();
    read_attributes(*found);
    if (rest().starts_with("/>")) {
      at_ += 2;
      return found;
    }
    expect(">");
    for (;;) {
      found->text += content('<');
      if (rest().starts_with("<!--")) {
        at_ = end_of("-->");
      } else if (rest().starts_with("</")) {
        break;
      } else {
        found->children.push_back(element());
      }
    }
    expect("</" + found->name + ">");
    return found;
  }

  std::string_view text_;
  size_t at_ = 0;
};

/// Throws std::runtime_error with the place for text that is not well-formed.
inline std::unique_ptr<Element> read_xml(std::string_view text) {
  return XmlReader(text).read();
}

/// All elements with this name ("": any) and class ("": any) below `root`, in the order of the text.
inline std::vector<const Element*> elements(const Element& root, const std::string& name,
                                            const std::string& of_class = "") {
  std::vector<const Element*> all, found;
  root.collect(all);
  for (const Element* element : all)
    if ((name.empty() || element->name == name) && (of_class.empty() || element->has_class(of_class)))
      found.push_back(element);
  return found;
}

}  // namespace fluxsbi::report::test
