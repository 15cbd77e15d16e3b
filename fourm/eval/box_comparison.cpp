#include "fourm/eval/box_comparison.h"

#include <map>

#include "fourm/eval/average_precision.h"

namespace fourm {
namespace {

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
