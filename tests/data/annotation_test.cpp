#include "fourm/data/annotation.h"

#include <gtest/gtest.h>

#include <set>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"

namespace fourm {
namespace {

std::string failure(const char* json, TextForm form = TextForm::kText) {
  try {
    parse_annotation(parse_json(json, "x.json"), "x.json", form);
  } catch (const Error& error) {
    return error.what();
  }
  return "read";
}

Annotation box(const char* corners, const char* score = "1") {
  return parse_annotation(
      parse_json(concat(R"({"instances": [{"boxes": [)", corners, R"(], "class_name": "bed", "score": )", score, "}]}"),
                 "x"),
      "x");
}

TEST(Annotations, EveryFormOfATextIsRead) {
  const std::vector<std::pair<const char*, std::vector<std::string>>> forms{
      {R"("a bed")", {"a bed"}},
      {R"(["a bed", "a lamp"])", {"a bed", "a lamp"}},
      {R"({"caption": "a bed"})", {"a bed"}},
      {R"({"text": "a bed"})", {"a bed"}},
      {R"({"caption": ["a bed", "a lamp"]})", {"a bed", "a lamp"}},
      {R"([{"text": "a bed"}, {"caption": "a lamp"}, "a rug"])", {"a bed", "a lamp", "a rug"}},
      {R"({"text": "the text", "caption": "the caption"})", {"the caption"}}};
  for (const auto& [json, texts] : forms) EXPECT_EQ(parse_annotation(parse_json(json, "x"), "x").texts, texts) << json;
  for (const char* json : {"null", "[]", "[[\"a\"]]", "[null]", "\"\"", "[\"a\", \" \"]", "{}", "{\"text\": null}", "3",
                           "[{\"url\": \"a\"}]", "{\"caption\": {\"text\": \"a\"}}", "{\"caption\": []}"})
    EXPECT_TRUE(failure(json).starts_with("x.json: ")) << json << ": " << failure(json);
}

TEST(Annotations, CornersRoundedOutsideAreClipped) {
  const LabelledBox clipped = box("-1e-9, 0.0, 1.0000001, 1.0009", "1.0000002").boxes->at(0);
  EXPECT_EQ(clipped.xmin, 0);
  EXPECT_EQ(clipped.xmax, 1);
  EXPECT_EQ(clipped.ymax, 1);
  EXPECT_EQ(clipped.score, 1);
  EXPECT_EQ(failure(R"({"instances": [{"boxes": [0, 0, 1.0010001, 1], "class_name": "bed"}]})"),
            "x.json: 'boxes' holds 1.0010001, expected 0 to 1");
  EXPECT_EQ(failure(R"({"instances": [{"boxes": [0.5000001, 0, 0.5, 1], "class_name": "bed"}]})"),
            "x.json: the box 0.5000001, 0, 0.5, 1 has its corners in the wrong order, expected xmin, ymin, xmax, ymax");
}

TEST(Annotations, MetadataAreChunksInRandomOrder) {
  const Annotation a = parse_annotation(
      parse_json(R"({"original_width": 640, "url": "x", "n_humans": 2, "brightness": 255, "entropy": null})", "x"), "x",
      TextForm::kMetadata);
  std::set<std::vector<std::string>> orders;
  for (uint64_t n = 0; n < 60; ++n) {
    Random random(n);
    const auto chunks = draw_text(a, {}, random, "x");
    EXPECT_EQ(std::set<std::string>(chunks.begin(), chunks.end()),
              (std::set<std::string>{"v1=0 v0=20", "v1=5 v0=2", "v1=10 v0=49"}));
    orders.insert(chunks);
  }
  EXPECT_EQ(orders.size(), 6u);
  EXPECT_NE(failure(R"({"url": "x"})", TextForm::kMetadata).find("none of the metadata that are known"),
            std::string::npos);
  EXPECT_NE(failure(R"({"entropy": "high"})", TextForm::kMetadata).find("'entropy'"), std::string::npos);
}

TEST(Annotations, OnePaletteIsDrawn) {
  const char* json = R"([{"1": [[1, 2, 3]], "2": [[1, 2, 3], [255, 0, 9]]}])";
  const Annotation a = parse_annotation(parse_json(json, "x"), "x", TextForm::kPalette);
  std::set<std::string> seen;
  for (uint64_t n = 0; n < 30; ++n) {
    Random random(n);
    for (const auto& text : draw_text(a, {}, random, "x")) seen.insert(text);
  }
  EXPECT_EQ(seen, (std::set<std::string>{"v1=1 v0=1 v0=2 v0=3", "v1=2 v0=1 v0=2 v0=3 v0=255 v0=0 v0=9"}));
  EXPECT_NE(failure(R"([{"1": [[1, 2, 300]]}])", TextForm::kPalette).find("300"), std::string::npos);
  EXPECT_NE(failure(R"([{"1": [[1, 2, 3], [1, 2, 3]]}])", TextForm::kPalette).find("has 2 colours"), std::string::npos);
  EXPECT_EQ(failure(R"([{"3": [[1, 2, 3]]}])", TextForm::kPalette), "read") << "an image of one colour";
  // 255 is no token of a vocabulary with 100 coordinates.
  TextDraw small;
  small.bins = 100;
  Random random(0);
  const Annotation bright = parse_annotation(parse_json(R"([{"1": [[1, 2, 255]]}])", "x"), "x", TextForm::kPalette);
  EXPECT_THROW(draw_text(bright, small, random, "x"), Error);
  for (const char* broken : {"[]", "{}", "null", "[3]", R"([{"1": 3}])"})
    EXPECT_TRUE(failure(broken, TextForm::kPalette).starts_with("x.json: ")) << broken;
}

TEST(Annotations, PeopleFollowTheCrop) {
  const char* json = R"({"bbox_xyxy": [[10, 20, 50, 60]], "pose_tokenized": [[1, 2, 3, 4, 5, 6, 700, 8]],
    "pred_smpl_params": {"global_orient": [[[[1, 0, 0], [0, 1, 0], [0, 0, -1]]]], "body_pose": [[0]],
                         "betas": [[0, 0, 0, 0, 0, 0, 0, 0, 0, 1]]}, "pred_cam": [[0, 0, 19]]})";
  const Annotation a = parse_annotation(parse_json(json, "x"), "x", TextForm::kPoses);
  const auto drawn = [&](const CropView& view) {
    TextDraw draw;
    draw.view = view;
    Random random(1);
    return draw_text(a, draw, random, "x").at(0);
  };
  const std::string whole = drawn({80, 100, 0, 0, 80, 100, false});
  EXPECT_TRUE(whole.starts_with("human v0=100 v1=250 v2=500 v3=749 ")) << whole;
  for (const char* group : {"pose v0=1 v0=2 v0=3 v0=4 v0=5 v0=6 v1=188 v0=8 ", "camera v0=50 v0=50 v0=999 ",
                            "global v0=999 v0=500 v0=500 v0=500 v0=999 v0=500 v0=500 v0=500 v0=0 "})
    EXPECT_NE(whole.find(group), std::string::npos) << whole;
  EXPECT_TRUE(drawn({80, 100, 0, 0, 80, 100, true}).starts_with("human v0=500 v1=250 v2=899 v3=749 "));
  EXPECT_EQ(drawn({80, 100, 0, 60, 80, 40, false}), "none") << "outside the crop";
  Random random(1);
  EXPECT_THROW(draw_text(a, {}, random, "x"), Error) << "pixels of an image of unknown size";
  EXPECT_EQ(draw_text(parse_annotation(Json::array(), "x", TextForm::kPoses), {}, random, "x").at(0), "none");
  // Corners from 0 to 1, and a pose without tokens.
  const char* plain =
      R"({"bbox_normalized": [[0.1, 0.1, 0.5, 0.9]], "global_orient": [[[1, 0, 0], [0, 1, 0], [0, 0, 1]]],
    "betas": [[0, 0, 0, 0, 0, 0, 0, 0, 0, 0]], "cam": [[0, 0, 5]]})";
  const std::string text =
      draw_text(parse_annotation(parse_json(plain, "x"), "x", TextForm::kPoses), {}, random, "x").at(0);
  EXPECT_TRUE(text.starts_with("human v0=100 v1=100 v2=500 v3=899 ")) << text;
  EXPECT_EQ(text.find("pose"), std::string::npos);
  EXPECT_NE(
      failure(R"({"bbox_xyxy": [[0, 0, 1, 1]], "pose_tokenized": [[1]]})", TextForm::kPoses).find("'pose_tokenized'"),
      std::string::npos);
}

}  // namespace
}  // namespace fourm
