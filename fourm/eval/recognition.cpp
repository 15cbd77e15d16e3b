#include "fourm/eval/recognition.h"

#include "fourm/rooms/classes.h"

namespace fourm {
namespace {

constexpr double kLeastArea = 0.02, kMostArea = 0.75;

}  // namespace

std::vector<double> label_areas(const Raster<uint8_t>& labels) {
  std::vector<double> areas(256, 0);
  for (const uint8_t label : labels.pixels) areas[label] += 1 / static_cast<double>(labels.pixels.size());
  return areas;
}

bool is_found(const std::vector<double>& areas, const std::string& name) {
  for (int c = 0; c < kRoomClasses; ++c)
    if (class_name(static_cast<RoomClass>(c)) == name) return areas[c] >= kLeastArea && areas[c] <= kMostArea;
  return false;
}

Comparison compare_recognition(const std::vector<std::vector<double>>& painted,
                               const std::vector<std::vector<double>>& truth, const std::vector<SceneObjects>& scenes) {
  std::vector<double> own, seen, others;
  for (size_t i = 0; i < scenes.size(); ++i) {
    const std::string& object = scenes[i].largest;
    if (object.empty()) continue;
    own.push_back(is_found(painted[i], object));
    seen.push_back(is_found(truth[i], object));
    double elsewhere = 0;
    for (size_t k = 0; k < painted.size(); ++k) elsewhere += k != i && is_found(painted[k], object);
    others.push_back(painted.size() > 1 ? elsewhere / static_cast<double>(painted.size() - 1) : 0);
  }
  return compare("rgb: main object found", "", true, own, seen, others);
}

}  // namespace fourm
