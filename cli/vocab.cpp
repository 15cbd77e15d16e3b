#include <sstream>

#include "cli/commands.h"
#include "cli/config_options.h"
#include "cli/outputs.h"
#include "fourm/core/json.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/io/image_file.h"
#include "fourm/text/wordpiece.h"
#include "fourm/text/wordpiece_trainer.h"

namespace fourm {
namespace {

// Every string in a JSON value: captions come as text, lists of text, or objects.
void add_strings(const Json& json, const std::vector<std::string>& keys, WordPieceTrainer& trainer) {
  if (json.is_string()) trainer.add(json.get<std::string>());
  if (json.is_array())
    for (const auto& item : json) add_strings(item, keys, trainer);
  if (json.is_object())
    for (const auto& key : keys)
      if (json.contains(key)) add_strings(json[key], keys, trainer);
}

}  // namespace

void add_vocab(CLI::App& program) {
  struct Options {
    std::vector<std::string> texts;
    std::string out, classes;
    bool overwrite = false;
    WordPieceOptions vocabulary;
  };
  auto o = std::make_shared<Options>();
  auto* command = program.add_subcommand("vocab", "Learn a text vocabulary");
  command->require_subcommand(1);
  auto* train =
      command->add_subcommand("train", "Learn a WordPiece vocabulary from texts and write it as tokenizer.json");
  train->add_option("TEXTS", o->texts, "text files (one text in each line), caption .json files, or folders of them")
      ->required();
  train->add_option("--out", o->out, "tokenizer.json to write")->required();
  add_overwrite(*train, o->overwrite);
  add_config_options(*train, o->vocabulary);
  train->add_option("--classes", o->classes, "file with one class name in each line, each of which becomes one token");
  train->footer("Example:\n  fourm vocab train rooms/caption --size 1500 --coordinates 64 --out tokenizer.json");
  train->callback([o] {
    check_writable_file(o->out);
    WordPieceOptions options = o->vocabulary;
    const auto lines = [](const fs::path& file, const auto& use) {
      std::istringstream in(read_file(file));
      for (std::string line; std::getline(in, line);)
        if (!line.empty()) use(line);
    };
    if (!o->classes.empty()) lines(o->classes, [&](const std::string& name) { options.classes.push_back(name); });
    WordPieceTrainer trainer(options);
    for (const fs::path given : o->texts) {
      const auto files =
          fs::is_directory(given) ? list_files_below(given, {".txt", ".json"}) : std::vector<fs::path>{given};
      check(!files.empty(), given.string(), ": holds no texts (.txt, .json)");
      for (const auto& file : files) {
        if (lower_extension(file) == ".json")
          add_strings(read_json(file), {"caption", "text", "instances", "class_name"}, trainer);
        else
          lines(file, [&](const std::string& line) { trainer.add(line); });
      }
    }
    const std::string vocabulary = trainer.tokenizer_json();
    std::error_code ignored;  // the same vocabulary may be learned again
    if (!fs::is_regular_file(o->out, ignored) || read_file(o->out) != vocabulary) check_not_there(o->out, o->overwrite);
    write_file(o->out, vocabulary);
    note("wrote ", o->out, " with ", counted(WordPiece::load(o->out).size(), "entry", "entries"));
  });
}

}  // namespace fourm
