#include <catch2/matchers/catch_matchers_string.hpp>

#include "config/flow_text.hpp"
#include "config/support.hpp"
#include "support/temporary_folder.hpp"

using namespace fluxsbi;
using namespace fluxsbi::config;
using namespace fluxsbi::config::test;
using Catch::Matchers::ContainsSubstring;

namespace {

std::string repeated(const std::string& piece, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += piece;
  return text;
}

std::string parse_error(const std::string& text) {
  return error_of([&] { parse_yaml(text, "a.yaml"); });
}

}  // namespace

TEST_CASE("a document becomes a tree of values that know their place", "[config][parse]") {
  const Value document =
      parse_yaml("# a comment\nmodel:\n  depth: 4\n  axes: [1, 'two']\nempty:\n", "a.yaml");
  REQUIRE(document.kind == Value::Kind::map);
  const Value* model = document.find("model");
  REQUIRE(model);
  CHECK(model->find("depth")->scalar == "4");
  CHECK(model->find("depth")->place.text() == "a.yaml:3:10");
  CHECK(model->key_places[1].text() == "a.yaml:4:3");
  const Value* axes = model->find("axes");
  REQUIRE(axes->list.size() == 2);
  CHECK_FALSE(axes->list[0].quoted);
  CHECK(axes->list[1].quoted);
  CHECK(axes->list[1].place.text() == "a.yaml:4:13");
  CHECK(document.find("empty")->kind == Value::Kind::null);
  CHECK(document.find("empty")->place.line == 5);
  CHECK_FALSE(document.find("other"));
}

TEST_CASE("an absent value stands at its key", "[config][parse]") {
  const Value document = parse_yaml("a:\nb: 1\nc:\n", "a.yaml");
  CHECK(document.find("a")->place.text() == "a.yaml:1:1");
  CHECK(document.find("c")->place.text() == "a.yaml:3:1");
}

TEST_CASE("a text without values is an empty document", "[config][parse]") {
  for (const char* text : {"", "\n\n", "# nothing\n", "---\n", "---\n...\n", "null\n"})
    CHECK(parse_yaml(text, "a.yaml").map.empty());
}

TEST_CASE("null, quoted and explicitly typed texts are told apart", "[config][parse]") {
  const Value document = parse_yaml("a: null\nb: ~\nc: 'null'\nd: !!str 5\ne: |\n  two\n  lines\n", "a.yaml");
  CHECK(document.find("a")->kind == Value::Kind::null);
  CHECK(document.find("b")->kind == Value::Kind::null);
  CHECK(document.find("c")->quoted);
  CHECK(document.find("d")->quoted);
  CHECK(document.find("e")->scalar == "two\nlines\n");
}

TEST_CASE("anchors repeat values", "[config][parse]") {
  const Value document = parse_yaml("a: &x {k: [1, 2]}\nb: *x\nc: &y 3\nd: *y\n", "a.yaml");
  CHECK(document.find("b")->find("k")->list[1].scalar == "2");
  CHECK(document.find("d")->scalar == "3");
}

TEST_CASE("what is not YAML is refused with its place", "[config][parse]") {
  CHECK_THAT(parse_error("a: [1, 2\n"), ContainsSubstring("a.yaml:2:1: not valid YAML: "));
  CHECK_THAT(parse_error("a: 1\n b: 2\n"), ContainsSubstring("a.yaml:2:"));
  CHECK_THAT(parse_error("a: *b\n"), ContainsSubstring("a.yaml:1:4: not valid YAML: "));
  CHECK_THAT(parse_error("a:\n\tb: 2\n"), ContainsSubstring("a tab begins this line: indent with blanks"));
  CHECK_THAT(parse_error("a: 1\n b:\t2\n"), !ContainsSubstring("tab"));
  CHECK_THAT(parse_error(std::string("a: \0", 4)), ContainsSubstring("a.yaml: holds a zero byte"));
  CHECK_THAT(parse_error("a: th\xe9ta"), ContainsSubstring("a.yaml: is not UTF-8 text"));
  CHECK_NOTHROW(parse_yaml("a: th\xc3\xa9ta", "a.yaml"));
  CHECK_THAT(parse_error(std::string(17 << 20, ' ')), ContainsSubstring("larger than 16 MB"));
}

TEST_CASE("the top level must be sections", "[config][parse]") {
  CHECK(parse_error("- a\n") == "a.yaml:1:1: the top level must be sections (key: value), found a list");
  CHECK_THAT(parse_error("just text\n"), ContainsSubstring("found 'just text'"));
}

TEST_CASE("a key that stands twice is refused, as is one that is no text", "[config][parse]") {
  CHECK(parse_error("a:\n  b: 1\n  c: 2\n  b: 3\n") ==
        "a.yaml:4:3: the key 'b' stands twice in this section; keep one");
  CHECK_THAT(parse_error("? [1]\n: 2\n"), ContainsSubstring("a.yaml:1:3: a key must be plain text"));
  CHECK_THAT(parse_error("? {a: 1}\n: 2\n"), ContainsSubstring("a key must be plain text"));
  CHECK_THAT(parse_error("~: 2\n"), ContainsSubstring("a key must be plain text"));
  CHECK_THAT(parse_error("a: &x b\n*x : 2\n"), ContainsSubstring("a key must be plain text"));
}

TEST_CASE("a second document, or stray text after the first, is refused", "[config][parse]") {
  CHECK_THAT(parse_error("a: 1\n---\nb: 2\n"), ContainsSubstring("a second document"));
  CHECK_THAT(parse_error("---\n---\n"), ContainsSubstring("a second document"));
  CHECK_THAT(parse_error("{a: 1}\n, b: 2}\n"),
             ContainsSubstring("a second document"));  // yaml-cpp alone never ends
}

TEST_CASE("deep nesting is refused in every form, and 32 levels are fine", "[config][parse]") {
  constexpr int allowed = 31;  // beside the top level
  const Value deep = parse_yaml("a: " + repeated("[", allowed) + repeated("]", allowed), "a.yaml");
  int levels = 0;
  for (const Value* value = deep.find("a"); value; value = value->list.empty() ? nullptr : &value->list[0]) {
    CHECK(value->kind == Value::Kind::list);
    ++levels;
  }
  CHECK(levels == allowed);
  CHECK_THAT(parse_error("a: " + repeated("[", allowed + 1) + repeated("]", allowed + 1)),
             ContainsSubstring("a.yaml:1:35: nested deeper than 32 levels"));
  constexpr int many = 200000;
  for (const char* piece : {"[", "{", "{a: ", "[a, ", "- ", "? ", "[? ", "&a [", "!t [", "- ? "}) {
    INFO(piece);
    CHECK_FALSE(parse_error("a:\n  " + repeated(piece, many)).empty());
    CHECK_FALSE(parse_error(repeated(piece, many)).empty());
  }
  std::string indents;
  for (int i = 0; i < 300; ++i) indents += std::string(static_cast<size_t>(i), ' ') + "a:\n";
  CHECK_THAT(parse_error(indents), ContainsSubstring("nested deeper"));
}

TEST_CASE("brackets, dashes and colons in text and comments are no nesting", "[config][parse]") {
  const std::string brackets = repeated("[", 500), dashes = repeated("- ", 500);
  const Value document = parse_yaml(
      "# " + brackets + "\na: '" + brackets + "'\nb: \"" + dashes + "\"\nc: |\n  " + brackets + "\n",
      "a.yaml");
  CHECK(document.find("a")->scalar == brackets);
  CHECK(document.find("b")->scalar == dashes);
}

TEST_CASE("a long list on one line and one of many lines are fine", "[config][parse]") {
  const Value flow = parse_yaml("a: [" + repeated("[1], ", 5000) + "]", "a.yaml");
  CHECK(flow.find("a")->list.size() == 5000);
  const Value block = parse_yaml("a:\n" + repeated("  - - 1\n", 5000), "a.yaml");
  CHECK(block.find("a")->list.size() == 5000);
}

TEST_CASE("anchors cannot make a small file a huge one", "[config][parse]") {
  std::string bomb = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n";
  for (int i = 1; i < 10; ++i) {
    const std::string name = "a" + std::to_string(i), inner = "*a" + std::to_string(i - 1);
    bomb += name + ": &" + name + " [" + repeated(inner + ", ", 9) + inner + "]\n";
  }
  CHECK_THAT(parse_error(bomb), ContainsSubstring("more than 100000 values; shorten the file"));
  CHECK_THAT(parse_error("a: &x [*x]\n"), ContainsSubstring("inside the value that it repeats"));
}

TEST_CASE("a file is read, and one that cannot be is named", "[config][parse]") {
  const fluxsbi::test::TemporaryFolder folder;
  std::ofstream(folder.file("a.yaml")) << "a: 1\n";
  CHECK(load_yaml(folder.file("a.yaml")).find("a")->scalar == "1");
  CHECK_THAT(error_of([] { load_yaml("/nowhere/a.yaml"); }),
             ContainsSubstring("/nowhere/a.yaml: cannot be read"));
  std::ofstream(folder.file("empty.yaml"));
  CHECK(load_yaml(folder.file("empty.yaml")).find("training") == nullptr);
  CHECK_THAT(error_of([&] { load_yaml(folder.path()); }), ContainsSubstring("cannot be read"));
}

TEST_CASE("a value in one line is read again as the same value", "[config][parse]") {
  const std::string text =
      "{plain: 1e-3, path: /data/a-b.npz, text: 'a, b', number: '3', none: null, "
      "list: [[4, 4], [], {k: 'x: y'}], 'odd key': '# no comment'}";
  const Value document = parse_yaml(text, "a.yaml");
  const std::string line = flow_text(document);
  CHECK(flow_text(parse_yaml(line, "b.yaml")) == line);
  CHECK(line ==
        "{plain: 1e-3, path: /data/a-b.npz, text: \"a, b\", number: \"3\", none: null, "
        "list: [[4, 4], [], {k: \"x: y\"}], \"odd key\": \"# no comment\"}");
}
