#include "fourm/eval/all_gather.h"

#include <cstring>

#include "fourm/core/json.h"

namespace fourm {
namespace {

Json to_json(const Canvas& canvas) {
  Json json{{"key", canvas.key}, {"entries", Json::array()}};
  for (const auto& entry : canvas.entries)
    json["entries"].push_back({{"modality", entry.modality},
                               {"name", entry.name},
                               {"ids", entry.data.ids},
                               {"known", entry.known},
                               {"target", entry.target}});
  return json;
}

void from_json(const Json& json, Canvas& canvas) {
  canvas.key = json["key"].get<uint64_t>();
  for (const Json& item : json["entries"]) {
    Canvas::Entry entry;
    entry.modality = item["modality"].get<std::string>();
    entry.name = item["name"].get<std::string>();
    entry.data.ids = item["ids"].get<std::vector<int64_t>>();
    entry.known = item["known"].get<std::vector<bool>>();
    entry.target = item["target"].get<std::vector<bool>>();
    canvas.entries.push_back(std::move(entry));
  }
}

template <class T>
Json raster_json(const Raster<T>& raster) {
  std::vector<uint8_t> bytes(raster.pixels.size() * sizeof(T));
  std::memcpy(bytes.data(), raster.pixels.data(), bytes.size());
  return {{"size", {raster.width, raster.height, raster.channels}}, {"pixels", Json::binary(std::move(bytes))}};
}

template <class T>
Raster<T> raster_from(const Json& json) {
  const Json& size = json["size"];
  Raster<T> raster(size[0].get<int>(), size[1].get<int>(), size[2].get<int>());
  std::memcpy(raster.pixels.data(), json["pixels"].get_binary().data(), raster.pixels.size() * sizeof(T));
  return raster;
}

Json to_json(const StoredImage& image) {
  Json json = std::visit([](const auto& raster) { return raster_json(raster); }, image);
  json["is_float"] = std::holds_alternative<Raster<float>>(image);
  return json;
}

void from_json(const Json& json, StoredImage& image) {
  if (json["is_float"].get<bool>())
    image = raster_from<float>(json);
  else
    image = raster_from<uint8_t>(json);
}

template <class T>
std::vector<T> gathered(std::vector<T> own, const ProcessGroup& group) {
  if (group.size() == 1) return own;
  Json list = Json::array();
  for (const T& item : own) list.push_back(to_json(item));
  const std::vector<uint8_t> bytes = Json::to_cbor(list);
  std::vector<T> all;
  for (const auto& text : group.all_gather({bytes.begin(), bytes.end()}))
    for (const Json& item : Json::from_cbor(text)) from_json(item, all.emplace_back());
  return all;
}

}  // namespace

std::vector<Canvas> all_gather(std::vector<Canvas> own, const ProcessGroup& group) {
  return gathered(std::move(own), group);
}

std::vector<StoredImage> all_gather(std::vector<StoredImage> own, const ProcessGroup& group) {
  return gathered(std::move(own), group);
}

}  // namespace fourm
