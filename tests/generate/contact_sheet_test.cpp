#include "fourm/generate/contact_sheet.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "fourm/draw/legend.h"
#include "fourm/io/npy.h"
#include "fourm/io/npz.h"
#include "tests/support/captured_log.h"
#include "tests/support/drawing_model.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

class ContactSheetTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    temporary_ = std::make_unique<test::TemporaryFolder>();
    root_ = *temporary_ / "files";
    test::write_drawing_model(root_ / "model");
    pipeline_ = std::make_unique<Pipeline>(Pipeline::open({.model = root_ / "model"}));
    for (int i = 0; i < 3; ++i)
      write_file(root_ / "images" / concat(i, ".png"), encode_png(Image(32, 32, 3, static_cast<uint8_t>(60 * i + 40))));
  }
  static void TearDownTestSuite() {
    pipeline_.reset();
    temporary_.reset();
  }

  static SampleList list(const std::vector<std::string>& texts) {
    std::vector<Input> inputs;
    for (const auto& text : texts) inputs.push_back(parse_input(text));
    return SampleList::of_inputs(*pipeline_, inputs);
  }
  static GenerationSettings settings(const std::vector<std::string>& outputs) {
    Plan plan;
    for (const auto& name : outputs) plan.targets.emplace_back().modality = name;
    return {
        .model = (root_ / "model").string(), .precision = "f32", .seed = 5, .draw = true, .plan = plan, .decoding = {}};
  }
  static Gallery sheet(const SampleList& samples, const GenerationSettings& settings, const fs::path& out,
                       int64_t variations = 1) {
    BatchOptions options;
    options.out = out;
    options.variations = variations;
    const BatchReport report = generate_batches(*pipeline_, samples, settings, options);
    return contact_sheet({*pipeline_, nullptr, samples, settings, report, out, {"sky", "grass"}});
  }
  static Raster<uint8_t> labels_in(const fs::path& png) { return decode_labels(read_file(png), png.string()); }
  static std::vector<std::string> labels(const GalleryRow& row) {
    std::vector<std::string> all;
    for (const auto& cell : row.cells) all.push_back(cell.label);
    return all;
  }

  static inline std::unique_ptr<test::TemporaryFolder> temporary_;
  static inline fs::path root_;
  static inline std::unique_ptr<Pipeline> pipeline_;
};

using Labels = std::vector<std::string>;

TEST_F(ContactSheetTest, ShowsInputsAndResultsOfEverySampleAndVariation) {
  const test::TemporaryFolder out;
  const SampleList samples = list({concat("rgb=", (root_ / "images").string()), "caption=a chair"});
  const GenerationSettings all = settings({"tok_rgb@32", "tok_semseg@32", "tok_depth@32", "det"});
  const Gallery gallery = sheet(samples, all, out.path(), 2);
  ASSERT_EQ(gallery.rows.size(), 6u);
  EXPECT_EQ(gallery.closing, "");
  for (size_t i = 0; i < 6; ++i) {
    const GalleryRow& row = gallery.rows[i];
    EXPECT_EQ(row.title, concat(i / 2, ", variation ", i % 2));
    EXPECT_EQ(labels(row), (Labels{"input rgb", "rgb", "semseg", "depth", "det"}));
    EXPECT_EQ(row.words, "input caption: a chair");
    EXPECT_NEAR(int{row.cells[0].image.pixels[0]}, static_cast<int>(60 * (i / 2) + 40), 1);
    const std::string name = concat(i / 2, "_", i % 2);
    EXPECT_EQ(row.cells[2].image,
              draw_labels(labels_in(out / "semseg_labels" / (name + ".png")), {"sky", "grass"}, kGalleryCell));
    const InputConfig depth = pipeline_->input_config("tok_depth@32");
    EXPECT_EQ(row.cells[3].image,
              draw_depth(depth, read_stored_image(depth, out / "depth_16bit" / (name + ".png")), kGalleryCell));
  }
  EXPECT_NE(gallery.rows[0].cells[1].image, gallery.rows[1].cells[1].image);
  EXPECT_GT(gallery_sheet(gallery).height, 6 * kGalleryCell);
}

TEST_F(ContactSheetTest, AResumedRunGivesTheSameSheet) {
  const test::TemporaryFolder out;
  const SampleList samples = list({concat("rgb=", (root_ / "images").string())});
  const GenerationSettings all = settings({"tok_semseg@32", "sam_instance", "human_poses"});
  const Image first = gallery_sheet(sheet(samples, all, out.path()));
  EXPECT_EQ(gallery_sheet(sheet(samples, all, out.path())), first);
  fs::remove(out / "semseg_labels/1.png");
  EXPECT_EQ(gallery_sheet(sheet(samples, all, out.path())), first) << "the missing file is made again";
}

TEST_F(ContactSheetTest, GreysOutWhatIsNotKept) {
  const test::TemporaryFolder out;
  const std::string image = (root_ / "images/2.png").string();
  const Gallery gallery = sheet(list({concat("rgb[keep=left]=", image), concat("tok_rgb[keep=top]=", image)}),
                                settings({"tok_rgb@32"}), out.path());
  ASSERT_EQ(labels(gallery.rows[0]), (Labels{"input rgb", "input rgb", "rgb"}));
  const Image &left = gallery.rows[0].cells[0].image, &top = gallery.rows[0].cells[1].image;
  const int last = kGalleryCell - 1, half = kGalleryCell / 2;
  for (const int at : {0, half - 1}) EXPECT_NEAR(int{left.at(at, 100)[0]}, 160, 1);
  for (const int at : {half, last}) EXPECT_EQ(int{left.at(at, 20)[0]}, 128);
  const auto is_grey = [&](int y) { return top.at(30, y)[0] == 128 && top.at(90, y)[1] == 128; };
  EXPECT_TRUE(!is_grey(10) && is_grey(half) && is_grey(last));
}

TEST_F(ContactSheetTest, WhatCannotBeShownHasAReason) {
  const test::TemporaryFolder out;
  fs::copy(root_ / "images", out / "images", fs::copy_options::recursive);
  write_file(out / "images/1.png", "no image");
  const test::CapturedLog log;
  const Gallery gallery =
      sheet(list({concat("rgb=", (out / "images").string())}), settings({"caption"}), out / "results");
  ASSERT_EQ(gallery.rows.size(), 3u);
  EXPECT_NE(gallery.rows[1].words.find("left out: "), std::string::npos);
  EXPECT_NE(gallery.rows[2].words.find("caption: "), std::string::npos);
}

TEST_F(ContactSheetTest, HasAtMostAHundredRows) {
  const test::TemporaryFolder out;
  std::string lines;
  for (int i = 0; i < 60; ++i) lines += "a chair\n";
  write_file(out / "p.txt", lines);
  const Gallery gallery =
      sheet(list({concat("caption=@", (out / "p.txt").string())}), settings({"tok_rgb@32"}), out / "results", 2);
  EXPECT_EQ(gallery.rows.size(), 100u);
  EXPECT_EQ(gallery.closing, "The first 100 of 120 results are shown.");
}

// Vectors as numpy and as the original's archives hold them condition a run from its input to its results.
TEST_F(ContactSheetTest, VectorsFromFilesAreInputs) {
  const test::TemporaryFolder out;
  write_npy(out / "a.npy", npy_from_floats({1, 2, 3, 4, 5, 6}, {2, 3}));
  write_file(out / "b.npz", encode_npz({{"emb", npy_from_floats({1, 2, 3, 9, 9, 9, 4, 5, 6}, {1, 3, 3})},
                                        {"mask_valid", npy_from_integers({1, 0, 1}, {1, 3})}}));
  write_npy(out / "c.npy", npy_from_floats({-1, 2, -3, 4, -5, 6}, {2, 3}));
  std::vector<std::string> tokens;
  for (const char* file : {"a.npy", "b.npz", "c.npy"}) {
    const fs::path results = out / concat("results_", file);
    const Gallery gallery = sheet(list({concat("vectors=", (out / file).string())}), settings({"tok_rgb@32"}), results);
    EXPECT_EQ(gallery.rows[0].words, "input vectors: 2 tokens") << file;
    tokens.push_back(read_file(results / "tok_rgb@32.npy"));
  }
  EXPECT_EQ(tokens[0], tokens[1]) << "the same vectors";
  EXPECT_NE(tokens[0], tokens[2]);
}

}  // namespace
}  // namespace fourm
