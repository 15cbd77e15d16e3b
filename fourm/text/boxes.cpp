#include "fourm/text/boxes.h"

#include <algorithm>
#include <cmath>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"
#include "fourm/text/coordinates.h"

namespace fourm {

BoxOrder parse_box_order(std::string_view name) {
  if (name == "dist_to_orig") return BoxOrder::kDistanceToOrigin;
  if (name == "area") return BoxOrder::kArea;
  if (name == "score") return BoxOrder::kScore;
  if (name == "random") return BoxOrder::kRandom;
  fail("unknown order of boxes ", printable(name), "; expected dist_to_orig, area, score or random");
}

double area(const LabelledBox& box) { return std::max(0.0, box.xmax - box.xmin) * std::max(0.0, box.ymax - box.ymin); }

std::optional<LabelledBox> view_box(LabelledBox box, const CropView& view, double min_visibility) {
  const auto x = [&](double value) { return (value * view.width - view.left) / view.crop_width; };
  const auto y = [&](double value) { return (value * view.height - view.top) / view.crop_height; };
  // Areas are measured in pixels of the crop.
  const auto pixels = [&](const LabelledBox& b) {
    return (b.xmax * view.crop_width - b.xmin * view.crop_width) *
           (b.ymax * view.crop_height - b.ymin * view.crop_height);
  };
  box.xmin = x(box.xmin), box.ymin = y(box.ymin), box.xmax = x(box.xmax), box.ymax = y(box.ymax);
  const double whole = pixels(box);
  for (double* value : {&box.xmin, &box.ymin, &box.xmax, &box.ymax}) *value = std::clamp(*value, 0.0, 1.0);
  const double inside = pixels(box);
  // Written so that NaN fails too.
  const bool seen = box.xmax > box.xmin && box.ymax > box.ymin && inside > 0 && inside / whole >= min_visibility;
  if (!seen) return std::nullopt;
  if (view.flip) {
    const double left = 1 - box.xmax;
    box.xmax = 1 - box.xmin;
    box.xmin = left;
  }
  return box;
}

/// Stable: of equals the earlier stays first.
template <class Key>
static void sort_descending(std::vector<LabelledBox>& boxes, Key key) {
  std::stable_sort(boxes.begin(), boxes.end(), [&](const auto& a, const auto& b) { return key(a) > key(b); });
}

std::vector<LabelledBox> view_boxes(const std::vector<LabelledBox>& boxes, const CropView& view,
                                    const BoxOptions& options, Random& random) {
  check(view.crop_height > 0 && view.crop_width > 0, "a crop of ", view.crop_height, " x ", view.crop_width,
        " pixels holds no boxes; height and width must be positive");
  std::vector<LabelledBox> seen;
  for (const auto& box : boxes) {
    if (!(box.score >= options.threshold)) continue;
    if (auto inside = view_box(box, view, options.min_visibility)) seen.push_back(std::move(*inside));
  }
  const auto score = [](const LabelledBox& box) { return box.score; };
  if (options.max_instances && static_cast<int64_t>(seen.size()) > *options.max_instances) {
    sort_descending(seen, score);
    seen.resize(std::max<int64_t>(*options.max_instances, 0));
  }
  switch (options.order) {
    case BoxOrder::kDistanceToOrigin:
      sort_descending(seen, [](const LabelledBox& box) { return -(box.xmin * box.xmin + box.ymin * box.ymin); });
      break;
    case BoxOrder::kArea: sort_descending(seen, area); break;
    case BoxOrder::kScore: sort_descending(seen, score); break;
    case BoxOrder::kRandom: random.shuffle(seen); break;
  }
  return seen;
}

static void check_bins(int64_t bins) { check(bins >= 2, "coordinates need at least 2 bins, not ", bins); }

std::string boxes_to_string(const std::vector<LabelledBox>& boxes, int64_t bins) {
  check_bins(bins);
  std::vector<std::string> words;
  const auto scale = static_cast<double>(bins - 1);
  for (const auto& box : boxes) {
    int k = 0;
    for (const double value : {box.xmin, box.ymin, box.xmax, box.ymax}) words.push_back(coordinate(k++, value * scale));
    words.push_back(box.class_name);
  }
  return join(words, " ");
}

std::vector<LabelledBox> boxes_from_string(std::string_view text, int64_t bins) {
  check_bins(bins);
  struct Draft {
    std::vector<double> corners;
    std::optional<std::string> name;
    bool broken = true;  // until a "v0=" begins it
  };
  std::vector<LabelledBox> boxes;
  Draft draft;
  const auto finish = [&] {
    if (draft.broken || draft.corners.size() != 4 || !draft.name) return;
    const auto& c = draft.corners;
    boxes.push_back({c[0], c[1], c[2], c[3], *draft.name, 1});
  };
  for (const auto& word : split(text, ' ')) {
    if (const size_t equals = word.find('='); equals != std::string::npos) {
      const auto value = read_decimal(std::string_view(word).substr(equals + 1));
      if (word.starts_with("v0=")) {
        finish();
        draft = Draft{{}, {}, false};
      }
      draft.broken |= !value || draft.name;
      if (value) draft.corners.push_back(*value / static_cast<double>(bins - 1));
    } else if (draft.name) {
      *draft.name += " " + word;
    } else {
      draft.broken |= draft.corners.size() != 4;
      draft.name = word;
    }
  }
  finish();
  return boxes;
}

}  // namespace fourm
