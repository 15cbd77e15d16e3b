#include "fourm/demo/demo.h"

#include <algorithm>

#include "fourm/clip/image_text.h"
#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/data/annotation.h"
#include "fourm/eval/answer.h"
#include "fourm/eval/box_image.h"
#include "fourm/modality/feature_colours.h"
#include "fourm/rooms/rooms.h"

namespace fourm {
namespace {

constexpr size_t kVariations = 4;

std::string name_of_map(const std::string& modality) {
  const std::string subject = subject_of(modality);
  return subject == "semseg" ? "classes" : subject == "normal" ? "normals" : subject;
}

class Demo {
 public:
  Demo(const Pipeline& pipeline, const DemoOptions& options) : pipeline_(pipeline), options_(options) {
    find_modalities();
    RoomOptions world;
    world.size = static_cast<int>(pipeline.modality(pixels_).image_size);
    world.seed = options.seed + 1000;
    world.split = Split::kVal;
    const RoomMaker maker(world);
    for (int64_t i = 0; i < std::max(options.rooms, options.paintings); ++i)
      rooms_.push_back(maker.make(static_cast<uint64_t>(i)));
  }

  Gallery run() {
    Gallery gallery;
    gallery.title = "4M: any modality from any other";
    gallery.introduction =
        "One small model, trained by this program's own commands on rendered rooms and on nothing else. The rooms "
        "below "
        "and their furniture were not part of its training.";
    if (!options_.images.empty())
      gallery.introduction +=
          " It never saw a photograph either: what it makes of yours shows how far rendered rooms carry, no more.";
    const auto add = [&](std::vector<GalleryRow> rows) {
      for (auto& row : rows) gallery.rows.push_back(std::move(row));
    };
    note("reading images");
    add(readings());
    if (options_.paintings > 0) {
      note("painting");
      add(captions());
      if (!boxes_.empty()) add(paintings_from_boxes());
      add(paintings_from_depth());
      add({chain(), guidance(), half_a_room()});
    }
    gallery.closing =
        "The furniture is that of the Sweet Home 3D models (CC0 and CC-BY 3.0); the file CREDITS of the model names "
        "its "
        "creators.";
    return gallery;
  }

 private:
  void find_modalities() {
    for (const auto& name : pipeline_.reads())
      if (pipeline_.modality(name).kind == ModalityKind::kPixels) pixels_ = name;
    for (const auto& name : pipeline_.writes()) {
      const std::string subject = subject_of(name);
      if (subject == "caption") caption_ = name;
      if (subject == "det") boxes_ = name;
      if (!pipeline_.has_tokenizer(name)) continue;
      if (subject == "rgb") painting_ = name;
      if (subject == "depth") depth_ = name;
      if (subject == "depth" || subject == "normal" || subject == "semseg") maps_.push_back(name);
      if (pipeline_.input_config(name).has_features()) features_ = name;
    }
    check(!pixels_.empty() && !caption_.empty() && !depth_.empty() && !painting_.empty(),
          "the demo needs a model that reads pixels and writes captions, depth and images, with its tokenizers");
  }

  // What is drawn depends on the row's purpose and the place in it.
  static uint64_t key(uint64_t purpose, size_t place) { return 1000 * purpose + place; }

  Target likely(const std::string& name) const { return most_likely(pipeline_.modality(name)); }
  Target brush() const { return painted(pipeline_.modality(painting_)); }

  Image shown(const std::string& modality, const StoredImage& image) const {
    const InputConfig kind = pipeline_.input_config(modality);
    return display(kind, centre_square(kind, image, pipeline_.image_size(modality)));
  }

  static StoredImage truth(const RoomSample& room, const std::string& subject) {
    if (subject == "depth") return depth_in_metres(room.depth_mm);
    return subject == "normal" ? room.normal : room.semseg;
  }

  static std::vector<LabelledBox> boxes_of(const RoomSample& room) {
    return *parse_annotation(room.det, "the room").boxes;
  }

  static Image paper() { return Image(8, 8, 3, 40); }

  // Every map, the boxes and the caption, each from the image alone.
  std::vector<GalleryRow> readings() const {
    std::vector<Image> images;
    for (int64_t i = 0; i < options_.rooms; ++i) images.push_back(rooms_[static_cast<size_t>(i)].rgb);
    for (const auto& path : options_.images) images.push_back(read_image(path));
    std::vector<GalleryRow> rows;
    for (size_t i = 0; i < images.size(); ++i) {
      const bool room = i < static_cast<size_t>(options_.rooms);
      rows.push_back(
          {room ? concat("RGB -> all: an unseen room, ", i + 1)
                : "RGB -> all: " + options_.images[i - static_cast<size_t>(options_.rooms)].filename().string(),
           {{shown(pixels_, images[i]), "given"}},
           ""});
    }
    const auto read = [&](const std::string& modality) {
      const auto start = [&](size_t i) {
        Canvas canvas;
        canvas.key = key(1, i);
        pipeline_.set_image(canvas, pixels_, images[i]);
        return canvas;
      };
      return answer(pipeline_, images.size(), start, {likely(modality)}, options_.seed);
    };
    for (const auto& map : maps_) {
      const auto answers = read(map);
      for (size_t i = 0; i < rows.size(); ++i) {
        rows[i].cells.push_back({pipeline_.show(answers[i], map), name_of_map(map)});
        if (i < static_cast<size_t>(options_.rooms))
          rows[i].cells.push_back({shown(map, truth(rooms_[i], subject_of(map))), "true " + name_of_map(map)});
      }
    }
    if (!features_.empty() && !options_.image_text.empty()) {
      const auto answers = read(features_);
      const auto truths = true_features(images);
      for (size_t i = 0; i < rows.size(); ++i) {
        const FeatureColours colours(std::get<Raster<float>>(truths[i]));
        const auto map = std::get<Raster<float>>(pipeline_.image(answers[i], features_));
        rows[i].cells.push_back({colours(map), "features"});
        rows[i].cells.push_back({colours(std::get<Raster<float>>(truths[i])), "true features"});
      }
    }
    if (!boxes_.empty()) {
      const auto answers = read(boxes_);
      for (size_t i = 0; i < rows.size(); ++i)
        rows[i].cells.push_back(
            {draw_boxes(shown(pixels_, images[i]), pipeline_.boxes(answers[i], boxes_), kGalleryCell), "boxes"});
    }
    const auto answers = read(caption_);
    for (size_t i = 0; i < rows.size(); ++i) rows[i].words = "caption: " + pipeline_.text(answers[i], caption_);
    return rows;
  }

  std::vector<StoredImage> true_features(const std::vector<Image>& images) const {
    std::vector<StoredImage> maps;
    for (const auto& array : ImageText::open(options_.image_text).features({images.begin(), images.end()}))
      maps.push_back(
          decode_stored_image(pipeline_.input_config(features_), encode_npy(array), options_.image_text.string()));
    return maps;
  }

  // The targets of a canvas, in their order.
  std::vector<GalleryCell> made(const Canvas& canvas, const std::vector<Target>& targets) const {
    std::vector<GalleryCell> cells;
    for (const auto& target : targets) {
      const std::string& name = target.modality;
      if (name == boxes_)
        cells.push_back({draw_boxes(paper(), pipeline_.boxes(canvas, name), kGalleryCell), "boxes"});
      else
        cells.push_back({pipeline_.show(canvas, name), name_of_map(name)});
    }
    return cells;
  }

  Canvas with_caption(size_t room, uint64_t draw) const {
    Canvas canvas;
    canvas.key = draw;
    pipeline_.give_text(canvas, caption_, rooms_[room].captions.back());
    return canvas;
  }

  std::vector<GalleryRow> captions() const {
    std::vector<Target> targets{brush()};
    for (const auto& map : maps_) targets.push_back(likely(map));
    std::vector<Canvas> canvases;
    for (size_t i = 0; i < static_cast<size_t>(options_.paintings); ++i) canvases.push_back(with_caption(i, key(2, i)));
    std::vector<GalleryRow> rows;
    answer_in_turn(pipeline_, canvases, targets, options_.seed);
    for (size_t i = 0; i < canvases.size(); ++i)
      rows.push_back({"caption -> all: \"" + rooms_[i].captions.back() + "\"", made(canvases[i], targets), ""});
    return rows;
  }

  // Several images of each room from what `give` puts on its canvas.
  std::vector<GalleryRow> paintings(const std::string& title, uint64_t purpose,
                                    const std::function<void(Canvas&, size_t)>& give,
                                    const std::function<GalleryCell(size_t)>& given) const {
    const auto rooms = static_cast<size_t>(options_.paintings);
    const auto start = [&](size_t i) {
      Canvas canvas;
      canvas.key = key(purpose, i);
      give(canvas, i / kVariations);
      return canvas;
    };
    const auto answers = answer(pipeline_, rooms * kVariations, start,
                                painting(pipeline_, painting_, {start(0).entries[0].modality}), options_.seed);
    std::vector<GalleryRow> rows;
    for (size_t room = 0; room < rooms; ++room) {
      GalleryRow row{title, {given(room)}, ""};
      for (size_t v = 0; v < kVariations; ++v)
        row.cells.push_back({pipeline_.show(answers[room * kVariations + v], painting_), concat("painted, ", v + 1)});
      row.cells.push_back({shown(pixels_, rooms_[room].rgb), "the true room"});
      rows.push_back(std::move(row));
    }
    return rows;
  }

  std::vector<GalleryRow> paintings_from_boxes() const {
    return paintings(
        "boxes -> RGB", 3, [&](Canvas& canvas, size_t i) { pipeline_.give_boxes(canvas, boxes_, boxes_of(rooms_[i])); },
        [&](size_t i) {
          return GalleryCell{draw_boxes(paper(), boxes_of(rooms_[i]), kGalleryCell), "given"};
        });
  }

  std::vector<GalleryRow> paintings_from_depth() const {
    return paintings(
        "depth -> RGB", 4,
        [&](Canvas& canvas, size_t i) { pipeline_.set_image(canvas, depth_, truth(rooms_[i], "depth")); },
        [&](size_t i) {
          return GalleryCell{shown(depth_, truth(rooms_[i], "depth")), "given"};
        });
  }

  // From the coarse to the fine, each from all before it; the image comes last.
  GalleryRow chain() const {
    std::vector<Target> targets;
    if (!boxes_.empty()) targets.push_back(likely(boxes_));
    for (const auto& map : {"semseg", "depth", "normal"})
      for (const auto& name : maps_)
        if (subject_of(name) == map) targets.push_back(painted(pipeline_.modality(name)));
    targets.push_back(brush());
    if (!boxes_.empty()) targets[0].temperature = 0.7;
    std::vector<Canvas> canvases{with_caption(0, key(5, 0))};
    answer_in_turn(pipeline_, canvases, targets, options_.seed);
    return {"chained, each from all before it: \"" + rooms_[0].captions.back() + "\"", made(canvases[0], targets), ""};
  }

  // The same caption and the same draws.
  GalleryRow guidance() const {
    GalleryRow row{"guidance 1 to 5: \"" + rooms_[0].captions.back() + "\"", {}, ""};
    for (int scale = 1; scale <= 5; ++scale) {
      Target target = brush();
      target.guidance = scale;
      const auto start = [&](size_t) { return with_caption(0, key(6, 0)); };
      const auto answers = answer(pipeline_, 1, start, {target}, options_.seed);
      row.cells.push_back({pipeline_.show(answers[0], painting_), concat("guidance ", scale)});
    }
    return row;
  }

  // The right half of a room's tokens is hidden and painted anew.
  GalleryRow half_a_room() const {
    Canvas whole;
    pipeline_.set_image(whole, painting_, rooms_[0].rgb);
    const std::vector<int64_t> tokens = pipeline_.tokens(whole, painting_);
    const int64_t side = pipeline_.modality(painting_).grid();
    std::vector<bool> known;
    for (int64_t slot = 0; slot < side * side; ++slot) known.push_back(slot % side < side / 2);
    const auto start = [&](size_t i) {
      Canvas canvas;
      canvas.key = key(7, i);
      canvas.add_grid(painting_, tokens, known);
      return canvas;
    };
    Image given = pipeline_.show(whole, painting_);
    for (int y = 0; y < given.height; ++y)
      std::fill(given.at(given.width / 2, y), given.at(0, y) + given.width * 3, 128);
    GalleryRow row{"in-painting: the right half anew", {{given, "given"}}, ""};
    const auto answers = answer(pipeline_, kVariations, start, painting(pipeline_, painting_, {}), options_.seed);
    for (size_t v = 0; v < kVariations; ++v)
      row.cells.push_back({pipeline_.show(answers[v], painting_), concat("painted, ", v + 1)});
    row.cells.push_back({shown(pixels_, rooms_[0].rgb), "the true room"});
    return row;
  }

  const Pipeline& pipeline_;
  const DemoOptions& options_;
  std::string pixels_, caption_, boxes_, depth_, painting_, features_;  // modalities; boxes_, features_ may be empty
  std::vector<std::string> maps_;                                       // what images are read into
  std::vector<RoomSample> rooms_;
};

}  // namespace

Gallery demo(const Pipeline& pipeline, const DemoOptions& options) {
  check(options.rooms > 0 || options.paintings > 0 || !options.images.empty(),
        "there is nothing to show: ask for rooms, paintings or an image of your own");
  return Demo(pipeline, options).run();
}

}  // namespace fourm
