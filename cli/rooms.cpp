// fourm rooms: makes a data set of furnished rooms.
#include <iostream>
#include <memory>

#include "cli/verbs.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/rooms/dataset.h"

namespace fourm {
namespace {

struct RoomsArguments {
  int64_t count = 64, shards = 0;
  int size = 128, threads = 0;
  uint64_t seed = 0;
  std::string out, split = "train", furniture;
  bool solids = false, preview = false, json = false;
};

void run_rooms(const RoomsArguments& a) {
  RoomOptions options;
  options.size = a.size;
  options.seed = a.seed;
  options.split = parse_split(a.split);
  if (!a.furniture.empty()) options.furniture = parse_split(a.furniture);
  options.solids = a.solids;
  check_writable_folder(a.out);
  const Stopwatch watch;
  const RoomMaker maker(options);
  if (maker.catalogue().only_solids() && !a.solids)
    warn("no furniture in ", options.catalogue.string(),
         ": simple solids stand in (apt install sweethome3d-furniture)");
  const auto report = write_rooms(maker, a.count, a.out, a.threads, a.preview, a.shards);
  if (a.json)
    std::cout << json_text({{"out", a.out},
                            {"count", report.samples},
                            {"size", a.size},
                            {"seed", a.seed},
                            {"split", a.split},
                            {"models", report.models},
                            {"solids", report.solids},
                            {"seconds", watch.seconds()}})
              << "\n";
  else
    std::cout << counted(report.samples, "room") << " with " << counted(report.models, "model") << " in " << a.out
              << "\n";
}

}  // namespace

void add_rooms(CLI::App& program) {
  auto* verb = program.add_subcommand("rooms", "Generate aligned images of furnished rooms");
  const auto a = std::make_shared<RoomsArguments>();
  verb->add_option("--count", a->count, "how many samples")->capture_default_str();
  verb->add_option("--size", a->size, "side of the images in pixels, 16 to 2048")->capture_default_str();
  verb->add_option("--seed", a->seed, "the same seed gives the same bytes")->capture_default_str();
  verb->add_option("--out", a->out, "folder to write: rgb, depth, normal, semseg, instance, det, caption, scene")
      ->required();
  verb->add_option("--split", a->split, "train, val or test: other rooms, other furniture")
      ->check(CLI::IsMember({"train", "val", "test"}))
      ->capture_default_str();
  verb->add_option("--furniture", a->furniture, "train, val, test or all: furniture of another split")
      ->check(CLI::IsMember({"train", "val", "test", "all"}));
  verb->add_flag("--solids", a->solids, "also use furniture built from solids, each piece with random parts");
  verb->add_option("--threads", a->threads, "0: one for each processor")->capture_default_str();
  verb->add_option("--shards", a->shards, "write tar shards of so many samples instead of folders")
      ->check(CLI::Range(1, 1'000'000));
  verb->add_flag("--preview", a->preview, "also write preview.png, a sheet of up to 64 samples");
  verb->add_flag("--json", a->json, "print a summary as JSON");
  verb->footer(
      "Depth is in millimetres along the camera's axis, normals are x right, y up, z toward the viewer.\n\n"
      "Examples:\n"
      "  fourm rooms --count 64 --size 128 --seed 1 --out rooms --preview\n"
      "  fourm rooms --count 500 --split val --furniture train --out rooms_val_seen\n"
      "  fourm rooms --count 20000 --solids --out more_rooms");
  verb->callback([a] { run_rooms(*a); });
}

}  // namespace fourm
