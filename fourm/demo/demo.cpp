#include "fourm/demo/demo.h"

#include <algorithm>

#include "fourm/clip/image_text.h"
#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/data/annotation.h"
#include "fourm/draw/box_image.h"
#include "fourm/eval/predict.h"
#include "fourm/modality/feature_colours.h"
#include "fourm/rooms/rooms.h"

namespace fourm {
namespace {

constexpr size_t kVariations = 4;

std::string name_of_map(const std::string& modality) {
  const std::string base = base_name(modality);
  return base == "semseg" ? "classes" : base == "normal" ? "normals" : base;
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
    for (int64_t i = 0; i < std::max(options.rooms, options.generations); ++i)
      rooms_.push_back(maker.make(static_cast<uint64_t>(i)));
  }

  Gallery run() {
    Gallery gallery;
    gallery.title = "4M: any modality from any other";
    gallery.introduction =
        "One small model, trained with this program on rendered rooms and on nothing else. The rooms below and their "
        "furniture were not part of its training.";
    if (!options_.images.empty())
      gallery.introduction +=
          " It was not trained on photographs either, so predictions for yours are worse than those for rooms.";
    const auto add = [&](std::vector<GalleryRow> rows) {
      for (auto& row : rows) gallery.rows.push_back(std::move(row));
    };
    note("reading images");
    add(predictions_from_images());
    if (options_.generations > 0) {
      note("generating images");
      add(captions());
      if (!boxes_.empty()) add(images_from_boxes());
      add(images_from_depth());
      add({chain(), guidance(), in_painting()});
    }
    gallery.closing =
        "The furniture is that of the Sweet Home 3D models (CC0 and CC-BY 3.0); the file CREDITS of the model names "
        "its "
        "creators.";
    return gallery;
  }

 private:
  void find_modalities() {
    for (const auto& name : pipeline_.inputs())
      if (pipeline_.modality(name).kind == ModalityKind::kPixels) pixels_ = name;
    for (const auto& name : pipeline_.outputs()) {
      const std::string base = base_name(name);
      if (base == "caption") caption_ = name;
      if (base == "det") boxes_ = name;
      if (!pipeline_.has_tokenizer(name)) continue;
      if (base == "rgb") image_ = name;
      if (base == "depth") depth_ = name;
      if (base == "depth" || base == "normal" || base == "semseg") maps_.push_back(name);
      if (pipeline_.input_config(name).has_features()) features_ = name;
    }
    check(!pixels_.empty() && !caption_.empty() && !depth_.empty() && !image_.empty(),
          "the demo needs a model that reads pixels and writes captions, depth and images, with its tokenizers");
  }

  // The random numbers of a canvas depend on the row's number and on the place in the row.
  static uint64_t key(uint64_t row, size_t place) { return 1000 * row + place; }

  Target likely(const std::string& name) const { return most_likely(pipeline_.modality(name)); }

  // The plan of `fourm generate` for an image.
  Plan image_plan(const std::vector<std::string>& inputs) const { return pipeline_.default_plan(inputs, {image_}); }

  Image shown(const std::string& modality, const StoredImage& image) const {
    const InputConfig kind = pipeline_.input_config(modality);
    return display(kind, centre_square(kind, image, pipeline_.image_size(modality)));
  }

  static StoredImage truth(const RoomSample& room, const std::string& base) {
    if (base == "depth") return depth_in_metres(room.depth_mm);
    return base == "normal" ? room.normal : room.semseg;
  }

  static std::vector<LabelledBox> boxes_of(const RoomSample& room) {
    return *parse_annotation(room.det, "the room").boxes;
  }

  static Image background() { return Image(8, 8, 3, 40); }

  // Every map, the boxes and the caption, each from the image alone.
  std::vector<GalleryRow> predictions_from_images() const {
    std::vector<Image> images;
    for (int64_t i = 0; i < options_.rooms; ++i) images.push_back(rooms_[static_cast<size_t>(i)].rgb);
    for (const auto& path : options_.images) images.push_back(read_image(path));
    std::vector<GalleryRow> rows;
    for (size_t i = 0; i < images.size(); ++i) {
      const bool room = i < static_cast<size_t>(options_.rooms);
      rows.push_back({room ? concat("RGB -> all: an unseen room, ", i + 1)
                           : "RGB -> all: " +
                                 fs::path(options_.images[i - static_cast<size_t>(options_.rooms)]).filename().string(),
                      {{shown(pixels_, images[i]), "input"}},
                      ""});
    }
    const auto read = [&](const std::string& modality) {
      const auto start = [&](size_t i) {
        Canvas canvas;
        canvas.key = key(1, i);
        pipeline_.add_image(canvas, pixels_, images[i]);
        return canvas;
      };
      return predict(pipeline_, images.size(), start, {likely(modality)}, options_.seed);
    };
    for (const auto& map : maps_) {
      const auto predictions = read(map);
      for (size_t i = 0; i < rows.size(); ++i) {
        rows[i].cells.push_back({pipeline_.visualize(predictions[i], map), name_of_map(map)});
        if (i < static_cast<size_t>(options_.rooms))
          rows[i].cells.push_back({shown(map, truth(rooms_[i], base_name(map))), "true " + name_of_map(map)});
      }
    }
    if (!features_.empty() && !options_.image_text.empty()) {
      const auto predictions = read(features_);
      const auto truths = true_features(images);
      for (size_t i = 0; i < rows.size(); ++i) {
        const FeatureColours colours(std::get<Raster<float>>(truths[i]));
        const auto map = std::get<Raster<float>>(pipeline_.image(predictions[i], features_));
        rows[i].cells.push_back({colours(map), "features"});
        rows[i].cells.push_back({colours(std::get<Raster<float>>(truths[i])), "true features"});
      }
    }
    if (!boxes_.empty()) {
      const auto predictions = read(boxes_);
      for (size_t i = 0; i < rows.size(); ++i)
        rows[i].cells.push_back(
            {draw_boxes(shown(pixels_, images[i]), pipeline_.boxes(predictions[i], boxes_), kGalleryCell), "boxes"});
    }
    const auto predictions = read(caption_);
    for (size_t i = 0; i < rows.size(); ++i) rows[i].words = "caption: " + pipeline_.text(predictions[i], caption_);
    return rows;
  }

  std::vector<StoredImage> true_features(const std::vector<Image>& images) const {
    std::vector<StoredImage> maps;
    const auto image_text = ImageText::open(options_.image_text, {.device = pipeline_.compute().first_device()});
    for (const auto& array : image_text.features({images.begin(), images.end()}))
      maps.push_back(decode_stored_image(pipeline_.input_config(features_), encode_npy(array), options_.image_text));
    return maps;
  }

  // The targets of a canvas, in their order.
  std::vector<GalleryCell> cells_of(const Canvas& canvas, const std::vector<Target>& targets) const {
    std::vector<GalleryCell> cells;
    for (const auto& target : targets) {
      const std::string& name = target.modality;
      if (name == boxes_)
        cells.push_back({draw_boxes(background(), pipeline_.boxes(canvas, name), kGalleryCell), "boxes"});
      else
        cells.push_back({pipeline_.visualize(canvas, name), name_of_map(name)});
    }
    return cells;
  }

  Canvas with_caption(size_t room, uint64_t draw) const {
    Canvas canvas;
    canvas.key = draw;
    pipeline_.add_text(canvas, caption_, rooms_[room].captions.back());
    return canvas;
  }

  std::vector<GalleryRow> captions() const {
    Plan plan = image_plan({caption_});
    for (const auto& map : maps_)
      if (std::none_of(plan.targets.begin(), plan.targets.end(), [&](const auto& t) { return t.modality == map; }))
        plan.targets.push_back(likely(map));
    std::vector<Canvas> canvases;
    for (size_t i = 0; i < static_cast<size_t>(options_.generations); ++i)
      canvases.push_back(with_caption(i, key(2, i)));
    std::vector<GalleryRow> rows;
    pipeline_.run(canvases, plan, {options_.seed, true, {}});
    for (size_t i = 0; i < canvases.size(); ++i)
      rows.push_back(
          {"caption -> all: \"" + rooms_[i].captions.back() + "\"", cells_of(canvases[i], plan.targets), ""});
    return rows;
  }

  // Several images of each room, generated from what `give` puts on its canvas.
  std::vector<GalleryRow> variations(const std::string& title, uint64_t number,
                                     const std::function<void(Canvas&, size_t)>& give,
                                     const std::function<GalleryCell(size_t)>& input) const {
    const auto rooms = static_cast<size_t>(options_.generations);
    const auto start = [&](size_t i) {
      Canvas canvas;
      canvas.key = key(number, i);
      give(canvas, i / kVariations);
      return canvas;
    };
    const auto predictions =
        predict(pipeline_, rooms * kVariations, start, image_plan({start(0).entries[0].modality}), options_.seed);
    std::vector<GalleryRow> rows;
    for (size_t room = 0; room < rooms; ++room) {
      GalleryRow row{title, {input(room)}, ""};
      for (size_t v = 0; v < kVariations; ++v)
        row.cells.push_back(
            {pipeline_.visualize(predictions[room * kVariations + v], image_), concat("generated, ", v + 1)});
      row.cells.push_back({shown(pixels_, rooms_[room].rgb), "the true room"});
      rows.push_back(std::move(row));
    }
    return rows;
  }

  std::vector<GalleryRow> images_from_boxes() const {
    return variations(
        "boxes -> RGB", 3, [&](Canvas& canvas, size_t i) { pipeline_.add_boxes(canvas, boxes_, boxes_of(rooms_[i])); },
        [&](size_t i) {
          return GalleryCell{draw_boxes(background(), boxes_of(rooms_[i]), kGalleryCell), "input"};
        });
  }

  std::vector<GalleryRow> images_from_depth() const {
    return variations(
        "depth -> RGB", 4,
        [&](Canvas& canvas, size_t i) { pipeline_.add_image(canvas, depth_, truth(rooms_[i], "depth")); },
        [&](size_t i) {
          return GalleryCell{shown(depth_, truth(rooms_[i], "depth")), "input"};
        });
  }

  // Each target is generated from all before it; the image comes last.
  GalleryRow chain() const {
    std::vector<std::string> names;
    if (!boxes_.empty()) names.push_back(boxes_);
    for (const auto& map : {"semseg", "depth", "normal"})
      for (const auto& name : maps_)
        if (base_name(name) == map) names.push_back(name);
    names.push_back(image_);
    const Plan plan = pipeline_.default_plan(std::vector<std::string>{caption_}, names);
    std::vector<Canvas> canvases{with_caption(0, key(5, 0))};
    pipeline_.run(canvases, plan, {options_.seed, true, {}});
    return {"chained, each from all before it: \"" + rooms_[0].captions.back() + "\"",
            cells_of(canvases[0], plan.targets), ""};
  }

  // The same caption and the same random numbers.
  GalleryRow guidance() const {
    GalleryRow row{"guidance 1 to 5: \"" + rooms_[0].captions.back() + "\"", {}, ""};
    for (int scale = 1; scale <= 5; ++scale) {
      Plan plan = image_plan({caption_});
      for (Target& target : plan.targets) target.guidance = scale;
      const auto start = [&](size_t) { return with_caption(0, key(6, 0)); };
      const auto predictions = predict(pipeline_, 1, start, plan, options_.seed);
      row.cells.push_back({pipeline_.visualize(predictions[0], image_), concat("guidance ", scale)});
    }
    return row;
  }

  // The right half of a room's tokens is hidden and generated.
  GalleryRow in_painting() const {
    Canvas whole;
    pipeline_.add_image(whole, image_, rooms_[0].rgb);
    const std::vector<int64_t> tokens = pipeline_.tokens(whole, image_);
    const int64_t side = pipeline_.modality(image_).grid();
    std::vector<bool> known;
    for (int64_t slot = 0; slot < side * side; ++slot) known.push_back(slot % side < side / 2);
    const auto start = [&](size_t i) {
      Canvas canvas;
      canvas.key = key(7, i);
      canvas.add_grid(image_, tokens, known);
      return canvas;
    };
    Image half = pipeline_.visualize(whole, image_);
    for (int y = 0; y < half.height; ++y) std::fill(half.at(half.width / 2, y), half.at(0, y) + half.width * 3, 128);
    GalleryRow row{"in-painting: the right half is generated", {{half, "input"}}, ""};
    const auto predictions = predict(pipeline_, kVariations, start, image_plan({image_}), options_.seed);
    for (size_t v = 0; v < kVariations; ++v)
      row.cells.push_back({pipeline_.visualize(predictions[v], image_), concat("generated, ", v + 1)});
    row.cells.push_back({shown(pixels_, rooms_[0].rgb), "the true room"});
    return row;
  }

  const Pipeline& pipeline_;
  const DemoOptions& options_;
  std::string pixels_, caption_, boxes_, depth_, image_, features_;  // modalities; boxes_, features_ may be empty
  std::vector<std::string> maps_;                                    // predicted from images
  std::vector<RoomSample> rooms_;
};

}  // namespace

Gallery demo(const Pipeline& pipeline, const DemoOptions& options) {
  check(options.rooms > 0 || options.generations > 0 || !options.images.empty(),
        "there is nothing to show: rooms, generations and images are all none");
  return Demo(pipeline, options).run();
}

}  // namespace fourm
