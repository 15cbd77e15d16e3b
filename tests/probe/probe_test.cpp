// Changed inputs, and their results on a small model.
#include "fourm/probe/probe.h"

#include <gtest/gtest.h>

#include "fourm/core/error.h"
#include "fourm/generate/input_value.h"
#include "fourm/io/image_resize.h"
#include "fourm/io/npy.h"
#include "tests/support/message_of.h"
#include "tests/support/small_model.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

constexpr const char* kBoxes =
    R"({"width": 100, "height": 100, "instances": [
      {"boxes": [0.25, 0.25, 0.5, 0.75], "class_name": "chair", "score": 1},
      {"boxes": [0.5, 0.0, 1.0, 0.5], "class_name": "table", "score": 1},
      {"boxes": [0.5, 0.5, 0.75, 1.0], "class_name": "chair", "score": 1}]})";

class ProbeTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    temporary_ = std::make_unique<test::TemporaryFolder>();
    test::write_small_model(*temporary_ / "model");
    write_file(*temporary_ / "boxes.json", kBoxes);
    pipeline_ = std::make_unique<Pipeline>(Pipeline::open({.model = *temporary_ / "model"}));
  }
  static void TearDownTestSuite() {
    pipeline_.reset();
    temporary_.reset();
  }

  static std::vector<Input> inputs(const std::vector<std::string>& texts) {
    std::vector<Input> inputs;
    for (const auto& text : texts) inputs.push_back(parse_input(text));
    return inputs;
  }
  static std::string boxes() { return concat("det=", (*temporary_ / "boxes.json").string()); }
  static Probe probe(const std::vector<std::string>& given, const std::vector<std::string>& varied) {
    std::vector<Variation> variations;
    for (const auto& text : varied) variations.push_back(Variation::parse(text));
    return {*pipeline_, inputs(given), variations};
  }
  // The text of the varied input of each sample.
  static std::vector<std::string> texts(const std::vector<std::string>& given, const std::vector<std::string>& varied) {
    const test::TemporaryFolder out;
    const SampleList samples = probe(given, varied).samples(out.path());
    const std::string name = Variation::parse(varied[0]).modality;
    std::vector<std::string> texts;
    for (int64_t i = 0; i < samples.size(); ++i) texts.push_back(pipeline_->text(samples.canvas(*pipeline_, i), name));
    return texts;
  }
  // The boxes of a class on each sample's canvas, as the small vocabulary's 32 steps have them.
  static std::vector<std::vector<LabelledBox>> seen(const std::vector<std::string>& varied,
                                                    const std::string& class_name) {
    const test::TemporaryFolder out;
    const SampleList samples = probe({boxes()}, varied).samples(out.path());
    std::vector<std::vector<LabelledBox>> found;
    for (int64_t i = 0; i < samples.size(); ++i) {
      found.push_back(pipeline_->boxes(samples.canvas(*pipeline_, i), "det"));
      std::erase_if(found.back(), [&](const LabelledBox& box) { return box.class_name != class_name; });
    }
    return found;
  }
  static std::string refusal(const std::vector<std::string>& given, const std::vector<std::string>& varied) {
    return test::message_of([&] { probe(given, varied); });
  }

  static inline std::unique_ptr<test::TemporaryFolder> temporary_;
  static inline std::unique_ptr<Pipeline> pipeline_;
};

TEST_F(ProbeTest, WordsAreReplacedAsWholeWords) {
  EXPECT_EQ(texts({"caption=a chair on a table"}, {"caption: chair|table"}),
            (std::vector<std::string>{"a chair on a table", "a table on a table"}));
  EXPECT_EQ(texts({"caption=a room"}, {"caption: a|the"})[1], "the room");
  EXPECT_EQ(texts({"caption=a chair a table"}, {"caption: a#2|the"})[1], "a chair the table");
  EXPECT_EQ(texts({"caption=a chair a table"}, {"caption: a|the"})[1], "the chair the table");
  write_file(*temporary_ / "c.txt", "a table on the left\n");
  EXPECT_EQ(texts({concat("caption=", (*temporary_ / "c.txt").string())}, {"caption: on the left|room"})[1],
            "a table room");
}

TEST_F(ProbeTest, ABoxIsMovedAndResizedAroundItsCentre) {
  constexpr double kStep = 1.0 / 31;
  const auto moved = seen({"det: move table y 0.25|0.5|1"}, "table");
  ASSERT_EQ(moved.size(), 3u);
  const double tops[] = {0, 0.25, 0.75}, bottoms[] = {0.5, 0.75, 1};  // cut to the square
  for (size_t i = 0; i < 3; ++i) {
    ASSERT_EQ(moved[i].size(), 1u);
    EXPECT_NEAR(moved[i][0].xmin, 0.5, kStep);
    EXPECT_NEAR(moved[i][0].ymin, tops[i], kStep);
    EXPECT_NEAR(moved[i][0].ymax, bottoms[i], kStep);
  }
  const auto resized = seen({"det: resize chair#2 0.5|1"}, "chair");
  ASSERT_EQ(resized[0].size(), 2u);
  const LabelledBox& small = resized[0][0].ymin > 0.5 ? resized[0][0] : resized[0][1];
  EXPECT_NEAR(small.xmin, 0.5625, kStep);
  EXPECT_NEAR(small.ymax, 0.875, kStep);
  const LabelledBox& other = &small == &resized[0][0] ? resized[0][1] : resized[0][0];
  EXPECT_NEAR(other.ymin, 0.25, kStep);
  EXPECT_NEAR(other.ymax, 0.75, kStep);
}

TEST_F(ProbeTest, ABoxHasAnotherClass) {
  const auto tables = seen({"det: chair#1|table"}, "table");
  EXPECT_EQ(tables[0].size(), 1u);
  EXPECT_EQ(tables[1].size(), 2u);
  EXPECT_EQ(seen({"det: chair|table"}, "table")[1].size(), 3u) << "without a number all of the class";
}

TEST_F(ProbeTest, TwoVariationsOfOneInputMakeATable) {
  const test::TemporaryFolder out;
  const Probe both = probe({boxes()}, {"det: table|chair", "det: move table x 0.25|0.75|0.5"});
  const SampleList samples = both.samples(out.path());
  ASSERT_EQ(samples.size(), 6);
  EXPECT_EQ(samples.name(0), "0_x_0.25_0_table");
  EXPECT_EQ(samples.name(3), "1_x_0.75_1_chair");
  const auto boxes_of = [&](int64_t i) { return pipeline_->boxes(samples.canvas(*pipeline_, i), "det"); };
  const auto left_table = boxes_of(0), right_chair = boxes_of(3);
  EXPECT_TRUE(std::any_of(left_table.begin(), left_table.end(),
                          [](const auto& box) { return box.class_name == "table" && box.xmin < 0.05; }));
  EXPECT_TRUE(
      std::none_of(right_chair.begin(), right_chair.end(), [](const auto& box) { return box.class_name == "table"; }));
  EXPECT_EQ(right_chair.size(), 3u);
}

TEST_F(ProbeTest, WhatIsNotThereIsNamedInOneLine) {
  const std::vector<std::tuple<std::vector<std::string>, std::vector<std::string>, std::string>> cases{
      {{"caption=a chair"}, {"caption: table|chair"}, "the text 'a chair' does not contain 'table'"},
      {{"caption=a chair"}, {"caption: a#2|the"}, "there is no 'a#2'; there is 1 place of 'a'"},
      {{boxes()}, {"det: move tabel x 0|1"}, "there is no box 'tabel' (did you mean 'table'?); the boxes are"},
      {{boxes()}, {"det: chair#3|table"}, "there is no 'chair#3'; there are 2 boxes of 'chair'"},
      {{boxes()}, {"det: move chair x 0|1"}, "there are 2 boxes 'chair'; say which, from chair#1 to chair#2"},
      {{"caption=a chair"}, {"caption: move chair x 0|1"}, "only boxes can be moved"},
      {{"caption=a chair"}, {"det: chair|table"}, "'det' is not among the inputs"},
      {{"caption=a chair"}, {"captoin: chair|table"}, "did you mean 'caption'"},
      {{"caption[weight=1]=a chair", "caption[weight=2]=a"}, {"caption: a|the"}, "given several times"}};
  for (const auto& [given, varied, message] : cases) {
    const std::string text = refusal(given, varied);
    EXPECT_NE(text.find(message), std::string::npos) << varied[0] << ": " << text;
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
  }
}

TEST_F(ProbeTest, EverythingElseStaysTheSame) {
  const test::TemporaryFolder out;
  // The same value under two names has the same result; another value has another one.
  const Probe values = probe({"caption=a chair"}, {"caption=a chair|a table|a chair"});
  const SampleList samples = values.samples(out.path());
  const GenerationSettings settings{.model = (*temporary_ / "model").string(),
                                    .precision = "f32",
                                    .seed = 5,
                                    .plan = pipeline_->default_plan({"caption"}, {"tok_rgb@32", "det"}),
                                    .decoding = {}};
  BatchOptions options{.out = out.path(), .batch = 2, .variations = 2};
  const BatchReport report = generate_batches(*pipeline_, samples, settings, options);
  const auto tokens = [&](const std::string& name) {
    return npy_integers(read_npy(out / "tok_rgb@32" / (name + ".npy")), name);
  };
  EXPECT_EQ(tokens("0_a_chair_0"), tokens("2_a_chair_0"));
  EXPECT_NE(tokens("0_a_chair_0"), tokens("0_a_chair_1")) << "two draws";

  // As one sample of generate: the draws do not depend on the variation.
  std::vector<Canvas> canvas(1);
  pipeline_->add_inputs(canvas[0], inputs({"caption=a table"}));
  pipeline_->run(canvas, settings.plan, {.seed = 5});
  EXPECT_EQ(tokens("1_a_table_0"), pipeline_->tokens(canvas[0], "tok_rgb@32"));

  const Gallery figure = values.figure(samples, report, out.path());
  ASSERT_EQ(figure.rows.size(), 4u) << "two targets and two draws; a caption is no image";
  EXPECT_EQ(figure.rows[0].title, "tok_rgb@32, draw 0");
  ASSERT_EQ(figure.rows[0].cells.size(), 3u);
  EXPECT_EQ(figure.rows[0].cells[1].label, "a table");
  EXPECT_EQ(figure.rows[0].cells[1].image,
            resize_bilinear(read_image(out / "rgb/1_a_table_0.png"), kGalleryCell, kGalleryCell));
  EXPECT_EQ(figure.rows[0].cells[0].image, figure.rows[0].cells[2].image);
}

TEST_F(ProbeTest, BoxesAreDrawnInTheFigure) {
  const test::TemporaryFolder out;
  const Probe moved = probe({boxes(), "caption=a room"}, {"det: move table x 0.25|0.75"});
  const SampleList samples = moved.samples(out.path());
  BatchReport none;
  none.results = Json::array({Json::object(), Json::object()});
  const Gallery figure = moved.figure(samples, none, out.path());
  ASSERT_EQ(figure.rows.size(), 1u);
  EXPECT_EQ(figure.rows[0].title, "input: det");
  ASSERT_EQ(figure.rows[0].cells.size(), 2u);
  EXPECT_NE(figure.rows[0].cells[0].image, figure.rows[0].cells[1].image);
}

// The bundled model has a tokenizer of semantic maps.
TEST(EditableInput, ASegmentHasAnotherClass) {
  const test::TemporaryFolder folder;
  const Pipeline pipeline = Pipeline::open({.model = fs::path(FOURM_SOURCE_DIR) / "models/rooms-ti"});
  write_file(folder / "dataset.yaml", "semseg_classes: [none, wall, bed, sofa]\n");
  Image map(16, 8, 1, 1);  // a wall with beds of 2 x 4 and 4 x 8 pixels
  for (int y = 0; y < 8; ++y)
    for (int x = 0; x < 16; ++x)
      if ((x < 2 && y < 4) || x >= 12) *map.at(x, y) = 2;
  const InputConfig config = pipeline.input_config("tok_semseg@128");
  write_file(folder / "semseg/a.png", encode_stored_image(config, map));
  const std::vector<Input> inputs{{.modality = "semseg", .value = (folder / "semseg/a.png").string()}};
  int written = 0;
  const auto changed = [&](const std::string& text) {
    EditableInput input = EditableInput::read(pipeline, inputs, 0);
    input.apply(Variation::parse(text), 1);
    const Input result = input.input(pipeline, folder / "inputs" / concat(written++), false);
    return std::get<Image>(read_stored_image(config, parse_input_value(result.value, {".png"}).file));
  };
  Image all = map, first = map, second = map;
  for (int y = 0; y < 8; ++y)
    for (int x = 0; x < 16; ++x)
      if (*map.at(x, y) == 2) {
        *all.at(x, y) = 3;
        *(x >= 12 ? first : second).at(x, y) = 3;
      }
  EXPECT_EQ(changed("semseg: bed|sofa"), all);
  EXPECT_EQ(changed("semseg: 2|3"), all) << "labels by number";
  EXPECT_EQ(changed("semseg: bed#1|sofa"), first) << "the largest segment";
  EXPECT_EQ(changed("semseg: bed#2|sofa"), second);
  const std::vector<std::pair<std::string, std::string>> cases{
      {"semseg: sofa|bed", "the map has no segment 'sofa'; it has bed, wall"},
      {"semseg: bed|sfoa", "there is no class 'sfoa' (did you mean 'sofa'?)"},
      {"semseg: bed#3|sofa", "there are 2 segments of 'bed'"},
      {"semseg: move bed x 0|1", "only boxes can be moved"}};
  for (const auto& [text, message] : cases) {
    const std::string refusal = test::message_of([&] { changed(text); });
    EXPECT_NE(refusal.find(message), std::string::npos) << text << ": " << refusal;
  }
  // Results of another probe are not replaced.
  EditableInput input = EditableInput::read(pipeline, inputs, 0);
  input.apply(Variation::parse("semseg: bed|wall"), 1);
  EXPECT_NE(test::message_of([&] { input.input(pipeline, folder / "inputs/0", false); }).find("another probe"),
            std::string::npos);
  EXPECT_EQ(std::get<Image>(read_stored_image(config, folder / "inputs/0.png")), all);
  fs::remove(folder / "dataset.yaml");
  EXPECT_NE(test::message_of([&] { changed("semseg: bed|sofa"); }).find("semseg_classes"), std::string::npos);
}

}  // namespace
}  // namespace fourm
