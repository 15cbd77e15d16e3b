#include "fourm/eval/scene_measures.h"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "fourm/core/strings.h"
#include "fourm/io/colour_name.h"
#include "fourm/text/plural.h"

namespace fourm {
namespace {

constexpr double kLargeShare = 0.05, kFoundAtLeast = 0.02, kFoundAtMost = 0.75;  // of the image
constexpr size_t kBaselineClasses = 3;

constexpr double kSeenAtLeast = 0.005;                     // of the image
constexpr double kLeftOf = 0.38, kRightOf = 0.62;          // as captions of Rooms name places
constexpr double kLargeBox = 0.02, kFilledAtLeast = 0.25;  // of the image, of the box
constexpr double kBrighter = 4.0 / 3;                      // undoes the light of a room

// The place of the first whole words that are `words`; npos where there are none.
size_t find_words(const std::string& text, const std::string& words) {
  const auto letter = [&](size_t i) { return i < text.size() && std::isalnum(static_cast<unsigned char>(text[i])); };
  size_t at = text.find(words);
  while (at != std::string::npos && ((at > 0 && letter(at - 1)) || letter(at + words.size())))
    at = text.find(words, at + 1);
  return at;
}

bool has_words(const std::string& text, const std::string& words) {
  return find_words(text, words) != std::string::npos;
}

std::string word_before(const std::string& text, size_t at) {
  const size_t end = text.find_last_not_of(' ', at == 0 ? 0 : at - 1);
  if (at == 0 || end == std::string::npos) return "";
  const size_t space = text.rfind(' ', end);
  return text.substr(space == std::string::npos ? 0 : space + 1,
                     end - (space == std::string::npos ? 0 : space + 1) + 1);
}

std::string place_after(const std::string& text, size_t at) {
  for (const auto& [words, place] :
       {std::pair{" on the left", "left"}, {" in the middle", "middle"}, {" on the right", "right"}})
    if (text.compare(at, std::char_traits<char>::length(words), words) == 0) return place;
  return "";
}

std::string_view colour_under_light(const Colour& colour) {
  Colour brighter;
  for (size_t c = 0; c < 3; ++c) brighter[c] = static_cast<uint8_t>(std::min(255.0, std::round(kBrighter * colour[c])));
  return colour_name(brighter);
}

uint8_t median(std::vector<uint8_t>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

const ClassView* seen(const SceneView& view, const std::string& class_name) {
  const auto found = view.find(class_name);
  return found != view.end() && found->second.share >= kSeenAtLeast ? &found->second : nullptr;
}

std::string place_of(const ClassView& view) {
  return view.x < kLeftOf ? "left" : view.x > kRightOf ? "right" : "middle";
}

// The share of the box in which the labels have that class.
double filled(const Raster<uint8_t>& labels, const LabelledBox& box, const std::vector<std::string>& classes) {
  const auto pixel = [](double share, int size) {
    return std::clamp(static_cast<int>(std::lround(share * size)), 0, size);
  };
  const int x0 = pixel(box.xmin, labels.width), x1 = pixel(box.xmax, labels.width);
  const int y0 = pixel(box.ymin, labels.height), y1 = pixel(box.ymax, labels.height);
  int64_t inside = 0;
  for (size_t label = 0; label < classes.size() && x1 > x0; ++label)
    if (classes[label] == box.class_name)
      for (int y = y0; y < y1; ++y)
        inside += std::count(labels.at(x0, y), labels.at(x0, y) + (x1 - x0), static_cast<uint8_t>(label));
  return x1 > x0 && y1 > y0 ? static_cast<double>(inside) / (static_cast<double>(x1 - x0) * (y1 - y0)) : 0;
}

// Compares by a score of an image for a scene: of the image generated for the scene, of its true image, and, as the
// baseline, of the images generated for the other scenes.
template <class View, class Applies, class Score>
Comparison compare_by_scene(const std::string& name, const std::vector<View>& generated, const std::vector<View>& truth,
                            const Applies& applies, const Score& score) {
  std::vector<double> model, ceiling, baseline;
  for (size_t i = 0; i < generated.size(); ++i) {
    if (!applies(i)) continue;
    model.push_back(score(generated[i], i));
    ceiling.push_back(score(truth[i], i));
    double in_others = 0;
    for (size_t k = 0; k < generated.size(); ++k)
      if (k != i) in_others += score(generated[k], i);
    baseline.push_back(generated.size() > 1 ? in_others / static_cast<double>(generated.size() - 1) : 0);
  }
  return compare(name, "", true, model, ceiling, baseline);
}

// Compares by the share of items of a scene that an image shows.
template <class View, class Item, class Shows>
Comparison compare_shares(const std::string& name, const std::vector<View>& generated, const std::vector<View>& truth,
                          const std::vector<std::vector<Item>>& items, const Shows& shows) {
  return compare_by_scene(
      name, generated, truth, [&](size_t i) { return !items[i].empty(); },
      [&](const View& view, size_t i) {
        const auto shown =
            std::count_if(items[i].begin(), items[i].end(), [&](const Item& item) { return shows(view, item); });
        return static_cast<double>(shown) / static_cast<double>(items[i].size());
      });
}

// Of each caption the named objects of which `says` holds.
template <class Says>
std::vector<std::vector<NamedObject>> named_in(const std::vector<std::string>& captions,
                                               const std::vector<std::string>& classes, const Says& says) {
  std::vector<std::vector<NamedObject>> list;
  for (const auto& caption : captions) {
    list.push_back(named_objects(caption, classes));
    std::erase_if(list.back(), [&](const NamedObject& object) { return !says(object); });
  }
  return list;
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
  return compare_by_scene(
      "rgb: main object found", generated, truth, [&](size_t i) { return !scenes[i].largest.empty(); },
      [&](const std::vector<double>& areas, size_t i) {
        return is_found(areas, scenes[i].largest, classes) ? 1.0 : 0.0;
      });
}

std::vector<NamedObject> named_objects(const std::string& caption, const std::vector<std::string>& classes) {
  std::vector<NamedObject> objects;
  for (const auto& name : classes)
    for (const auto& words : {name, plural(name)}) {
      const size_t at = find_words(caption, words);
      if (at == std::string::npos) continue;
      const std::string before = word_before(caption, at);
      const bool is_colour =
          std::find(std::begin(kColourNames), std::end(kColourNames), before) != std::end(kColourNames);
      objects.push_back({name, is_colour ? before : "", place_after(caption, at + words.size())});
      break;
    }
  return objects;
}

SceneView view_of(const Image& rgb, const Raster<uint8_t>& labels, const std::vector<std::string>& classes) {
  check(rgb.width == labels.width && rgb.height == labels.height && rgb.channels == 3, "[view_of] an image of ",
        rgb.width, "x", rgb.height, "x", rgb.channels, " and labels of ", labels.width, "x", labels.height);
  struct Pixels {
    std::vector<uint8_t> channels[3];
    double x = 0;
  };
  std::map<std::string, Pixels> pixels;
  for (int y = 0; y < rgb.height; ++y)
    for (int x = 0; x < rgb.width; ++x) {
      const size_t label = *labels.at(x, y);
      if (label >= classes.size()) continue;
      Pixels& of_class = pixels[classes[label]];
      for (size_t c = 0; c < 3; ++c) of_class.channels[c].push_back(rgb.at(x, y)[c]);
      of_class.x += (x + 0.5) / rgb.width;
    }
  SceneView view;
  for (auto& [name, p] : pixels) {
    const auto n = static_cast<double>(p.channels[0].size());
    view[name] = {n / static_cast<double>(rgb.area()),
                  {median(p.channels[0]), median(p.channels[1]), median(p.channels[2])},
                  p.x / n};
  }
  return view;
}

Comparison compare_colours(const std::vector<SceneView>& generated, const std::vector<SceneView>& truth,
                           const std::vector<std::string>& captions, const std::vector<std::string>& classes) {
  const auto named = named_in(captions, classes, [](const NamedObject& object) { return !object.colour.empty(); });
  return compare_shares("rgb: named colour found", generated, truth, named,
                        [](const SceneView& view, const NamedObject& object) {
                          const ClassView* found = seen(view, object.class_name);
                          return found && colour_under_light(found->colour) == object.colour;
                        });
}

Comparison compare_places(const std::vector<SceneView>& generated, const std::vector<SceneView>& truth,
                          const std::vector<std::string>& captions, const std::vector<std::string>& classes) {
  const auto named = named_in(captions, classes, [](const NamedObject& object) { return !object.place.empty(); });
  return compare_shares("rgb: object at named place", generated, truth, named,
                        [](const SceneView& view, const NamedObject& object) {
                          const ClassView* found = seen(view, object.class_name);
                          return found && place_of(*found) == object.place;
                        });
}

Comparison compare_box_contents(const std::vector<Raster<uint8_t>>& generated,
                                const std::vector<Raster<uint8_t>>& truth,
                                const std::vector<std::vector<LabelledBox>>& boxes,
                                const std::vector<std::string>& classes) {
  auto large = boxes;
  for (auto& of_scene : large) std::erase_if(of_scene, [](const LabelledBox& box) { return area(box) < kLargeBox; });
  return compare_shares("rgb: class found in its box", generated, truth, large,
                        [&](const Raster<uint8_t>& labels, const LabelledBox& box) {
                          return filled(labels, box, classes) >= kFilledAtLeast;
                        });
}

}  // namespace fourm
