#include <cmath>
#include <limits>

#include <catch2/matchers/catch_matchers_string.hpp>

#include "io/csv.hpp"
#include "io/support.hpp"

using namespace fluxsbi;
using namespace fluxsbi::io;
using namespace fluxsbi::io::test;
using Catch::Matchers::ContainsSubstring;

namespace {

std::vector<double> values_of(const std::string& text, const CsvOptions& options = {}) {
  return parse_csv(text, "a.csv", options).values.to_double();
}

std::string error_of_text(const std::string& text, const CsvOptions& options = {}) {
  return error_of([&] { parse_csv(text, "a.csv", options); });
}

}  // namespace

TEST_CASE("a name that is not UTF-8 is refused, because no file of results could hold it", "[io][csv]") {
  CHECK_THAT(error_of_text("b,th\xe9ta\n1,2\n"),
             ContainsSubstring("a.csv:1") && ContainsSubstring("column 2") && ContainsSubstring("UTF-8"));
  CHECK(parse_csv("b,th\xc3\xa9ta\n1,2\n", "a.csv", {}).columns.back() == "th\xc3\xa9ta");
}

TEST_CASE("CSV numbers come back to the last bit", "[io][csv]") {
  const Folder folder;
  core::Philox random(3, core::Purpose::test);
  std::vector<double> wide{0.1, -0.0, 1e300, 5e-324, 1.0 / 3, -std::numeric_limits<double>::infinity()};
  while (wide.size() < 300) wide.push_back(random.normal() * std::exp(20 * random.normal()));
  save_csv(folder.file("a.csv"), Array::from(wide, {100, 3}), {"a", "b", "c"});
  const Csv csv = load_csv(folder.file("a.csv"));
  CHECK(csv.columns == std::vector<std::string>{"a", "b", "c"});
  CHECK(csv.values.shape == std::vector<int64_t>{100, 3});
  CHECK(csv.values.to_double() == wide);

  const std::vector<float> narrow{0.1f, 1.0f / 3, 3e38f, 1e-45f};
  save_csv(folder.file("b.csv"), Array::from(narrow, {4}));
  CHECK(read_file(folder.file("b.csv")) == "column_0\n0.1\n0.33333334\n3e+38\n1e-45\n");
  CHECK(load_csv(folder.file("b.csv")).values.to_float() == narrow);
}

TEST_CASE("whole numbers are written as such", "[io][csv]") {
  const Folder folder;
  save_csv(folder.file("a.csv"), Array::from(std::vector<int64_t>{9007199254740993, -2}, {1, 2}), {"n", "m"});
  CHECK(read_file(folder.file("a.csv")) == "n,m\n9007199254740993,-2\n");
}

TEST_CASE("names with commas, quotes and line ends survive", "[io][csv]") {
  const Folder folder;
  const std::vector<std::string> names{"a,b", "say \"hi\"", "two\nlines"};
  save_csv(folder.file("a.csv"), Array::from(std::vector<double>{1, 2, 3}, {1, 3}), names);
  CHECK(load_csv(folder.file("a.csv")).columns == names);
}

TEST_CASE("CSV is read with any line end, a byte order mark, blanks and quotes", "[io][csv]") {
  const std::vector<double> expected{1, 2, 3, 4};
  CHECK(values_of("a,b\n1,2\n3,4\n") == expected);
  CHECK(values_of("a,b\n1,2\n3,4") == expected);
  CHECK(values_of("a,b\r\n1,2\r\n3,4\r\n") == expected);
  CHECK(values_of("a,b\r1,2\r3,4\r") == expected);
  CHECK(values_of("\xef\xbb\xbf"
                  "a,b\n1,2\n3,4\n") == expected);
  CHECK(values_of("\n a , b \n\n 1 ,\t2\n\n3,4\n\n\n") == expected);
  CHECK(values_of("\"a\",\"b\"\n\"1\",2\n+3,4.0e0\n") == expected);
  CHECK(parse_csv("\xef\xbb\xbf"
                  "a,b\n1,2\n",
                  "a")
            .columns[0] == "a");
}

TEST_CASE("nan and inf are numbers", "[io][csv]") {
  const auto values = values_of("a,b,c\nnan,inf,-inf\n");
  CHECK(std::isnan(values[0]));
  CHECK(values[1] == std::numeric_limits<double>::infinity());
  CHECK(values[2] == -std::numeric_limits<double>::infinity());
}

TEST_CASE("a header alone is a table without rows", "[io][csv]") {
  CHECK(parse_csv("a,b\n", "a").values.shape == std::vector<int64_t>{0, 2});
}

TEST_CASE("cells that other programs leave empty are missing", "[io][csv]") {
  const auto values =
      values_of("a,b,c,d\n1,,NA,N/A\nnan,NaN,NULL,null\nNone,-,.,<NA>\n#N/A,missing, ,\"\"\n2,-1,-.5,.25\n");
  REQUIRE(values.size() == 20);
  CHECK(values[0] == 1);
  for (size_t i = 1; i < 16; ++i) CHECK(std::isnan(values[i]));
  CHECK(std::vector<double>(values.begin() + 16, values.end()) == std::vector<double>{2, -1, -0.5, 0.25});
}

TEST_CASE("an empty line is no row, unless a file of one column asks questions", "[io][csv]") {
  const CsvOptions questions{true, {}};
  CHECK(values_of("a\n1\n\n3\n", questions).size() == 3);
  CHECK(values_of("a\n1\n\n3\n").size() == 2);
  CHECK(values_of("a,b\n1,2\n   \n3,4\n").size() == 4);
}

TEST_CASE("a header may stand behind #, and lines of comment anywhere", "[io][csv]") {
  const Csv savetxt = parse_csv("# theta_0,x_0\n1.5,2\n3,4\n", "a.csv");
  CHECK(savetxt.columns == std::vector<std::string>{"theta_0", "x_0"});
  CHECK(savetxt.values.to_double() == std::vector<double>{1.5, 2, 3, 4});
  CHECK(savetxt.remarks.empty());
  const Csv notes = parse_csv("# made on Monday\n#a b\n# seed = 3\n\n1 2\n# half\n3 4\n", "a.txt");
  CHECK(notes.columns == std::vector<std::string>{"a", "b"});
  CHECK(notes.values.to_double() == std::vector<double>{1, 2, 3, 4});
  CHECK(notes.remarks == std::vector<std::string>{"1 line of comment (# or %) among the rows was skipped"});
  const Csv stan = parse_csv("# model = m\n#   id = 1\nlp__,theta.1\n# Step size = 0.8\n-1,2\n", "a.csv");
  CHECK(stan.columns == std::vector<std::string>{"lp__", "theta.1"});
  CHECK(stan.values.to_double() == std::vector<double>{-1, 2});
}

TEST_CASE("a table without names has none", "[io][csv]") {
  const Csv csv = parse_csv("1,2\n3,4\n", "a.csv");
  CHECK(csv.columns.empty());
  CHECK(csv.values.shape == std::vector<int64_t>{2, 2});
  CHECK(parse_csv("1 2 3\n", "a.txt").values.shape == std::vector<int64_t>{1, 3});
  CHECK(parse_csv("1\n2\n", "a.txt").values.shape == std::vector<int64_t>{2, 1});
  CHECK(parse_csv("0,1\n1,0\n", "a.csv").values.shape == std::vector<int64_t>{2, 2});
  // pandas numbers columns that have no names.
  const Csv pandas = parse_csv(",0,1\n0,0.5,1.5\n1,2.5,3.5\n", "a.csv");
  CHECK(pandas.columns.empty());
  CHECK(pandas.values.to_double() == std::vector<double>{0.5, 1.5, 2.5, 3.5});
  REQUIRE(pandas.remarks.size() == 1);
  CHECK(parse_csv("0,1,2\n.5,1,2\n", "a.csv").values.shape == std::vector<int64_t>{1, 3});
}

TEST_CASE("blanks, tabs and semicolons separate where the lines say so", "[io][csv]") {
  const std::vector<double> expected{1, 2, 3, 4};
  for (const char* text : {"a b\n1 2\n3 4\n", "  a\t b \n 1   2\n3\t4  \n", "a\tb\n1\t2\n3\t4\n",
                           "a;b\n1;2\n3;4\n", "\"a\" \"b\"\n1 2\n3 4\n", "a b\r\n1 2\r\n3 4\r\n"}) {
    INFO(text);
    const Csv csv = parse_csv(text, "a.txt");
    CHECK(csv.columns == std::vector<std::string>{"a", "b"});
    CHECK(csv.values.to_double() == expected);
  }
  const auto tabs = values_of("a\tb\n\t2\n3\t\n");
  CHECK(std::isnan(tabs[0]));
  CHECK(std::isnan(tabs[3]));
  // A name of several words is one name where the rows hold one number.
  CHECK(parse_csv("wind speed\n1\n", "a.csv").columns == std::vector<std::string>{"wind speed"});
  CHECK_THAT(error_of_text("a;b\n1,5;2\n"), ContainsSubstring("found '1,5'; write decimals with a point"));
  CHECK_THAT(error_of_text("\"a\" \"b\"\n\"1\" 0.5 0.6\n"), ContainsSubstring("row.names = FALSE"));
}

TEST_CASE("Fortran's exponents and booleans are numbers", "[io][csv]") {
  CHECK(values_of("a,b,c\n1.0D+03,-2.5d-1,1.25-101\nTrue,FALSE,0\n") ==
        std::vector<double>{1000, -0.25, 1.25e-101, 1, 0, 0});
}

TEST_CASE("columns without a name are left out, and others where they are not wanted", "[io][csv]") {
  const Csv pandas = parse_csv(",theta_0,x_0\n0,1,2\n1,3,4\n", "a.csv");
  CHECK(pandas.columns == std::vector<std::string>{"theta_0", "x_0"});
  CHECK(pandas.values.to_double() == std::vector<double>{1, 2, 3, 4});
  REQUIRE(pandas.remarks.size() == 1);
  CHECK_THAT(pandas.remarks[0], ContainsSubstring("column 1 has no name"));
  std::vector<std::string> asked;
  const Csv some =
      parse_csv("id,a,when\nrun-1,1,Monday\nrun-2,2,\n", "a.csv", {false, [&](const std::string& name) {
                                                                     asked.push_back(name);
                                                                     return name == "a";
                                                                   }});
  CHECK(asked == std::vector<std::string>{"id", "a", "when"});
  CHECK(some.columns == std::vector<std::string>{"a"});
  CHECK(some.values.to_double() == std::vector<double>{1, 2});
  CHECK(some.remarks == std::vector<std::string>{"columns left out: id, when"});
}

TEST_CASE("what is no number is named with line and column", "[io][csv]") {
  CHECK_THAT(error_of_text("a,b\n1,2\n3,four\n"),
             ContainsSubstring(
                 "a.csv:3: column 2 (b) must be a number, found 'four'; write numbers (1 and 0 for yes"));
  for (const auto& [field, remedy] : {std::pair{"2024-01-31", "dates as numbers"},
                                      {"12:30:05", "times and dates"},
                                      {"\"1,234.5\"", "thousands"},
                                      {"\"0,5\"", "decimals with a point"},
                                      {"3.5m", "without a unit"},
                                      {"12%", "without a unit"},
                                      {"0x1p3", "decimal digits"},
                                      {"b", "a header among the rows"},
                                      {"\x01", "found '?'"}}) {
    CHECK_THAT(error_of_text("a,b\n1," + std::string(field) + "\n"), ContainsSubstring(remedy));
  }
  CHECK_THAT(error_of_text("a,b\n0,5,0,3\n"), ContainsSubstring("decimals with a comma?"));
  CHECK_THAT(error_of_text("a\n1e999\n"),
             ContainsSubstring("a.csv:2: column 1 (a) must be a number, found '1e999'"));
  CHECK_THAT(error_of_text("a\n1.5x\n"), ContainsSubstring("found '1.5x'"));
  CHECK_THAT(error_of_text("a\n+-1\n"), ContainsSubstring("found '+-1'"));
  CHECK_THAT(error_of_text("a\n" + std::string(100, 'z') + "\n"), ContainsSubstring("zzz...'"));
  CHECK_THAT(error_of_text("a,b\n\"two\nlines\",1\n"), ContainsSubstring("a.csv:2: column 1 (a)"));
  CHECK_THAT(error_of_text("\"x\ny\",b\n1,2\n1,?\n"), ContainsSubstring("a.csv:4: column 2 (b)"));
}

TEST_CASE("rows must be as long as the header", "[io][csv]") {
  CHECK_THAT(error_of_text("a,b\n1\n"),
             ContainsSubstring("a.csv:2: has 1 fields, but the header names 2 columns"));
  CHECK_THAT(error_of_text("a,b\n1,2,3\n"), ContainsSubstring("a.csv:2: has more than 2 fields"));
}

TEST_CASE("a header must name each column once", "[io][csv]") {
  CHECK_THAT(error_of_text(""), ContainsSubstring("a.csv:1: the file is empty"));
  CHECK_THAT(error_of_text("# only a comment\n"), ContainsSubstring("the file is empty"));
  CHECK_THAT(error_of_text("a,b,a\n1,2,3\n"), ContainsSubstring("column 3 is the second one called 'a'"));
  CHECK_THAT(error_of_text(std::string("\xff\xfe"
                                       "a\0,\0",
                                       6)),
             ContainsSubstring("UTF-16"));
}

TEST_CASE("wrong quotes are refused where they stand", "[io][csv]") {
  CHECK_THAT(error_of_text("a,\"b\n1,2\n"),
             ContainsSubstring("a.csv:1: a quote is opened here and never closed"));
  CHECK_THAT(error_of_text("a,b\n1,\"2\"3\n"), ContainsSubstring("a.csv:2: text follows a closing quote"));
  CHECK_THAT(error_of_text("a,b\n1,2\"\n"),
             ContainsSubstring("a.csv:2: a quote stands inside an unquoted field"));
}

TEST_CASE("only tables can be written as CSV", "[io][csv]") {
  const Folder folder;
  CHECK_THAT(error_of([&] {
               save_csv(folder.file("a.csv"), random_array(DType::f32, {2, 2, 2}));
             }),
             ContainsSubstring(
                 "CSV holds one table, but the array has the shape [2, 2, 2]; write it as .npz or .h5"));
  CHECK_THROWS_AS(save_csv(folder.file("a.csv"), random_array(DType::f32, {})), core::UserError);
  CHECK_THROWS_AS(save_csv(folder.file("a.csv"), random_array(DType::f32, {3, 0})), core::UserError);
  CHECK(folder.entries() == 0);
}
