// fourm report RUNS... --out FOLDER
#include <iostream>

#include "cli/commands.h"
#include "cli/outputs.h"
#include "fourm/experiments/run_report.h"

namespace fourm {

void add_report(CLI::App& program) {
  struct Options {
    std::vector<std::string> paths;
    std::string out, title = "Report";
  };
  auto options = std::make_shared<Options>();
  auto* command = program.add_subcommand("report", "Compare runs and measures on one HTML page and in Markdown");
  command
      ->add_option(
          "RUNS", options->paths,
          "folders of transfer-benchmark, ablate, finetune and other training runs, JSON files of eval --json, "
          "images")
      ->required();
  command->add_option("--out", options->out, "folder for index.html, report.md and figures/")->required();
  command->add_option("--title", options->title, "heading")->capture_default_str();
  command->footer(
      "Runs of one kind are shown in one table. They are named after their folders and files.\n\n"
      "Examples:\n"
      "  fourm report runs/transfer/rooms-ti runs/transfer/scratch runs/ablations --out report\n"
      "  fourm report runs/finetune/* --out report --title 'Fine-tuning on Rooms'\n"
      "  fourm eval --model models/rooms-ti --data rooms/val --json > rooms-ti.json\n"
      "  fourm report rooms-ti.json gallery.png --out report");
  command->callback([options] {
    check_writable_folder(options->out);
    write_document(options->out, run_report({options->paths.begin(), options->paths.end()}, options->title));
    std::cout << (fs::path(options->out) / "index.html").string() << "\n";
  });
}

}  // namespace fourm
