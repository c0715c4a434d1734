// YAML text to a tree of values. yaml-cpp's events are taken one by one, never its own tree: a limit holds
// before the next level or copy is made, and a broken end of the text cannot make it loop (YAML::LoadAll
// does).
#include <map>
#include <optional>
#include <set>
#include <sstream>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include "config/value.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "core/utf8.hpp"

namespace fluxsbi::config {

namespace {

constexpr size_t max_depth = 32;
constexpr size_t max_values = 100'000;
constexpr size_t max_bytes = 16u << 20;

[[noreturn]] void fail(const Place& place, const std::string& message) {
  throw core::UserError(place.text() + ": " + message);
}

// What yaml-cpp does not say of a tab in a line's indentation; `line` is counted from 0.
std::string tab_remedy(const std::string& text, int line) {
  std::istringstream lines(text);
  std::string found;
  for (int at = 0; at <= line; ++at) std::getline(lines, found);
  const std::string indentation = found.substr(0, found.find_first_not_of(" \t"));
  return indentation.find('\t') == std::string::npos ? "" : "; a tab begins this line: indent with blanks";
}

class Builder : public YAML::EventHandler {
 public:
  explicit Builder(const std::string& file) : file_(file) {}

  /// The document's value once its parsing has ended.
  const std::optional<Value>& root() const { return root_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (root_)
      fail(place(mark), "a second document, or text that belongs to none, starts here; keep one document");
  }
  void OnDocumentEnd() override {
    if (!root_) root_.emplace();
  }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_key(mark);
    Value value = start(Value::Kind::null, mark);
    // The mark of an absent value is that of whatever comes next.
    if (!open_.empty() && open_.back().key) value.place = open_.back().value.key_places.back();
    add(std::move(value), anchor, 1);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    if (expects_key()) return take_key(mark, text);
    Value value = start(Value::Kind::scalar, mark);
    value.scalar = text;
    value.quoted = tag == "!" || tag == "tag:yaml.org,2002:str";  // yaml-cpp tags a quoted text "!"
    add(std::move(value), anchor, 1);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_key(mark);
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) fail(place(mark), "this alias stands inside the value that it repeats");
    count(found->second.values, mark);
    add(found->second.value, YAML::NullAnchor, found->second.values);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Value::Kind::list, mark, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Value::Kind::map, mark, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  /// A list or section whose end has not been seen.
  struct Open {
    Value value;
    YAML::anchor_t anchor = YAML::NullAnchor;
    size_t values = 1;               ///< with all inside it
    std::optional<std::string> key;  ///< of the section's next entry
    std::set<std::string> keys;      ///< of the section's entries
  };
  struct Anchored {
    Value value;
    size_t values = 1;
  };

  Place place(const YAML::Mark& mark) const { return {file_, mark.line + 1, mark.column + 1}; }

  void count(size_t values, const YAML::Mark& mark) {
    values_ += values;
    if (values_ > max_values)
      fail(place(mark), "more than " + std::to_string(max_values) + " values; shorten the file");
  }

  Value start(Value::Kind kind, const YAML::Mark& mark) {
    count(1, mark);
    Value value;
    value.kind = kind;
    value.place = place(mark);
    return value;
  }

  bool expects_key() const {
    return !open_.empty() && open_.back().value.kind == Value::Kind::map && !open_.back().key;
  }
  void refuse_key(const YAML::Mark& mark) const {
    if (expects_key()) fail(place(mark), "a key must be plain text");
  }

  void take_key(const YAML::Mark& mark, const std::string& text) {
    Open& section = open_.back();
    if (!section.keys.insert(text).second)
      fail(place(mark), "the key " + core::quoted(text) + " stands twice in this section; keep one");
    section.key = text;
    section.value.key_places.push_back(place(mark));
  }

  void open(Value::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    refuse_key(mark);
    if (open_.size() == max_depth)
      fail(place(mark), "nested deeper than " + std::to_string(max_depth) + " levels");
    open_.push_back({start(kind, mark), anchor, 1, {}, {}});
  }

  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    add(std::move(done.value), done.anchor, done.values);
  }

  // Puts a finished value, which has `values` values inside with itself, where it belongs.
  void add(Value value, YAML::anchor_t anchor, size_t values) {
    if (anchor != YAML::NullAnchor) anchors_.insert_or_assign(anchor, Anchored{value, values});
    if (open_.empty()) {
      root_ = std::move(value);
      return;
    }
    Open& parent = open_.back();
    parent.values += values;
    if (parent.value.kind == Value::Kind::list) {
      parent.value.list.push_back(std::move(value));
    } else {
      parent.value.map.emplace_back(std::move(*parent.key), std::move(value));
      parent.key.reset();
    }
  }

  const std::string& file_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, Anchored> anchors_;
  std::optional<Value> root_;
  size_t values_ = 0;
};

}  // namespace

Value parse_yaml(const std::string& text, const std::string& file) {
  if (text.size() > max_bytes)
    throw core::UserError(file + ": larger than 16 MB; a configuration is a few kilobytes");
  if (text.find('\0') != std::string::npos)
    throw core::UserError(file + ": holds a zero byte; this is not a YAML text file");
  if (!core::is_utf8(text))  // a model's file could not keep it
    throw core::UserError(file +
                          ": is not UTF-8 text; save it as UTF-8, and rename files whose names are not");
  Builder builder(file);
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) continue;  // a second document is an error
  } catch (const YAML::Exception& problem) {
    fail({file, problem.mark.line + 1, problem.mark.column + 1},
         "not valid YAML: " + problem.msg + tab_remedy(text, problem.mark.line));
  }
  if (!builder.root() || builder.root()->kind == Value::Kind::null) {
    Value empty;
    empty.kind = Value::Kind::map;
    empty.place = {file, 1, 1};
    return empty;
  }
  const Value& value = *builder.root();
  if (value.kind != Value::Kind::map)
    fail(value.place, "the top level must be sections (key: value), found " + value.description());
  return value;
}

}  // namespace fluxsbi::config
