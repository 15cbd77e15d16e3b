#include "fourm/demo/demo.h"

#include <algorithm>

#include "fourm/clip/image_text.h"
#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/data/annotation.h"
#include "fourm/draw/box_image.h"
#include "fourm/draw/legend.h"
#include "fourm/eval/predict.h"
#include "fourm/generate/input.h"
#include "fourm/io/image_resize.h"
#include "fourm/modality/feature_colours.h"
#include "fourm/rooms/classes.h"
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
  Demo(const Pipeline& pipeline, const DemoOptions& options, const Pipeline* super_resolution)
      : pipeline_(pipeline), options_(options), super_resolution_(super_resolution) {
    find_modalities();
    const RoomMaker maker(world(static_cast<int>(pipeline.modality(pixels_).image_size)));
    for (int64_t i = 0; i < std::max(options.rooms, options.generations); ++i)
      rooms_.push_back(maker.make(static_cast<uint64_t>(i)));
    for (int c = 0; c < kRoomClasses; ++c) class_names_.emplace_back(class_name(static_cast<RoomClass>(c)));
  }

  Gallery run() {
    Gallery gallery;
    gallery.title = "4M: any modality from any other";
    gallery.introduction =
        "One small model, trained with this program on rendered rooms and on nothing else. The rooms below were not "
        "part "
        "of its training.";
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
      add({negative_caption()});
      if (!boxes_.empty()) add(images_from_boxes());
      for (const auto& map : maps_) add(images_from_map(map));
      add({chain(), in_painting()});
      if (super_resolution_) add({super_resolution()});
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

  // The unseen rooms, rendered with `size` pixels a side.
  RoomOptions world(int size) const {
    RoomOptions world;
    world.size = size;
    world.seed = options_.seed + 1000;
    world.split = Split::kVal;
    world.furniture = Split::kTrain;
    return world;
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

  // A map with its legend or scale.
  Image shown_map(const std::string& modality, const StoredImage& map) const {
    const InputConfig kind = pipeline_.input_config(modality);
    return draw_map(kind, centre_square(kind, map, pipeline_.image_size(modality)), class_names_, kGalleryCell);
  }

  // Every map, the boxes and the caption, each from the image alone. The user's images come first, then rooms with their true maps.
  std::vector<GalleryRow> predictions_from_images() const {
    std::vector<Image> images;
    std::vector<GalleryRow> rows, truths;
    for (const auto& path : options_.images) {
      images.push_back(read_image(path));
      rows.push_back({"RGB -> all: " + fs::path(path).filename().string(), {}, ""});
    }
    const size_t own = images.size();
    for (size_t i = 0; i < static_cast<size_t>(options_.rooms); ++i) {
      images.push_back(rooms_[i].rgb);
      rows.push_back({concat("RGB -> all: an unseen room, ", i + 1), {}, ""});
      truths.push_back({concat("the truth of room ", i + 1), {}, "caption: " + rooms_[i].captions.back()});
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
    for (size_t i = 0; i < images.size(); ++i) {
      rows[i].cells.push_back({shown(pixels_, images[i]), "input"});
      if (i < own) continue;
      Canvas canvas;
      pipeline_.add_image(canvas, image_, images[i]);
      truths[i - own].cells.push_back({pipeline_.visualize(canvas, image_), "input through its tokenizer"});
    }
    for (const auto& map : maps_) {
      const auto predictions = read(map);
      for (size_t i = 0; i < rows.size(); ++i) {
        rows[i].cells.push_back({shown_map(map, pipeline_.image(predictions[i], map)), name_of_map(map)});
        if (i >= own)
          truths[i - own].cells.push_back(
              {shown_map(map, truth(rooms_[i - own], base_name(map))), "true " + name_of_map(map)});
      }
    }
    if (!features_.empty() && !options_.image_text.empty()) {
      const auto predictions = read(features_);
      const auto features = true_features(images);
      for (size_t i = 0; i < rows.size(); ++i) {
        const auto& map = std::get<Raster<float>>(features[i]);
        const FeatureColours colours(map);
        rows[i].cells.push_back(
            {colours(std::get<Raster<float>>(pipeline_.image(predictions[i], features_))), "features"});
        if (i >= own) truths[i - own].cells.push_back({colours(map), "true features"});
      }
    }
    if (!boxes_.empty()) {
      const auto predictions = read(boxes_);
      const auto drawn = [&](size_t i, const std::vector<LabelledBox>& boxes) {
        return draw_boxes(shown(pixels_, images[i]), boxes, kGalleryCell);
      };
      for (size_t i = 0; i < rows.size(); ++i) {
        rows[i].cells.push_back({drawn(i, pipeline_.boxes(predictions[i], boxes_)), "boxes"});
        if (i >= own) truths[i - own].cells.push_back({drawn(i, boxes_of(rooms_[i - own])), "true boxes"});
      }
    }
    const auto predictions = read(caption_);
    for (size_t i = 0; i < rows.size(); ++i) rows[i].words = "caption: " + pipeline_.text(predictions[i], caption_);
    for (size_t i = 0; i < truths.size(); ++i)
      rows.insert(rows.begin() + static_cast<int64_t>(own + 2 * i + 1), std::move(truths[i]));
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
        cells.push_back({shown_map(name, pipeline_.image(canvas, name)), name_of_map(name)});
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

  std::vector<GalleryRow> images_from_map(const std::string& map) const {
    const auto number = static_cast<uint64_t>(4 + std::find(maps_.begin(), maps_.end(), map) - maps_.begin());
    return variations(
        concat(name_of_map(map), " -> RGB"), number,
        [&](Canvas& canvas, size_t i) { pipeline_.add_image(canvas, map, truth(rooms_[i], base_name(map))); },
        [&](size_t i) {
          return GalleryCell{shown_map(map, truth(rooms_[i], base_name(map))), "input"};
        });
  }

  // The same random draws without and with a second caption of a negative weight.
  GalleryRow negative_caption() const {
    const Input wanted{.modality = caption_, .value = "a bedroom with a bed", .weight = 3};
    const Input unwanted{.modality = caption_, .value = "white walls", .weight = -1};
    GalleryRow row{concat("negative caption: \"", wanted.value, "\" without \"", unwanted.value, "\""), {}, ""};
    for (size_t draw = 0; draw < kVariations / 2; ++draw)
      for (const bool is_negative : {false, true}) {
        std::vector<Canvas> canvases(1);
        canvases[0].key = key(2, 100 + draw);
        pipeline_.add_inputs(canvases[0], is_negative ? std::vector{wanted, unwanted} : std::vector{wanted});
        pipeline_.run(canvases, image_plan({caption_}), {options_.seed, true, {}});
        row.cells.push_back(
            {pipeline_.visualize(canvases[0], image_), is_negative ? "without white walls" : "the caption alone"});
      }
    return row;
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
    std::vector<Canvas> canvases{with_caption(0, key(7, 0))};
    pipeline_.run(canvases, plan, {options_.seed, true, {}});
    return {"chained, each from all before it: \"" + rooms_[0].captions.back() + "\"",
            cells_of(canvases[0], plan.targets), ""};
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
      canvas.key = key(8, i);
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

  // The second model generates the larger image of what the first generated from a caption, and of a room's tokens. Pixels are shown as
  // they are, so that the middle of an image fits into a cell.
  GalleryRow super_resolution() const {
    std::string large;
    for (const auto& name : super_resolution_->outputs())
      if (name_without_size(name) == name_without_size(image_)) large = name;
    check(!large.empty(), "the super-resolution model does not generate '", name_without_size(image_), "'");
    const int size = super_resolution_->image_size(large);
    std::vector<Canvas> generated{with_caption(0, key(2, 0))};
    pipeline_.run(generated, image_plan({caption_}), {options_.seed, true, {}});
    Canvas tokens = with_caption(0, key(9, 0));
    pipeline_.add_image(tokens, image_, rooms_[0].rgb);

    const auto middle = [&](const Image& image) {
      const int side = std::min(size, kGalleryCell), corner = (size - side) / 2;
      return crop(image, corner, corner, side, side);
    };
    GalleryRow row{"", {}, ""};
    for (const auto& [small, label] : {std::pair{generated[0], "generated"}, std::pair{tokens, "a room's tokens"}}) {
      std::vector<Canvas> canvases(1);
      super_resolution_->add_known_from(canvases[0], small);
      super_resolution_->run(canvases, super_resolution_->default_plan(canvases[0], {large}),
                             {options_.seed, true, {}});
      const Image before = pipeline_.visualize(small, image_);
      row.title = concat("super-resolution from ", before.width, " to ", size, " pixels: the middle of the image");
      row.cells.push_back({middle(resize_bicubic(before, size, size)), concat(label, ", enlarged")});
      row.cells.push_back({middle(super_resolution_->visualize(canvases[0], large)), concat(size, " pixels")});
    }
    row.cells.push_back({middle(RoomMaker(world(size)).make(0).rgb), "the true room"});
    return row;
  }

  const Pipeline& pipeline_;
  const DemoOptions& options_;
  const Pipeline* super_resolution_;                                 // may be null
  std::string pixels_, caption_, boxes_, depth_, image_, features_;  // modalities; boxes_, features_ may be empty
  std::vector<std::string> maps_;                                    // predicted from images
  std::vector<RoomSample> rooms_;
  std::vector<std::string> class_names_;
};

}  // namespace

Gallery demo(const Pipeline& pipeline, const DemoOptions& options, const Pipeline* super_resolution) {
  check(options.rooms > 0 || options.generations > 0 || !options.images.empty(),
        "there is nothing to show: rooms, generations and images are all none");
  return Demo(pipeline, options, super_resolution).run();
}

}  // namespace fourm
