// The pipeline on a small model: what it reads, and what it writes.
#include "fourm/generate/pipeline.h"

#include <gtest/gtest.h>
#include "fourm/core/error.h"
#include "fourm/core/json.h"
#include "fourm/core/rng.h"
#include "fourm/data/modality_file.h"
#include "fourm/generate/input.h"
#include "fourm/generate/result_files.h"
#include "fourm/io/npy.h"
#include "fourm/io/npz.h"
#include "fourm/kernels/compute_config.h"
#include "tests/support/captured_log.h"
#include "tests/support/message_of.h"
#include "tests/support/small_model.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

class PipelineTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    temporary_ = std::make_unique<test::TemporaryFolder>();
    root_ = *temporary_ / "files";
    test::write_small_model(root_ / "model");
    pipeline_ = std::make_unique<Pipeline>(Pipeline::open({.model = root_ / "model"}));
    Image image(40, 32, 3);
    Random random(3);
    for (auto& p : image.pixels) p = static_cast<uint8_t>(random.below(256));
    for (const char* name : {"a.png", "B.PNG", "image without ending"}) write_file(root_ / name, encode_png(image));
  }
  static void TearDownTestSuite() {
    pipeline_.reset();
    temporary_.reset();
  }

  static std::string file(const std::string& name) { return (root_ / name).string(); }
  static std::string written(const std::string& name, const std::string& bytes) {
    write_file(root_ / name, bytes);
    return file(name);
  }

  static std::vector<int64_t> tokens(const std::string& modality, const std::string& value) {
    Canvas canvas;
    pipeline_->add_input(canvas, modality, value);
    return pipeline_->tokens(canvas, modality);
  }
  static std::string text(const std::string& modality, const std::string& value) {
    Canvas canvas;
    pipeline_->add_input(canvas, modality, value);
    return pipeline_->text(canvas, modality);
  }
  static std::string failure(const std::string& modality, const std::string& value) {
    try {
      tokens(modality, value);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }
  // What give() says on stderr.
  static std::string warnings(const std::string& modality, const std::string& value) {
    const test::CapturedLog captured;
    tokens(modality, value);
    return captured.warnings();
  }

  static inline std::unique_ptr<test::TemporaryFolder> temporary_;
  static inline fs::path root_;
  static inline std::unique_ptr<Pipeline> pipeline_;
};

TEST_F(PipelineTest, TextsAndTheirFiles) {
  EXPECT_EQ(text("caption", "a chair"), "a chair");
  EXPECT_EQ(text("caption", written("one.txt", "a table\n")), "a table");
  EXPECT_EQ(text("caption", written("LOUD.TXT", "a table")), "a table");
  EXPECT_EQ(text("caption", written("two.txt", "a table\non the left\n")), "a table on the left") << "one value";
  EXPECT_EQ(text("caption", "@" + file("one.txt")), "a table");
  EXPECT_EQ(text("caption", "@" + written("prompt", "\n a chair \n\n")), "a chair");
  EXPECT_NE(failure("caption", "@" + file("two.txt")).find("two.txt: holds 2 lines"), std::string::npos);
  EXPECT_EQ(text("caption", "@" + written("one line.txt", "\n a table \n")), "a table");
  EXPECT_NE(failure("caption", "@" + file("none")).find("no such file"), std::string::npos);
  EXPECT_NE(failure("caption", "none.txt").find("'none.txt': no such file; write text: in front"), std::string::npos);
  EXPECT_NE(failure("caption", "none.JSON").find("no such file"), std::string::npos);
  EXPECT_EQ(text("caption", "text:a chair"), "a chair");
  EXPECT_EQ(tokens("caption", "text:" + file("one.txt")), tokens("caption", "text:" + file("one.txt")));
  EXPECT_NE(text("caption", "text:" + file("one.txt")), "a table") << "the name itself";
  EXPECT_NE(text("caption", "text:@table"), "");
  EXPECT_EQ(text("caption", written("list.json", R"(["a chair", "a table"])")), "a chair");
}

TEST_F(PipelineTest, BoxesComeBackFromTheirFile) {
  const std::string boxes = "v0=3 v1=4 v2=20 v3=30 chair v0=5 v1=6 v2=21 v3=31 table";
  Canvas canvas;
  pipeline_->add_input(canvas, "det", boxes);
  const auto files = ResultFiles(*pipeline_, root_ / "out", {"det"}, 1).write_tokens(canvas, "det", {});
  ASSERT_EQ(files.size(), 4u);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(text("det", files[i].string()), boxes) << files[i];
  EXPECT_EQ(read_image(files[3]).width, 448) << "the boxes are drawn";
  fs::copy_file(files[2], root_ / "BOXES.JSON");
  EXPECT_EQ(text("det", file("BOXES.JSON")), boxes);
  EXPECT_EQ(text("det", "@" + files[2].string()), boxes);
}

// Boxes of a file lie in the whole image; the model sees its middle square.
TEST_F(PipelineTest, BoxesOfAFileAreCutToTheSquareOfTheImage) {
  // A square of 31 x 31 bins has corners on the bins; around it are 31 columns to the left and to the right.
  const std::string instances =
      R"("instances": [{"boxes": [0.25, 0, 0.5, 1], "class_name": "chair"}, )"
      R"({"boxes": [0.625, 0.5, 1, 1], "class_name": "table"}, {"boxes": [0, 0, 0.2, 1], "class_name": "table"}]})";
  const std::string plain = written("plain.json", "{" + instances);
  const std::string sized = written("sized.json", R"({"width": 124, "height": 62, )" + instances);
  const std::string tall = written("tall.json", R"({"width": 62, "height": 124, )" + instances);
  const std::string cut = "v0=0 v1=0 v2=16 v3=31 chair v0=23 v1=16 v2=31 v3=31 table";
  EXPECT_EQ(text("det", sized), cut);
  EXPECT_EQ(text("det", tall), "v0=0 v1=0 v2=6 v3=31 table v0=8 v1=0 v2=16 v3=31 chair v0=19 v1=16 v2=31 v3=31 table");
  EXPECT_NE(text("det", plain), cut) << "the size is unknown: the file is of the square";
  for (const char* width : {"0.5", "-1", "1e30"})
    EXPECT_NE(failure("det", written("odd.json", concat(R"({"height": 62, "width": )", width, ", ", instances)))
                  .find("odd.json: 'width' is "),
              std::string::npos);
  Image wide(64, 32, 3, 90);
  write_file(root_ / "wide.png", encode_png(wide));
  for (const char* image : {"rgb@32", "tok_rgb@32"}) {
    const auto with_image = [&](const std::string& boxes) {
      Canvas canvas;
      pipeline_->add_input(canvas, image, file("wide.png"));
      pipeline_->add_input(canvas, "det", boxes);
      return pipeline_->text(canvas, "det");
    };
    EXPECT_EQ(with_image(plain), cut) << image;
    EXPECT_EQ(with_image(sized), cut) << image;
    EXPECT_EQ(with_image(tall), text("det", tall)) << "the size that the file states";
    // What was generated lies in the square, whatever the image.
    Canvas generated;
    pipeline_->add_input(generated, "det", cut);
    EXPECT_EQ(with_image(
                  ResultFiles(*pipeline_, root_ / "square", {"det"}, 1).write_tokens(generated, "det", {})[2].string()),
              cut);
  }
}

TEST_F(PipelineTest, ImagesAndTokens) {
  EXPECT_EQ(pipeline_->tokenizer_folder("tok_rgb@32"), root_ / "model/tokenizers/tok_rgb@32");
  EXPECT_EQ(pipeline_->tokenizer_folder("caption"), fs::path());
  const auto expected = tokens("tok_rgb@32", file("a.png"));
  ASSERT_EQ(expected.size(), 16u);
  for (const char* name : {"B.PNG", "@a.png", "@image without ending"})
    EXPECT_EQ(tokens("tok_rgb@32", name[0] == '@' ? "@" + file(name + 1) : file(name)), expected) << name;
  Canvas canvas;
  pipeline_->add_input(canvas, "rgb@32", file("B.PNG"));
  // One layout: a file of one image, or of crops.
  const auto stored = [&](const std::string& name, const std::vector<int64_t>& shape) {
    auto all = expected;
    all.resize(static_cast<size_t>(NpyArray{"", shape, ""}.count()), 7);
    write_npy(root_ / name, npy_from_integers(all, shape, "i2"));
    return file(name);
  };
  EXPECT_EQ(tokens("tok_rgb@32", stored("flat.npy", {16})), expected);
  EXPECT_EQ(tokens("tok_rgb@32", stored("CROPS.NPY", {3, 16})), expected);
  EXPECT_NE(failure("tok_rgb@32", stored("short.npy", {3, 4})).find("short.npy: has 4 tokens"), std::string::npos);
  for (const char* value : {"a photo", "text:a.png"})
    EXPECT_NE(failure("tok_rgb@32", value).find("takes a file (.npy, .png"), std::string::npos) << value;
  EXPECT_EQ(failure("rgb@32", "b.png"), "'b.png': no such file");
  EXPECT_NE(failure("rgb@32", "emptyfold").find("'emptyfold'; there is no such file or folder"), std::string::npos);
}

TEST_F(PipelineTest, VectorsAreGiven) {
  write_npy(root_ / "vectors.npy", npy_from_floats({1, 2, 3, 4, 5, 6}, {2, 3}));
  Canvas canvas;
  pipeline_->add_input(canvas, "vectors", file("vectors.npy"));
  EXPECT_EQ(canvas.at("vectors").data.values, (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_NE(failure("vectors", "1 2 3").find("takes a file"), std::string::npos);
}

TEST_F(PipelineTest, TextThatIsLikelyMeantOtherwiseIsAWarning) {
  EXPECT_EQ(warnings("caption", "a chair"), "");
  EXPECT_NE(warnings("caption", file("a.png")).find("although a"), std::string::npos);
  EXPECT_EQ(warnings("caption", "text:" + file("a.png")).find("although a"), std::string::npos);
  EXPECT_NE(warnings("det", "a chair").find("holds no box"), std::string::npos);
  EXPECT_EQ(warnings("det", "v0=1 v1=2 v2=3 v3=4 chair"), "");
  EXPECT_EQ(warnings("det", ""), "") << "no boxes";
  EXPECT_NE(warnings("det", written("no box.txt", "a chair")).find("holds no box"), std::string::npos);
  // Words that fall to single letters, in a value and in a file.
  const std::string odd = "a none";
  EXPECT_NE(warnings("caption", odd).find("only letter by letter"), std::string::npos);
  EXPECT_NE(warnings("caption", written("odd.txt", odd)).find("only letter by letter"), std::string::npos);
}

// A text beyond max_tokens is cut as in training.
TEST_F(PipelineTest, LongTextsAreCutWithOneWarning) {
  std::string longer;
  for (int i = 0; i < 30; ++i) longer += "a chair ";
  for (const auto& value : {longer, written("long.txt", longer)}) {
    EXPECT_EQ(tokens("caption", value).size(), 24u);
    const std::string said = warnings("caption", value);
    EXPECT_NE(said.find("caption keeps the first 24"), std::string::npos) << said;
    EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << said;
  }
}

// What training reads of a file is what generation reads.
TEST_F(PipelineTest, FilesAreReadAsInTraining) {
  const WordPiece& words = pipeline_->text_tokenizer();
  const int64_t first = first_free_id(words);
  ASSERT_GT(first, 3);
  const std::string ids = (root_ / "ids.npy").string();
  write_npy(ids, npy_from_integers({7, 0, 3}, {3}));
  EXPECT_EQ(tokens("caption", ids), (std::vector<int64_t>{first + 7, first, first + 3}));
  write_npy(ids, npy_from_integers({7, 0, 3, 1, 1, 1}, {2, 3}));
  EXPECT_EQ(tokens("caption", ids), (std::vector<int64_t>{first + 7, first, first + 3})) << "the first crop";
  write_npy(ids, npy_from_integers({400 - first}, {1}));
  EXPECT_NE(failure("caption", ids).find("has room for"), std::string::npos);

  const auto same = [&](const std::string& modality, const fs::path& path) {
    const Modality m = pipeline_->modality(modality);
    const ModalityFile file(m, read_file(path), path.extension().string().substr(1), path.string());
    ModalityFile::Choice choice;
    choice.number = 0;
    Random random(0);
    const auto data = file.data(choice, &words, coordinate_bins(words), random, [](auto&, auto&) {});
    Canvas canvas;
    pipeline_->add_input(canvas, modality, path.string());
    EXPECT_EQ(canvas.at(modality).data.ids, data.ids) << path;
    EXPECT_EQ(canvas.at(modality).data.values, data.values) << path;
  };
  same("caption", written("captions.json", R"([{"text": "a chair"}, {"text": "a table"}])"));
  same("det", written("boxes.json", R"({"instances": [{"boxes": [0, 0, 0.5, 1], "class_name": "chair"}]})"));
  same("rgb@32", root_ / "a.png");
  write_npy(root_ / "pixels.npy", {"u1", {2, 32, 32, 3}, std::string(2 * 32 * 32 * 3, '\7')});
  same("rgb@32", root_ / "pixels.npy");
  const NpyArray emb = npy_from_floats({1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 1, 1}, {2, 2, 3});
  write_file(root_ / "emb.npz", encode_npz({{"emb", emb}, {"mask_valid", npy_from_integers({1, 0, 1, 1}, {2, 2})}}));
  same("vectors", root_ / "emb.npz");
  Canvas canvas;
  pipeline_->add_input(canvas, "vectors", file("emb.npz"));
  EXPECT_EQ(canvas.at("vectors").data.values, (std::vector<float>{1, 2, 3})) << "valid rows of the first variant";
  write_npy(root_ / "emb.npy", npy_from_floats({1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 1, 1}, {2, 2, 3}));
  same("vectors", root_ / "emb.npy");
}

// The ids of a sequence in .npy are written as they are read.
TEST_F(PipelineTest, SequenceIdsComeBackFromTheirFile) {
  Canvas canvas;
  pipeline_->add_input(canvas, "caption", "a table on the left");
  const auto files = ResultFiles(*pipeline_, root_ / "ids", {"caption"}, 1).write_tokens(canvas, "caption", {});
  auto expected = pipeline_->tokens(canvas, "caption");
  ASSERT_EQ(expected.back(), pipeline_->text_tokenizer().eos());
  expected.pop_back();
  EXPECT_EQ(tokens("caption", files[0].string()), expected);
  const auto stored = npy_integers(read_npy(files[0]), "caption.npy");
  EXPECT_EQ(stored[0] + first_free_id(pipeline_->text_tokenizer()), expected[0]);
}

// Models whose modalities differ from those of the small model, for reading only.
class OtherModalities : public PipelineTest {
 protected:
  static Pipeline open(const std::string& rows, const std::vector<std::string>& names) {
    const fs::path folder = root_ / "other";
    fs::remove_all(folder);
    ModalityTable table;
    table.extend("modalities:\n" + rows, "the test");
    ModelConfig config;
    config.domains_in = names;
    config.domains_out = {names[0]};
    config.dim = 16;
    config.encoder_depth = config.decoder_depth = 1;
    config.num_heads = 2;
    save_model(create_model(config, table, 1), folder);
    write_file(folder / "modalities.yaml", "modalities:\n" + rows);
    fs::copy_file(root_ / "model/tokenizer.json", folder / "tokenizer.json");
    return Pipeline::open({.model = folder});
  }
  static std::vector<int64_t> given(const Pipeline& pipeline, const std::string& modality, const std::string& value,
                                    const DepthUnits& units = DepthUnits()) {
    Canvas canvas;
    pipeline.add_input(canvas, modality, value, units);
    return pipeline.tokens(canvas, modality);
  }
  static std::string refusal(const Pipeline& pipeline, const std::string& modality, const std::string& value,
                             const DepthUnits& units = DepthUnits()) {
    try {
      given(pipeline, modality, value, units);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }
};

TEST_F(OtherModalities, OfficialJson) {
  const Pipeline pipeline = open(
      "  caption: {kind: sequence, vocab_size: 400, max_tokens: 64}\n"
      "  metadata: {kind: sequence, vocab_size: 400, max_tokens: 64}\n"
      "  color_palette: {kind: sequence, vocab_size: 400, max_tokens: 64}\n"
      "  human_poses: {kind: sequence, vocab_size: 400, max_tokens: 256}\n"
      "  sam_instance: {kind: sequence, vocab_size: 400, max_tokens: 64}\n",
      {"caption", "metadata", "color_palette", "human_poses", "sam_instance"});
  const auto text_of = [&](const std::string& modality, const std::string& json) {
    Canvas canvas;
    pipeline.add_input(canvas, modality, written(modality + ".json", json));
    return pipeline.text(canvas, modality);
  };
  EXPECT_EQ(text_of("metadata", R"({"n_humans": 2})"), "v1=5 v0=2");
  EXPECT_EQ(text_of("color_palette", R"([{"1": [[1, 2, 3]]}])"), "v1=1 v0=1 v0=2 v0=3");
  EXPECT_EQ(text_of("human_poses", "[]"), "none");
  // An array of Python objects is refused by name, with what to write instead.
  std::string header = "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }";
  header.resize(117, ' ');
  const std::string npy = std::string("\x93NUMPY\x01\x00\x76\x00", 10) + header + "\n";
  EXPECT_NE(refusal(pipeline, "sam_instance", written("sam.npy", npy)).find("write SAM instances as texts"),
            std::string::npos);
}

TEST_F(OtherModalities, TokensThatAreNoGridAndSeveralCodebooks) {
  const Pipeline none = open("  tok_row: {vocab_size: 16, max_tokens: 24}\n", {"tok_row"});
  std::vector<int64_t> ids(24);
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int64_t>(i % 16);
  const std::string path = (root_ / "row.npy").string();
  const auto expect = [&](const std::vector<int64_t>& shape, size_t crops) {
    auto all = ids;
    all.resize(ids.size() * crops, 3);
    write_npy(path, npy_from_integers(all, shape));
    EXPECT_EQ(given(none, "tok_row", path), ids) << testing::PrintToString(shape);
  };
  expect({24}, 1);
  expect({1, 24}, 1);
  expect({3, 24}, 3);
  expect({1, 4, 6}, 1);
  expect({6, 2, 2}, 1);
  expect({5, 6, 2, 2}, 5);
  write_npy(path, npy_from_integers({1, 2, 3}, {3}));
  EXPECT_EQ(given(none, "tok_row", path).size(), 3u) << "a row may be shorter";

  // An image tokenizer of several codebooks has the size of its images; the modality is a row of all codebooks.
  for (const int64_t codebooks : {2, 3, 8}) {
    TokenizerConfig config = test::small_image_tokenizer();
    config.quant_type = "memcodes";
    config.num_codebooks = codebooks;
    config.latent_dim = 4 * codebooks;
    open(concat("  tok_rgb: {vocab_size: 16, max_tokens: ", 16 * codebooks, "}\n"), {"tok_rgb"});
    const fs::path folder = root_ / "other/tokenizers/tok_rgb";
    Tokenizer::create(config, 5).save(folder);
    const Pipeline pipeline = Pipeline::open({.model = root_ / "other"});
    EXPECT_EQ(pipeline.image_size("tok_rgb"), 32);
    const auto direct = ImageTokenizer::open(folder, {}, "tok_rgb");
    const StoredImage square = centre_square(direct.input(), read_image(root_ / "a.png"), 32);
    const auto map = direct.encode({square})[0];
    EXPECT_EQ(given(pipeline, "tok_rgb", file("a.png")), map.tokens);
    write_npy(path, npy_from_integers(map.tokens, {codebooks, 4, 4}));
    EXPECT_EQ(given(pipeline, "tok_rgb", path), map.tokens);
    EXPECT_EQ(direct.token_maps(read_npy(path), path), std::vector{map});
  }
}

// Integers of a token modality are ids; with a stated unit, two dimensions are depth, or refused where they fit both.
TEST_F(OtherModalities, IntegersAreIdsOrDepth) {
  TokenizerConfig config = test::small_image_tokenizer();
  config.n_channels = 1;
  config.input.emplace().kind = "depth";
  open("  tok_depth@32: {vocab_size: 16, image_size: 32, patch_size: 8}\n", {"tok_depth@32"});
  Tokenizer::create(config, 5).save(root_ / "other/tokenizers/tok_depth@32");
  const Pipeline pipeline = Pipeline::open({.model = root_ / "other"});
  const std::string path = (root_ / "integers.npy").string();
  const auto store = [&](const std::vector<int64_t>& shape) {
    const int64_t n = NpyArray{"", shape, ""}.count();
    std::vector<int64_t> values(static_cast<size_t>(n));
    for (int64_t i = 0; i < n; ++i) values[i] = i % 16;
    write_npy(path, npy_from_integers(values, shape, "i4"));
  };
  const DepthUnits mm("mm");
  for (const auto& shape : {std::vector<int64_t>{16}, {2, 4, 4}}) {
    store(shape);
    EXPECT_EQ(given(pipeline, "tok_depth@32", path), given(pipeline, "tok_depth@32", path, mm));
    EXPECT_EQ(given(pipeline, "tok_depth@32", path)[5], 5);
  }
  for (const auto& shape : {std::vector<int64_t>{4, 4}, {3, 16}}) {
    store(shape);
    EXPECT_EQ(given(pipeline, "tok_depth@32", path)[5], 5);
    EXPECT_NE(refusal(pipeline, "tok_depth@32", path, mm).find("may be token ids or depth"), std::string::npos);
  }
  store({40, 48});
  EXPECT_EQ(given(pipeline, "tok_depth@32", path, mm).size(), 16u);
  EXPECT_NE(refusal(pipeline, "tok_depth@32", path).find("has 48 tokens"), std::string::npos);
}

TEST_F(PipelineTest, SlowPrecisionIsAWarning) {
  const auto said = [](const auto& body) {
    const test::CapturedLog captured;
    body();
    return captured.warnings();
  };
  EXPECT_TRUE(said([] {
                warn_of_slow_precision("precision", "bf16", false);
              }).starts_with("warning: precision is bf16, the device has no instructions for it"));
  for (const char* precision : {"f32", "int8", "auto"})
    EXPECT_EQ(said([&] { warn_of_slow_precision("precision", precision, false); }), "");
  EXPECT_EQ(said([] { warn_of_slow_precision("precision", "bf16", true); }), "");
  const std::string opening = said([] { Pipeline::open({.model = root_ / "model"}, {"fast", "bf16"}); });
  EXPECT_EQ(opening.find("precision is bf16") == std::string::npos, bf16_is_fast()) << opening;
}

// Tokens of several codebooks: the modality is a row of them, the tokenizer has one position.
TEST_F(PipelineTest, CodebooksOfOnePositionAreDecoded) {
  write_npy(root_ / "global.npy", npy_from_floats({0.5f, -1, 2, 0.25f, -3, 1}, {6}));
  Canvas canvas;
  pipeline_->add_input(canvas, "tok_global@32", file("global.npy"));
  ASSERT_EQ(pipeline_->tokens(canvas, "tok_global@32").size(), 16u);
  const auto tokenizer = ImageTokenizer::open(root_ / "model/tokenizers/tok_global@32");
  const auto direct =
      tokenizer.decode(tokenizer.encode({read_stored_image(tokenizer.input(), root_ / "global.npy")}))[0];
  EXPECT_EQ(pipeline_->image(canvas, "tok_global@32"), direct);

  std::vector<Canvas> canvases(1);
  pipeline_->add_input(canvases[0], "caption", "a chair");
  pipeline_->run(canvases, pipeline_->default_plan(canvases[0], {"tok_global@32"}), {.seed = 1});
  const auto files =
      ResultFiles(*pipeline_, root_ / "out", {"tok_global@32"}, 1).write_tokens(canvases[0], "tok_global@32", {});
  const auto decoded =
      ResultFiles(*pipeline_, root_ / "out", {"tok_global@32"}, 1).write_decoded(canvases[0], "tok_global@32", {});
  ASSERT_EQ(files.size(), 1u);
  ASSERT_EQ(decoded.size(), 2u);
  const auto maps = tokenizer.token_maps(read_npy(files[0]), "global.npy");
  ASSERT_EQ(maps.size(), 1u);
  EXPECT_EQ(read_stored_image(tokenizer.input(), decoded[1]), tokenizer.decode(maps)[0]);
}

// Guidance by a condition that is not there changes nothing, so it is refused.
TEST_F(PipelineTest, AbsentConditionsOfGuidanceAreRefused) {
  const auto refusal = [&](const std::vector<std::string>& conditions, const std::function<void(Plan&)>& change) {
    Plan plan;
    plan.conditions = conditions;
    plan.targets.resize(2);
    plan.targets[0].modality = "caption";
    plan.targets[1].modality = "tok_rgb@32";
    change(plan);
    std::vector<Canvas> canvases(2);
    pipeline_->add_input(canvases[1], "rgb@32", file("a.png"));
    pipeline_->add_target(canvases[1], "det");
    try {
      EXPECT_TRUE(pipeline_->run(canvases, plan, {}));
    } catch (const Error& error) {
      EXPECT_EQ(canvases[0].entries.size(), 0u) << "nothing was generated";
      return std::string(error.what());
    }
    return std::string();
  };
  const auto guide = [](size_t target) { return [=](Plan& plan) { plan.targets[target].guidance = 3; }; };
  const auto weigh = [](size_t target) { return [=](Plan& plan) { plan.targets[target].weights = {2}; }; };
  for (const char* absent : {"vectors", "det"}) {  // an empty text is not known
    for (const auto& change : {guide(0), guide(1)})
      EXPECT_NE(refusal({absent}, change).find(concat("the condition '", absent, "' is neither given nor generated")),
                std::string::npos);
    for (const auto& change : {weigh(0), weigh(1)})
      EXPECT_NE(refusal({absent}, change).find(concat("the condition '", absent, "' is neither given nor generated")),
                std::string::npos);
  }
  EXPECT_EQ(refusal({"rgb@32"}, guide(0)), "") << "one canvas has it";
  EXPECT_EQ(refusal({"caption"}, guide(1)), "") << "an earlier target";
  EXPECT_EQ(refusal({"caption"}, weigh(1)), "");
  EXPECT_NE(refusal({"caption"}, guide(0)).find("guidance of 'caption'"), std::string::npos) << "the target itself";
  EXPECT_NE(refusal({"tok_rgb@32"}, guide(0)).find("'tok_rgb@32' is neither"), std::string::npos) << "a later target";
  EXPECT_EQ(refusal({"vectors"}, [](Plan&) {}), "") << "without guidance";
}

// What guidance leaves out is decided for each canvas, so that a canvas has the same result in any company.
TEST_F(PipelineTest, EachCanvasHasItsOwnConditions) {
  std::vector<Canvas> canvases(4);
  for (size_t i = 0; i < canvases.size(); ++i) canvases[i].key = i;
  pipeline_->add_input(canvases[0], "caption", "a chair");
  pipeline_->add_input(canvases[1], "rgb@32", file("a.png"));
  pipeline_->add_input(canvases[2], "caption", "a table");
  Plan plan;
  plan.targets.resize(1);
  plan.targets[0].modality = "tok_rgb@32";
  plan.targets[0].steps = 3;
  plan.targets[0].guidance = 8;
  std::vector<std::vector<int64_t>> alone;
  for (const auto& canvas : canvases) {
    std::vector<Canvas> one{canvas};
    EXPECT_TRUE(pipeline_->run(one, plan, {.seed = 5}));
    alone.push_back(pipeline_->tokens(one[0], "tok_rgb@32"));
  }
  std::vector<int64_t> steps;
  int64_t all = 0;
  EXPECT_TRUE(pipeline_->run(canvases, plan, {.seed = 5, .on_step = [&](int64_t step, int64_t count, const auto&) {
                                                all = count;
                                                steps.push_back(step);
                                                return true;
                                              }}));
  for (size_t i = 0; i < canvases.size(); ++i) EXPECT_EQ(pipeline_->tokens(canvases[i], "tok_rgb@32"), alone[i]) << i;
  EXPECT_EQ(steps, (std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(all, 9);

  // A named condition is one for all; canvases stay where they are if the run is stopped.
  std::vector<Canvas> stopped(2);
  pipeline_->add_input(stopped[1], "caption", "a chair");
  EXPECT_FALSE(pipeline_->run(stopped, plan, {.on_step = [](int64_t, int64_t, const auto&) { return false; }}));
  EXPECT_NE(stopped[1].find("caption"), nullptr);
}

// The canvas after adding the inputs, each as "MODALITY[...]=VALUE".
class PipelineInputs : public PipelineTest {
 protected:
  static Canvas canvas_of(const std::vector<std::string>& texts) {
    std::vector<Input> inputs;
    for (const auto& text : texts) inputs.push_back(parse_input(text));
    Canvas canvas;
    pipeline_->add_inputs(canvas, inputs);
    return canvas;
  }
  static std::string failure_of(const std::vector<std::string>& texts) {
    return test::message_of([&] { canvas_of(texts); });
  }
  static std::vector<Canvas> generated(std::vector<Canvas> canvases, const std::vector<std::string>& outputs,
                                       uint64_t seed = 1) {
    const Plan plan = pipeline_->default_plan(canvases[0], outputs);
    pipeline_->run(canvases, plan, {.seed = seed});
    return canvases;
  }
};

TEST_F(PipelineInputs, ShortNamesMeanTheOneThatFits) {
  EXPECT_EQ(pipeline_->input_name("rgb"), "rgb@32");
  EXPECT_EQ(pipeline_->input_name("tok_rgb"), "tok_rgb@32");
  EXPECT_EQ(pipeline_->output_name("rgb"), "tok_rgb@32");
  EXPECT_EQ(pipeline_->output_name("rgb@32"), "tok_rgb@32");
  EXPECT_EQ(pipeline_->input_name("caption"), "caption");
  EXPECT_NE(test::message_of([] { pipeline_->input_name("captoin"); }).find("did you mean 'caption'?"),
            std::string::npos);
  EXPECT_NE(test::message_of([] { pipeline_->output_name("vectors"); }).find("does not generate 'vectors'"),
            std::string::npos);
}

TEST_F(PipelineInputs, KeptTokensStayAndTheRestIsGenerated) {
  const auto whole = tokens("tok_rgb@32", file("a.png"));
  const auto first = generated({canvas_of({"tok_rgb[keep=left]=" + file("a.png")})}, {"tok_rgb@32"})[0];
  const auto again = generated({canvas_of({"tok_rgb[keep=left]=" + file("a.png")})}, {"tok_rgb@32"})[0];
  const auto other = generated({canvas_of({"tok_rgb[keep=left]=" + file("a.png")})}, {"tok_rgb@32"}, 2)[0];
  const auto ids = pipeline_->tokens(first, "tok_rgb@32");
  ASSERT_EQ(ids.size(), 16u);
  for (const size_t i : {0, 1, 4, 5, 8, 9, 12, 13}) EXPECT_EQ(ids[i], whole[i]) << i;
  EXPECT_NE(ids, whole);
  EXPECT_EQ(pipeline_->tokens(again, "tok_rgb@32"), ids);
  EXPECT_NE(pipeline_->tokens(other, "tok_rgb@32"), ids);

  std::vector<int64_t> part = whole;
  for (size_t i = 0; i < 16; ++i)
    if (i % 4 >= 2) part[i] = -1;
  write_npy(root_ / "part.npy", npy_from_integers(part, {16}));
  const auto from_file = generated({canvas_of({"tok_rgb=" + file("part.npy")})}, {"tok_rgb@32"})[0];
  EXPECT_EQ(pipeline_->tokens(from_file, "tok_rgb@32"), ids) << "-1 is an unknown token";
}

TEST_F(PipelineInputs, APartOfAnInputIsAConditionOfOtherTargets) {
  const Canvas canvas = canvas_of({"tok_rgb[keep=every:4]=" + file("a.png"), "rgb[keep=top]=" + file("a.png")});
  EXPECT_EQ(std::count(canvas.find("tok_rgb@32")->known.begin(), canvas.find("tok_rgb@32")->known.end(), true), 4);
  EXPECT_EQ(std::count(canvas.find("rgb@32")->known.begin(), canvas.find("rgb@32")->known.end(), true), 8);
  EXPECT_EQ(pipeline_->features(canvas).modalities.size(), 12u) << "the encoder sees the kept ones only";
  EXPECT_FALSE(pipeline_->text(generated({canvas}, {"caption"})[0], "caption").empty());
}

TEST_F(PipelineInputs, WeightedInputsHaveNamesOfTheirOwn) {
  const std::vector<std::string> captions{"caption[weight=2]=a chair", "caption[weight=-30]=a table"};
  const Canvas canvas = canvas_of(captions);
  ASSERT_EQ(canvas.entries.size(), 2u);
  EXPECT_EQ(canvas.entries[0].name, "caption#1");
  EXPECT_EQ(canvas.entries[1].name, "caption#2");
  const auto ids = [&](const Canvas& from) {
    return pipeline_->tokens(generated({from}, {"tok_rgb@32"})[0], "tok_rgb@32");
  };
  EXPECT_NE(ids(canvas), ids(canvas_of({captions[0]}))) << "the second caption counts";
  // Weight 0 is no condition: the logits are those of the base.
  EXPECT_EQ(ids(canvas_of({"caption[weight=0]=a chair"})), ids(canvas_of({"caption[weight=0]=a table"})));
}

TEST_F(PipelineInputs, KeptTokensMayHaveAWeight) {
  const auto whole = tokens("tok_rgb@32", file("a.png"));
  const Canvas result = generated({canvas_of({"tok_rgb[keep=top,weight=3]=" + file("a.png"), "caption=a chair"})},
                                  {"tok_rgb@32", "det"})[0];
  const auto ids = pipeline_->tokens(result, "tok_rgb@32");
  for (size_t i = 0; i < 8; ++i) EXPECT_EQ(ids[i], whole[i]) << i;
  for (const bool known : result.find("tok_rgb@32")->known) EXPECT_TRUE(known);
}

TEST_F(PipelineInputs, MistakesAreNamed) {
  const std::string image = file("a.png");
  EXPECT_EQ(failure_of({"caption=a chair", "caption=a table"}),
            "modality 'caption' is given twice; give each a weight, as in 'caption[weight=2]=...'");
  EXPECT_NE(failure_of({"caption[keep=left]=a chair"}).find("keep is for grids"), std::string::npos);
  EXPECT_NE(failure_of({"tok_rgb[keep=middle]=" + image}).find("expected all, left"), std::string::npos);
  write_file(root_ / "mask.png", encode_png(Image(8, 8, 3, 255)));
  EXPECT_NE(failure_of({"rgb[keep=" + file("mask.png") + "]=" + image}).find("mask is 8 x 8 pixels, and "),
            std::string::npos);
  EXPECT_NE(failure_of({"rbg=" + image}).find("did you mean 'rgb'?"), std::string::npos);
  EXPECT_NE(failure_of({"caption=text: "}).find("has no text behind it"), std::string::npos);
  const std::vector<std::string> halves{"tok_rgb[keep=left,weight=2]=" + image,
                                        "tok_rgb[keep=right,weight=1]=" + image};
  for (const auto& inputs : {std::vector<std::string>{"tok_rgb=" + image}, halves}) {
    Canvas whole = canvas_of(inputs);
    EXPECT_NE(test::message_of([&] { pipeline_->add_target(whole, "tok_rgb@32"); }).find("nothing of it is left"),
              std::string::npos);
  }
}

}  // namespace
}  // namespace fourm
