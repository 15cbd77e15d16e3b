// fourm rooms: makes a data set of furnished rooms.
#include <iostream>
#include <memory>

#include "cli/commands.h"
#include "cli/config_options.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/rooms/dataset.h"

namespace fourm {
namespace {

struct RoomsOptions {
  std::string out;
  RoomSetOptions set;
  bool json = false;
};

void run_rooms(const RoomsOptions& o) {
  const RoomSetOptions& set = o.set;
  const RoomOptions options = set.room_options();
  check_writable_folder(o.out);
  const Stopwatch watch;
  const RoomMaker maker(options);
  if (maker.catalogue().only_solids() && !set.solids)
    warn("no furniture in ", options.catalogue.string(),
         ": simple solids stand in (apt install sweethome3d-furniture)");
  const auto report = write_rooms(maker, set.count, o.out, set.threads, set.preview, set.shard_size);
  if (o.json)
    std::cout << json_text({{"out", o.out},
                            {"count", report.samples},
                            {"size", set.size},
                            {"seed", set.seed},
                            {"split", set.split},
                            {"models", report.models},
                            {"solids", report.solids},
                            {"seconds", watch.seconds()}})
              << "\n";
  else
    std::cout << counted(report.samples, "room") << " with " << counted(report.models, "furniture model") << " in "
              << o.out << "\n";
}

}  // namespace

void add_rooms(CLI::App& program) {
  auto* command = program.add_subcommand("rooms", "Generate aligned images of furnished rooms");
  const auto o = std::make_shared<RoomsOptions>();
  command->add_option("--out", o->out, "folder to write: rgb, depth, normal, semseg, instance, det, caption, scene")
      ->required();
  add_config_options(*command, o->set);
  command->add_flag("--json", o->json, "print a summary as JSON");
  command->footer(
      "Depth is in millimetres along the camera's axis, normals are x right, y up, z toward the viewer.\n\n"
      "Examples:\n"
      "  fourm rooms --count 64 --size 128 --seed 1 --out rooms --preview\n"
      "  fourm rooms --count 500 --split val --furniture train --out rooms_val_seen\n"
      "  fourm rooms --count 20000 --solids --out more_rooms");
  command->callback([o] { run_rooms(*o); });
}

}  // namespace fourm
