// The bundled model on a few rooms: what is reported, not how good it is.
#include "fourm/eval/evaluate.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "fourm/clip/clip_model.h"
#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/eval/evaluation_table.h"
#include "fourm/eval/held_out.h"
#include "fourm/io/npy.h"
#include "fourm/model/fourm.h"
#include "fourm/rooms/dataset.h"
#include "fourm/tokenizer/picture_tokenizer.h"
#include "fourm/tokenizer/vqvae.h"

namespace fourm {
namespace {

class EvaluateTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    set_quiet(true);
    folder_ = fs::temp_directory_path() / ("fourm_evaluate_" + std::to_string(getpid()));
    RoomOptions world;
    world.split = Split::kVal;
    write_rooms(RoomMaker(world), 3, folder_, 1, false, 0);
    pipeline_ =
        std::make_unique<Pipeline>(Pipeline::open({fs::path(FOURM_SOURCE_DIR) / "models/rooms-ti", {}, {}, {}}));
  }
  static void TearDownTestSuite() {
    pipeline_.reset();
    fs::remove_all(folder_);
  }

  static std::vector<std::string> measured(const Json& input) {
    std::vector<std::string> names;
    for (const auto& m : input["measures"]) names.push_back(m["measure"]);
    return names;
  }

  static inline fs::path folder_;
  static inline std::unique_ptr<Pipeline> pipeline_;
};

TEST_F(EvaluateTest, EachInputSetLeavesOutWhatIsGiven) {
  EvaluateOptions options{folder_, 3, 1, {"rgb", "rgb+caption", "all"}, {}};
  const Json report = evaluate(*pipeline_, options);
  EXPECT_EQ(report["samples"], 3);
  const std::vector<std::string> maps{"depth AbsRel", "depth delta1", "normals mean angle", "semantic mIoU",
                                      "boxes AP50"},
      captions{"caption names large objects", "caption names the largest"}, rgb{"rgb PSNR", "rgb: main object found"};
  auto of_rgb = maps, of_all = rgb;
  of_rgb.insert(of_rgb.end(), captions.begin(), captions.end());
  of_all.insert(of_all.end(), of_rgb.begin(), of_rgb.end());
  ASSERT_EQ(report["inputs"].size(), 3u);
  EXPECT_EQ(measured(report["inputs"][0]), of_rgb);
  EXPECT_EQ(measured(report["inputs"][1]), maps);
  EXPECT_EQ(measured(report["inputs"][2]), of_all);
  // Ceilings and baselines are those of the set, whatever is given.
  for (size_t i = 0; i < maps.size(); ++i)
    for (const char* column : {"ceiling", "baseline"}) {
      EXPECT_EQ(report["inputs"][0]["measures"][i][column], report["inputs"][1]["measures"][i][column]);
      EXPECT_EQ(report["inputs"][0]["measures"][i][column], report["inputs"][2]["measures"][i + 2][column]);
    }
  EXPECT_EQ(evaluate(*pipeline_, options), report);
  const std::string table = evaluation_table(report);
  for (const char* text : {"3 samples", "rgb+caption ->", "boxes AP50 (higher)", "share closed"})
    EXPECT_NE(table.find(text), std::string::npos) << table;
}

TEST_F(EvaluateTest, TruthIsReadAsStored) {
  const HeldOut held = HeldOut::read(*pipeline_, folder_, 2);
  ASSERT_EQ(held.samples.size(), 2u);
  EXPECT_EQ(held.subject("rgb").input, "rgb@128");
  EXPECT_EQ(held.subject("rgb").output, "tok_rgb@128");
  RoomOptions world;
  world.split = Split::kVal;
  const RoomSample room = RoomMaker(world).make(1);
  const HeldOutSample& sample = held.samples[1];
  EXPECT_EQ(std::get<Raster<float>>(sample.pictures.at("depth")), depth_in_metres(room.depth_mm));
  EXPECT_EQ(std::get<Image>(sample.pictures.at("semseg")), room.semseg);
  EXPECT_EQ(sample.boxes.size(), room.det["instances"].size());
  EXPECT_EQ(sample.caption, room.captions.back());
  EXPECT_EQ(sample.scene.largest, room.scene["largest"].get<std::string>());
}

TEST_F(EvaluateTest, AnImageTextModelJudgesPaintedPictures) {
  ClipConfig config;
  config.image_width = config.text_width = 16;
  config.image_depth = config.text_depth = 1;
  const fs::path judge = folder_.string() + "_judge";
  ClipModel::fresh(config, fs::path(FOURM_SOURCE_DIR) / "models/rooms-ti/tokenizer.json", 1).save(judge);
  const Json without = evaluate(*pipeline_, {folder_, 2, 1, {"caption"}, {}});
  const Json with = evaluate(*pipeline_, {folder_, 2, 1, {"caption"}, judge});
  fs::remove_all(judge);
  auto names = measured(without["inputs"][0]);
  for (const char* name : {"rgb: caption outranks others", "rgb: cosine to caption"})
    names.insert(std::find(names.begin(), names.end(), "rgb: main object found") + 1, name);
  EXPECT_EQ(measured(with["inputs"][0]), names);
}

// A model folder in `root` that reads pixels and writes the modality, with its tokenizer.
void write_small_model(const fs::path& root, const std::string& modality, TokenizerConfig config) {
  const std::string table = "modalities:\n  rgb@32: {kind: pixels, image_size: 32, patch_size: 8}\n  " + modality +
                            ": {vocab_size: 16, image_size: 32, patch_size: 8}\n";
  ModalityTable modalities;
  modalities.extend(table, "the test");
  ModelConfig model;
  model.domains_in = {"rgb@32", modality};
  model.domains_out = {modality};
  model.dim = 16;
  model.encoder_depth = model.decoder_depth = 1;
  model.num_heads = 2;
  FourM::fresh(model, modalities, 1).save(root / "model");
  write_file(root / "model/modalities.yaml", table);
  config.image_size = 32;
  config.patch_size = 8;
  config.enc_type = "enc";
  config.dec_type = "dec";
  config.codebook_size = 16;
  config.latent_dim = 4;
  config.presets["enc"] = {.kind = "vit_encoder", .dim_tokens = 16, .depth = 1, .num_heads = 2};
  config.presets["dec"] = {.kind = "vit_decoder", .dim_tokens = 16, .depth = 1, .num_heads = 2};
  Tokenizer::create(config, 4).save(root / "model/tokenizers" / modality);
}

TEST(EvaluateOfficialDepth, IsMeasuredInStandardDeviations) {
  set_quiet(true);
  const fs::path root = fs::temp_directory_path() / ("fourm_official_depth_" + std::to_string(getpid()));
  TokenizerConfig config;  // without `input`, as the official ones
  config.n_channels = 1;
  write_small_model(root, "tok_depth@32", config);
  Random random(2);
  for (int i = 0; i < 3; ++i) {
    Raster<uint16_t> depth(32, 32, 1);
    for (auto& v : depth.pixels) v = static_cast<uint16_t>(1 + random.below(65000));
    write_file(root / "data/depth" / (std::to_string(i) + ".png"), encode_png16(depth));
    write_file(root / "data/rgb" / (std::to_string(i) + ".png"), encode_png(Image(32, 32, 3, 80)));
  }
  const Pipeline pipeline = Pipeline::open({root / "model", {}, {}, {}});
  const Json report = evaluate(pipeline, {root / "data", 3, 0, {"rgb"}, {}});
  const Json& measures = report["inputs"][0]["measures"];
  ASSERT_EQ(measures.size(), 1u);
  EXPECT_EQ(measures[0]["measure"], "depth standardised L1");
  EXPECT_EQ(measures[0]["unit"], "standard deviations");

  Canvas canvas;
  pipeline.give(canvas, "tok_depth@32", (root / "data/depth/1.png").string());
  pipeline.write_decoded(canvas, "tok_depth@32", root / "out", "one");
  const NpyArray stored = read_npy(root / "out/one_standardised.npy");
  EXPECT_EQ(stored.dtype, "f4");
  EXPECT_EQ(stored.shape, (std::vector<int64_t>{32, 32}));
  EXPECT_EQ(std::get<Raster<float>>(pipeline.picture(canvas, "tok_depth@32")).pixels, npy_floats(stored));
  Canvas again;  // what was written can be given
  pipeline.give(again, "tok_depth@32", (root / "out/one_standardised.npy").string());
  EXPECT_EQ(pipeline.tokens(again, "tok_depth@32").size(), 16u);
  fs::remove_all(root);
}

// A model that reads pixels and writes features, and its data set.
TEST(EvaluateFeatures, StandBesideTheirTokenizersCeiling) {
  set_quiet(true);
  const fs::path root = fs::temp_directory_path() / ("fourm_features_" + std::to_string(getpid()));
  TokenizerConfig config;
  config.input = InputConfig{.kind = "features", .features = 6};
  config.n_channels = 6;
  config.patch_proj = false;
  write_small_model(root, "tok_clip@32", config);
  Random random(2);
  for (int i = 0; i < 3; ++i) {
    Raster<float> map(4, 4, 6);
    for (auto& v : map.pixels) v = static_cast<float>(random.normal());
    Image rgb(32, 32, 3, static_cast<uint8_t>(80 * i));
    write_file(root / "data/clip" / (std::to_string(i) + ".npy"), encode_picture(*config.input, map));
    write_file(root / "data/rgb" / (std::to_string(i) + ".png"), encode_png(rgb));
  }
  const Pipeline pipeline = Pipeline::open({root / "model", {}, {}, {}});
  const Json report = evaluate(pipeline, {root / "data", 3, 0, {"rgb"}, {}});
  const Json& measures = report["inputs"][0]["measures"];
  ASSERT_EQ(measures.size(), 1u);
  EXPECT_EQ(measures[0]["measure"], "features cosine");
  const auto tokenizer = PictureTokenizer::open(root / "model/tokenizers/tok_clip@32");
  const auto maps = [&] {
    std::vector<StoredPicture> all;
    for (const auto& file : list_files(root / "data/clip")) all.push_back(read_picture(tokenizer.input(), file));
    return all;
  }();
  const auto copies = tokenizer.decode(tokenizer.encode(maps));
  double ceiling = 0;
  for (size_t i = 0; i < maps.size(); ++i)
    ceiling += mean_cosine(std::get<Raster<float>>(copies[i]).pixels, std::get<Raster<float>>(maps[i]).pixels, 6) / 3;
  EXPECT_NEAR(measures[0]["ceiling"].get<double>(), ceiling, 1e-5);

  // A map can be given as it is, and comes back as a map.
  Canvas canvas, picture;
  pipeline.give(canvas, "tok_clip@32", (root / "data/clip/1.npy").string());
  pipeline.give_picture(picture, "tok_clip@32", maps[1]);
  EXPECT_EQ(pipeline.tokens(canvas, "tok_clip@32"), pipeline.tokens(picture, "tok_clip@32"));
  pipeline.write_decoded(canvas, "tok_clip@32", root / "out", "one");
  EXPECT_EQ(read_picture(*config.input, root / "out/one_features.npy"), copies[1]);
  EXPECT_EQ(read_image(root / "out/one_view.png").width, 4);
  fs::remove_all(root);
}

TEST_F(EvaluateTest, WhatIsNotMeasuredIsListed) {
  const auto reasons = [](const Json& report) {
    std::map<std::string, std::string> found;
    for (const auto& item : report["not_measured"]) found[item["what"]] = item["reason"];
    return found;
  };
  const auto whole = reasons(evaluate(*pipeline_, {folder_, 2, 0, {"rgb"}, {}}));
  EXPECT_TRUE(whole.at("tok_clip@128").find("no folder clip") != std::string::npos);
  EXPECT_TRUE(whole.contains("rgb: caption outranks others, cosine to caption"));
  EXPECT_EQ(whole.size(), 2u);

  const fs::path none = folder_.string() + "_none", part = folder_.string() + "_part";
  for (const fs::path& folder : {none, part}) make_folder(folder);
  for (const char* folder : {"rgb", "depth", "caption"})
    fs::copy(folder_ / folder, part / folder, fs::copy_options::recursive);
  const fs::path model = fs::path(FOURM_SOURCE_DIR) / "models/rooms-ti";
  const Pipeline plain = Pipeline::open({model, none, {}, {}});
  const Json report = evaluate(plain, {folder_, 2, 0, {"rgb"}, {}});
  EXPECT_EQ(measured(report["inputs"][0]).front(), "boxes AP50");
  EXPECT_NE(reasons(report).at("tok_depth@128").find("no tokenizer"), std::string::npos);
  EXPECT_NE(evaluation_table(report).find("\n  tok_depth@128: it has no tokenizer"), std::string::npos);
  try {
    evaluate(plain, {part, 2, 0, {"rgb"}, {}});
    ADD_FAILURE() << "nothing was measured";
  } catch (const Error& error) {
    for (const char* text : {"nothing can be measured", "tok_depth@128: it has no tokenizer",
                             "det: the data set has no folder det", "caption: the data set has no folder scene"})
      EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
  }
  fs::remove_all(none);
  fs::remove_all(part);
}

TEST_F(EvaluateTest, UnknownInputsAreRefusedBeforeSamplesAreRead) {
  const fs::path broken = folder_.string() + "_broken";
  for (const char* name : {"rgb/a.png", "rgb/b.png", "depth/a.png", "depth/b.png"})
    write_file(broken / name, "no image");
  try {
    evaluate(*pipeline_, {broken, 2, 0, {"depth", "rbg"}, {}});
    ADD_FAILURE() << "an unknown input was taken";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("did you mean 'rgb'"), std::string::npos) << error.what();
  }
  fs::remove_all(broken);
}

TEST_F(EvaluateTest, SaysWhatIsWrong) {
  const auto message = [&](const EvaluateOptions& options) -> std::string {
    try {
      evaluate(*pipeline_, options);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(message({folder_, 2, 0, {"dept"}}).find("did you mean 'depth'"), std::string::npos);
  EXPECT_NE(message({folder_, 2, 0, {"rgb+"}}), "");
  EXPECT_NE(message({folder_, 1, 0, {"rgb"}}).find("fewer than two"), std::string::npos);
  EXPECT_NE(message({folder_ / "rgb", 2, 0, {"rgb"}}), "");
}

}  // namespace
}  // namespace fourm
