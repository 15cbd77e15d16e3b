// The program as a user runs it: exit codes, one-line errors, results.
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <sstream>

#include "fourm/core/config.h"
#include "fourm/core/file.h"
#include "fourm/core/json.h"
#include "fourm/io/image.h"
#include "fourm/io/npy.h"
#include "fourm/io/npz.h"
#include "fourm/kernels/compute_config.h"
#include "tests/support/described_images.h"
#include "tests/support/fixtures.h"
#include "tests/support/small_model.h"
#include "tests/support/temporary_folder.h"

extern char** environ;

namespace fourm {
namespace {

struct Outcome {
  int code;
  std::string out, errors;
};

class Program : public testing::Test {
 protected:
  Outcome run(const std::string& arguments) const { return run(FOURM_PROGRAM, arguments); }

  Outcome run(const std::string& program, const std::string& arguments) const {
    const fs::path out = folder_ / "stdout", errors = folder_ / "stderr";
    const std::string command = program + " " + arguments + " >" + out.string() + " 2>" + errors.string();
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + status, read_file(out), read_file(errors)};
  }

  // A failure is exit 1 and one line that names the culprit.
  void expect_failure(const std::string& arguments, const std::string& culprit) const {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.code, 1) << arguments << "\n" << outcome.errors;
    EXPECT_EQ(std::count(outcome.errors.begin(), outcome.errors.end(), '\n'), 1) << outcome.errors;
    EXPECT_NE(outcome.errors.find(culprit), std::string::npos) << outcome.errors;
  }

  test::TemporaryFolder temporary_;
  fs::path folder_ = temporary_.path();
};

TEST_F(Program, VersionAndHelp) {
  EXPECT_EQ(run("--version").out.substr(0, 6), "fourm ");
  for (const char* command : {"bench", "clip", "data", "demo", "eval", "generate", "inspect", "pretrain", "probe",
                              "replay", "report", "rooms", "search", "tokenize", "tokenizer", "vocab"}) {
    const Outcome outcome = run(std::string(command) + " --help");
    EXPECT_EQ(outcome.code, 0) << command;
    EXPECT_NE(outcome.out.find("Usage"), std::string::npos) << command;
  }
}

TEST_F(Program, HelpNamesCommandsAndWhatTheirOptionsTake) {
  const auto help = [&](const std::string& command) { return run(command + " --help").out; };
  const auto has = [](const std::string& text, const std::string& part) { return text.find(part) != text.npos; };
  const std::string all = help("");
  EXPECT_TRUE(has(all, "Usage: fourm [OPTIONS] COMMAND\n")) << all;
  for (const char* group : {"Use", "Train", "Measure", "Develop"})
    EXPECT_TRUE(has(all, concat("\n", group, ":\n"))) << group << "\n" << all;
  EXPECT_TRUE(has(help("tokenizer"), "\nCommands:\n"));
  EXPECT_TRUE(has(all, "fourm COMMAND --help explains a command.")) << all;
  EXPECT_TRUE(has(help("tokenizer"), "fourm tokenizer COMMAND --help explains a command."));
  for (const char* command : {"tokenizer train", "tokenizer encode", "tokenizer solvers"})
    EXPECT_TRUE(has(help(command), concat("\n  fourm ", command, " "))) << command << " has no example";
  const std::string label = help("data label"), rooms = help("rooms");
  EXPECT_EQ(label.find("--quiet"), label.rfind("--quiet")) << label;
  EXPECT_FALSE(has(label, "Option Group")) << label;
  EXPECT_TRUE(has(rooms, "--count INT:1 to 100000000=64") && !has(rooms, "FLOAT")) << rooms;
  EXPECT_TRUE(has(help("tokenize"), ":at least 1")) << help("tokenize");
  for (const char* one_device : {"predict", "replay", "data label", "clip features", "clip score"})
    EXPECT_FALSE(has(help(one_device), "several GPUs")) << one_device;
  EXPECT_TRUE(has(help("generate"), "several GPUs"));
}

TEST_F(Program, WrongUsageIsTwo) {
  for (const char* arguments :
       {"", "paint", "inspect", "rooms --count many --out x", "generate --model x --nonsense 1"})
    EXPECT_EQ(run(arguments).code, 2) << arguments;
}

TEST_F(Program, UsageErrorsAreOneLineWithASuggestion) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"", "fourm: a command is needed: "},
      {"generat --model x", "fourm: no command 'generat' (did you mean 'generate'?)"},
      {"generat --help", "fourm: no command 'generat' (did you mean 'generate'?)"},
      {"data chekc x", "fourm: data: no command 'chekc' (did you mean 'check'?)"},
      {"data", "fourm: data: a command is needed: check"},
      {"generate --modle x", "fourm: generate: no option '--modle' (did you mean '--model'?)"},
      {"rooms --out x --cuont=3", "fourm: rooms: no option '--cuont' (did you mean '--count'?)"},
      {"rooms --out x --loud", "fourm: rooms: no option '--loud'; `fourm rooms --help` lists them"},
      {"tokenizer train r.yaml --training.steps 5", "written without dashes: training.steps=VALUE"},
      {"rooms --out x extra", "fourm: rooms: unexpected argument 'extra'"},
      {"generate", "fourm: generate: --model is required"},
      {"rooms --count many --out x", "many"},
      {"rooms --split dev --out x", "dev"},
      {"rooms --count 0 --out x", "--count: expected 1 to 100000000, got 0"},
      {"data label x --clip y --transparency", "fourm: data label: "},
      {"generate --from x.png --seed 3", "leave out --seed"},
      {"generate --from x.png --out y --count 2", "leave out --count"},
      {"generate --from x.png --paste-kept", "leave out --paste-kept"},
      {"generate --from x.png --sr", "leave out --sr"},
      {"generate --from x.png --decode-steps 3", "leave out --decode-steps"},
      {"generate --from x.png --precision bf16", "leave out --precision"},
      {"data label x", "fourm: data label: give --transparency or --clip MODEL"},
      {"report", "fourm: report: "},
      {"pretrain r.yaml training.steps", "expected key=value, got 'training.steps'"}};
  for (const auto& [arguments, message] : cases) {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.code, 2) << arguments;
    EXPECT_EQ(outcome.errors.find("fourm: "), 0u) << arguments << "\n" << outcome.errors;
    EXPECT_NE(outcome.errors.find(message), std::string::npos) << arguments << "\n" << outcome.errors;
    EXPECT_EQ(std::count(outcome.errors.begin(), outcome.errors.end(), '\n'), 1) << outcome.errors;
    EXPECT_EQ(outcome.out, "") << arguments;
  }
}

// `fourm config > docs/configuration.md` brings it up to date.
TEST_F(Program, TheReferenceOfKeysIsCurrent) {
  EXPECT_EQ(run("config").out, read_file(fs::path(FOURM_SOURCE_DIR) / "docs/configuration.md"));
}

// A CLIP of Hugging Face is an image-text model of every command.
TEST_F(Program, ClipModelsOfHuggingFaceAreRead) {
  const std::string clip = FOURM_SOURCE_DIR "/tests/fixtures/clip", folder = folder_.string();
  for (const char* name : {"image0", "image1"}) {
    make_folder(folder_ / "set/rgb");
    fs::copy_file(fs::path(clip) / (std::string(name) + ".png"), folder_ / "set/rgb" / (std::string(name) + ".png"));
  }
  const Outcome label = run("data label " + folder + "/set --clip " + clip + " --size 64");
  EXPECT_EQ(label.out, "2 samples labelled\n") << label.errors;
  EXPECT_EQ(read_npy(folder_ / "set/clip/image1.npy").shape, (std::vector<int64_t>{32, 4, 4}));
  expect_failure("data label " + folder + "/set --clip " + clip + "x", "clip");
  EXPECT_EQ(run("clip score --model " + clip + " --image " + clip + "/image0.png --text 'a cat' 'the sea'").code, 0);
  ASSERT_EQ(
      run("clip features --size 64 --model " + clip + " --in " + folder + "/set/rgb --out " + folder + "/features")
          .code,
      0);
  EXPECT_EQ(read_file(folder_ / "features/image0.npy"), read_file(folder_ / "set/clip/image0.npy"));
}

TEST_F(Program, ReportsAreAPageAndMarkdown) {
  const std::string folder = folder_.string();
  write_file(folder_ / "coco.json", R"({"AP": 0.5, "AP50": 0.75})");
  const Outcome outcome = run("report " + folder + "/coco.json --out " + folder + "/report --title 'Two numbers'");
  EXPECT_EQ(outcome.code, 0) << outcome.errors;
  EXPECT_EQ(outcome.out, folder + "/report/index.html\n");
  EXPECT_NE(read_file(folder_ / "report/index.html").find("<h1>Two numbers</h1>"), std::string::npos);
  EXPECT_NE(read_file(folder_ / "report/report.md").find("| AP50 | 0.7500 |"), std::string::npos);
  expect_failure("report " + folder + "/nothing --out " + folder + "/report", "nothing: no such file or folder");
}

// The command that reads a recipe of configs/; empty for files that are no recipes.
std::string command_of_recipe(const fs::path& file) {
  const YAML::Node yaml = read_yaml(file);
  const auto has = [&](const char* key) { return yaml[key].IsDefined(); };
  if (has("modalities") && yaml["modalities"].IsMap()) return "";
  if (has("task")) return "finetune";
  if (has("tasks")) return has("values") ? "ablate" : "transfer-benchmark";
  if (has("values")) return "ablate";
  if (has("masking")) return "pretrain";
  return has("tokenizer") || has("start_from") ? "tokenizer train" : "clip train";
}

// What --print-config prints of a recipe is a recipe with the same values.
TEST_F(Program, PrintedRecipesAreRecipes) {
  size_t recipes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(FOURM_SOURCE_DIR) / "configs")) {
    if (entry.path().extension() != ".yaml") continue;
    const std::string command = command_of_recipe(entry.path()), copy = (folder_ / "copy.yaml").string();
    if (command.empty()) continue;
    ++recipes;
    const Outcome printed = run(command + " " + entry.path().string() + " --print-config");
    EXPECT_EQ(printed.code, 0) << command << " " << entry.path() << "\n" << printed.errors;
    write_file(copy, printed.out);
    const Outcome again = run(command + " " + copy + " --print-config");
    EXPECT_EQ(again.errors, "") << command << " " << entry.path();
    EXPECT_EQ(again.out, printed.out) << command << " " << entry.path();
  }
  EXPECT_GE(recipes, 70u);
}

// A dry run finds what is wrong with a recipe and leaves nothing.
TEST_F(Program, ARecipeIsCheckedWithoutReadingData) {
  const std::string recipe = FOURM_SOURCE_DIR "/configs/rooms/pretrain.yaml", folder = folder_.string();
  make_folder(folder_ / "set");
  const std::string arguments = "pretrain " + recipe + " --dry-run out=" + folder + "/run data=" + folder +
                                "/set eval_data=" + folder +
                                "/set text_tokenizer=" FOURM_SOURCE_DIR "/models/rooms-ti/tokenizer.json modalities=" +
                                FOURM_SOURCE_DIR "/configs/rooms/modalities.yaml";
  const Outcome outcome = run(arguments + " training.steps=12345");
  EXPECT_EQ(outcome.code, 0) << outcome.errors;
  EXPECT_NE(outcome.out.find("the recipe is valid: 12345 steps"), std::string::npos) << outcome.out;
  EXPECT_FALSE(fs::exists(folder_ / "run"));
  expect_failure(arguments + " batch=0", "batch is 0, expected at least 1");
  expect_failure(arguments + " data=" + folder + "/nothing", "nothing: no such file or folder; it is 'data'");
  expect_failure(arguments + " training.schedule.warmup_steps=1000000", "warmup_steps");
}

TEST_F(Program, RecipesArePrintedInFull) {
  const fs::path recipe = folder_ / "recipe.yaml", run_folder = folder_ / "run";
  write_file(recipe, "out: " + run_folder.string() + "\ndata: nowhere\n");
  for (const char* command : {"pretrain", "tokenizer train", "clip train"}) {
    const Outcome outcome = run(std::string(command) + " " + recipe.string() + " training.steps=7 --print-config");
    EXPECT_EQ(outcome.code, 0) << outcome.errors;
    const YAML::Node node = parse_yaml(outcome.out, command);
    EXPECT_EQ(node["training"]["steps"].as<int>(), 7) << command;
    EXPECT_TRUE(node["training"]["checkpoint_every"].IsDefined()) << "keys with defaults are printed too";
  }
  EXPECT_FALSE(fs::exists(run_folder));
}

TEST_F(Program, OutputsThatCannotBeWrittenAreNoticedFirst) {
  write_file(folder_ / "file", "kept");
  write_file(folder_ / "recipe.yaml", "out: " + (folder_ / "file").string() + "\ndata: nowhere\n");
  const std::string into = " --out " + (folder_ / "file").string() + "/x", recipe = (folder_ / "recipe.yaml").string();
  for (const auto& arguments :
       {"rooms --count 100000" + into, "generate --model nowhere --out-modality caption" + into, "demo" + into,
        "tokenize --data nowhere --tokenizers nowhere" + into, "tokenizer encode nowhere --tokenizer nowhere" + into,
        "tokenizer decode nowhere --tokenizer nowhere" + into, "clip features --model nowhere --in nowhere" + into,
        "vocab train nowhere" + into, "replay nowhere" + into, "data stats nowhere" + into,
        "data convert nowhere" + into, "inspect nowhere --convert " + (folder_ / "file").string() + "/x",
        "pretrain " + recipe, "tokenizer train " + recipe, "clip train " + recipe})
    expect_failure(arguments, (folder_ / "file").string());
  EXPECT_EQ(read_file(folder_ / "file"), "kept");
}

TEST_F(Program, InspectSaysWhatAPathIs) {
  ASSERT_EQ(run("rooms --count 2 --size 16 --solids --out " + (folder_ / "rooms").string()).code, 0);
  ASSERT_EQ(run("rooms --count 2 --size 16 --solids --shards 2 --out " + (folder_ / "shards").string()).code, 0);
  const fs::path model = fs::path(FOURM_SOURCE_DIR) / "models" / "rooms-ti";
  write_npy(folder_ / "a.npy", npy_from_integers({1, 2, 3, 4, 5, 6}, {2, 3}));
  write_file(folder_ / "a.npz", encode_npz({{"emb", npy_from_floats({1, 2}, {1, 2})}}));
  const std::vector<std::pair<fs::path, std::string>> cases{{folder_ / "rooms", "data set"},
                                                            {list_files(folder_ / "rooms/rgb")[0], "PNG image"},
                                                            {list_files(folder_ / "rooms/caption")[0], "texts"},
                                                            {list_files(folder_ / "rooms/det")[0], "boxes"},
                                                            {folder_ / "rooms/rgb", "folder of files"},
                                                            {folder_ / "rooms/dataset.yaml", "YAML"},
                                                            {list_files(folder_ / "shards/rgb")[0], "tar shard"},
                                                            {folder_ / "a.npy", "NumPy array"},
                                                            {folder_ / "a.npz", "NumPy archive"},
                                                            {model, "4M model"},
                                                            {model / "config.json", "4M config"},
                                                            {model / "tokenizer.json", "text tokenizer"},
                                                            {model / "tokenizers", "folder of models"},
                                                            {model / "tokenizers/tok_rgb@128", "tokenizer"},
                                                            {model / "clip", "image-text model"}};
  for (const auto& [path, kind] : cases) {
    const Outcome text = run("inspect '" + path.string() + "'"), json = run("inspect --json '" + path.string() + "'");
    EXPECT_EQ(text.code, 0) << text.errors;
    EXPECT_EQ(text.out.find(path.string() + ": " + kind + "\n"), 0u) << text.out;
    EXPECT_EQ(parse_json(json.out, "stdout")["kind"], kind) << path;
  }
  const Json image = parse_json(run("inspect --json " + cases[1].first.string()).out, "stdout");
  EXPECT_EQ(image["width"], 16);
  EXPECT_EQ(image["bits"], 8);
  EXPECT_EQ(parse_json(run("inspect --json " + (folder_ / "a.npy").string()).out, "stdout")["shape"], Json({2, 3}));
  // One file does not tell the model's own modalities.
  const std::string weights = (model / "model.safetensors").string(), table = (model / "modalities.yaml").string();
  expect_failure("inspect " + weights, "rgb@128");
  EXPECT_EQ(run("inspect " + weights + " --modalities " + table).out.find(weights + ": 4M model\n"), 0u);
  write_file(folder_ / "other.bin", "a few bytes of no kind");
  expect_failure("inspect " + (folder_ / "other.bin").string(), "other.bin");
  fs::create_directories(folder_ / "empty");
  expect_failure("inspect " + (folder_ / "empty").string(), "empty");
}

TEST_F(Program, ARunFolderStandsForItsModel) {
  const fs::path bundled = fs::path(FOURM_SOURCE_DIR) / "models" / "rooms-ti", done = folder_ / "run";
  write_file(done / "recipe.yaml", "out: x\n");
  make_folder(done / "checkpoints" / "step-000500");
  expect_failure("generate --model " + done.string() + " --out-modality caption", "step-000500");
  EXPECT_NE(run("inspect " + done.string()).out.find("training run without a finished model"), std::string::npos);
  fs::copy(bundled, done / "model", fs::copy_options::recursive);
  const std::string caption = " --out-modality caption --greedy --overwrite --out " + (folder_ / "out").string();
  const Outcome by_run = run("generate --model " + done.string() + caption);
  ASSERT_EQ(by_run.code, 0) << by_run.errors;
  EXPECT_EQ(by_run.out, run("generate --model " + (done / "model").string() + caption).out);
  EXPECT_EQ(parse_json(run("inspect --json " + done.string()).out, "stdout")["kind"], "4M model");
  write_file(done / "checkpoints/step-000500/optimizer.safetensors", "");
  write_file(done / "checkpoints/step-000500/state.json", "{}");
  expect_failure("generate --model " + (done / "checkpoints/step-000500").string() + " --out-modality caption",
                 "is a checkpoint of training");
}

TEST_F(Program, TheBundledModelIsFoundFromEverywhere) {
  for (const char* name : {"rooms-ti", "models/rooms-ti", "models/rooms-ti/clip"}) {
    const Outcome outcome = run("cd / && " FOURM_PROGRAM, std::string("inspect ") + name);
    EXPECT_EQ(outcome.code, 0) << name << ": " << outcome.errors;
  }
  // An installation: PREFIX/bin and PREFIX/share/fourm.
  make_folder(folder_ / "prefix/bin");
  make_folder(folder_ / "prefix/share/fourm/models");
  fs::copy(FOURM_PROGRAM, folder_ / "prefix/bin/fourm");
  fs::create_directory_symlink(fs::path(FOURM_SOURCE_DIR) / "models/rooms-ti",
                               folder_ / "prefix/share/fourm/models/mine");
  const Outcome installed = run("cd / && " + (folder_ / "prefix/bin/fourm").string(), "inspect mine");
  EXPECT_EQ(installed.code, 0) << installed.errors;
  EXPECT_EQ(run("cd / && " + (folder_ / "prefix/bin/fourm").string(), "inspect rooms-ti").code, 1);
}

TEST_F(Program, DataCheckCountsFaultsOfAKind) {
  for (int i = 0; i < 30; ++i) {
    const std::string name = "room " + std::to_string(i);
    write_file(folder_ / "data/rgb" / (name + ".png"), encode_png(Image(8, 8, 3, 90)));
    write_file(folder_ / "data/caption" / (name + ".json"), i < 25 ? "[]" : "[\"a chair\"]");
    if (i < 28) write_file(folder_ / "data/det" / (name + ".json"), "{\"instances\": []}");
  }
  const std::string data = (folder_ / "data").string();
  const Outcome outcome = run("data check " + data);
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 10 + 1 + 2 + 1) << outcome.out;
  EXPECT_NE(outcome.out.find("... and 15 more of this kind"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("30 samples, 88 files: 25 faults, 2 warnings"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("warning: " + data + "/det/room 28.*: 'room 28': is missing"), std::string::npos)
      << outcome.out;
  const Json report = parse_json(run("data check --json " + data).out, "stdout");
  EXPECT_EQ(report["faults"].size(), 25u);
  EXPECT_EQ(report["warnings"].size(), 2u);
}

TEST_F(Program, NumbersThatAreNotFiniteAreRefused) {
  for (const char* option : {"--guidance", "--temperature", "--top-p", "--decode-eta"})
    for (const char* number : {"nan", "inf", "-inf", "NAN", "1e999"}) {
      const Outcome outcome = run(std::string("generate --model x --out-modality y ") + option + "=" + number);
      EXPECT_EQ(outcome.code, 2) << option << " " << number;
      EXPECT_NE(outcome.errors.find(option), std::string::npos) << outcome.errors;
    }
  write_file(folder_ / "plan.yaml", "targets: [{modality: caption, guidance: .nan}]\n");
  expect_failure("generate --model " FOURM_SOURCE_DIR "/models/rooms-ti --plan " + (folder_ / "plan.yaml").string(),
                 "targets[0].guidance");
}

TEST_F(Program, FailuresAreOneLine) {
  expect_failure("inspect " + (folder_ / "missing").string(), "missing");
  write_file(folder_ / "cut.safetensors", std::string("\x10\0\0\0\0\0\0\0{\"a\":", 12));
  expect_failure("inspect " + (folder_ / "cut.safetensors").string(), "cut.safetensors");
  std::string huge(16, '\0');
  huge[7] = '\x80';
  write_file(folder_ / "huge.safetensors", huge);
  expect_failure("inspect " + (folder_ / "huge.safetensors").string(), "9223372036854775808");
  write_file(folder_ / "config.json", std::string(2'000'000, '['));
  expect_failure("inspect " + (folder_ / "config.json").string(), "nested deeper");
  fs::create_symlink(folder_ / "b", folder_ / "a");
  fs::create_symlink(folder_ / "a", folder_ / "b");
  expect_failure("inspect " + (folder_ / "a").string(), "/a");
  expect_failure("generate --model " + (folder_ / "none").string() + " --out-modality caption", "none");
  expect_failure("replay " + folder_.string() + " --out x.safetensors", "case.json");
  write_file(folder_ / "recipe.yaml", "bach: 3\n");
  expect_failure("pretrain " + (folder_ / "recipe.yaml").string(), "did you mean 'batch'");
}

// Each of the signals that ask for a stop ends a training at a saved step, from which the same command resumes.
TEST_F(Program, SignalsSaveATraining) {
  ASSERT_EQ(run("rooms --count 12 --size 32 --seed 5 --out " + (folder_ / "rooms").string()).code, 0);
  write_file(folder_ / "recipe.yaml", R"(
size: 32
batch: 4
eval_images: 2
tokenizer:
  {image_size: 32, patch_size: 8, codebook_size: 32, latent_dim: 8, enc_type: e, dec_type: d, input: {kind: rgb},
   presets: {e: {kind: vit_encoder, dim_tokens: 32, depth: 1, num_heads: 2},
             d: {kind: vit_decoder, dim_tokens: 32, depth: 1, num_heads: 2}}}
training: {steps: 1000000, log_every: 1, evaluate_every: 0, checkpoint_every: 0, threads: 1, precision: f32}
)");
  const fs::path out = folder_ / "run", errors = folder_ / "errors";
  const std::string command = std::string("exec ") + FOURM_PROGRAM + " tokenizer train " +
                              (folder_ / "recipe.yaml").string() + " data=" + (folder_ / "rooms/rgb").string() +
                              " out=" + out.string() + " 2>" + errors.string();
  int64_t before = 0;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) {
    const auto lines = [&] {
      const std::string text = fs::exists(out / "metrics.jsonl") ? read_file(out / "metrics.jsonl") : "";
      return std::count(text.begin(), text.end(), '\n');
    };
    std::string shell = "/bin/sh", option = "-c", text = command;
    char* arguments[] = {shell.data(), option.data(), text.data(), nullptr};
    pid_t child = 0;
    ASSERT_EQ(posix_spawn(&child, "/bin/sh", nullptr, nullptr, arguments, environ), 0);
    int status = 0;
    pid_t ended = 0;
    while (lines() < before + 2 && ended == 0) {
      usleep(20'000);
      ended = waitpid(child, &status, WNOHANG);
    }
    ASSERT_EQ(ended, 0) << read_file(errors);
    kill(child, signal);
    waitpid(child, &status, 0);
    const std::string message = read_file(errors);
    ASSERT_TRUE(WIFEXITED(status)) << "signal " << signal << " killed it: " << message;
    EXPECT_EQ(WEXITSTATUS(status), signal == SIGUSR1 ? 75 : 1) << message;  // 75: to be started again
    EXPECT_NE(message.find("the same command resumes"), std::string::npos) << message;
    int64_t step = 0;
    for (const auto& entry : fs::directory_iterator(out / "checkpoints"))
      step = std::max<int64_t>(step, std::atoll(entry.path().filename().string().substr(5).c_str()));
    EXPECT_NE(message.find("stopped at step " + std::to_string(step) + " and saved"), std::string::npos) << message;
    EXPECT_GT(step, before);
    before = step;
  }
}

TEST_F(Program, ReplayWritesEveryResult) {
  const fs::path folder = test::fixture_root() / "transformer" / "variant_gelu_bias";
  FOURM_NEEDS(folder);
  const fs::path out = folder_ / "results.safetensors";
  ASSERT_EQ(run("replay " + folder.string() + " --out " + out.string()).code, 0);
  const Outcome inspected = run("inspect --json " + out.string());
  ASSERT_EQ(inspected.code, 0);
  EXPECT_GT(parse_json(inspected.out, "stdout")["tensors"].size(), 20u);
}

TEST_F(Program, InspectDescribesAModel) {
  const fs::path folder = test::fixture_root() / "transformer" / "forward_21";
  FOURM_NEEDS(folder);
  const Json report = parse_json(run("inspect --json " + folder.string()).out, "stdout");
  EXPECT_EQ(report["kind"], "4M model");
  EXPECT_EQ(report["config"]["dim"], 8);
  EXPECT_EQ(report["modalities"].size(), 8u);
  EXPECT_NE(run("inspect " + folder.string()).out.find("tok_dinov2_global"), std::string::npos);
}

TEST_F(Program, GenerateWritesTokenFiles) {
  const fs::path model = test::fixture_root() / "transformer" / "forward_21";
  FOURM_NEEDS(model);
  const std::string arguments =
      "generate --model " + model.string() + " --out-modality tok_dinov2_global --seed 3 --json --out ";
  const Outcome outcome = run(arguments + (folder_ / "one").string());
  ASSERT_EQ(outcome.code, 0) << outcome.errors;
  ASSERT_EQ(run(arguments + (folder_ / "two").string()).code, 0);
  EXPECT_EQ(read_file(folder_ / "one" / "tok_dinov2_global.npy"), read_file(folder_ / "two" / "tok_dinov2_global.npy"));
  expect_failure("generate --model " + model.string() + " --out-modality tok_dinov3 --out " + folder_.string(),
                 "tok_dinov3");
  expect_failure("generate --model " + model.string() + " --in rgb@224=no.png --out-modality tok_dinov2_global --out " +
                     folder_.string(),
                 "no.png");
}

// Tokens that one command writes are read by all others.
TEST_F(Program, TokenFilesAreTheSameEverywhere) {
  const auto path = [&](const std::string& name) { return (folder_ / name).string(); };
  const auto expect_done = [&](const std::string& arguments) {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.code, 0) << arguments << "\n" << outcome.errors;
    return outcome;
  };
  test::write_small_model(folder_ / "model");
  const std::string model = path("model"), rgb = path("model/tokenizers/tok_rgb@32"),
                    global = path("model/tokenizers/tok_global@32");
  for (int i = 0; i < 4; ++i) {
    const std::string name = std::to_string(i);
    write_file(folder_ / "data/rgb" / (name + ".png"), encode_png(test::described_disc(i).image));
    write_npy(folder_ / "vectors" / (name + ".npy"),
              npy_from_floats(std::vector<float>(6, static_cast<float>(i)), {6}));
  }
  expect_done("tokenizer encode --tokenizer " + rgb + " " + path("data/rgb") + " --out " + path("data/tok_rgb@32"));
  expect_done("tokenizer encode --tokenizer " + global + " " + path("vectors/0.npy") + " " + path("vectors/1.npy") +
              " " + path("vectors/2.npy") + " " + path("vectors/3.npy") + " --out " + path("data/tok_global@32"));
  fs::copy_file(folder_ / "model/modalities.yaml", folder_ / "data/modalities.yaml");
  expect_done("data check " + path("data"));
  write_file(folder_ / "recipe.yaml",
             "data: " + path("data") + "\nmodalities: " + path("model/modalities.yaml") +
                 "\ntext_tokenizer: " + path("model/tokenizer.json") +
                 "\nbatch: 4\n"
                 "model: {domains_in: [rgb@32, tok_rgb@32, tok_global@32], domains_out: [tok_rgb@32, tok_global@32], "
                 "image_size: 32, patch_size: 8, dim: 8, encoder_depth: 1, decoder_depth: 1, num_heads: 1}\n"
                 "masking: {input_tokens: [8, 8], target_tokens: [8, 8], mixture: [{name: all, input_others: 1, "
                 "target_others: 1}]}\n"
                 "training: {steps: 1}\n");
  expect_done("pretrain " + path("recipe.yaml") + " out=" + path("run"));

  // The recipe of a mixture says which modalities each of its sets has.
  make_folder(folder_ / "half");
  fs::copy(folder_ / "data/tok_global@32", folder_ / "half/tok_global@32", fs::copy_options::recursive);
  const Outcome lacking = run("data check " + path("half") + " --recipe " + path("recipe.yaml"));
  EXPECT_EQ(lacking.code, 0) << lacking.out << lacking.errors;
  EXPECT_NE(lacking.out.find("warning: " + path("half") + ": has no rgb@32, tok_rgb@32"), std::string::npos)
      << lacking.out;
  std::string mixture = read_file(folder_ / "recipe.yaml");
  const std::string data = "data: " + path("data") + "\n";
  mixture.replace(mixture.find(data), data.size(),
                  "mixture: {" + path("data") + ": 1, " + path("half") +
                      ": {weight: 1, domains_in: [tok_global@32], domains_out: [tok_global@32]}}\n");
  write_file(folder_ / "mixture.yaml", mixture);
  EXPECT_EQ(run("data check " + path("half") + "/ --recipe " + path("mixture.yaml")).out,
            "4 samples, 4 files: valid\n");

  // A recipe without `model` is checked as that of `init`, which knows the vocabulary.
  write_file(folder_ / "next.yaml", "data: " + path("other") + "\ninit: " + path("run") +
                                        "\ntext_tokenizer: " + path("model/tokenizer.json") + "\n");
  write_npy(folder_ / "other/tok_rgb@32/1.npy", npy_from_integers(std::vector<int64_t>(16, 999), {1, 16}, "i2"));
  expect_done("data check " + path("other"));
  const Outcome unknown = run("data check " + path("other") + " --recipe " + path("next.yaml"));
  EXPECT_EQ(unknown.code, 1);
  write_file(folder_ / "empty.yaml", "data: " + path("other") + "\n");
  expect_failure("data check " + path("other") + " --recipe " + path("empty.yaml"), "names no modalities");
  EXPECT_NE(unknown.out.find("holds the token 999"), std::string::npos) << unknown.out << unknown.errors;

  // Several codebooks are decoded where they are generated, and from their file.
  const std::string generate = "generate --model " + model + " --in caption='a chair' --out-modality ";
  expect_done(generate + "tok_global@32,det --out " + path("out"));
  EXPECT_TRUE(fs::exists(folder_ / "out/global.npy"));
  for (const char* tokens : {"out/tok_global@32.npy", "data/tok_global@32/1.npy"})
    expect_done("tokenizer decode --tokenizer " + global + " " + path(tokens) + " --out " + path("decoded"));
  EXPECT_EQ(read_file(folder_ / "decoded/tok_global@32.npy"), read_file(folder_ / "out/global.npy"));
  expect_done("generate --model " + model + " --in tok_global@32=" + path("out/tok_global@32.npy") +
              " --in tok_rgb@32=" + path("data/tok_rgb@32/1.npy") + " --in det=" + path("out/det.json") +
              " --out-modality caption --out " + path("again"));

  // Official files hold crops; [1, L] is an image of its own size.
  const auto ids = npy_integers(read_npy(folder_ / "data/tok_rgb@32/2.npy"), "2.npy");
  write_npy(folder_ / "one.npy", npy_from_integers(ids, {1, 16}, "i2"));
  write_npy(folder_ / "two.npy", npy_from_integers(std::vector<int64_t>(32, 3), {2, 16}, "i2"));
  expect_done("tokenizer decode --tokenizer " + rgb + " " + path("one.npy") + " " + path("two.npy") + " " +
              path("data/tok_rgb@32/2.npy") + " --out " + path("images"));
  EXPECT_EQ(read_image(folder_ / "images/one.png").height, 32);
  EXPECT_EQ(read_image(folder_ / "images/one.png"), read_image(folder_ / "images/2.png"));
  EXPECT_EQ(list_files(folder_ / "images/two").size(), 2u);

  const std::string slow = expect_done("tokenizer decode --precision bf16 --tokenizer " + rgb + " " + path("one.npy") +
                                       " --out " + path("bf16"))
                               .errors;
  EXPECT_EQ(slow.find("warning: --precision is bf16") == std::string::npos, bf16_is_fast()) << slow;
}

// A decoder that fails costs neither the tokens nor the other results.
TEST_F(Program, ResultsAreWrittenWhereADecoderFails) {
  test::write_small_model(folder_ / "model");
  fs::remove_all(folder_ / "model/tokenizers/tok_global@32");
  Tokenizer::create(test::small_vector_tokenizer(3), 1).save(folder_ / "model/tokenizers/tok_global@32");
  const Outcome outcome = run("generate --json --model " + (folder_ / "model").string() +
                              " --in caption='a chair' --out-modality tok_global@32,tok_rgb@32,det --count 2 --out " +
                              (folder_ / "out").string());
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.errors.find("warning: tok_global@32 could not be decoded: "), std::string::npos) << outcome.errors;
  EXPECT_NE(outcome.errors.find("fourm: 2 of 6 results could not be decoded"), std::string::npos) << outcome.errors;
  for (const char* name : {"tok_global@32_0.npy", "tok_global@32_1.npy", "rgb_0.png", "rgb_1.png", "det_1.json"})
    EXPECT_TRUE(fs::exists(folder_ / "out" / name)) << name;
  const Json report = parse_json(outcome.out, "stdout");
  EXPECT_TRUE(report["samples"][1]["tok_global@32"].contains("failure"));
  EXPECT_EQ(report["samples"][1]["tok_rgb@32"]["files"].size(), 2u);
  const Outcome again =
      run("generate --from " + (folder_ / "out/rgb_1.png").string() + " --out " + (folder_ / "again").string());
  EXPECT_EQ(again.code, 1);
  EXPECT_NE(again.errors.find("fourm: 1 of 3 results could not be decoded"), std::string::npos) << again.errors;
  EXPECT_EQ(read_file(folder_ / "again/rgb.png"), read_file(folder_ / "out/rgb_1.png"));
}

// In-painting, weights, folders and prompts as a user types them.
TEST_F(Program, GeneratesFromPartsFoldersAndPrompts) {
  test::write_small_model(folder_ / "model");
  const auto path = [&](const std::string& name) { return (folder_ / name).string(); };
  Image image(40, 32, 3);
  for (size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<uint8_t>(i * 37 % 256);
  for (const char* name : {"images/a.png", "images/b.png"}) write_file(folder_ / name, encode_png(image));
  const std::string generate = "generate --model " + path("model") + " --out ";
  const auto done = [&](const std::string& arguments) {
    const Outcome outcome = run(generate + arguments);
    EXPECT_EQ(outcome.code, 0) << arguments << "\n" << outcome.errors;
    return outcome.out;
  };
  done(path("half") + " --in tok_rgb=" + path("images/a.png") + " --keep tok_rgb@32=left --out-modality rgb");
  done(path("whole") + " --in tok_rgb=" + path("images/a.png") + " --out-modality caption");
  done(path("other") + " --in tok_rgb=" + path("images/a.png") + " --keep tok_rgb=left --out-modality rgb --seed 8");
  const auto ids = [&](const char* name) { return npy_integers(read_npy(folder_ / name / "tok_rgb@32.npy"), name); };
  for (const size_t i : {0, 1, 4, 5, 8, 9, 12, 13}) EXPECT_EQ(ids("half")[i], ids("other")[i]) << i;
  EXPECT_NE(ids("half"), ids("other"));

  EXPECT_EQ(done(path("folder") + " --in rgb=" + path("images") + " --out-modality caption"),
            "2 samples in " + path("folder") + "\n");
  EXPECT_TRUE(fs::exists(folder_ / "folder/caption/a.txt") && fs::exists(folder_ / "folder/caption/b.txt"));
  done(path("folder") + " --in rgb=" + path("images") + " --out-modality caption --sheet");
  const Image sheet = read_image(folder_ / "folder/sheet.png");  // of results that were there already
  EXPECT_GT(sheet.height, 2 * 160);
  write_file(folder_ / "prompts.txt", "a chair\na table\n");
  done(path("prompts") + " --in caption=@" + path("prompts.txt") + " --out-modality rgb");
  done(path("again") + " --from " + path("prompts/rgb/0001.png"));
  EXPECT_EQ(read_file(folder_ / "again/rgb.png"), read_file(folder_ / "prompts/rgb/0001.png"));
  EXPECT_EQ(done(path("none") + " --in caption='a chair' --out-modality rgb --print-plan").find("targets:"), 0u);
  EXPECT_FALSE(fs::exists(folder_ / "none"));

  const auto refused = [&](const std::string& arguments, const std::string& part) {
    expect_failure(generate + path("refused") + " " + arguments, part);
  };
  refused("--in caption=a --in caption=b --out-modality rgb", "is given twice");
  refused("--in rbg=x.png --out-modality caption", "did you mean 'rgb'?");
  refused("--in rgb=" + path("images/a.png") + " --keep caption=left --out-modality det", "'caption' is not given");
  refused("--in rgb=" + path("images/a.png") + " --keep rgb=" + path("none.png") + " --out-modality det", "none.png");
  refused("--in 'caption[weight=2]=a chair' --out-modality captoin", "did you mean 'caption'?");
  write_file(folder_ / "bad.txt", "a chair\n\na table\n");
  refused("--in caption=@" + path("bad.txt") + " --out-modality rgb", "line 2 is empty");
  expect_failure(generate + path("half") + " --in caption=a --out-modality rgb", "results of other settings");
  for (const char* wrong : {" --in 'caption[weight]=a' --out-modality rgb", " --in caption --out-modality rgb",
                            " --in caption=a --inputs rgb --out-modality rgb",
                            " --in caption=a --out-modality rgb --worker 2/2", " --from x.png --in caption=a"})
    EXPECT_EQ(run(generate + path("refused") + wrong).code, 2) << wrong;
}

// In-painting with a mask that is drawn again, and a list of prompts that is edited.
TEST_F(Program, ResultsOfChangedInputsAreNotReported) {
  test::write_small_model(folder_ / "model");
  const auto path = [&](const std::string& name) { return (folder_ / name).string(); };
  const std::string generate = "generate --model " + path("model") + " --out ";
  write_file(folder_ / "a.png", encode_png(Image(32, 32, 3, 90)));
  const auto keep_rows = [&](int rows) {
    Image mask(32, 32, 3, 0);
    std::fill_n(mask.pixels.begin(), 32 * 3 * rows, uint8_t{255});
    write_file(folder_ / "mask.png", encode_png(mask));
  };
  keep_rows(8);
  const std::string one = generate + path("one") + " --in tok_rgb=" + path("a.png") +
                          " --keep tok_rgb=" + path("mask.png") + " --out-modality rgb";
  const std::string kept = "from the same settings and inputs";
  ASSERT_EQ(run(one).code, 0);
  EXPECT_NE(run(one).errors.find(kept), std::string::npos);
  const Outcome shown = run("inspect " + path("one/rgb.png"));
  for (const char* part : {"\n  tok_rgb@32: 16 tokens\n", "\n  seed 0\n", "fourm generate --from"})
    EXPECT_NE(shown.out.find(part), std::string::npos) << part << "\n" << shown.out;
  keep_rows(16);
  expect_failure(one, "mask.png changed since");
  EXPECT_EQ(run(one + " --overwrite").code, 0);
  EXPECT_NE(run(one).errors.find(kept), std::string::npos);

  const std::string many = generate + path("many") + " --in caption=@" + path("p.txt") + " --out-modality rgb";
  write_file(folder_ / "p.txt", "a chair\na table\n");
  ASSERT_EQ(run(many).code, 0);
  write_file(folder_ / "p.txt", "a chair\na room\n");
  const Outcome again = run(many);
  EXPECT_EQ(again.out, "2 samples in " + path("many") + ", 1 of them from an earlier run\n");
  EXPECT_NE(again.errors.find("generated again: 0001 ('caption' changed)"), std::string::npos) << again.errors;

  const Outcome paste = run(generate + path("none") + " --in tok_rgb=" + path("a.png") +
                            " --keep tok_rgb=left --paste-kept --out-modality det");
  EXPECT_EQ(paste.code, 2) << paste.errors;
  const std::string plan = run(generate + path("none") + " --in caption=a --out-modality rgb --print-plan").out;
  for (const char* empty : {"tokens: 0", "schedule: \"\"", "weights:", "\n\n"})
    EXPECT_EQ(plan.find(empty), std::string::npos) << plan;
}

// Images by features that the model predicts from any input.
TEST_F(Program, SearchesByAnyModalityWithAnIndex) {
  test::write_small_model(folder_ / "model");
  for (int i = 0; i < 6; ++i) {
    Image image(40, 32, 3);
    for (size_t p = 0; p < image.pixels.size(); ++p) image.pixels[p] = static_cast<uint8_t>(p * (i + 3) * 37 % 256);
    write_file(folder_ / "images" / concat(i, ".png"), encode_png(image));
  }
  const auto path = [&](const std::string& name) { return (folder_ / name).string(); };
  const std::string search = "search --model " + path("model") + " --images " + path("images/");
  const Outcome made = run(search);
  EXPECT_EQ(made.code, 0) << made.errors;
  EXPECT_EQ(made.out, "") << "without a query the index is made";
  EXPECT_NE(made.errors.find("images.index: 6 images by tok_global@32, 6 read now"), std::string::npos) << made.errors;
  const Outcome found = run(search + " --json --top 9 --in rgb=" + path("images/3.png"));
  const Json all = parse_json(found.out, "out");
  EXPECT_NE(found.errors.find("0 read now"), std::string::npos) << found.errors;
  ASSERT_EQ(all.size(), 6u);
  EXPECT_NEAR(all[0]["score"].get<double>(), 1, 1e-5);
  const std::string query = search + " --in caption='a chair' --in det='v0=1 v1=2 v2=9 v3=9 chair' ";
  const Outcome lines = run(query + "--top 2 --sheet " + path("sheet.png"));
  EXPECT_EQ(std::count(lines.out.begin(), lines.out.end(), '\n'), 2) << lines.out << lines.errors;
  EXPECT_NE(lines.out.find("  " + path("images/")), std::string::npos) << lines.out;
  EXPECT_GT(read_image(folder_ / "sheet.png").height, 320) << "boxes and two images";
  EXPECT_EQ(run(query + "--features tok_global@32 --index " + path("other.index")).code, 0);
  EXPECT_TRUE(fs::exists(folder_ / "other.index"));

  expect_failure(search + " --in captoin=a", "did you mean 'caption'?");
  expect_failure(search + " --in rgb=" + path("images"), "a search has one query");
  expect_failure(search + " --features caption --in caption=a", "is not decoded into features");
  expect_failure("search --model " + path("model") + " --images " + path("none") + " --in caption=a", "none");
  for (const char* wrong : {" --in caption", " --top 0 --in caption=a", " --sheet x.png"})
    EXPECT_EQ(run(search + wrong).code, 2) << wrong;
}

TEST_F(Program, ProbesOneInputOverValues) {
  test::write_small_model(folder_ / "model");
  const auto path = [&](const std::string& name) { return (folder_ / name).string(); };
  const std::string probe = "probe --model " + path("model") + " --in caption='a chair' --out ";
  const Outcome done = run(probe + path("words") + " --vary 'caption: chair|table|room' --out-modality rgb,det");
  ASSERT_EQ(done.code, 0) << done.errors;
  EXPECT_EQ(done.out, "3 variants in " + path("words") + ", together in " + path("words/probe.png") + "\n");
  for (const char* name : {"probe.png", "rgb/0_chair.png", "rgb/2_room.png", "det/1_table.txt", "manifest.json"})
    EXPECT_TRUE(fs::exists(folder_ / "words" / name)) << name;
  ASSERT_EQ(run("generate --from " + path("words/rgb/1_table.png") + " --out " + path("again")).code, 0);
  EXPECT_EQ(read_file(folder_ / "again/rgb.png"), read_file(folder_ / "words/rgb/1_table.png"));

  const Outcome table = run(probe + path("table") +
                            " --in det='v0=0 v1=0 v2=9 v3=9 chair' --vary 'det: move chair x 0.2..0.8 in 2' "
                            "--vary 'caption=a chair|a table' --out-modality rgb --json");
  ASSERT_EQ(table.code, 0) << table.errors;
  EXPECT_EQ(parse_json(table.out, "out")["samples"].size(), 4u);
  EXPECT_TRUE(fs::exists(folder_ / "table/rgb/1_a_table_0_x_0.2.png"));

  expect_failure(probe + path("x") + " --vary 'caption: sofa|table' --out-modality rgb", "does not contain 'sofa'");
  expect_failure(probe + path("x") + " --vary 'det: chair|table' --out-modality rgb", "'det' is not among the inputs");
  expect_failure(probe + path("words") + " --vary 'caption: chair|room' --out-modality rgb", "other settings");
  for (const char* wrong :
       {" --out-modality rgb", " --vary 'caption: chair' --out-modality rgb", " --vary 'caption=a|b'"})
    EXPECT_EQ(run(probe + path("x") + wrong).code, 2) << wrong;
}

// Boxes are of the image beside them, wherever it stands on the command line.
TEST_F(Program, BoxesAreCutWithTheGivenImage) {
  test::write_small_model(folder_ / "model");
  write_file(folder_ / "wide.png", encode_png(Image(64, 32, 3, 90)));
  write_file(folder_ / "boxes.json", R"({"instances": [{"boxes": [0.25, 0, 0.5, 1], "class_name": "chair"}]})");
  const std::string image = " --in rgb@32=" + (folder_ / "wide.png").string();
  const std::string sized =
      R"({"width": 32, "height": 32, "instances": [{"boxes": [0, 0, 0.5, 1], "class_name": "chair"}]})";
  write_file(folder_ / "square.json", sized);
  const auto features = [&](const std::string& in) {
    const Outcome outcome = run("generate --features --overwrite --model " + (folder_ / "model").string() + in +
                                " --out " + (folder_ / "out").string());
    EXPECT_EQ(outcome.code, 0) << outcome.errors;
    return read_file(folder_ / "out/features.npy");
  };
  const auto boxes = [&](const char* name) { return " --in det=" + (folder_ / name).string(); };
  EXPECT_EQ(features(image + boxes("boxes.json")), features(image + boxes("square.json")));
  EXPECT_EQ(features(boxes("boxes.json") + image), features(boxes("square.json") + image));
  const Json rows = read_json(folder_ / "out/features.json")["rows"];
  EXPECT_EQ(rows[0], "det");
  EXPECT_EQ(rows[rows.size() - 1], "rgb@32");
  const Outcome again = run("generate --features --model " + (folder_ / "model").string() + image + " --out " +
                            (folder_ / "out").string());
  EXPECT_NE(again.errors.find("features.npy: is there already"), std::string::npos) << again.errors;
}

// The command line wins over the plan.
TEST_F(Program, OptionsReplaceSettingsOfThePlan) {
  test::write_small_model(folder_ / "model");
  const auto generated = [&](const std::string& plan, const std::string& options) {
    write_file(folder_ / "plan.yaml", plan);
    const Outcome outcome =
        run("generate --model " + (folder_ / "model").string() + " --in caption='a chair' --seed 3 --plan " +
            (folder_ / "plan.yaml").string() + " --overwrite --out " + (folder_ / "out").string() + options);
    EXPECT_EQ(outcome.code, 0) << outcome.errors;
    return read_file(folder_ / "out/tok_rgb@32.npy");
  };
  const std::string row = "targets: [{modality: tok_rgb@32, scheme: roar, temperature: 50";
  const std::string all = row + "}]\n", best = row + "}]\ntop_k: 1\n";
  ASSERT_NE(generated(all, ""), generated(best, "")) << "the test needs a filter that matters";
  EXPECT_EQ(generated(row + "}]\ntop_k_share: 1\n", " --top-k 1"), generated(best, ""));
  EXPECT_EQ(generated(row + "}]\ntop_k_share: 0.1\n", " --top-k 0"), generated(all, ""));
  EXPECT_EQ(generated(row + ", weights: [-4]}]\ntop_k: 1\n", " --guidance 1"), generated(best, ""));

  write_file(folder_ / "plan.yaml", "targets: [{modality: det}]\n");
  expect_failure("generate --steps 3 --model " + (folder_ / "model").string() + " --plan " +
                     (folder_ / "plan.yaml").string() + " --out " + (folder_ / "out").string(),
                 "--steps is for grid targets");
}

TEST_F(Program, ATextTokenizerFromTheEnvironmentIsAnnounced) {
  test::write_small_model(folder_ / "model");
  const std::string arguments = "generate --model " + (folder_ / "model").string() +
                                " --in caption='a chair' --out-modality det --out " + (folder_ / "out").string();
  const fs::path elsewhere = folder_ / "elsewhere.json";
  ::setenv("FOURM_TOKENIZER", elsewhere.c_str(), 1);
  EXPECT_EQ(run(arguments).errors.find("FOURM_TOKENIZER"), std::string::npos) << "the model has its own";
  fs::rename(folder_ / "model/tokenizer.json", elsewhere);
  const Outcome outcome = run(arguments);
  EXPECT_EQ(outcome.code, 0) << outcome.errors;
  EXPECT_NE(outcome.errors.find(elsewhere.string() + " (from $FOURM_TOKENIZER)"), std::string::npos) << outcome.errors;
  ::unsetenv("FOURM_TOKENIZER");
}

TEST_F(Program, TheExampleReadsImagesAtTheSameTime) {
  const fs::path model = fs::path(FOURM_SOURCE_DIR) / "models" / "rooms-ti";
  ASSERT_EQ(run("rooms --count 2 --size 128 --seed 5 --out " + (folder_ / "rooms").string()).code, 0);
  std::string images;
  for (const auto& file : list_files(folder_ / "rooms" / "rgb", {".png"})) images += " " + file.string();
  const std::string start = model.string() + " ";
  const Outcome both = run(FOURM_EXAMPLE, start + (folder_ / "both").string() + images);
  ASSERT_EQ(both.code, 0) << both.errors;
  EXPECT_EQ(list_files(folder_ / "both", {".png"}).size(), 2u);
  // One after the other: the same words and maps.
  std::string words;
  for (const auto& file : list_files(folder_ / "rooms" / "rgb", {".png"}))
    words += run(FOURM_EXAMPLE, start + (folder_ / "each").string() + " " + file.string()).out;
  EXPECT_EQ(both.out, words);
  for (const auto& file : list_files(folder_ / "both", {".png"}))
    EXPECT_EQ(read_file(file), read_file(folder_ / "each" / file.filename()));
  EXPECT_EQ(run(FOURM_EXAMPLE, "none out a.png").code, 1);
}

TEST_F(Program, EvalMeasuresFilesOfPredictions) {
  const std::string truth = (folder_ / "truth.json").string(), found = (folder_ / "found.json").string();
  write_file(truth, R"({"images": [{"id": 1}], "categories": [{"id": 1}],
                        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 40, 40]}]})");
  write_file(found, R"([{"image_id": 1, "category_id": 1, "bbox": [0, 0, 40, 28], "score": 0.5}])");
  const std::string eval = "eval --annotations " + truth + " --predictions ";
  const Outcome measures = run(eval + found + " --kind bbox --json");
  ASSERT_EQ(measures.code, 0) << measures.errors;
  EXPECT_NEAR(parse_json(measures.out, "stdout")["AP"], 0.5, 1e-9);
  EXPECT_EQ(parse_json(measures.out, "stdout")["APl"], -1);
  EXPECT_NE(run(eval + found).out.find("AP50                     1.000\n"), std::string::npos);
  expect_failure(eval + found + " --kind segm", "the key 'segmentation' is missing");
  expect_failure(eval + truth, "expected a list of predictions");
  for (const std::string& wrong : {"eval --annotations " + truth, eval + found + " --model rooms-ti",
                                   eval + found + " --kind boxes", std::string("eval --model rooms-ti")})
    EXPECT_EQ(run(wrong).code, 2) << wrong;
}

TEST_F(Program, EvalOfImagesNamesTheOptionsThatGoTogether) {
  const std::vector<std::pair<std::string, std::string>> wrong{
      {"--generated a", "--generated goes with --real and --inception, with --real and --clip, or with --clip"},
      {"--generated a --real b", "--real goes with --inception or --clip"},
      {"--generated a --clip b --inception c", "--inception requires --real"},
      {"--generated a --real b --inception c --captions d", "--captions requires --clip"},
      {"--clip a", "--clip requires --generated"},
      {"--generated a --clip b --model rooms-ti", "--generated and --model are two things to measure"}};
  for (const auto& [options, message] : wrong) {
    const Outcome outcome = run("eval " + options);
    EXPECT_EQ(outcome.code, 2) << options;
    EXPECT_NE(outcome.errors.find(message), std::string::npos) << options << "\n" << outcome.errors;
  }
}

TEST_F(Program, EvalPrintsMeasuresAndAgreementAsJson) {
  const std::string data = (folder_ / "rooms").string();
  ASSERT_EQ(run("rooms --count 2 --size 128 --seed 5 --solids --out " + data).code, 0);
  const std::string eval = "eval --model rooms-ti --count 2 --json --data " + data;
  const Outcome measures = run(eval + " --inputs rgb,depth+caption");
  ASSERT_EQ(measures.code, 0) << measures.errors;
  const Json report = parse_json(measures.out, "stdout");
  EXPECT_EQ(report["inputs"][1]["given"], "depth+caption");
  EXPECT_EQ(report["inputs"][0]["measures"][0]["measure"], "depth AbsRel");
  const Outcome agreement = run(eval + " --inputs caption --against f32");
  ASSERT_EQ(agreement.code, 0) << agreement.errors;
  EXPECT_EQ(parse_json(agreement.out, "stdout")["outputs"][0]["predictions"], 1.0);
  EXPECT_EQ(run(eval + " --count 1").code, 2);

  const std::string plot = (folder_ / "plot.svg").string();
  const Outcome chains = run(eval + " --chains direct,depth --sweep steps=1,2 --plot " + plot);
  ASSERT_EQ(chains.code, 0) << chains.errors;
  const Json compared = parse_json(chains.out, "stdout");
  ASSERT_EQ(compared["chains"].size(), 4u);
  EXPECT_EQ(compared["given"], "caption");
  EXPECT_EQ(compared["chains"][3]["chain"], "via depth");
  EXPECT_EQ(compared["chains"][3]["steps"], 2);
  EXPECT_NE(read_file(plot).find("via depth"), std::string::npos);
  expect_failure(eval + " --chains dpeth", "did you mean 'depth'?");
  for (const char* wrong : {" --sweep steps", " --plot x.svg", " --chains --against f32"})
    EXPECT_EQ(run(eval + wrong).code, 2) << wrong;
}

TEST_F(Program, DemoTakesTheOldNameOfGenerations) {
  const std::string out = (folder_ / "demo").string();
  const Outcome outcome = run("demo --rooms 1 --paintings 0 --out " + out);
  ASSERT_EQ(outcome.code, 0) << outcome.errors;
  EXPECT_NE(outcome.errors.find("warning: --paintings is now --generations"), std::string::npos) << outcome.errors;
  EXPECT_EQ(outcome.out, out + "/gallery.png\n" + out + "/index.html\n");
  EXPECT_EQ(run("demo --help").out.find("--paintings"), std::string::npos);
}

TEST_F(Program, BenchGivesOneRecordAWorkloadAndEngine) {
  const Outcome outcome = run("bench caption roar1 --size Ti --repeats 1 --threads 1 --json");
  ASSERT_EQ(outcome.code, 0) << outcome.errors;
  std::istringstream lines(outcome.out);
  std::vector<std::string> found;
  for (std::string line; std::getline(lines, line);) {
    const Json record = parse_json(line, "stdout");
    found.push_back(record["workload"].get<std::string>() + " " + record["engine"].get<std::string>());
    for (const char* key : {"median_s", "ready_s", "samples_per_s", "memory_gib", "peak_share"})
      EXPECT_GT(record[key].get<double>(), 0) << key;
    EXPECT_EQ(record["all"].size(), 1u);
    EXPECT_EQ(record["precision"], "f32");
    EXPECT_EQ(record["device"], "cpu");
  }
  EXPECT_EQ(found, (std::vector<std::string>{"caption fast", "caption reference", "roar1 fast", "roar1 reference"}));
  expect_failure("bench paint --size Ti", "paint");
  const Outcome table = run("bench --engine fast roar1 finetune --samples 2 --size Ti --repeats 1 --threads 1");
  EXPECT_EQ(std::count(table.out.begin(), table.out.end(), '\n'), 3) << "heading and two workloads: " << table.out;
}

TEST_F(Program, ClipTrainsAndScores) {
  const std::string data = (folder_ / "data").string(), model = (folder_ / "run/model").string();
  test::write_described_discs(data, 16);
  write_file(
      folder_ / "clip.yaml",
      "data: " + data + "\ntext_tokenizer: " + data +
          "/text.json\nbatch: 8\nmodel: {image_size: 32, patch_size: 8, "
          "embed_dim: 8, image_width: 16, image_depth: 1, text_width: 16, text_depth: 1}\ntraining: {steps: 2}\n");
  const Outcome trained = run("clip train " + (folder_ / "clip.yaml").string() + " out=" + (folder_ / "run").string());
  ASSERT_EQ(trained.code, 0) << trained.errors;

  const std::string image = data + "/rgb/1003.png";
  const Json scores = parse_json(
      run("clip score --json --model " + model + " --image " + image + " --text 'a red disc' 'a white disc' ''").out,
      "out");
  ASSERT_EQ(scores.size(), 3u);
  double sum = 0;
  for (const auto& row : scores) {
    sum += row["probability"].get<double>();
    EXPECT_EQ(row["score"].get<double>() > scores[0]["score"].get<double>(),
              row["probability"].get<double>() > scores[0]["probability"].get<double>());
  }
  EXPECT_NEAR(sum, 1, 1e-9);

  ASSERT_EQ(run("clip features --model " + model + " --in " + data + "/rgb --out " + data + "/clip").code, 0);
  EXPECT_EQ(list_files(data + "/clip").size(), 16u);
  const Outcome moved = run("clip search --model " + model + " --in " + data + "/rgb --text 'a red disc' --top 3");
  EXPECT_EQ(moved.code, 2);
  EXPECT_EQ(moved.errors.find("fourm: clip search is now `fourm search --model MODEL --images FOLDER"), 0u);
  EXPECT_EQ(std::count(moved.errors.begin(), moved.errors.end(), '\n'), 1) << moved.errors;
  expect_failure("clip features --model " + model + " --in " + data + "/caption --out " + data + "/clip", "caption");
  write_file(data + "/rgb/1003.png", "no image");
  expect_failure("clip features --model " + model + " --in " + data + "/rgb --out " + data + "/clip", "--overwrite");
  expect_failure("clip features --overwrite --model " + model + " --in " + data + "/rgb --out " + data + "/clip",
                 "1003.png");
  expect_failure("tokenizer encode --tokenizer " + (folder_ / "nothing").string() + " " + image + " --out x",
                 "nothing");
  expect_failure("clip score --model " + data + " --image " + image + " --text a", "config.json");
}

TEST_F(Program, InputsThatWouldBecomeOneFileAreRefused) {
  const fs::path model = fs::path(FOURM_SOURCE_DIR) / "models" / "rooms-ti" / "tokenizers" / "tok_depth@128";
  for (const char* name : {"a/x.png", "b/x.png"}) write_file(folder_ / name, "no image");
  expect_failure("tokenizer encode --tokenizer " + model.string() + " " + (folder_ / "a").string() + " " +
                     (folder_ / "b").string() + " --out " + (folder_ / "tokens").string(),
                 "b/x.png and ");
  EXPECT_FALSE(fs::exists(folder_ / "tokens"));
}

TEST_F(Program, FilesThatAreThereAreNotReplacedUnasked) {
  const auto path = [&](const std::string& name) { return (folder_ / name).string(); };
  test::write_small_model(folder_ / "model");
  write_png(folder_ / "set/0.png", test::described_disc(0).image);
  const std::string original = read_file(folder_ / "set/0.png"),
                    encode = "tokenizer encode --tokenizer " + path("model/tokenizers/tok_rgb@32") + " ",
                    decode = "tokenizer decode --tokenizer " + path("model/tokenizers/tok_rgb@32") + " ",
                    into = " --out " + path("set");
  ASSERT_EQ(run(encode + path("set") + into).code, 0);
  expect_failure(encode + path("set/0.png") + into, "--overwrite");
  expect_failure(decode + path("set/0.npy") + into, "0.png: is there already");
  EXPECT_EQ(read_file(folder_ / "set/0.png"), original);
  ASSERT_EQ(run(decode + "--overwrite " + path("set/0.npy") + into).code, 0);
  EXPECT_NE(read_file(folder_ / "set/0.png"), original);

  // A vocabulary may be learned again, and replaces nothing else.
  write_file(folder_ / "texts.txt", "a bed and a lamp\n");
  const std::string vocabulary = "vocab train " + path("texts.txt") + " --size 600 --coordinates 0 --out ";
  ASSERT_EQ(run(vocabulary + path("text.json")).code, 0);
  EXPECT_EQ(run(vocabulary + path("text.json")).code, 0);
  expect_failure(vocabulary + path("model/modalities.yaml"), "--overwrite");
  write_file(folder_ / "texts.txt", "the green table\n");
  expect_failure(vocabulary + path("text.json"), "--overwrite");
  EXPECT_EQ(run(vocabulary + path("text.json") + " --overwrite").code, 0);

  const std::string weights = read_file(folder_ / "model/model.safetensors");
  expect_failure("inspect " + path("model") + " --dtype bf16 --convert " + path("model"), "would be overwritten");
  EXPECT_EQ(read_file(folder_ / "model/model.safetensors"), weights);
}

// A training does not mix its files with those of a data set.
TEST_F(Program, ARunHasAFolderOfItsOwn) {
  const auto path = [&](const std::string& name) { return (folder_ / name).string(); };
  write_file(folder_ / "data/caption/a.txt", "a room");
  write_file(folder_ / "r.yaml", "data: " + path("data") + "\n");
  for (const char* training : {"pretrain ", "tokenizer train ", "clip train "})
    expect_failure(training + path("r.yaml") + " out=" + path("data"),
                   "is not the folder of a run and holds 'caption'");
  EXPECT_FALSE(fs::exists(folder_ / "data/checkpoints"));
  write_file(folder_ / "run/first.log", "");
  expect_failure("pretrain " + path("r.yaml") + " out=" + path("run"), "text_tokenizer");
}

TEST_F(Program, ResultsThatCannotBeWrittenAreAFailure) {
  if (!fs::exists("/dev/full")) GTEST_SKIP();
  const std::string command =
      FOURM_PROGRAM " inspect " FOURM_SOURCE_DIR "/models/rooms-ti >/dev/full 2>" + (folder_ / "errors").string();
  const int status = std::system(command.c_str());
  EXPECT_EQ(WEXITSTATUS(status), 1);
  EXPECT_NE(read_file(folder_ / "errors").find("standard output"), std::string::npos);
}

TEST_F(Program, ABrokenFileNeverReplacesAGoodOne) {
  const fs::path out = folder_ / "results.safetensors";
  write_file(out, "kept");
  EXPECT_EQ(run("replay " + folder_.string() + " --out " + out.string()).code, 1);
  EXPECT_EQ(read_file(out), "kept");
}

}  // namespace
}  // namespace fourm
