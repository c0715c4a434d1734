#include "report/style.hpp"

namespace fluxsbi::report::style {

namespace {

// own: our results, blue; other: what they are compared with, orange. c0 ... c7 are Okabe and Ito's colours,
// which the colour-blind can tell apart, darkened to 3:1 against white. Texts have 4.5:1 at least.
constexpr std::string_view sheet = R"(.figure{font-family:"DejaVu Sans",Verdana,Arial,sans-serif}
.figure text{fill:#3c4043}
.figure text.faint{fill:#5f6368}
.figure .page{fill:#fff}
.figure .line{fill:none;stroke:currentColor;stroke-width:1.7;stroke-linejoin:round}
.figure .thin{stroke-width:1}
.figure .dash{stroke-dasharray:7 4}
.figure .dots{stroke-dasharray:2 3}
.figure .area{fill:currentColor;stroke:none}
.figure .pale{fill-opacity:.22}
.figure .frame{fill:none;stroke:#9aa0a6;stroke-width:1}
.figure .grid{fill:none;stroke:#eceff1;stroke-width:1}
.figure .own{color:#1f5fa8}
.figure .deep{color:#123a6b}
.figure .soft{color:#a9c7e6}
.figure .other{color:#d5620f}
.figure .prior{color:#7a8087}
.figure .truth{color:#262626;stroke-width:1.4}
.figure .band{color:#7a8087}
.figure .c0{color:#1f5fa8}
.figure .c1{color:#d5620f}
.figure .c2{color:#00805c}
.figure .c3{color:#b4568e}
.figure .c4{color:#3a9ad4}
.figure .c5{color:#a87b00}
.figure .c6{color:#5b4a9e}
.figure .c7{color:#55595e}
.figure .shade{stroke:none}
.figure .s0{fill:#eaf2fa}
.figure .s1{fill:#d6e6f5}
.figure .s2{fill:#c0d8ef}
.figure .s3{fill:#a4c6e7}
.figure .s4{fill:#86b2de}
.figure .s5{fill:#689dd2}
.figure .s6{fill:#4b86c3}
.figure .s7{fill:#356eae}
.figure .s8{fill:#235590}
.figure .s9{fill:#153e70}
@media screen and (prefers-color-scheme:dark){
.figure text{fill:#dfe3e8}
.figure text.faint{fill:#a7adb5}
.figure .page{fill:#15181c}
.figure .frame{stroke:#6a7078}
.figure .grid{stroke:#2a2f35}
.figure .own{color:#7db4ee}
.figure .deep{color:#e3effc}
.figure .soft{color:#3c5f85}
.figure .other{color:#ff9d57}
.figure .prior{color:#9aa1a9}
.figure .truth{color:#f1f3f4}
.figure .band{color:#a7adb5}
.figure .c0{color:#7db4ee}
.figure .c1{color:#ff9d57}
.figure .c2{color:#3fc79c}
.figure .c3{color:#e394c0}
.figure .c4{color:#8fd3ff}
.figure .c5{color:#e2b63c}
.figure .c6{color:#b3a5f0}
.figure .c7{color:#c3c8ce}
.figure .s0{fill:#17222e}
.figure .s1{fill:#1a2d42}
.figure .s2{fill:#1d3855}
.figure .s3{fill:#21466c}
.figure .s4{fill:#285684}
.figure .s5{fill:#336a9f}
.figure .s6{fill:#4581ba}
.figure .s7{fill:#629bd2}
.figure .s8{fill:#88b7e6}
.figure .s9{fill:#b9d7f6}
}
)";

}  // namespace

std::string curve_class(size_t index) {
  const size_t round = index / series;
  return "line c" + std::to_string(index % series) + (round == 0 ? "" : round == 1 ? " dash" : " dots");
}

std::string_view figure_sheet() {
  return sheet;
}

std::string grouped(long long count) {
  const std::string digits = std::to_string(count);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && digits[i - 1] != '-' && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

}  // namespace fluxsbi::report::style
