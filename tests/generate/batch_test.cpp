// Generation for many samples on a small model: restart, workers, bad files, records.
#include "fourm/generate/batch.h"

#include <gtest/gtest.h>

#include <numeric>

#include "fourm/core/error.h"
#include "fourm/core/rng.h"
#include "fourm/data/convert.h"
#include "fourm/io/npy.h"
#include "tests/support/captured_log.h"
#include "tests/support/message_of.h"
#include "tests/support/small_model.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

class BatchTest : public testing::Test {
 protected:
  static constexpr int kImages = 7;

  static void SetUpTestSuite() {
    temporary_ = std::make_unique<test::TemporaryFolder>();
    root_ = *temporary_ / "files";
    test::write_small_model(root_ / "model");
    pipeline_ = std::make_unique<Pipeline>(Pipeline::open({.model = root_ / "model"}));
    Random random(3);
    for (int i = 0; i < kImages; ++i) {
      Image image(40, 32, 3);
      for (auto& p : image.pixels) p = static_cast<uint8_t>(random.below(256));
      write_file(root_ / "images" / concat(i < 5 ? "a" : "sub/b", i, ".png"), encode_png(image));
    }
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
  static SampleList images() { return list({concat("rgb=", (root_ / "images").string())}); }

  static GenerationSettings settings(const SampleList& samples, const std::vector<std::string>& outputs) {
    std::vector<std::string> inputs;
    for (const Input& input : samples.inputs(0)) inputs.push_back(pipeline_->input_name(input.modality));
    return {.model = (root_ / "model").string(),
            .precision = "f32",
            .seed = 5,
            .draw = true,
            .plan = pipeline_->default_plan(inputs, outputs),
            .decoding = {}};
  }
  static GenerationSettings settings() { return settings(images(), {"tok_rgb@32", "caption"}); }
  static BatchOptions options(const fs::path& out) {
    BatchOptions o;
    o.out = out;
    o.batch = 2;
    return o;
  }

  // Every file below a folder with its bytes, but for manifests.
  static std::map<std::string, std::string> files(const fs::path& folder, bool manifests = true) {
    std::map<std::string, std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      const std::string name = entry.path().lexically_relative(folder).string();
      if (entry.is_regular_file() && (manifests || name.find("manifest") == std::string::npos))
        found[name] = read_file(entry.path());
    }
    return found;
  }

  static inline std::unique_ptr<test::TemporaryFolder> temporary_;
  static inline fs::path root_;
  static inline std::unique_ptr<Pipeline> pipeline_;
};

TEST_F(BatchTest, AFolderHasAResultForEachImage) {
  const test::TemporaryFolder out;
  const BatchReport report = generate_batches(*pipeline_, images(), settings(), options(out / "all"));
  EXPECT_EQ(report.samples, kImages);
  EXPECT_EQ(report.failed, 0);
  for (const char* name : {"a0", "a4", "sub/b5", "sub/b6"}) {
    EXPECT_TRUE(fs::exists(out / "all/caption" / concat(name, ".txt"))) << name;
    EXPECT_EQ(npy_integers(read_npy(out / "all/tok_rgb@32" / concat(name, ".npy")), name).size(), 16u);
    EXPECT_EQ(read_image(out / "all/rgb" / concat(name, ".png")).width, 32);
  }
  const Json manifest = read_json(out / "all/manifest.json");
  EXPECT_EQ(manifest["samples"].size(), static_cast<size_t>(kImages));
  EXPECT_EQ(manifest["samples"][0]["results"][0]["tok_rgb@32"]["files"].size(), 2u);
  EXPECT_EQ(manifest["settings"]["seed"], 5);
}

TEST_F(BatchTest, InterruptionsWorkersAndOrderDoNotMatter) {
  const test::TemporaryFolder out;
  generate_batches(*pipeline_, images(), settings(), options(out / "whole"));
  const auto expected = files(out / "whole");

  for (int after = 1; after <= 3; ++after) {  // ends in the middle of a step, several times
    BatchOptions o = options(out / "stopped");
    int steps = 0;
    o.stop = [&] { return ++steps > after; };
    EXPECT_FALSE(generate_batches(*pipeline_, images(), settings(), o).finished);
  }
  struct Killed {};
  BatchOptions o = options(out / "stopped");
  int results = 0;
  o.on_result = [&](const Canvas&, const ResultPlace&) {
    if (++results == 3) throw Killed();
  };
  EXPECT_THROW(generate_batches(*pipeline_, images(), settings(), o), Killed);
  for (const char* left : {"caption/.a4.txt.tmp1-0", "tok_rgb@32/sub/.b6.npy.tmp1-0", ".manifest.json.tmp1-0"})
    write_file(out / "stopped" / left, "half of a file");
  const BatchReport last = generate_batches(*pipeline_, images(), settings(), options(out / "stopped"));
  EXPECT_GT(last.kept, 0);
  EXPECT_EQ(files(out / "stopped"), expected);

  const fs::path of_worker_1 = out / "shared/caption/.a2.txt.tmp1-0";
  for (const int64_t worker : {2, 2, 0, 1, 1}) {
    BatchOptions part = options(out / "shared");
    part.worker = worker;
    part.workers = 3;
    generate_batches(*pipeline_, images(), settings(), part);
    if (worker != 1) write_file(of_worker_1, "being written");
  }
  EXPECT_TRUE(fs::exists(of_worker_1)) << "a2 is finished";
  fs::remove(of_worker_1);
  EXPECT_EQ(files(out / "shared", false), files(out / "whole", false));
  EXPECT_TRUE(fs::exists(out / "shared/manifest-2-of-3.json"));

  const BatchReport again = generate_batches(*pipeline_, images(), settings(), options(out / "whole"));
  EXPECT_EQ(again.kept, kImages);
  EXPECT_EQ(files(out / "whole"), expected);
}

TEST_F(BatchTest, StopsWithinATextAndWhileAResultIsDecoded) {
  const test::TemporaryFolder out;
  fs::copy(root_ / "model", out / "model", fs::copy_options::recursive);
  fs::remove_all(out / "model/tokenizers/tok_rgb@32");
  TokenizerConfig diffusion = test::small_diffusion_tokenizer();
  diffusion.codebook_size = 16;
  Tokenizer::create(diffusion, 2).save(out / "model/tokenizers/tok_rgb@32");
  const Pipeline pipeline = Pipeline::open({.model = out / "model"});
  const SampleList samples = list({"caption=a chair"});
  GenerationSettings both = settings(samples, {"tok_rgb@32", "det"});
  both.plan.targets[0].steps = 1;
  both.decoding.steps = 3;
  // The calls of stop: one after the step of the grid, one a token, one after the text, one a denoising step.
  int64_t calls = 0;
  const auto run = [&](const fs::path& folder, int64_t stop_at) {
    BatchOptions o = options(folder);
    calls = 0;
    o.stop = [&] { return ++calls == stop_at; };
    return generate_batches(pipeline, samples, both, o);
  };
  ASSERT_TRUE(run(out / "whole", 0).finished);
  const int64_t all = calls;
  ASSERT_GT(all, 1 + 1 + 1 + 3);
  EXPECT_FALSE(run(out / "text", 2).finished) << "after the first token";
  EXPECT_EQ(calls, 2);
  EXPECT_FALSE(fs::exists(out / "text/det.txt"));
  const BatchReport stopped = run(out / "decoding", all - 1);  // after the second of three denoising steps
  EXPECT_FALSE(stopped.finished);
  EXPECT_EQ(calls, all - 1);
  EXPECT_EQ(stopped.undecoded, 0) << "nothing failed";
  EXPECT_FALSE(fs::exists(out / "decoding/rgb.png"));
  EXPECT_TRUE(run(out / "decoding", 0).finished);
  EXPECT_EQ(files(out / "decoding"), files(out / "whole"));
}

TEST_F(BatchTest, ResultsOfOtherSettingsAreNotReplaced) {
  const test::TemporaryFolder out;
  generate_batches(*pipeline_, images(), settings(), options(out / "x"));
  GenerationSettings other = settings();
  other.seed = 6;
  const auto before = files(out / "x");
  EXPECT_NE(test::message_of([&] {
              generate_batches(*pipeline_, images(), other, options(out / "x"));
            }).find("manifest.json: the folder holds results of other settings (seed); give another"),
            std::string::npos);
  EXPECT_EQ(files(out / "x"), before);
  BatchOptions replace = options(out / "x");
  replace.overwrite = true;
  EXPECT_EQ(generate_batches(*pipeline_, images(), other, replace).kept, 0);
  EXPECT_NE(files(out / "x"), before);
}

TEST_F(BatchTest, ResultsOfOtherWeightsAreNotReplaced) {
  const test::TemporaryFolder out;
  GenerationSettings known = settings();
  known.weights = pipeline_->fingerprint();
  generate_batches(*pipeline_, images(), known, options(out / "x"));
  EXPECT_EQ(generate_batches(*pipeline_, images(), known, options(out / "x")).kept, kImages);
  known.weights = "others";
  EXPECT_NE(test::message_of([&] {
              generate_batches(*pipeline_, images(), known, options(out / "x"));
            }).find("results of other settings (weights)"),
            std::string::npos);
}

TEST_F(BatchTest, ARunContinuesWithAnotherBatch) {
  const test::TemporaryFolder out;
  generate_batches(*pipeline_, images(), settings(), options(out / "whole"));
  BatchOptions o = options(out / "x");
  int results = 0;
  o.on_result = [&](const auto&...) { ++results; };
  o.stop = [&] { return results >= 4; };
  EXPECT_FALSE(generate_batches(*pipeline_, images(), settings(), o).finished);
  o.stop = nullptr;
  o.batch = 3;
  EXPECT_EQ(generate_batches(*pipeline_, images(), settings(), o).kept, 4);
  EXPECT_EQ(files(out / "x"), files(out / "whole"));
}

TEST_F(BatchTest, MissingFilesAreGeneratedAgain) {
  const test::TemporaryFolder out;
  generate_batches(*pipeline_, images(), settings(), options(out / "x"));
  const auto expected = files(out / "x");
  fs::remove(out / "x/rgb/a1.png");
  write_file(out / "x/caption/a3.txt", "");
  const test::CapturedLog log;
  EXPECT_EQ(generate_batches(*pipeline_, images(), settings(), options(out / "x")).kept, kImages - 2);
  EXPECT_EQ(files(out / "x"), expected);
  EXPECT_NE(log.text().find("2 samples generated again: a1 (" + (out / "x/rgb/a1.png").string() + " is missing)"),
            std::string::npos)
      << log.text();
}

TEST_F(BatchTest, WhatAllSamplesShareIsCheckedFirst) {
  const test::TemporaryFolder out;
  const std::string folder = (root_ / "images").string();
  write_file(out / "bad.png", "no image");
  for (const auto& [inputs, message] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"tok_rgb[keep=lefft]=" + folder}, "did you mean 'left'?"},
           {{"rgb=" + folder, "tok_rgb=" + (out / "bad.png").string()}, "bad.png"},
           {{"rgb=" + folder, "caption=a", "caption=b"}, "modality 'caption' is given twice"}}) {
    const SampleList samples = list(inputs);
    EXPECT_NE(test::message_of([&] {
                generate_batches(*pipeline_, samples, settings(samples, {"det"}), options(out / "x"));
              }).find(message),
              std::string::npos)
        << message;
  }
  EXPECT_FALSE(fs::exists(out / "x"));
}

TEST_F(BatchTest, ARunWithoutResultsLeavesNoManifest) {
  const test::TemporaryFolder out;
  for (const char* name : {"a", "b", "c"}) write_file(out / "bad" / concat(name, ".png"), "no image");
  const SampleList samples = list({concat("rgb=", (out / "bad").string())});
  const test::CapturedLog log;
  const BatchReport report =
      generate_batches(*pipeline_, samples, settings(samples, {"tok_rgb@32"}), options(out / "x"));
  EXPECT_EQ(report.failed, 3);
  EXPECT_TRUE(files(out / "x").empty());
}

// A manifest of an earlier version has former keys in its plan, and the batch.
TEST_F(BatchTest, ResultsOfAnEarlierVersionAreKept) {
  const test::TemporaryFolder out;
  const BatchReport first = generate_batches(*pipeline_, images(), settings(), options(out / "x"));
  std::string manifest = read_file(out / "x/manifest.json");
  const std::string key = "grow_text_conditions";
  ASSERT_NE(manifest.find(key), std::string::npos);
  manifest.replace(manifest.find(key), key.size(), "grow_texts");
  manifest.replace(manifest.find("\"seed\""), 6, "\"batch\": 2, \"seed\"");
  write_file(out / "x/manifest.json", manifest);
  EXPECT_EQ(generate_batches(*pipeline_, images(), settings(), options(out / "x")).kept, first.samples);
}

// An image of a folder, a line of a list and a mask are other ones than when the results were written.
TEST_F(BatchTest, SamplesOfChangedInputsAreGeneratedAgain) {
  const test::TemporaryFolder out;
  fs::copy(root_ / "images", out / "images", fs::copy_options::recursive);
  const auto in_folder = [&] { return list({concat("rgb=", (out / "images").string())}); };
  const auto run = [&](const SampleList& samples, const char* folder) {
    return generate_batches(*pipeline_, samples, settings(samples, {"tok_rgb@32", "det"}), options(out / folder));
  };
  run(in_folder(), "x");
  const auto before = files(out / "x");
  const std::string image = read_file(out / "images/a1.png");
  fs::copy_file(root_ / "images/a3.png", out / "images/a1.png", fs::copy_options::overwrite_existing);
  {
    const test::CapturedLog log;
    EXPECT_EQ(run(in_folder(), "x").kept, kImages - 1);
    EXPECT_NE(log.text().find(concat("1 sample generated again: a1 (", (out / "images/a1.png").string(), " changed)")),
              std::string::npos)
        << log.text();
  }
  EXPECT_EQ(run(in_folder(), "x").kept, kImages);
  run(in_folder(), "fresh");
  EXPECT_EQ(files(out / "x"), files(out / "fresh"));
  EXPECT_NE(files(out / "x"), before);

  // Killed after results of new inputs were written: those of the old ones are gone, although the inputs are back.
  struct Killed {};
  BatchOptions killed = options(out / "x");
  killed.on_result = [](const Canvas&, const ResultPlace&) { throw Killed(); };
  write_file(out / "images/a1.png", image);
  EXPECT_THROW(generate_batches(*pipeline_, in_folder(), settings(in_folder(), {"tok_rgb@32", "det"}), killed), Killed);
  fs::copy_file(root_ / "images/a3.png", out / "images/a1.png", fs::copy_options::overwrite_existing);
  EXPECT_EQ(run(in_folder(), "x").kept, kImages - 1);
  EXPECT_EQ(files(out / "x"), files(out / "fresh"));

  const auto lines = [&](const char* text) {
    write_file(out / "p.txt", text);
    return list({concat("caption=@", (out / "p.txt").string())});
  };
  run(lines("a chair\na table\na room\n"), "lines");
  const test::CapturedLog log;
  EXPECT_EQ(run(lines("a chair\na table\na bed\n"), "lines").kept, 2);
  EXPECT_NE(log.text().find("0002 ('caption' changed)"), std::string::npos) << log.text();
}

// The rule of other settings.
TEST_F(BatchTest, TheResultOfChangedInputsIsNotReplaced) {
  const test::TemporaryFolder out;
  const std::string mask = (out / "mask.png").string();
  write_file(mask, encode_png(Image(40, 32, 3, 255)));
  Image half = read_image(mask);
  for (int y = 0; y < 32; ++y) std::fill_n(half.at(20, y), 60, 0);
  write_file(mask, encode_png(half));
  const SampleList samples = list({concat("tok_rgb[keep=", mask, "]=", (root_ / "images/a0.png").string())});
  const auto run = [&](bool overwrite) {
    BatchOptions o = options(out / "x");
    o.overwrite = overwrite;
    return generate_batches(*pipeline_, samples, settings(samples, {"tok_rgb@32"}), o).kept;
  };
  EXPECT_EQ(run(false), 0);
  EXPECT_EQ(run(false), 1);
  const auto before = files(out / "x");
  for (int y = 0; y < 16; ++y) std::fill_n(half.at(0, y), 60, 0);
  write_file(mask, encode_png(half));
  EXPECT_EQ(test::message_of([&] { run(false); }),
            concat((out / "x/manifest.json").string(), ": the folder holds a result of other inputs: ", mask,
                   " changed since; give another --out, or --overwrite to replace it"));
  EXPECT_EQ(files(out / "x"), before);
  EXPECT_EQ(run(true), 0);
  EXPECT_NE(files(out / "x"), before);
  EXPECT_EQ(run(false), 1);
}

// Which did not record the contents of inputs.
TEST_F(BatchTest, ResultsWithoutDigestsAreKeptWithANote) {
  const test::TemporaryFolder out;
  generate_batches(*pipeline_, images(), settings(), options(out / "x"));
  Json manifest = read_json(out / "x/manifest.json");
  for (Json& sample : manifest["samples"]) sample.erase("digests");
  write_json(out / "x/manifest.json", manifest);
  const test::CapturedLog log;
  EXPECT_EQ(generate_batches(*pipeline_, images(), settings(), options(out / "x")).kept, kImages);
  EXPECT_NE(log.text().find("7 samples of an earlier version kept"), std::string::npos) << log.text();
}

TEST_F(BatchTest, ATextOfSeveralLinesIsANote) {
  const test::TemporaryFolder out;
  const auto noted = [&](const std::string& text, const std::string& mark) {
    write_file(out / "p.txt", text);
    const test::CapturedLog log;
    list({concat("caption=", mark, (out / "p.txt").string())});
    return log.text();
  };
  EXPECT_NE(noted("a chair\na table\n", "").find("p.txt: has 2 lines and is read as one text; caption=@"),
            std::string::npos);
  EXPECT_EQ(noted("a chair\n", ""), "");
  EXPECT_EQ(noted("a chair\na table\n", "@"), "");
}

// Files that the program did not write.
TEST_F(BatchTest, OtherFilesAreNotReplaced) {
  const test::TemporaryFolder out;
  const auto failure = [&](const SampleList& samples, const fs::path& folder) {
    return test::message_of(
        [&] { generate_batches(*pipeline_, samples, settings(samples, {"tok_rgb@32"}), options(folder)); });
  };
  const SampleList one = list({"caption=a chair"});
  write_file(out / "set/rgb/a0.png", "mine");
  EXPECT_NE(failure(images(), out / "set").find("set/rgb/a0.png: is no result of this command"), std::string::npos);
  EXPECT_EQ(failure(one, out / "set"), "no error") << "other names";
  write_file(out / "single/rgb.jpg", "mine");
  EXPECT_NE(failure(one, out / "single").find("single/rgb.jpg"), std::string::npos);
  EXPECT_EQ(read_file(out / "set/rgb/a0.png"), "mine");
  EXPECT_FALSE(fs::exists(out / "single/manifest.json"));
  BatchOptions o = options(out / "set");
  o.overwrite = true;
  EXPECT_EQ(generate_batches(*pipeline_, images(), settings(), o).samples, kImages);
}

// More variations than a batch: they are generated in parts, and stopping does not wait for all of them.
TEST_F(BatchTest, VariationsCountInTheBatch) {
  const test::TemporaryFolder out;
  const SampleList one = list({"caption=a chair"});
  const auto steps_until_stopped = [&](int64_t variations) {
    BatchOptions o = options(out / "stopped");
    o.variations = variations;
    int64_t canvases = 0;
    o.stop = [&] { return ++canvases > 1; };
    EXPECT_FALSE(generate_batches(*pipeline_, one, settings(one, {"tok_rgb@32"}), o).finished);
    return canvases;
  };
  EXPECT_EQ(steps_until_stopped(5), 2);
  BatchOptions few = options(out / "few"), many = options(out / "many");
  few.variations = many.variations = 5;
  few.batch = 2;
  many.batch = 5;
  generate_batches(*pipeline_, one, settings(one, {"tok_rgb@32"}), few);
  generate_batches(*pipeline_, one, settings(one, {"tok_rgb@32"}), many);
  for (int v = 0; v < 5; ++v)
    EXPECT_EQ(read_file(out / concat("few/tok_rgb@32_", v, ".npy")),
              read_file(out / concat("many/tok_rgb@32_", v, ".npy")));
}

TEST_F(BatchTest, TextsThatWereGeneratedAreInputs) {
  const test::TemporaryFolder out;
  generate_batches(*pipeline_, images(), settings(images(), {"caption"}), options(out / "texts"));
  const SampleList texts = list({concat("caption=", (out / "texts/caption").string())});
  EXPECT_EQ(texts.size(), kImages);
  EXPECT_TRUE(texts.inputs(0)[0].value.ends_with(".txt"));
}

TEST_F(BatchTest, ListsAreTextsInUtf8) {
  const test::TemporaryFolder out;
  const auto failure = [&](const std::string& name, const std::string& bytes) {
    write_file(out / name, bytes);
    return test::message_of([&] { list({concat("caption=@", (out / name).string())}); });
  };
  EXPECT_NE(failure("latin.txt", "a bed\na caf\xe9\n").find("latin.txt: is no text in UTF-8"), std::string::npos);
  EXPECT_NE(failure("image.png", encode_png(Image(4, 4, 3))).find("is no text in UTF-8"), std::string::npos);
  EXPECT_NE(failure("table.csv", "prompt\na bed\n").find("lists are .tsv files"), std::string::npos);
  write_file(out / "other/a0.txt", "a chair");
  EXPECT_NE(test::message_of([&] {
              list({concat("rgb=", (root_ / "images").string()), concat("caption=", (out / "other").string())});
            }).find("other has no 'a1'"),
            std::string::npos);
}

TEST_F(BatchTest, ABadFileIsReportedAndTheRestGoesOn) {
  const test::TemporaryFolder out;
  fs::copy(root_ / "images", out / "images", fs::copy_options::recursive);
  write_file(out / "images/a2.png", "no image");
  const SampleList samples = list({concat("rgb=", (out / "images").string())});
  const test::CapturedLog log;
  const BatchReport report = generate_batches(*pipeline_, samples, settings(), options(out / "x"));
  EXPECT_EQ(report.failed, 1);
  EXPECT_NE(log.warnings().find("a2 is left out: "), std::string::npos) << log.warnings();
  EXPECT_EQ(report.results.size(), static_cast<size_t>(kImages));
  EXPECT_TRUE(report.results[2].contains("failure"));
  EXPECT_FALSE(fs::exists(out / "x/caption/a2.txt"));
  EXPECT_TRUE(fs::exists(out / "x/caption/a3.txt"));
  fs::copy_file(root_ / "images/a2.png", out / "images/a2.png", fs::copy_options::overwrite_existing);
  EXPECT_EQ(generate_batches(*pipeline_, samples, settings(), options(out / "x")).failed, 0);
  EXPECT_TRUE(fs::exists(out / "x/caption/a2.txt")) << "a failed sample is tried again";
}

TEST_F(BatchTest, PromptsAreALineASample) {
  const test::TemporaryFolder out;
  write_file(out / "p.txt", "a chair\n a table \n");
  const SampleList lines = list({concat("caption=@", (out / "p.txt").string())});
  ASSERT_EQ(lines.size(), 2);
  EXPECT_EQ(lines.name(1), "0001");
  EXPECT_EQ(lines.inputs(1)[0].value, "text:a table");
  write_file(out / "p.tsv", "Category\tPrompt\nx\ta chair\ny\ta table\n");
  const SampleList table = list({concat("caption=@", (out / "p.tsv").string())});
  EXPECT_EQ(table.inputs(0)[0].value, "text:a chair");
  EXPECT_TRUE(list({"caption=a chair"}).is_single());

  const auto refusal = [&](const std::string& file, const std::string& text) {
    write_file(out / file, text);
    return test::message_of([&] { list({concat("caption=@", (out / file).string())}); });
  };
  EXPECT_NE(refusal("q.txt", "a\n\nb\n").find("q.txt: line 2 is empty"), std::string::npos);
  EXPECT_NE(refusal("q.tsv", "prompt\tx\na\tb\n\tc\n").find("line 3 has no text in column 1"), std::string::npos);
  EXPECT_NE(refusal("r.tsv", "prompt\n").find("holds no line after its header"), std::string::npos);
  EXPECT_NE(test::message_of([&] {
              list({concat("caption=@", (out / "p.txt").string()), concat("rgb=", (root_ / "images").string())});
            }).find("do not hold the same samples"),
            std::string::npos);
}

TEST_F(BatchTest, DataSetsNameTheirSamples) {
  const test::TemporaryFolder out;
  fs::create_directories(out / "data/caption");
  fs::copy(root_ / "images", out / "data/rgb", fs::copy_options::recursive);
  for (const char* name : {"a0", "a1", "a2", "a3"}) write_file(out / "data/caption" / concat(name, ".txt"), "a chair");
  const SampleList samples = SampleList::of_data(*pipeline_, (out / "data").string(), {"rgb", "caption"}, {});
  EXPECT_EQ(samples.size(), kImages);
  const test::CapturedLog log;
  const BatchReport report =
      generate_batches(*pipeline_, samples, settings(samples, {"tok_rgb@32"}), options(out / "x"));
  EXPECT_EQ(report.failed, 3) << "samples without a caption";
  EXPECT_TRUE(fs::exists(out / "x/rgb/a3.png"));
  EXPECT_NE(test::message_of([&] {
              SampleList::of_data(*pipeline_, (out / "data").string(), {"det"}, {});
            }).find("holds no 'det'"),
            std::string::npos);
}

// Of files in folders and in shards, whatever the order of the inputs; the record names each input's own file.
TEST_F(BatchTest, DataSetsMayBeShards) {
  const test::TemporaryFolder out;
  fs::create_directories(out / "data/caption");
  fs::create_directories(out / "data/rgb");
  for (const char* name : {"a0", "a1"}) {
    write_file(out / "data/caption" / concat(name, ".txt"), "a chair");
    fs::copy(root_ / "images" / concat(name, ".png"), out / "data/rgb");
  }
  convert_to_shards((out / "data").string(), out / "shards", 1);
  for (const char* data : {"data", "shards"}) {
    const SampleList samples = SampleList::of_data(*pipeline_, (out / data).string(), {"caption", "rgb"}, {});
    const fs::path results = out / concat("of_", data);
    EXPECT_EQ(generate_batches(*pipeline_, samples, settings(samples, {"tok_rgb@32"}), options(results)).failed, 0);
  }
  EXPECT_EQ(read_npy(out / "of_data/tok_rgb@32/a1.npy").bytes, read_npy(out / "of_shards/tok_rgb@32/a1.npy").bytes);
  const GenerationRecord record = GenerationRecord::read(out / "of_data/rgb/a1.png");
  EXPECT_EQ(record.inputs[0]["file"], (out / "data/rgb/a1.png").string());
  generate_batches(*pipeline_, SampleList::of_record(record), record.settings, options(out / "again"));
  EXPECT_EQ(read_file(out / "again/rgb.png"), read_file(out / "of_data/rgb/a1.png"));
  const GenerationRecord archived = GenerationRecord::read(out / "of_shards/rgb/a1.png");
  EXPECT_NE(test::message_of([&] { archived.canvas(*pipeline_); }).find("take it out of its archive"),
            std::string::npos);
}

TEST_F(BatchTest, FilesThatDifferInTheirExtensionsAreTheSameSample) {
  const test::TemporaryFolder folder;
  for (const char* name : {"a.jpg", "a.k.png", "a.png"}) write_file(folder / name, "");
  EXPECT_NE(test::message_of([&] { list({concat("rgb=", folder.path().string())}); }).find("are of the same name"),
            std::string::npos);
}

// Workers of another number, or with other settings, are other runs.
TEST_F(BatchTest, WorkersOfOtherSettingsAreRefused) {
  const test::TemporaryFolder out;
  BatchOptions o = options(out / "x");
  o.workers = 2;
  generate_batches(*pipeline_, images(), settings(), o);
  const auto before = files(out / "x");
  GenerationSettings other = settings();
  other.seed = 6;
  o.worker = 1;
  EXPECT_NE(
      test::message_of([&] { generate_batches(*pipeline_, images(), other, o); }).find("results of other settings"),
      std::string::npos);
  o.workers = 3;
  EXPECT_NE(test::message_of([&] {
              generate_batches(*pipeline_, images(), settings(), o);
            }).find("is no result of this command"),
            std::string::npos);
  EXPECT_EQ(files(out / "x"), before);
}

TEST_F(BatchTest, AnInterruptedRunWithOverwriteIsResumed) {
  const test::TemporaryFolder out;
  BatchOptions o = options(out / "x");
  generate_batches(*pipeline_, images(), settings(), o);
  GenerationSettings other = settings();
  other.seed = 6;
  o.overwrite = true;
  int results = 0;
  o.on_result = [&](const auto&...) { ++results; };
  o.stop = [&] { return results >= 4; };
  EXPECT_FALSE(generate_batches(*pipeline_, images(), other, o).finished);
  o.stop = nullptr;
  EXPECT_GT(generate_batches(*pipeline_, images(), other, o).kept, 0);
}

TEST_F(BatchTest, APlanMayHaveWeightsOfTheInputsAlone) {
  const test::TemporaryFolder out;
  const SampleList samples = list({concat("rgb=", (root_ / "images/a0.png").string()), "caption=a chair"});
  GenerationSettings weighted = settings(samples, {"tok_rgb@32"});
  weighted.plan.targets[0].guidance = 1;
  weighted.plan.targets[0].weights = {2, 1};
  EXPECT_TRUE(generate_batches(*pipeline_, samples, weighted, options(out / "x")).finished);
}

TEST_F(BatchTest, AFileRepeatsWhatItWasGeneratedFrom) {
  const test::TemporaryFolder out;
  const SampleList samples = list({"caption[weight=2]=a chair", "caption[weight=-1]=a table",
                                   concat("tok_rgb[keep=left]=", (root_ / "images/a1.png").string()),
                                   concat("rgb[keep=top]=", (root_ / "images/a0.png").string())});
  BatchOptions o = options(out / "first");
  o.variations = 2;
  generate_batches(*pipeline_, samples, settings(samples, {"tok_rgb@32", "det"}), o);
  const GenerationRecord record = GenerationRecord::read(out / "first/rgb_1.png");
  generate_batches(*pipeline_, SampleList::of_record(record), record.settings, options(out / "again"));
  EXPECT_EQ(read_file(out / "again/rgb.png"), read_file(out / "first/rgb_1.png"));
  EXPECT_EQ(read_file(out / "again/det.txt"), read_file(out / "first/det_1.txt"));
  EXPECT_NE(read_file(out / "first/rgb_0.png"), read_file(out / "first/rgb_1.png"));

  EXPECT_NE(test::message_of([] { GenerationRecord::read(root_ / "images/a0.png"); }).find("holds no record"),
            std::string::npos);
  EXPECT_NE(test::message_of([] { GenerationRecord::read(root_ / "model/config.json"); }).find("expected a PNG"),
            std::string::npos);
  GenerationRecord changed = record;
  changed.inputs[3]["sha256"] = std::string(64, '0');
  EXPECT_NE(test::message_of([&] { changed.canvas(*pipeline_); }).find("is not the file that the image was generated"),
            std::string::npos);
  EXPECT_THROW(GenerationRecord::parse("{\"settings\": 1}", "x"), Error);
}

TEST_F(BatchTest, KeptPixelsArePastedAtTheirOwnResolution) {
  const test::TemporaryFolder out;
  Image large(96, 64, 3, 200);
  write_file(out / "large.png", encode_png(large));
  const SampleList samples = list({concat("tok_rgb[keep=left]=", (out / "large.png").string())});
  GenerationSettings pasted = settings(samples, {"tok_rgb@32"});
  pasted.paste_kept = true;
  generate_batches(*pipeline_, samples, pasted, options(out / "x"));
  const Image result = read_image(out / "x/rgb.png");
  ASSERT_EQ(result.width, 64);
  for (int y = 0; y < 64; ++y) EXPECT_EQ(result.at(31, y)[0], 200);
  bool differs = false;
  for (int y = 0; y < 64; ++y) differs |= result.at(40, y)[0] != 200;
  EXPECT_TRUE(differs);

  const GenerationRecord record = GenerationRecord::read(out / "x/rgb.png");
  generate_batches(*pipeline_, SampleList::of_record(record), record.settings, options(out / "again"));
  EXPECT_EQ(read_file(out / "again/rgb.png"), read_file(out / "x/rgb.png"));
  GenerationRecord masked = record;
  masked.inputs[0]["keep"] = (out / "large.png").string();
  masked.inputs[0]["keep_sha256"] = std::string(64, '0');
  EXPECT_NE(test::message_of([&] { masked.canvas(*pipeline_); }).find("is not the file that the image was generated"),
            std::string::npos);
  write_file(out / "large.png", encode_png(Image(96, 64, 3, 100)));
  EXPECT_NE(test::message_of([&] { record.canvas(*pipeline_); }).find("is not the file that the image was generated"),
            std::string::npos);
}

// A model that reads tokens of 32 pixels and generates those of 64.
TEST_F(BatchTest, ASecondStageReadsTheResultsOfTheFirst) {
  const test::TemporaryFolder out;
  const std::string table =
      "modalities:\n"
      "  tok_rgb@32: {vocab_size: 16, image_size: 32, patch_size: 8}\n"
      "  tok_rgb@64: {vocab_size: 16, image_size: 64, patch_size: 8}\n"
      "  caption: {kind: sequence, vocab_size: 400, max_tokens: 24}\n";
  ModalityTable modalities;
  modalities.extend(table, "the second stage");
  ModelConfig config;
  config.domains_in = {"tok_rgb@32", "tok_rgb@64", "caption"};
  config.domains_out = {"tok_rgb@64"};
  config.dim = 16;
  config.encoder_depth = config.decoder_depth = 1;
  config.num_heads = 2;
  save_model(create_model(config, modalities, 1), out / "superres");
  write_file(out / "superres/modalities.yaml", table);
  TokenizerConfig tokenizer = test::small_image_tokenizer();
  tokenizer.image_size = 64;
  Tokenizer::create(tokenizer, 2).save(out / "superres/tokenizers/tok_rgb@64");
  const Pipeline second = Pipeline::open({.model = out / "superres", .text_tokenizer = root_ / "model/tokenizer.json"});

  const SampleList samples = list({"caption=a chair"});
  GenerationSettings both = settings(samples, {"tok_rgb@32"});
  both.super_resolution = (out / "superres").string();
  both.super_resolution_plan = second.default_plan({"caption", "tok_rgb@32"}, {"tok_rgb@64"});
  BatchOptions o = options(out / "x");
  o.super_resolution = &second;
  const BatchReport report = generate_batches(*pipeline_, samples, both, o);
  EXPECT_EQ(read_image(out / "x/tok_rgb@32.png").width, 32) << "full names: both are RGB";
  EXPECT_EQ(read_image(out / "x/tok_rgb@64.png").width, 64);
  EXPECT_EQ(npy_integers(read_npy(out / "x/tok_rgb@64.npy"), "x").size(), 64u);
  EXPECT_EQ(report.results[0]["results"][0].size(), 2u);

  // The second stage alone, from the files of the first.
  const SampleList first =
      SampleList::of_inputs(second, {{.modality = "caption", .value = "a chair"},
                                     {.modality = "tok_rgb@32", .value = (out / "x/tok_rgb@32.npy").string()}});
  GenerationSettings alone = both;
  alone.super_resolution.clear();
  alone.plan = both.super_resolution_plan;
  alone.super_resolution_plan = {};
  generate_batches(second, first, alone, options(out / "y"));
  EXPECT_EQ(read_file(out / "y/tok_rgb@64.npy"), read_file(out / "x/tok_rgb@64.npy"));

  const GenerationRecord record = GenerationRecord::read(out / "x/tok_rgb@64.png");
  BatchOptions again = options(out / "z");
  again.super_resolution = &second;
  generate_batches(*pipeline_, SampleList::of_record(record), record.settings, again);
  EXPECT_EQ(read_file(out / "z/tok_rgb@64.png"), read_file(out / "x/tok_rgb@64.png"));
}

}  // namespace
}  // namespace fourm
