#include <cmath>
#include <filesystem>
#include <limits>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "checkpoint/example.hpp"
#include "checkpoint/identity.hpp"
#include "checkpoint/model_file.hpp"
#include "core/error.hpp"
#include "io/safetensors.hpp"
#include "support/temporary_folder.hpp"

namespace {

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;
using checkpoint::ModelFile;

TEST_CASE("a model file gives back all that was saved", "[checkpoint][model]") {
  const test::TemporaryFolder folder;
  const ModelFile model = test::example_model();
  checkpoint::save_model(folder.file("m.safetensors"), model);
  const ModelFile read = checkpoint::load_model(folder.file("m.safetensors"));
  CHECK(read.config == model.config);
  CHECK(read.shape.theta_dim == 2);
  CHECK(read.shape.x_channels == 2);
  CHECK(read.shape.x_grid == std::vector<int64_t>{1, 3});
  CHECK(read.theta.mean == model.theta.mean);
  CHECK(read.theta.scale == model.theta.scale);
  CHECK(read.x.mean == model.x.mean);
  CHECK(read.theta_names == model.theta_names);
  CHECK(read.x_names == model.x_names);
  CHECK(read.step == 1234);
  CHECK(read.validation_loss == model.validation_loss);
  CHECK(read.version == "0.1.0");
  CHECK(read.remarks == model.remarks);
  REQUIRE(read.weights.size() == 2);
  CHECK(read.weights.at("a.weight").shape == std::vector<int64_t>{2, 3});
  CHECK(read.weights.at("a.weight").bytes == model.weights.at("a.weight").bytes);
}

TEST_CASE("a model that was never validated keeps no loss", "[checkpoint][model]") {
  const test::TemporaryFolder folder;
  ModelFile model = test::example_model();
  model.validation_loss = std::numeric_limits<double>::quiet_NaN();
  checkpoint::save_model(folder.file("m.safetensors"), model);
  CHECK(std::isnan(checkpoint::load_model(folder.file("m.safetensors")).validation_loss));
}

TEST_CASE("a model keeps its regression of theta on x", "[checkpoint][model]") {
  const test::TemporaryFolder folder;
  ModelFile model = test::example_model();
  const std::string without = checkpoint::identity(model);
  const std::vector<double> weights(12, 1.0 / 3);  // two numbers of theta, six of x
  model.regression = {{0.1, 0.2}, weights, {1, 2}};
  checkpoint::save_model(folder.file("m.safetensors"), model);
  const ModelFile read = checkpoint::load_model(folder.file("m.safetensors"));
  CHECK(read.regression.offset == model.regression.offset);
  CHECK(read.regression.weights == weights);
  CHECK(read.regression.scale == model.regression.scale);
  CHECK(checkpoint::identity(read) != without);
  // Older programs would take the residual for theta: they must refuse the file.
  CHECK(io::load_safetensors(folder.file("m.safetensors")).metadata.at("fluxsbi.format_version") == "4");
  model.regression.scale[1] = 0;
  checkpoint::save_model(folder.file("m.safetensors"), model);
  CHECK_THROWS_WITH(checkpoint::load_model(folder.file("m.safetensors")),
                    ContainsSubstring("its regression of theta on x does not fit the shape"));
}

TEST_CASE("a student keeps its teacher, and is damaged without its weights", "[checkpoint][model]") {
  const test::TemporaryFolder folder;
  ModelFile model = test::example_model();
  const std::string without = checkpoint::identity(model);
  auto teacher = std::make_shared<ModelFile>(model);
  teacher->config = "teacher: 1\n";
  teacher->weights["b"] = io::Array::from(std::span<const float>(std::vector<float>{1, 2, 4}), {3});
  model.teacher = teacher;
  checkpoint::save_model(folder.file("m.safetensors"), model);
  const ModelFile read = checkpoint::load_model(folder.file("m.safetensors"));
  REQUIRE(read.teacher);
  CHECK(read.teacher->config == teacher->config);
  CHECK(read.teacher->theta.mean == teacher->theta.mean);
  REQUIRE(read.teacher->weights.size() == teacher->weights.size());
  CHECK(read.teacher->weights.at("b").bytes == teacher->weights.at("b").bytes);
  CHECK(read.weights.size() == model.weights.size());
  CHECK(checkpoint::identity(read) == checkpoint::identity(model));
  CHECK(checkpoint::identity(read) != without);
  // Older programs would step where a student jumps: they must refuse the file.
  io::Safetensors file = io::load_safetensors(folder.file("m.safetensors"));
  CHECK(file.metadata.at("fluxsbi.format_version") == "5");
  std::erase_if(file.arrays, [](const auto& entry) { return entry.first.starts_with("teacher/"); });
  io::save_safetensors(folder.file("m.safetensors"), file);
  CHECK_THROWS_WITH(checkpoint::load_model(folder.file("m.safetensors")),
                    ContainsSubstring("its teacher's weights are missing"));
}

TEST_CASE("a model keeps what observations are compared with, or does without", "[checkpoint][model]") {
  const test::TemporaryFolder folder;
  ModelFile model = test::example_model();
  checkpoint::save_model(folder.file("m.safetensors"), model);
  CHECK(checkpoint::load_model(folder.file("m.safetensors")).reference.empty());
  const std::vector<double> each{1, 2, 3, 4, 5, 1.0 / 3};
  model.reference = {each, each, each, each, each, each, std::vector<float>(12, 0.12346F)};
  model.reference.rows[3] = std::numeric_limits<float>::quiet_NaN();  // an absent element of a set
  checkpoint::save_model(folder.file("m.safetensors"), model);
  const auto read = checkpoint::load_model(folder.file("m.safetensors")).reference;
  CHECK(read.low == each);
  CHECK(read.spread == each);
  REQUIRE(read.row_count() == 2);
  CHECK(read.rows[0] == 0.1235F);  // four decimals
  CHECK(std::isnan(read.rows[3]));
  model.reference.low.pop_back();
  checkpoint::save_model(folder.file("m.safetensors"), model);
  CHECK_THROWS_WITH(checkpoint::load_model(folder.file("m.safetensors")),
                    ContainsSubstring("what it remembers of the training data"));
}

TEST_CASE("a model that learned theta on the whole line keeps its ends", "[checkpoint][model]") {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const test::TemporaryFolder folder;
  ModelFile model = test::example_model();
  checkpoint::save_model(folder.file("m.safetensors"), model);
  CHECK(checkpoint::load_model(folder.file("m.safetensors")).theta.transforms.empty());
  model.theta.transforms = data::between({{-1.5, -infinity}, {infinity, 2}});
  model.theta.transforms[0].low_margin = 0.25;
  checkpoint::save_model(folder.file("m.safetensors"), model);
  const ModelFile read = checkpoint::load_model(folder.file("m.safetensors"));
  REQUIRE(read.theta.transforms.size() == 2);
  CHECK(read.theta.transforms[0].low == -1.5);
  CHECK(read.theta.transforms[0].low_margin == 0.25);
  CHECK(read.theta.transforms[1].high == 2);
  CHECK(read.theta.transforms[1].kind == data::TransformKind::log);
  CHECK(read.x.transforms.empty());
  model.x.transforms.resize(model.x.mean.size());
  model.x.transforms[0].kind = data::TransformKind::asinh;
  model.x.transforms[0].centre = 3;
  model.x.transforms[0].width = 0.5;
  checkpoint::save_model(folder.file("a.safetensors"), model);
  const auto x = checkpoint::load_model(folder.file("a.safetensors")).x.transforms;
  REQUIRE(x.size() == model.x.mean.size());
  CHECK(x[0].kind == data::TransformKind::asinh);
  CHECK(x[0].centre == 3);
  CHECK(x[0].width == 0.5);
  for (size_t i = 1; i < x.size(); ++i) CHECK(x[i].kind == data::TransformKind::none);
}

TEST_CASE("a damaged model file is named and refused", "[checkpoint][model]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("m.safetensors");
  checkpoint::save_model(path, test::example_model());
  const std::string good = test::read_file(path);
  for (size_t length = 0; length < good.size(); length += 37) {
    test::write_file(path, good.substr(0, length));
    CHECK_THROWS_AS(checkpoint::load_model(path), core::UserError);
    CHECK_THROWS_WITH(checkpoint::load_model(path), ContainsSubstring(path));
  }
  for (size_t place = 0; place < good.size(); place += 11) {
    std::string bad = good;
    bad[place] = static_cast<char>(bad[place] ^ 0x10);
    test::write_file(path, bad);
    CAPTURE(place);
    CHECK_THROWS_AS(checkpoint::load_model(path), core::UserError);
  }
}

TEST_CASE("a file of another kind or of a newer version is refused with a sentence", "[checkpoint][model]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("m.safetensors");
  const auto rewrite = [&](const auto& change) {
    checkpoint::save_model(path, test::example_model());
    io::Safetensors file = io::load_safetensors(path);
    change(file.metadata);
    io::save_safetensors(path, file);
  };
  using Metadata = std::map<std::string, std::string>;
  rewrite([](Metadata& metadata) {
    metadata["fluxsbi.format_version"] = std::to_string(checkpoint::model_format + 1);
  });
  CHECK_THROWS_WITH(checkpoint::load_model(path),
                    ContainsSubstring(path) && ContainsSubstring("update fluxsbi"));
  rewrite([](Metadata& metadata) { metadata.erase("fluxsbi.format"); });
  CHECK_THROWS_WITH(checkpoint::load_model(path), ContainsSubstring("not a file that fluxsbi wrote"));
  rewrite([](Metadata& metadata) { metadata["fluxsbi.content"] = "{\"shape\": 3}"; });
  CHECK_THROWS_WITH(checkpoint::load_model(path), ContainsSubstring(path) && ContainsSubstring("damaged"));
  checkpoint::save_state(folder.path(), test::example_state(5), 3);
  CHECK_THROWS_WITH(checkpoint::load_model(checkpoint::state_path(folder.path(), 5)),
                    ContainsSubstring("is a fluxsbi checkpoint, not a model"));
}

TEST_CASE("standard deviations that cannot be divided by are refused", "[checkpoint][model]") {
  const test::TemporaryFolder folder;
  for (const double scale : {0.0, -1.0}) {
    ModelFile model = test::example_model();
    model.theta.scale[1] = scale;
    checkpoint::save_model(folder.file("m.safetensors"), model);
    CHECK_THROWS_WITH(checkpoint::load_model(folder.file("m.safetensors")),
                      ContainsSubstring("standardisation"));
  }
}

TEST_CASE("find_model takes the finished model, else the best checkpoint and says so",
          "[checkpoint][model]") {
  const test::TemporaryFolder folder;
  std::string note;
  CHECK_THROWS_WITH(checkpoint::find_model(folder.path(), note), ContainsSubstring("holds no model"));
  CHECK_THROWS_WITH(checkpoint::find_model(folder.file("absent"), note), ContainsSubstring("does not exist"));
  checkpoint::make_checkpoint_folder(folder.path());
  checkpoint::save_model(checkpoint::best_path(folder.path()), test::example_model());
  CHECK(checkpoint::find_model(folder.path(), note) == checkpoint::best_path(folder.path()));
  CHECK_THAT(note, ContainsSubstring("not finished"));
  checkpoint::save_model(folder.file("model.safetensors"), test::example_model());
  CHECK(checkpoint::find_model(folder.path(), note) == folder.file("model.safetensors"));
  CHECK(note.empty());
  CHECK(checkpoint::find_model(folder.file("model.safetensors"), note) == folder.file("model.safetensors"));
}

// Two members whose weights and standardisers differ.
ModelFile two_members() {
  ModelFile first = test::example_model(), second = first;
  second.weights["b"] = io::Array::from(std::span<const float>(std::vector<float>{-4}), {1});
  second.theta.mean[0] = 7;
  second.step = 1236;
  second.config += "training:\n  member: 2\n";
  first.reference = {std::vector<double>(6, 1),
                     std::vector<double>(6, 1),
                     std::vector<double>(6, 0),
                     std::vector<double>(6, 2),
                     {},
                     {},
                     {}};
  return checkpoint::join_members({first, second}, "training:\n  ensemble: 2\n");
}

TEST_CASE("an ensemble's file gives back every member", "[checkpoint][model][ensemble]") {
  const test::TemporaryFolder folder;
  const ModelFile model = two_members();
  checkpoint::save_model(folder.file("m.safetensors"), model);
  const ModelFile read = checkpoint::load_model(folder.file("m.safetensors"));
  CHECK(read.config == "training:\n  ensemble: 2\n");
  CHECK(read.weights.empty());
  CHECK(read.step == 1235);
  CHECK(read.theta_names == test::example_model().theta_names);
  CHECK(read.reference.mean == std::vector<double>(6, 1));
  REQUIRE(read.members.size() == 2);
  for (size_t m = 0; m < 2; ++m) {
    CAPTURE(m);
    CHECK(read.members[m].config == model.members[m].config);
    CHECK(read.members[m].theta.mean == model.members[m].theta.mean);
    CHECK(read.members[m].step == model.members[m].step);
    CHECK(read.members[m].reference.empty());
    REQUIRE(read.members[m].weights.size() == 2);
    for (const auto& [name, array] : model.members[m].weights)
      CHECK(read.members[m].weights.at(name).bytes == array.bytes);
  }
  CHECK(checkpoint::identity(read) == checkpoint::identity(model));
  ModelFile other = model;
  other.members[1].weights["b"] = other.members[0].weights["b"];
  CHECK(checkpoint::identity(other) != checkpoint::identity(model));
}

TEST_CASE("an ensemble's file is of a format that older programs refuse, a single model's is not",
          "[checkpoint][model][ensemble]") {
  const test::TemporaryFolder folder;
  checkpoint::save_model(folder.file("two.safetensors"), two_members());
  checkpoint::save_model(folder.file("one.safetensors"), test::example_model());
  const auto format = [&](const char* name) {
    return io::load_safetensors(folder.file(name)).metadata.at("fluxsbi.format_version");
  };
  CHECK(format("two.safetensors") == "3");
  CHECK(format("one.safetensors") == "1");
}

TEST_CASE("a file that lacks a member's weights or holds more is damaged", "[checkpoint][model][ensemble]") {
  const test::TemporaryFolder folder;
  checkpoint::save_model(folder.file("m.safetensors"), two_members());
  const io::Safetensors whole = io::load_safetensors(folder.file("m.safetensors"));
  io::Safetensors fewer = whole, more = whole;
  fewer.arrays.erase("member_2/a.weight");
  fewer.arrays.erase("member_2/b");
  io::save_safetensors(folder.file("fewer.safetensors"), fewer);
  CHECK_THROWS_WITH(checkpoint::load_model(folder.file("fewer.safetensors")),
                    ContainsSubstring("holds no weights of member 2 of 2"));
  more.arrays["member_3/b"] = whole.arrays.at("member_2/b");
  io::save_safetensors(folder.file("more.safetensors"), more);
  CHECK_THROWS_WITH(checkpoint::load_model(folder.file("more.safetensors")),
                    ContainsSubstring("'member_3/b' belongs to none of its 2 members"));
}

TEST_CASE("models of other variables do not join", "[checkpoint][model][ensemble]") {
  ModelFile other = test::example_model();
  other.theta_names[1] = "age";
  CHECK_THROWS_WITH(checkpoint::join_members({test::example_model(), other}, ""),
                    ContainsSubstring("member 2 of the ensemble was trained on other variables"));
}

}  // namespace
