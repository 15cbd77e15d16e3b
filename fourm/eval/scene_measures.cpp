#include "fourm/eval/scene_measures.h"

#include <algorithm>
#include <map>

#include "fourm/core/strings.h"
#include "fourm/text/plural.h"

namespace fourm {
namespace {

constexpr double kLargeShare = 0.05, kFoundAtLeast = 0.02, kFoundAtMost = 0.75;  // of the image
constexpr size_t kBaselineClasses = 3;

bool has_words(const std::string& text, const std::string& words) {
  const auto letter = [&](size_t i) { return i < text.size() && std::isalnum(static_cast<unsigned char>(text[i])); };
  for (size_t at = text.find(words); at != std::string::npos; at = text.find(words, at + 1))
    if ((at == 0 || !letter(at - 1)) && !letter(at + words.size())) return true;
  return false;
}

// Names the classes that are most often large.
std::string baseline_caption(const std::vector<SceneObjects>& scenes) {
  std::map<std::string, int> counts;
  for (const auto& scene : scenes)
    for (const auto& name : scene.large) ++counts[name];
  std::vector<std::pair<int, std::string>> order;
  for (const auto& [name, count] : counts) order.emplace_back(-count, name);
  std::sort(order.begin(), order.end());
  std::string caption;
  for (size_t i = 0; i < std::min(order.size(), kBaselineClasses); ++i) caption += order[i].second + " ";
  return caption;
}

}  // namespace

SceneObjects scene_objects(const Json& scene, double image_pixels, const std::string& origin) {
  SceneObjects objects;
  objects.largest = json_get<std::string>(scene, "largest", origin);
  if (objects.largest == "none") objects.largest.clear();
  for (const auto& object : json_get<std::vector<Json>>(scene, "things", origin)) {
    const auto name = json_get<std::string>(object, "class_name", origin);
    if (json_get<bool>(object, "furniture", origin) &&
        json_get<double>(object, "pixels", origin) >= kLargeShare * image_pixels && !contains(objects.large, name))
      objects.large.push_back(name);
  }
  return objects;
}

bool names_object(const std::string& caption, const std::string& class_name) {
  return has_words(caption, class_name) || has_words(caption, plural(class_name));
}

std::vector<Comparison> compare_captions(const std::vector<std::string>& model, const std::vector<std::string>& truth,
                                         const std::vector<SceneObjects>& scenes) {
  const std::string constant = baseline_caption(scenes);
  const auto compare_all = [&](const std::string& name, const auto& applies, const auto& score) {
    std::vector<double> of_model, of_truth, of_baseline;
    for (size_t i = 0; i < scenes.size(); ++i) {
      if (!applies(scenes[i])) continue;
      of_model.push_back(score(model[i], scenes[i]));
      of_truth.push_back(score(truth[i], scenes[i]));
      of_baseline.push_back(score(constant, scenes[i]));
    }
    return compare(name, "", true, of_model, of_truth, of_baseline);
  };
  return {
      compare_all(
          "caption names large objects", [](const SceneObjects& s) { return !s.large.empty(); },
          [](const std::string& caption, const SceneObjects& s) {
            const auto named = std::count_if(s.large.begin(), s.large.end(),
                                             [&](const auto& name) { return names_object(caption, name); });
            return static_cast<double>(named) / static_cast<double>(s.large.size());
          }),
      compare_all(
          "caption names the largest", [](const SceneObjects& s) { return !s.largest.empty(); },
          [](const std::string& caption, const SceneObjects& s) { return names_object(caption, s.largest) ? 1 : 0; })};
}

std::vector<double> label_areas(const Raster<uint8_t>& labels) {
  std::vector<double> areas(256, 0);
  for (const uint8_t label : labels.pixels) areas[label] += 1 / static_cast<double>(labels.pixels.size());
  return areas;
}

bool is_found(const std::vector<double>& areas, const std::string& class_name,
              const std::vector<std::string>& classes) {
  double area = 0;
  for (size_t label = 0; label < std::min(areas.size(), classes.size()); ++label)
    if (classes[label] == class_name) area += areas[label];
  return area >= kFoundAtLeast && area <= kFoundAtMost;
}

Comparison compare_main_object(const std::vector<std::vector<double>>& generated,
                               const std::vector<std::vector<double>>& truth, const std::vector<SceneObjects>& scenes,
                               const std::vector<std::string>& classes) {
  std::vector<double> model, ceiling, baseline;
  for (size_t i = 0; i < scenes.size(); ++i) {
    const std::string& object = scenes[i].largest;
    if (object.empty()) continue;
    model.push_back(is_found(generated[i], object, classes));
    ceiling.push_back(is_found(truth[i], object, classes));
    double in_others = 0;
    for (size_t k = 0; k < generated.size(); ++k) in_others += k != i && is_found(generated[k], object, classes);
    baseline.push_back(generated.size() > 1 ? in_others / static_cast<double>(generated.size() - 1) : 0);
  }
  return compare("rgb: main object found", "", true, model, ceiling, baseline);
}

}  // namespace fourm
