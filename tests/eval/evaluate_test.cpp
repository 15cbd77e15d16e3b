// The results of the bundled model on a few rooms: which measures there are, not how good the model is.
#include "fourm/eval/evaluate.h"

#include <gtest/gtest.h>

#include "fourm/clip/clip_model.h"
#include "fourm/core/error.h"
#include "fourm/data/source.h"
#include "fourm/eval/evaluation_set.h"
#include "fourm/eval/predict.h"
#include "fourm/eval/report.h"
#include "fourm/eval/token_comparison.h"
#include "fourm/generate/result_files.h"
#include "fourm/io/npy.h"
#include "fourm/model/model_file.h"
#include "fourm/rooms/dataset.h"
#include "fourm/tokenizer/image_tokenizer.h"
#include "fourm/tokenizer/vqvae.h"
#include "tests/support/captured_log.h"
#include "tests/support/evaluated_rooms.h"
#include "tests/support/small_model.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

class EvaluateTest : public test::EvaluatedRooms {
 protected:
  static std::vector<std::string> measured(const EvaluationResult::InputSet& set) {
    std::vector<std::string> names;
    for (const auto& m : set.measures) names.push_back(m.name);
    return names;
  }
};

TEST_F(EvaluateTest, InputsAreNoTargets) {
  EvaluateOptions options{folder_, 3, 1, {"rgb", "rgb+caption", "all"}, {}};
  const EvaluationResult report = evaluate(*pipeline_, options);
  EXPECT_EQ(report.samples, 3);
  const std::vector<std::string> maps{"depth AbsRel",
                                      "depth delta1",
                                      "depth delta2",
                                      "depth delta3",
                                      "depth RMSE",
                                      "normals mean angle",
                                      "normals median angle",
                                      "normals within 11.25 degrees",
                                      "normals within 22.5 degrees",
                                      "normals within 30 degrees",
                                      "semantic mIoU",
                                      "semantic accuracy",
                                      "boxes AP",
                                      "boxes AP50"},
      captions{"caption CIDEr", "caption BLEU-4", "caption names large objects", "caption names the largest"},
      rgb{"rgb PSNR", "rgb: main object found", "rgb: named colour found", "rgb: object at named place",
          "rgb: class found in its box"};
  auto of_rgb = maps, of_all = rgb;
  of_rgb.insert(of_rgb.end(), captions.begin(), captions.end());
  of_all.insert(of_all.end(), of_rgb.begin(), of_rgb.end());
  ASSERT_EQ(report.input_sets.size(), 3u);
  EXPECT_EQ(measured(report.input_sets[0]), of_rgb);
  EXPECT_EQ(measured(report.input_sets[1]), maps);
  EXPECT_EQ(measured(report.input_sets[2]), of_all);
  // Ceilings and baselines depend on the data set only, not on the inputs.
  for (size_t i = 0; i < maps.size(); ++i)
    for (const auto column : {&Comparison::ceiling, &Comparison::baseline}) {
      EXPECT_EQ(report.input_sets[0].measures[i].*column, report.input_sets[1].measures[i].*column);
      EXPECT_EQ(report.input_sets[0].measures[i].*column, report.input_sets[2].measures[i + rgb.size()].*column);
    }
  EXPECT_EQ(to_json(evaluate(*pipeline_, options)), to_json(report));
  const std::string table = evaluation_table(report);
  for (const char* text : {"3 samples", "rgb+caption ->", "boxes AP50 (higher)", "gap closed"})
    EXPECT_NE(table.find(text), std::string::npos) << table;
}

TEST(Report, JsonKeepsItsKeysInOrder) {
  const EvaluationResult result{
      "rooms", 4, 1, {{"rgb", {{"depth AbsRel", "", false, {0.25, 0.125, 4}, 0, 1}}}}, {{"det", "why"}}};
  EXPECT_EQ(
      json_text(to_json(result)),
      R"({"data":"rooms","samples":4,"left_out":1,"inputs":[{"given":"rgb","measures":[{"measure":"depth AbsRel",)"
      R"("unit":"","better":"lower","model":0.25,"interval":0.125,"samples":4,"ceiling":0.0,"baseline":1.0,)"
      R"("closed":0.75}]}],"not_measured":[{"what":"det","reason":"why"}]})");
  EvaluationResult narrow = result;
  narrow.input_sets[0].measures[0].ceiling = 0.9;  // a gap within the interval
  EXPECT_TRUE(to_json(narrow)["inputs"][0]["measures"][0]["closed"].is_null());
  EXPECT_EQ(json_text(to_json(AgreementResult{"rooms", "rgb", 4, 1, {{"caption", 0.5, 0.25}}})),
            R"({"data":"rooms","samples":4,"left_out":1,"given":"rgb",)"
            R"("outputs":[{"modality":"caption","tokens":0.5,"predictions":0.25}]})");
}

TEST_F(EvaluateTest, TruthIsReadAsStored) {
  const EvaluationSet set = EvaluationSet::read(*pipeline_, folder_, 2);
  ASSERT_EQ(set.samples.size(), 2u);
  EXPECT_EQ(set.input("rgb").input, "rgb@128");
  EXPECT_EQ(set.input("rgb").output, "tok_rgb@128");
  RoomOptions world;
  world.split = Split::kVal;
  const RoomSample room = RoomMaker(world).make(1);
  const EvaluationSample& sample = set.samples[1];
  EXPECT_EQ(std::get<Raster<float>>(sample.images.at("depth")), depth_in_metres(room.depth_mm));
  EXPECT_EQ(std::get<Image>(sample.images.at("semseg")), room.semseg);
  EXPECT_EQ(sample.boxes.size(), room.det["instances"].size());
  EXPECT_EQ(sample.caption, room.captions.back());
  EXPECT_EQ(sample.scene.largest, room.scene["largest"].get<std::string>());
}

TEST_F(EvaluateTest, SamplesThatLackAModalityOrAreBrokenAreLeftOut) {
  const fs::path part = folder_.string() + "_part";
  fs::remove_all(part);
  write_rooms(RoomMaker(RoomOptions{}), 5, part, 1, false, 0);
  const Source source = Source::open(part.string());
  fs::remove(source.file(0, "depth"));
  write_file(source.file(2, "rgb"), "no image");
  const std::string missing = source.name(0);
  const test::CapturedLog captured;
  const EvaluationSet set = EvaluationSet::read(*pipeline_, part, 2);
  const std::string warnings = captured.warnings();
  ASSERT_EQ(set.samples.size(), 2u);
  EXPECT_EQ(set.left_out, 2);
  EXPECT_EQ(set.samples[0].inputs.key, 1u);
  EXPECT_EQ(set.samples[1].inputs.key, 3u);
  EXPECT_NE(warnings.find("warning: " + part.string() + ": 2 samples are left out; the first: '" + missing + "': "),
            std::string::npos)
      << warnings;
  EXPECT_EQ(warnings.find("warning:"), warnings.rfind("warning:")) << warnings;
  const EvaluationResult report = evaluate(*pipeline_, {part, 5, 0, {"rgb"}, {}});
  EXPECT_EQ(report.samples, 3);
  EXPECT_EQ(report.left_out, 2);
  for (int64_t i : {3, 4}) write_file(source.file(i, "rgb"), "no image");
  EXPECT_THROW(evaluate(*pipeline_, {part, 5, 0, {"rgb"}, {}}), Error) << "one sample is left";
  fs::remove_all(part);
}

TEST_F(EvaluateTest, AnImageTextModelEvaluatesGeneratedImages) {
  ClipConfig config;
  config.image_width = config.text_width = 16;
  config.image_depth = config.text_depth = 1;
  const fs::path evaluator = folder_.string() + "_evaluator";
  ClipModel::create(config, fs::path(FOURM_SOURCE_DIR) / "models/rooms-ti/tokenizer.json", 1).save(evaluator);
  const EvaluationResult without = evaluate(*pipeline_, {folder_, 2, 1, {"caption"}, {}});
  const EvaluationResult with = evaluate(*pipeline_, {folder_, 2, 1, {"caption"}, evaluator});
  fs::remove_all(evaluator);
  auto names = measured(without.input_sets[0]);
  for (const char* name : {"rgb: Frechet distance", "rgb: caption outranks others", "rgb: cosine to caption"})
    names.insert(std::find(names.begin(), names.end(), "rgb: class found in its box") + 1, name);
  EXPECT_EQ(measured(with.input_sets[0]), names);
}

// The plan of generated images: without one the model's default settings.
TEST_F(EvaluateTest, ImagesAreGeneratedByThePlan) {
  const std::vector<Target> chained =
      pipeline_->default_plan(std::vector<std::string>{"caption"}, {"tok_rgb@128"}).targets;
  const auto written = [&](const std::string& name, const std::vector<Target>& targets) {
    std::string text = "top_p: 0.8\ntargets:\n";
    for (const auto& t : targets)
      text += concat("  - {modality: ", t.modality, ", scheme: ", t.scheme, ", steps: ", t.steps,
                     ", temperature_schedule: ", t.temperature_schedule, ", guidance: ", t.guidance, "}\n");
    const std::string file = folder_.string() + "_" + name + ".yaml";
    write_file(file, text);
    return file;
  };
  const auto measured_by = [&](const std::string& plan) {
    return to_json(evaluate(*pipeline_, {folder_, 2, 1, {"caption"}, {}, plan}));
  };
  EXPECT_EQ(measured_by(written("chain", chained)), measured_by(""));
  EXPECT_NE(measured_by(written("direct", {chained.back()})), measured_by(""));
  try {
    measured_by(written("depth", {chained[0]}));
    ADD_FAILURE() << "a plan without the image was taken";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("the last target is tok_semseg@128, expected tok_rgb@128"),
              std::string::npos)
        << error.what();
  }
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
  save_model(create_model(model, modalities, 1), root / "model");
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
  const test::TemporaryFolder temporary;
  const fs::path root = temporary / "files";
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
  const EvaluationResult report = evaluate(pipeline, {root / "data", 3, 0, {"rgb"}, {}});
  const auto& measures = report.input_sets[0].measures;
  ASSERT_EQ(measures.size(), 1u);
  EXPECT_EQ(measures[0].name, "depth standardised L1");
  EXPECT_EQ(measures[0].unit, "standard deviations");

  Canvas canvas;
  pipeline.add_input(canvas, "tok_depth@32", (root / "data/depth/1.png").string());
  ResultFiles(pipeline, root / "out", {"tok_depth@32"}, 1).write_decoded(canvas, "tok_depth@32", {});
  const NpyArray stored = read_npy(root / "out/depth.npy");
  EXPECT_EQ(stored.dtype, "f4");
  EXPECT_EQ(stored.shape, (std::vector<int64_t>{32, 32}));
  EXPECT_EQ(std::get<Raster<float>>(pipeline.image(canvas, "tok_depth@32")).pixels, npy_floats(stored));
  Canvas again;  // what was written is also an input
  pipeline.add_input(again, "tok_depth@32", (root / "out/depth.npy").string());
  EXPECT_EQ(pipeline.tokens(again, "tok_depth@32").size(), 16u);
}

// A model that reads pixels and writes features, and its data set.
TEST(EvaluateFeatures, StandBesideTheirTokenizersCeiling) {
  const test::TemporaryFolder temporary;
  const fs::path root = temporary / "files";
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
    write_file(root / "data/clip" / (std::to_string(i) + ".npy"), encode_stored_image(*config.input, map));
    write_file(root / "data/rgb" / (std::to_string(i) + ".png"), encode_png(rgb));
  }
  const Pipeline pipeline = Pipeline::open({root / "model", {}, {}, {}});
  const EvaluationResult report = evaluate(pipeline, {root / "data", 3, 0, {"rgb"}, {}});
  const auto& measures = report.input_sets[0].measures;
  ASSERT_EQ(measures.size(), 1u);
  EXPECT_EQ(measures[0].name, "features cosine");
  const auto tokenizer = ImageTokenizer::open(root / "model/tokenizers/tok_clip@32");
  const auto maps = [&] {
    std::vector<StoredImage> all;
    for (const auto& file : list_files(root / "data/clip")) all.push_back(read_stored_image(tokenizer.input(), file));
    return all;
  }();
  const auto copies = tokenizer.decode(tokenizer.encode(maps));
  double ceiling = 0;
  for (size_t i = 0; i < maps.size(); ++i)
    ceiling += mean_cosine(std::get<Raster<float>>(copies[i]).pixels, std::get<Raster<float>>(maps[i]).pixels, 6) / 3;
  EXPECT_NEAR(measures[0].ceiling, ceiling, 1e-5);

  // A map is an input as it is, and is decoded to a map.
  Canvas canvas, image;
  pipeline.add_input(canvas, "tok_clip@32", (root / "data/clip/1.npy").string());
  pipeline.add_image(image, "tok_clip@32", maps[1]);
  EXPECT_EQ(pipeline.tokens(canvas, "tok_clip@32"), pipeline.tokens(image, "tok_clip@32"));
  ResultFiles(pipeline, root / "out", {"tok_clip@32"}, 1).write_decoded(canvas, "tok_clip@32", {});
  EXPECT_EQ(read_stored_image(*config.input, root / "out/clip.npy"), copies[1]);
  EXPECT_EQ(read_image(root / "out/clip.png").width, 4);
}

// The small model, with vectors that a tokenizer reads and files of tokens as its data: four samples.
class EvaluateTokens : public testing::Test {
 protected:
  void SetUp() override {
    test::write_small_model(root / "model");
    Random random(2);
    for (int i = 0; i < 4; ++i) {
      std::vector<float> vector(6);
      for (auto& v : vector) v = static_cast<float>(random.normal());
      std::vector<int64_t> tokens(16);
      for (auto& t : tokens) t = random.below(16);
      tokens[3] = kUnknownToken;
      const std::string name = concat(i, ".npy");
      write_npy(root / "data/global" / name, npy_from_floats(vector, {6}));
      write_npy(root / "data/tok_rgb@32" / name, npy_from_integers(tokens, {1, 16}, "i2"));
    }
  }
  Pipeline open() const { return Pipeline::open({.model = root / "model"}); }
  EvaluationResult evaluated(const std::vector<std::string>& inputs) const {
    return evaluate(open(), {root / "data", 4, 0, inputs, {}});
  }
  static std::vector<std::string> names(const EvaluationResult::InputSet& set) {
    std::vector<std::string> names;
    for (const auto& m : set.measures) names.push_back(m.name);
    return names;
  }
  static std::string reason(const EvaluationResult& result, const std::string& what) {
    for (const auto& one : result.not_measured)
      if (one.what == what) return one.reason;
    return "";
  }
  const test::TemporaryFolder temporary;
  const fs::path root = temporary / "files";
};

TEST_F(EvaluateTokens, MeasureModalitiesWithoutAMeasureOfTheirOwn) {
  const EvaluationResult result = evaluated({"global", "rgb"});
  const std::vector<std::string> of_rgb{"tok_rgb@32: token accuracy", "tok_rgb@32: exact match"},
      of_global{"global: token accuracy", "global: exact match"};
  EXPECT_EQ(names(result.input_sets[0]), of_rgb);
  EXPECT_EQ(names(result.input_sets[1]), of_global);
  for (const char* text : {"caption", "det"})
    EXPECT_EQ(reason(result, text), concat("the data set has no folder ", text));
  EXPECT_EQ(result.not_measured.size(), 2u) << to_json(result);

  const Pipeline pipeline = open();
  const Canvas truth = EvaluationSet::read(pipeline, root / "data", 4).samples[2].ceiling;
  const StoredImage vector = read_stored_image(pipeline.input_config("tok_global@32"), root / "data/global/2.npy");
  EXPECT_EQ(tokens_of(pipeline, truth, pipeline.modality("tok_global@32")), pipeline.tokenize("tok_global@32", vector));
  const auto tokens = tokens_of(pipeline, truth, pipeline.modality("tok_rgb@32"));
  EXPECT_EQ(tokens, npy_integers(read_npy(root / "data/tok_rgb@32/2.npy"), "tokens"));
  EXPECT_EQ(tokens[3], kUnknownToken);
}

TEST_F(EvaluateTokens, ComparePredictedWithTrueTokens) {
  const Pipeline pipeline = open();
  const Modality modality = pipeline.modality("tok_rgb@32");
  const EvaluationSet set = EvaluationSet::read(pipeline, root / "data", 4);
  const auto start = [&](size_t i) { return set.canvas(i, {"tok_global@32"}); };
  TokenLists predicted, truth;
  for (const Canvas& canvas : predict(pipeline, 4, start, {most_likely(modality)}, 0))
    predicted.push_back(tokens_of(pipeline, canvas, modality));
  for (const auto& sample : set.samples) truth.push_back(tokens_of(pipeline, sample.ceiling, modality));
  const auto expected = compare_tokens("tok_rgb@32", predicted, truth);
  const auto measures = evaluated({"global"}).input_sets[0].measures;
  ASSERT_EQ(measures.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(to_json(measures[i]), to_json(expected[i]));
}

TEST_F(EvaluateTokens, NeedNoTokenizerWhereFilesHoldThem) {
  fs::remove_all(root / "model/tokenizers");
  fs::copy(root / "data/tok_rgb@32", root / "data/tok_global@32", fs::copy_options::recursive);
  EXPECT_EQ(names(evaluated({"rgb"}).input_sets[0]),
            (std::vector<std::string>{"tok_global@32: token accuracy", "tok_global@32: exact match"}));
  fs::remove_all(root / "data/tok_global@32");  // what is left are vectors
  for (int i = 0; i < 4; ++i) write_file(root / "data/caption" / concat(i, ".txt"), "a room with a chair");
  const EvaluationResult result = evaluated({"rgb"});
  EXPECT_EQ(result.samples, 4);
  EXPECT_EQ(names(result.input_sets[0]), (std::vector<std::string>{"caption CIDEr", "caption BLEU-4"}));
  EXPECT_EQ(reason(result, "tok_global@32"), "it has no tokenizer; name a folder that holds one");
}

// Otherwise a perfect prediction of a text would not be an exact match.
TEST_F(EvaluateTest, PredictedTextsEndAsTrueOnesDo) {
  const EvaluationSet set = EvaluationSet::read(*pipeline_, folder_, 2);
  const Modality caption = pipeline_->modality("caption");
  const auto start = [&](size_t i) { return set.canvas(i, {"rgb@128"}); };
  const auto predicted = predict(*pipeline_, 2, start, {most_likely(caption)}, 0);
  const int64_t end = pipeline_->text_tokenizer().eos();
  for (size_t i = 0; i < 2; ++i)
    for (const Canvas& canvas : {predicted[i], set.samples[i].inputs}) {
      const auto tokens = tokens_of(*pipeline_, canvas, caption);
      EXPECT_EQ(std::find(tokens.begin(), tokens.end(), end) - tokens.begin(), std::ssize(tokens) - 1);
    }
}

// A copy of the data set whose images have as much again at their sides.
void write_wide_copy(const fs::path& from, const fs::path& to) {
  for (const auto& file : list_files(from / "rgb")) {
    const Image square = read_image(file);
    Image wide(2 * square.width, square.height, 3, 40);
    for (int y = 0; y < square.height; ++y)
      std::copy_n(square.at(0, y), square.width * 3, wide.at(square.width / 2, y));
    write_file(to / "rgb" / file.filename(), encode_png(wide));
  }
  for (const auto& file : list_files(from / "det")) {
    Json json = read_json(file);
    for (auto& instance : json["instances"])
      for (const size_t k : {0, 2}) instance["boxes"][k] = 0.25 + instance["boxes"][k].get<double>() / 2;
    json["instances"].push_back({{"boxes", {0, 0, 0.2, 1}}, {"class_name", "outside"}, {"score", 1}});
    write_json(to / "det" / file.filename(), json);
  }
}

// Maps are middle squares; so are the boxes, as truth and as input.
TEST_F(EvaluateTest, BoxesLieInTheMiddleSquareOfWideImages) {
  const fs::path wide = folder_.string() + "_wide", square = folder_.string() + "_square";
  for (const char* folder : {"rgb", "det"}) {
    make_folder(square);
    fs::copy(folder_ / folder, square / folder, fs::copy_options::recursive);
  }
  write_wide_copy(folder_, wide);
  const EvaluationSet expected = EvaluationSet::read(*pipeline_, square, 3),
                      found = EvaluationSet::read(*pipeline_, wide, 3);
  for (size_t i = 0; i < 3; ++i) {
    const auto &a = expected.samples[i], &b = found.samples[i];
    ASSERT_EQ(a.boxes.size(), b.boxes.size());
    for (size_t k = 0; k < a.boxes.size(); ++k) {
      EXPECT_NEAR(a.boxes[k].xmin, b.boxes[k].xmin, 1e-9);
      EXPECT_NEAR(a.boxes[k].xmax, b.boxes[k].xmax, 1e-9);
      EXPECT_EQ(a.boxes[k].class_name, b.boxes[k].class_name);
    }
    EXPECT_EQ(a.inputs.find("det")->data.ids, b.inputs.find("det")->data.ids);
    EXPECT_EQ(a.ceiling.find("det")->data.ids, b.ceiling.find("det")->data.ids);
  }
  const auto boxes_of = [&](const fs::path& data) {
    return to_json(evaluate(*pipeline_, {data, 3, 0, {"rgb"}, {}}))["inputs"];
  };
  EXPECT_EQ(boxes_of(square), boxes_of(wide));

  // Without an image the size that the file states is the measure.
  fs::remove_all(wide / "rgb");
  for (const auto& file : list_files(wide / "det")) {
    Json json = read_json(file);
    json["width"] = 256, json["height"] = 128;
    write_json(file, json);
  }
  EXPECT_EQ(EvaluationSet::read(*pipeline_, wide, 2).samples[1].inputs.find("det")->data.ids,
            expected.samples[1].inputs.find("det")->data.ids);
  fs::remove_all(wide);
  fs::remove_all(square);
}

// Boxes that are no input of the model are no ground truth either, and take no tokens.
TEST_F(EvaluateTest, BoxesOfLowScoreAreLeftOut) {
  const fs::path data = folder_.string() + "_scores";
  for (int i = 0; i < 2; ++i) {
    Json instances = Json::array();
    for (int k = 0; k < 100; ++k) instances.push_back({{"boxes", {0, 0, 1, 1}}, {"class_name", "bed"}, {"score", 0.5}});
    for (int k = 0; k < 2; ++k)
      instances.push_back({{"boxes", {0.5, 0.5, 0.6, 0.6}}, {"class_name", "bed"}, {"score", 0.6}});
    write_json(data / "det" / concat(i, ".json"), {{"instances", instances}});
    write_file(data / "rgb" / concat(i, ".png"), encode_png(Image(128, 128, 3, 80)));
  }
  for (const auto& sample : EvaluationSet::read(*pipeline_, data, 2).samples) {
    EXPECT_EQ(sample.boxes.size(), 2u);
    EXPECT_EQ(pipeline_->boxes(sample.inputs, "det").size(), 2u);
    EXPECT_EQ(pipeline_->boxes(sample.ceiling, "det").size(), 2u);
  }
  fs::remove_all(data);
}

constexpr const char* kClasses[] = {"sky", "zebra", "tent", "river"};

// A small model of these modalities, whose tokenizer of images has as many codebooks.
Pipeline small_pipeline(const fs::path& folder, const std::vector<std::string>& reads,
                        const std::vector<std::string>& writes, int64_t codebooks = 1) {
  test::write_small_model(folder);
  const std::string table =
      "modalities:\n"
      "  rgb@32: {kind: pixels, image_size: 32, patch_size: 8}\n"
      "  tok_rgb@32: " +
      (codebooks > 1 ? concat("{vocab_size: 16, max_tokens: ", 16 * codebooks, "}\n")
                     : "{vocab_size: 16, image_size: 32, patch_size: 8}\n") +
      "  tok_semseg@32: {vocab_size: 16, image_size: 32, patch_size: 8}\n"
      "  caption: {kind: sequence, vocab_size: 400, max_tokens: 24}\n"
      "  det: {kind: sequence, vocab_size: 400, max_tokens: 24}\n";
  ModalityTable modalities;
  modalities.extend(table, "the test");
  ModelConfig model;
  model.domains_in = reads;
  model.domains_out = writes;
  model.dim = 16;
  model.encoder_depth = model.decoder_depth = 1;
  model.num_heads = 2;
  save_model(create_model(model, modalities, 1), folder);
  write_file(folder / "modalities.yaml", table);
  TokenizerConfig labels = test::small_image_tokenizer();
  labels.input = InputConfig{.kind = "semseg"};
  labels.n_channels = 8;
  labels.n_labels = std::size(kClasses);
  Tokenizer::create(labels, 6).save(folder / "tokenizers/tok_semseg@32");
  if (codebooks > 1) {
    TokenizerConfig config = test::small_image_tokenizer();
    config.quant_type = "memcodes";
    config.num_codebooks = codebooks;
    config.latent_dim = 4 * codebooks;
    fs::remove_all(folder / "tokenizers/tok_rgb@32");
    Tokenizer::create(config, 5).save(folder / "tokenizers/tok_rgb@32");
  }
  return Pipeline::open({.model = folder});
}

// Three samples of an image, boxes, a caption and a scene.
void write_small_data(const fs::path& folder, const std::string& caption) {
  Random random(4);
  for (int i = 0; i < 3; ++i) {
    Image rgb(40, 32, 3);
    for (auto& p : rgb.pixels) p = static_cast<uint8_t>(random.below(256));
    const std::string name = std::to_string(i);
    write_file(folder / "rgb" / (name + ".png"), encode_png(rgb));
    write_file(folder / "caption" / (name + ".txt"), caption);
    write_file(folder / "det" / (name + ".json"),
               R"({"instances": [{"boxes": [0.3, 0.2, 0.6, 0.9], "class_name": "chair"}]})");
    write_file(folder / "scene" / (name + ".json"),
               R"({"largest": "chair", "things": [{"class_name": "chair", "furniture": true, "pixels": 900}]})");
  }
}

// The text tokenizer has lower-case words, so that predicted names have no capitals.
TEST_F(EvaluateTest, ClassNamesAreComparedAsTheTextTokenizerWritesThem) {
  const fs::path capitals = folder_.string() + "_capitals";
  make_folder(capitals);
  for (const char* folder : {"rgb", "det"}) fs::copy(folder_ / folder, capitals / folder, fs::copy_options::recursive);
  for (const auto& file : list_files(capitals / "det", {".json"})) {
    Json json = read_json(file);
    for (auto& instance : json["instances"]) {
      auto name = instance["class_name"].get<std::string>();
      name[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(name[0])));
      instance["class_name"] = name;
    }
    write_json(file, json);
  }
  const EvaluationSet set = EvaluationSet::read(*pipeline_, folder_, 3),
                      found = EvaluationSet::read(*pipeline_, capitals, 3);
  int64_t boxes = 0;
  for (size_t i = 0; i < 3; ++i)
    for (size_t k = 0; k < set.samples[i].boxes.size(); ++k, ++boxes)
      EXPECT_EQ(found.samples[i].boxes.at(k).class_name, set.samples[i].boxes[k].class_name);
  EXPECT_GT(boxes, 0);
  fs::remove_all(capitals);
}

// A model from RGB to other modalities, none of which it reads, is measured like one that reads them.
TEST_F(EvaluateTest, OutputsThatAreNoInputsAreMeasured) {
  const fs::path root = folder_.string() + "_only";
  write_small_data(root / "data", "a room with a chair");
  const std::vector<std::string> outputs{"caption", "det", "tok_rgb@32"};
  const Pipeline one = small_pipeline(root / "one", {"rgb@32"}, {"caption", "det"});
  const Pipeline all = small_pipeline(root / "all", {"rgb@32", "caption", "det", "tok_rgb@32"}, outputs);
  const auto found = evaluate(one, {root / "data", 3, 0, {"rgb"}, {}}).input_sets[0];
  const auto whole = evaluate(all, {root / "data", 3, 0, {"rgb"}, {}}).input_sets[0];
  EXPECT_EQ(measured(found), measured(whole));
  ASSERT_EQ(measured(found).front(), "boxes AP");
  EXPECT_NEAR(found.measures[1].ceiling, 1, 1e-9) << "boxes AP50";
  for (size_t i = 0; i < found.measures.size(); ++i)
    for (const auto column : {&Comparison::ceiling, &Comparison::baseline})
      EXPECT_EQ(found.measures[i].*column, whole.measures[i].*column);

  // The same of images.
  const Pipeline text_to_image = small_pipeline(root / "text_to_image", {"caption"}, {"tok_rgb@32"});
  const auto generated = evaluate(text_to_image, {root / "data", 3, 0, {"caption"}, {}}).input_sets[0];
  const auto by_all = evaluate(all, {root / "data", 3, 0, {"caption"}, {}}).input_sets[0];
  EXPECT_EQ(generated.measures[0].name, "rgb PSNR");
  EXPECT_EQ(generated.measures[0].ceiling, by_all.measures[0].ceiling);
  fs::remove_all(root);
}

// dataset.yaml with the classes in this order.
void write_classes(const fs::path& data, const std::vector<std::string>& classes) {
  std::string text = "semseg_classes:\n";
  for (size_t i = 0; i < classes.size(); ++i) text += concat("  - {id: ", i, ", name: ", classes[i], "}\n");
  write_file(data / "dataset.yaml", text);
}

// The classes of labels are those that the data set names, none of them a class of Rooms.
TEST_F(EvaluateTest, ClassNamesAreThoseOfTheDataSet) {
  const fs::path root = folder_.string() + "_classes", data = root / "data";
  write_small_data(data, "two zebras by a river");
  const std::vector<std::string> classes(std::begin(kClasses), std::end(kClasses));
  write_classes(data, classes);
  Random random(3);
  for (int i = 0; i < 3; ++i) {
    Raster<uint8_t> labels(40, 32, 1);
    for (auto& p : labels.pixels) p = static_cast<uint8_t>(random.below(4));
    write_file(data / "semseg" / concat(i, ".png"), encode_png(labels));
  }
  const Pipeline pipeline =
      small_pipeline(root / "model", {"rgb@32", "caption"}, {"tok_rgb@32", "tok_semseg@32", "caption"});

  // What the model itself predicts on the true images. The largest object of a scene is what it finds there.
  const EvaluationSet set = EvaluationSet::read(pipeline, data, 3);
  EXPECT_EQ(set.classes, classes);
  const auto start = [&](size_t i) {
    Canvas canvas;
    canvas.key = i;
    pipeline.add_image(canvas, "rgb@32", pipeline.image(set.samples[i].ceiling, "tok_rgb@32"));
    return canvas;
  };
  const auto predicted = predict(pipeline, 3, start, {most_likely(pipeline.modality("tok_semseg@32"))}, 0);
  std::vector<std::vector<double>> areas;
  std::vector<std::string> largest;
  for (size_t i = 0; i < 3; ++i) {
    areas.push_back(label_areas(std::get<Image>(pipeline.image(predicted[i], "tok_semseg@32"))));
    for (const auto& name : classes)
      if (largest.size() == i && is_found(areas[i], name, classes)) largest.push_back(name);
    ASSERT_EQ(largest.size(), i + 1);
    write_file(
        data / "scene" / concat(i, ".json"),
        R"({"things": [{"class_name": "zebra", "furniture": true, "pixels": 900}], "largest": ")" + largest[i] + "\"}");
  }
  const EvaluateOptions options{data, 3, 0, {"caption", "rgb"}, {}};
  // In the second list the names of the largest objects belong to labels that the model does not predict.
  std::vector<std::string> shifted{"water", "grass", "rock", "snow"};
  shifted.insert(shifted.end(), classes.begin(), classes.end());
  for (const auto& [names, found] : {std::pair{classes, 1}, std::pair{shifted, 0}}) {
    write_classes(data, names);
    const EvaluationResult report = evaluate(pipeline, options);
    EXPECT_EQ(measured(report.input_sets[0]),
              (std::vector<std::string>{"rgb PSNR", "rgb: main object found", "semantic mIoU", "semantic accuracy"}));
    EXPECT_EQ(report.input_sets[0].measures[1].ceiling, found);
    const auto& measures = report.input_sets[1].measures;
    const auto named = std::find_if(measures.begin(), measures.end(),
                                    [](const auto& m) { return m.name == "caption names large objects"; });
    ASSERT_NE(named, measures.end());
    EXPECT_EQ(named->ceiling, 1) << "two zebras";
  }

  fs::remove(data / "dataset.yaml");
  const EvaluationResult report = evaluate(pipeline, options);
  EXPECT_EQ(measured(report.input_sets[0]),
            (std::vector<std::string>{"rgb PSNR", "semantic mIoU", "semantic accuracy"}));
  EXPECT_NE(report.not_measured[1].reason.find("semseg_classes"), std::string::npos) << to_json(report);
  fs::remove_all(root);
}

// The modality is a row of the tokens of all codebooks; the tokenizer has the size of its images.
TEST_F(EvaluateTest, SeveralCodebooksAreMeasuredAtTheSizeOfTheirTokenizer) {
  const fs::path root = folder_.string() + "_codebooks";
  write_small_data(root / "data", "a chair");
  const Pipeline pipeline = small_pipeline(root / "model", {"caption", "tok_rgb@32"}, {"tok_rgb@32"}, 2);
  const EvaluationSet set = EvaluationSet::read(pipeline, root / "data", 3);
  for (const auto& sample : set.samples) {
    EXPECT_EQ(width_of(sample.images.at("rgb")), 32);
    EXPECT_EQ(sample.ceiling.find("tok_rgb@32")->data.ids.size(), 32u);
    EXPECT_EQ(sample.inputs.find("tok_rgb@32")->data.ids, sample.ceiling.find("tok_rgb@32")->data.ids);
  }
  const EvaluationResult report = evaluate(pipeline, {root / "data", 3, 0, {"caption"}, {}});
  EXPECT_EQ(report.input_sets[0].measures[0].name, "rgb PSNR");
  fs::remove_all(root);
}

TEST_F(EvaluateTest, TextsThatAreCutAreOneWarning) {
  const fs::path root = folder_.string() + "_long";
  std::string caption;
  for (int i = 0; i < 30; ++i) caption += "a chair ";
  write_small_data(root / "data", caption);
  const Pipeline pipeline = small_pipeline(root / "model", {"rgb@32", "caption"}, {"det"});
  const test::CapturedLog captured;
  const EvaluationSet set = EvaluationSet::read(pipeline, root / "data", 3);
  const std::string warnings = captured.warnings();
  const size_t first = warnings.find("caption keeps the first 24");
  EXPECT_NE(first, std::string::npos) << warnings;
  EXPECT_EQ(warnings.find("caption keeps the first 24", first + 1), std::string::npos) << warnings;
  EXPECT_NE(warnings.find("0.txt: modality 'caption'"), std::string::npos) << warnings;
  EXPECT_EQ(set.samples[2].inputs.find("caption")->data.ids.size(), 24u);
  fs::remove_all(root);
}

TEST_F(EvaluateTest, MissingMeasuresAreListedWithReasons) {
  const auto reasons = [](const EvaluationResult& report) {
    std::map<std::string, std::string> found;
    for (const auto& [what, reason] : report.not_measured) found[what] = reason;
    return found;
  };
  const auto whole = reasons(evaluate(*pipeline_, {folder_, 2, 0, {"rgb"}, {}}));
  EXPECT_TRUE(whole.at("tok_clip@128").find("no folder clip") != std::string::npos);
  EXPECT_TRUE(whole.contains("rgb: caption outranks others, cosine to caption, Frechet distance"));
  EXPECT_EQ(whole.size(), 2u);

  const fs::path none = folder_.string() + "_none", part = folder_.string() + "_part";
  for (const fs::path& folder : {none, part}) make_folder(folder);
  for (const char* folder : {"rgb", "depth"}) fs::copy(folder_ / folder, part / folder, fs::copy_options::recursive);
  const fs::path model = fs::path(FOURM_SOURCE_DIR) / "models/rooms-ti";
  const Pipeline plain = Pipeline::open({model, none, {}, {}});
  const EvaluationResult report = evaluate(plain, {folder_, 2, 0, {"rgb"}, {}});
  EXPECT_EQ(measured(report.input_sets[0]).front(), "boxes AP");
  EXPECT_NE(reasons(report).at("tok_depth@128").find("no tokenizer"), std::string::npos);
  EXPECT_NE(evaluation_table(report).find("\n  tok_depth@128: it has no tokenizer"), std::string::npos);
  try {
    evaluate(plain, {part, 2, 0, {"rgb"}, {}});
    ADD_FAILURE() << "nothing was measured";
  } catch (const Error& error) {
    for (const char* text : {"nothing can be measured", "tok_depth@128: it has no tokenizer",
                             "det: the data set has no folder det", "caption: the data set has no folder caption"})
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
