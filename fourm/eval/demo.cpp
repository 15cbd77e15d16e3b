#include "fourm/eval/demo.h"

#include <algorithm>

#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/rooms/rooms.h"

namespace fourm {
namespace {

// The modalities of a model by what they are about.
struct Names {
  std::string pixels, caption;
  std::vector<std::string> maps;  // what pictures are read into: depth, normal, semseg
  std::string painting;           // tok_rgb
};

Names names_of(const Pipeline& pipeline) {
  Names names;
  for (const auto& name : pipeline.reads())
    if (pipeline.modality(name).kind == ModalityKind::kPixels) names.pixels = name;
  for (const auto& name : pipeline.writes()) {
    const std::string subject = subject_of(name);
    if (subject == "caption") names.caption = name;
    if (subject == "rgb" && pipeline.has_tokenizer(name)) names.painting = name;
    if ((subject == "depth" || subject == "normal" || subject == "semseg") && pipeline.has_tokenizer(name))
      names.maps.push_back(name);
  }
  check(!names.pixels.empty() && !names.caption.empty() && !names.maps.empty() && !names.painting.empty(),
        "the demo needs a model that reads pixels and writes captions, maps and pictures");
  return names;
}

// Every map and the caption, each from the picture alone.
std::vector<Canvas> read_pictures(const Pipeline& pipeline, const Names& names, const std::vector<Image>& pictures,
                                  uint64_t seed) {
  std::vector<Canvas> canvases;
  for (const auto& picture : pictures) {
    canvases.emplace_back();
    canvases.back().key = canvases.size();
    pipeline.give_picture(canvases.back(), names.pixels, picture);
  }
  Plan plan;
  for (const auto& name : names.maps) {
    plan.targets.push_back(default_target(pipeline.modality(name), true));
    plan.targets.back().guidance = 1;
  }
  Target words = default_target(pipeline.modality(names.caption), true);
  words.temperature = 0;
  plan.targets.push_back(words);
  pipeline.run(canvases, plan, {seed, true, {}});
  return canvases;
}

Image as_shown(const Pipeline& pipeline, const std::string& modality, const StoredPicture& truth) {
  const InputConfig kind = pipeline.picture_kind(modality);
  return display(kind, centre_square(kind, truth, static_cast<int>(pipeline.modality(modality).image_size)));
}

StoredPicture truth_of(const RoomSample& room, const std::string& subject) {
  if (subject == "depth") return room.depth_mm;
  return subject == "normal" ? room.normal : room.semseg;
}

}  // namespace

Gallery demo(const Pipeline& pipeline, const DemoOptions& options) {
  const Names names = names_of(pipeline);
  Gallery gallery;
  gallery.title = "4M: any modality from any other";
  gallery.introduction =
      "A small 4M, trained by this program's own commands on rendered rooms. The rooms below, and their furniture, were "
      "not part of its training. Photographs are further from what it knows: expect less of them.";

  const int size = static_cast<int>(pipeline.modality(names.pixels).image_size);
  RoomOptions world;
  world.size = size;
  world.seed = options.seed + 1000;
  world.split = Split::kVal;
  const RoomMaker maker(world);
  std::vector<RoomSample> rooms;
  std::vector<Image> pictures;
  for (int64_t i = 0; i < std::max(options.rooms, options.paintings); ++i) rooms.push_back(maker.make(static_cast<uint64_t>(i)));
  for (int64_t i = 0; i < options.rooms; ++i) pictures.push_back(rooms[static_cast<size_t>(i)].rgb);
  for (const auto& path : options.images) pictures.push_back(read_image(path));

  note("reading ", pictures.size(), " pictures");
  const auto canvases = read_pictures(pipeline, names, pictures, options.seed);
  for (size_t i = 0; i < canvases.size(); ++i) {
    const bool room = i < static_cast<size_t>(options.rooms);
    GalleryRow row{room ? concat("Room ", i + 1, " -> everything") : options.images[i - static_cast<size_t>(options.rooms)].filename().string() + " -> everything", {}};
    row.cells.push_back({as_shown(pipeline, names.pixels, pictures[i]), "the picture given"});
    for (const auto& name : names.maps) {
      row.cells.push_back({pipeline.show(canvases[i], name), subject_of(name) + ", read by the model"});
      if (room) row.cells.push_back({as_shown(pipeline, name, truth_of(rooms[i], subject_of(name))), subject_of(name) + ", true"});
    }
    row.cells.push_back({{}, "\"" + pipeline.text(canvases[i], names.caption) + "\""});
    gallery.rows.push_back(std::move(row));
  }

  note("painting ", options.paintings, " captions");
  std::vector<Canvas> paintings(static_cast<size_t>(options.paintings));
  for (size_t i = 0; i < paintings.size(); ++i) {
    paintings[i].key = 1000 + i;
    pipeline.give_text(paintings[i], names.caption, rooms[i].captions[1]);
  }
  if (!paintings.empty()) {
    std::vector<std::string> outputs{names.painting};
    outputs.insert(outputs.end(), names.maps.begin(), names.maps.end());
    Plan plan = pipeline.default_plan(paintings[0], outputs);
    for (auto& target : plan.targets) {
      target.temperature = 1;
      target.temperature_schedule = "linear";
      target.steps = 12;
    }
    pipeline.run(paintings, plan, {options.seed, true, {}});
    for (size_t i = 0; i < paintings.size(); ++i) {
      GalleryRow row{"\"" + rooms[i].captions[1] + "\" -> everything", {}};
      for (const auto& name : outputs)
        row.cells.push_back({pipeline.show(paintings[i], name), subject_of(name) + ", generated"});
      gallery.rows.push_back(std::move(row));
    }
  }
  gallery.closing =
      "The furniture is that of the Sweet Home 3D models (CC0 and CC-BY 3.0); the file CREDITS of the model names its "
      "creators.";
  return gallery;
}

}  // namespace fourm
