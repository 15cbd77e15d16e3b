#include "fourm/eval/word_comparisons.h"

#include <algorithm>
#include <map>

#include "fourm/eval/average_precision.h"
#include "fourm/rooms/caption.h"

namespace fourm {
namespace {

constexpr size_t kNamedAtMost = 3;

bool has_words(const std::string& text, const std::string& words) {
  const auto letter = [&](size_t i) { return i < text.size() && std::isalnum(static_cast<unsigned char>(text[i])); };
  for (size_t at = text.find(words); at != std::string::npos; at = text.find(words, at + 1))
    if ((at == 0 || !letter(at - 1)) && !letter(at + words.size())) return true;
  return false;
}

std::string blind_caption(const std::vector<SceneObjects>& scenes) {
  std::map<std::string, int> counts;
  for (const auto& scene : scenes)
    for (const auto& thing : scene.large) ++counts[thing];
  std::vector<std::pair<int, std::string>> order;
  for (const auto& [thing, count] : counts) order.emplace_back(-count, thing);
  std::sort(order.begin(), order.end());
  std::string caption;
  for (size_t i = 0; i < std::min(order.size(), kNamedAtMost); ++i) caption += order[i].second + " ";
  return caption;
}

std::vector<BoxMatches> match_all(const std::vector<Boxes>& predicted, const std::vector<Boxes>& truth) {
  std::vector<BoxMatches> matches;
  for (size_t i = 0; i < truth.size(); ++i) {
    Boxes scored = predicted[i];
    for (auto& box : scored) box.score = area(box);
    matches.push_back(match_boxes(std::move(scored), truth[i]));
  }
  return matches;
}

double precision_of(const std::vector<BoxMatches>& matches) {
  std::vector<const BoxMatches*> all;
  for (const auto& m : matches) all.push_back(&m);
  return average_precision(all);
}

Boxes mean_boxes(const std::vector<Boxes>& truth) {
  std::map<std::string, std::pair<LabelledBox, double>> sums;
  for (const auto& boxes : truth)
    for (const auto& box : boxes) {
      auto& [sum, count] = sums[box.class_name];
      sum.xmin += box.xmin, sum.ymin += box.ymin, sum.xmax += box.xmax, sum.ymax += box.ymax;
      ++count;
    }
  Boxes means;
  for (const auto& [name, item] : sums) {
    const auto& [sum, count] = item;
    means.push_back({sum.xmin / count, sum.ymin / count, sum.xmax / count, sum.ymax / count, name, 1});
  }
  return means;
}

}  // namespace

bool names_thing(const std::string& caption, const std::string& thing) {
  return has_words(caption, thing) || has_words(caption, plural(thing));
}

std::vector<Comparison> compare_captions(const std::vector<std::string>& model, const std::vector<std::string>& truth,
                                         const std::vector<SceneObjects>& scenes) {
  const std::string blind = blind_caption(scenes);
  const auto compare_all = [&](const std::string& name, const auto& applies, const auto& score) {
    std::vector<double> of_model, of_truth, of_blind;
    for (size_t i = 0; i < scenes.size(); ++i) {
      if (!applies(scenes[i])) continue;
      of_model.push_back(score(model[i], scenes[i]));
      of_truth.push_back(score(truth[i], scenes[i]));
      of_blind.push_back(score(blind, scenes[i]));
    }
    return compare(name, "", true, of_model, of_truth, of_blind);
  };
  return {
      compare_all(
          "caption names large objects", [](const SceneObjects& s) { return !s.large.empty(); },
          [](const std::string& caption, const SceneObjects& s) {
            const auto named = std::count_if(s.large.begin(), s.large.end(),
                                             [&](const auto& thing) { return names_thing(caption, thing); });
            return static_cast<double>(named) / static_cast<double>(s.large.size());
          }),
      compare_all(
          "caption names the largest", [](const SceneObjects& s) { return !s.largest.empty(); },
          [](const std::string& caption, const SceneObjects& s) { return names_thing(caption, s.largest) ? 1 : 0; })};
}

Comparison compare_boxes(const std::vector<Boxes>& model, const std::vector<Boxes>& ceiling,
                         const std::vector<Boxes>& truth, uint64_t seed) {
  const std::vector<BoxMatches> matches = match_all(model, truth);
  const Summary of_model = bootstrap(truth.size(), seed, [&](const std::vector<size_t>& samples) {
    std::vector<const BoxMatches*> chosen;
    for (const size_t i : samples) chosen.push_back(&matches[i]);
    return average_precision(chosen);
  });
  return {"boxes AP50",
          "",
          true,
          of_model,
          precision_of(match_all(ceiling, truth)),
          precision_of(match_all(std::vector<Boxes>(truth.size(), mean_boxes(truth)), truth))};
}

}  // namespace fourm
