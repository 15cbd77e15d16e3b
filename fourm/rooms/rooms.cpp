#include "fourm/rooms/rooms.h"

#include <algorithm>
#include <map>

#include "fourm/rooms/caption.h"

namespace fourm {
namespace {

constexpr int kAttempts = 10;

uint8_t to_byte(float n) { return static_cast<uint8_t>(std::clamp((n + 1) * 127.5f + 0.5f, 0.0f, 255.0f)); }

// Statistics over the pixels of one instance.
struct Extent {
  int pixels = 0, x0 = 1 << 30, y0 = 1 << 30, x1 = -1, y1 = -1;
  std::map<std::string, int> appearances;

  void add(int x, int y, const std::string& appearance) {
    ++pixels;
    ++appearances[appearance];
    x0 = std::min(x0, x);
    y0 = std::min(y0, y);
    x1 = std::max(x1, x);
    y1 = std::max(y1, y);
  }
  std::string appearance() const {
    const auto most = std::max_element(appearances.begin(), appearances.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
    return most == appearances.end() ? "grey" : most->first;
  }
};

double rounded(double v, double steps) { return std::round(v * steps) / steps; }
Json to_json(Vec3 v) { return Json::array({rounded(v.x, 1000), rounded(v.y, 1000), rounded(v.z, 1000)}); }

// "wooden", or the colour.
std::string look_of(const Fragment& f) {
  const std::string colour = colour_name(albedo(f));
  return f.material->wood && (colour == "brown" || colour == "beige" || colour == "orange") ? "wooden" : colour;
}

// Boxes and captions include objects of at least this many pixels.
int least_pixels(int size) { return std::max(4, size * size / 250); }

// 0 for a good view. Higher for bare walls, a single piece of furniture or an object close to the camera.
double view_penalty(const RoomSample& sample) {
  const double all = static_cast<double>(sample.semseg.area());
  int furniture = 0, near = 0;
  for (size_t i = 0; i < sample.semseg.area(); ++i) {
    furniture += is_furniture(static_cast<RoomClass>(sample.semseg.pixels[i]));
    near += sample.depth_mm.pixels[i] < 500;
  }
  int pieces = 0;
  double largest = 0;
  for (const Json& instance : sample.scene["things"])
    if (instance["furniture"].get<bool>() && instance["pixels"].get<int>() >= least_pixels(sample.semseg.width)) {
      ++pieces;
      largest = std::max(largest, instance["pixels"].get<int>() / all);
    }
  return std::max(0.0, 0.15 - furniture / all) + std::max(0.0, furniture / all - 0.85) +
         std::max(0.0, near / all - 0.1) + std::max(0.0, 0.05 - largest) + std::max(0.0, largest - 0.6) +
         (pieces < 2 ? 0.1 * (2 - pieces) : 0);
}

// Renders the maps at pixel centres. Returns the extent of each instance.
std::vector<Extent> draw_maps(const Room& room, int size, RoomSample& sample) {
  sample.depth_mm = Raster<uint16_t>(size, size, 1);
  sample.normal = Image(size, size, 3);
  sample.semseg = Raster<uint8_t>(size, size, 1);
  sample.instance = Raster<uint16_t>(size, size, 1);
  const View view(room.objects, room.camera);
  const auto hits = view.trace(size, size, Layer::kAll);
  std::vector<Extent> extents(room.instances.size() + 1);
  for (int y = 0; y < size; ++y)
    for (int x = 0; x < size; ++x) {
      const Hit& hit = hits[static_cast<size_t>(y) * size + x];
      if (!hit) continue;
      const Fragment f =
          view.fragment(hit, room.camera.ray(static_cast<float>(x), static_cast<float>(y), size, size), size);
      *sample.depth_mm.at(x, y) = static_cast<uint16_t>(std::min(1000 / hit.inverse_depth + 0.5f, 65535.0f));
      const Vec3 n = room.camera.axes * f.normal;
      uint8_t* normal = sample.normal.at(x, y);
      normal[0] = to_byte(n.x);
      normal[1] = to_byte(n.y);
      normal[2] = to_byte(n.z);
      *sample.semseg.at(x, y) = f.object->semantic;
      *sample.instance.at(x, y) = f.object->instance;
      if (f.object->instance > 0) extents[f.object->instance].add(x, y, look_of(f));
    }
  return extents;
}

// The instances that are in view, largest first.
std::vector<size_t> by_size(const std::vector<Extent>& extents) {
  std::vector<size_t> order;
  for (size_t i = 1; i < extents.size(); ++i)
    if (extents[i].pixels > 0) order.push_back(i);
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return extents[a].pixels > extents[b].pixels; });
  return order;
}

Json describe_instance(const ObjectInstance& instance, size_t number, const Extent& extent) {
  return {{"instance", number},
          {"class_name", class_name(instance.semantic)},
          {"name", instance.name},
          {"look", extent.appearance()},
          {"furniture", is_furniture(instance.semantic)},
          {"pixels", extent.pixels},
          {"low", to_json(instance.box.low)},
          {"high", to_json(instance.box.high)}};
}

Json describe_box(const ObjectInstance& instance, const Extent& e, double size) {
  return {{"boxes",
           {rounded(e.x0 / size, 1e6), rounded(e.y0 / size, 1e6), rounded((e.x1 + 1) / size, 1e6),
            rounded((e.y1 + 1) / size, 1e6)}},
          {"class_name", class_name(instance.semantic)},
          {"score", 1.0}};
}

Json describe_scene(const Room& room, const std::string& largest, Json instances) {
  return {{"room", room_name(room.kind)},
          {"largest", largest},
          {"size", to_json(room.size)},
          {"floor", {{"kind", room.floor.kind}, {"colour", room.floor.colour}}},
          {"walls", {{"kind", room.wall.kind}, {"colour", room.wall.colour}}},
          {"camera",
           {{"position", to_json(room.camera.position)},
            {"right", to_json(room.camera.axes.x)},
            {"up", to_json(room.camera.axes.y)},
            {"back", to_json(room.camera.axes.z)},
            {"tangent", rounded(room.camera.tangent, 1e6)}}},
          {"things", std::move(instances)}};
}

}  // namespace

RoomSample render_maps(const Room& room, int size) {
  RoomSample sample;
  const std::vector<Extent> extents = draw_maps(room, size, sample);
  Json boxes = Json::array(), instances = Json::array();
  std::vector<VisibleObject> visible;
  for (const size_t i : by_size(extents)) {
    const Extent& e = extents[i];
    const ObjectInstance& instance = room.instances[i - 1];
    instances.push_back(describe_instance(instance, i, e));
    if (e.pixels < least_pixels(size)) continue;
    if (instance.semantic != kOther) boxes.push_back(describe_box(instance, e, size));
    if (is_furniture(instance.semantic))
      visible.push_back({instance.semantic, e.appearance(), e.pixels, (e.x0 + e.x1 + 1) / (2.0 * size)});
  }
  sample.det = {{"instances", std::move(boxes)}};
  sample.captions = describe(room, visible, size * size);
  sample.scene = describe_scene(room, visible.empty() ? "none" : std::string(class_name(visible[0].semantic)),
                                std::move(instances));
  for (const ObjectInstance& instance : room.instances)
    if (instance.model >= 0) sample.models.push_back(static_cast<size_t>(instance.model));
  return sample;
}

Image render_rgb(const Room& room, int size) {
  const View view(room.objects, room.camera);
  return render_colour(view, room.objects, room.light, room.size * 0.5f, 0.5f * length(room.size), size);
}

RoomMaker::RoomMaker(RoomOptions options)
    : options_(std::move(options)),
      catalogue_(std::make_shared<Catalogue>(options_.catalogue, options_.solids)),
      part_models_(*catalogue_, options_.furniture.value_or(options_.split)) {
  check(options_.size >= 16 && options_.size <= 2048, "[RoomMaker] the size must be 16 to 2048 pixels, got ",
        options_.size);
}

RoomSample RoomMaker::make(uint64_t index) const {
  RoomSample best;
  Room chosen;
  double least = 1e9;
  for (uint64_t attempt = 0; attempt < kAttempts && least > 0; ++attempt) {
    Random random(options_.seed, {hash_text("rooms"), static_cast<uint64_t>(options_.split), index, attempt});
    Room room = make_room(*catalogue_, part_models_, random);
    RoomSample sample = render_maps(room, options_.size);
    if (const double penalty = view_penalty(sample); penalty < least) {
      least = penalty;
      best = std::move(sample);
      chosen = std::move(room);
    }
  }
  best.rgb = render_rgb(chosen, options_.size);
  return best;
}

}  // namespace fourm
