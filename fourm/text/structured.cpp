#include "fourm/text/structured.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"
#include "fourm/text/coordinates.h"

namespace fourm {
namespace {

constexpr double kMaxCount = 999;
constexpr double kPixelsPerStep = 32;
constexpr double kLastBin = 49;

/// How a value becomes a number from 0 to 999 and comes back.
struct MetadataType {
  enum Kind { kPixels, kCount, kRange, kEdges };
  std::string name;
  Kind kind = kCount;
  double low = 0, high = 0;        // of a range
  std::vector<double> edges = {};  // of bins
  std::vector<double> middles = {};

  double write(double value) const {
    switch (kind) {
      case kPixels: return std::clamp(std::floor(value / kPixelsPerStep), 0.0, kMaxCount);
      case kCount: return std::clamp(std::trunc(value), 0.0, kMaxCount);
      case kRange: return std::trunc(kLastBin * (std::clamp(value, low, high) - low) / (high - low));
      case kEdges: return static_cast<double>(std::upper_bound(edges.begin(), edges.end(), value) - edges.begin());
    }
    return 0;
  }

  std::optional<double> read(int64_t number) const {
    const auto n = static_cast<double>(number);
    if (n < 0 || n > kMaxCount) return std::nullopt;
    if (kind == kPixels) return n * kPixelsPerStep;
    if (kind == kCount) return n;
    if (kind == kEdges) return n < static_cast<double>(middles.size()) ? std::optional(middles[number]) : std::nullopt;
    if (n > kLastBin) return std::nullopt;
    return std::min(low + (n + 0.5) / kLastBin * (high - low), high);
  }
};

const std::vector<MetadataType>& types() {
  using T = MetadataType;
  static const std::vector<T> all = {{"original_width", T::kPixels},
                                     {"original_height", T::kPixels},
                                     {"caption_n_chars"},
                                     {"caption_n_words"},
                                     {"caption_n_sentences"},
                                     {"n_humans"},
                                     {"n_sam_instances"},
                                     {"n_coco_instances"},
                                     {"coco_instance_diversity"},
                                     {"colorfulness", T::kRange, 0, 150},
                                     {"brightness", T::kRange, 0, 255},
                                     {"contrast", T::kRange, 0, 127},
                                     {"saturation", T::kRange, 0, 255},
                                     {"entropy", T::kRange, 0, 10},
                                     {"walkability", T::kRange, 0, 1},
                                     {"objectness", T::kRange, 0, 1},
                                     {"semantic_diversity"},
                                     {"geometric_complexity", T::kRange, 0, 0.75},
                                     {"occlusion_score", T::kRange, 0, 0.25},
                                     {"watermark_score", T::kEdges, 0, 0, {0.5}, {0.25, 0.75}},
                                     {"aesthetic_score", T::kEdges, 0, 0, {4.5, 5.5}, {4, 5, 6}}};
  return all;
}

/// A group of a person: a word, then numbers written as round(scale * x + offset); poses as shape tokens.
struct PoseGroup {
  std::string word;
  double scale, offset;
  double low = -1e12, high = 1e12;
};

const std::array<PoseGroup, 4> kGroups = {
    {{"pose", 1, 0}, {"global", 499.5, 499.5}, {"camera", 49.95, 49.95, -1, 19}, {"shape", 166.5, 499.5}}};
constexpr double kBoxScale = 999;

template <class Pose>
auto group_values(Pose& person, int group) {
  using Value = std::conditional_t<std::is_const_v<Pose>, const double, double>;
  const std::array<std::span<Value>, 4> all = {person.pose, person.global, person.camera, person.shape};
  return all.at(group);
}

std::string write_group(int group, double value) {
  if (group == 0) return shape_token(value);
  const PoseGroup& g = kGroups[group];
  return coordinate(0, g.scale * std::clamp(value, g.low, g.high) + g.offset);
}

std::optional<double> read_group(int group, const std::string& word) {
  if (group == 0) return read_shape_token(word);
  const auto read = read_coordinate(word);
  if (!read || read->k != 0) return std::nullopt;
  return (static_cast<double>(read->value) - kGroups[group].offset) / kGroups[group].scale;
}

/// The person whose words begin after "human", if all is there.
std::optional<HumanPose> read_person(std::span<const std::string> words) {
  HumanPose person;
  std::array<bool, 4> seen{};
  size_t at = 0;
  for (int k = 0; k < 4; ++k, ++at) {
    const auto read = at < words.size() ? read_coordinate(words[at]) : std::nullopt;
    if (!read || read->k != k) return std::nullopt;
    person.box[k] = static_cast<double>(read->value) / kBoxScale;
  }
  for (int turn = 0; turn < 4; ++turn) {
    if (at >= words.size()) return std::nullopt;
    const auto found = std::find_if(kGroups.begin(), kGroups.end(), [&](const auto& g) { return g.word == words[at]; });
    const auto group = static_cast<int>(found - kGroups.begin());
    if (found == kGroups.end() || seen[group]) return std::nullopt;
    seen[group] = true;
    ++at;
    for (double& value : group_values(person, group)) {
      const auto read = at < words.size() ? read_group(group, words[at]) : std::nullopt;
      if (!read) return std::nullopt;
      value = *read;
      ++at;
    }
  }
  return person;
}

}  // namespace

const std::vector<std::string>& metadata_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const auto& type : types()) out.push_back(type.name);
    return out;
  }();
  return names;
}

std::vector<std::string> metadata_to_chunks(const Metadata& metadata) {
  std::vector<std::string> chunks;
  for (const auto& [name, value] : metadata) {
    const auto& names = metadata_names();
    const auto found = std::find(names.begin(), names.end(), name);
    check(found != names.end(), "unknown metadata ", printable(name), did_you_mean(name, names));
    check(std::isfinite(value), "metadata ", name, ": the value ", value, " is not a finite number");
    const auto type = found - names.begin();
    chunks.push_back(coordinate(1, static_cast<double>(type)) + " " + coordinate(0, types()[type].write(value)));
  }
  return chunks;
}

Metadata metadata_from_string(std::string_view text) {
  Metadata out;
  std::optional<Coordinate> type;
  for (const auto& word : split(text, ' ')) {
    const auto read = read_coordinate(word);
    const bool pair = type && type->k == 1 && read && read->k == 0;
    if (pair && type->value >= 0 && type->value < static_cast<int64_t>(types().size())) {
      const MetadataType& known = types()[type->value];
      if (const auto value = known.read(read->value)) out.emplace_back(known.name, *value);
    }
    type = read;
  }
  return out;
}

std::string palette_to_string(const std::vector<PaletteColour>& colours) {
  std::string out = coordinate(1, static_cast<double>(colours.size()));
  for (const PaletteColour& colour : colours)
    for (const double channel : colour) out += " " + coordinate(0, channel);
  return out;
}

std::vector<PaletteColour> palette_from_string(std::string_view text) {
  std::vector<double> channels;
  const auto words = split(text, ' ');
  const auto count = read_coordinate(words[0]);
  if (!count || count->k != 1 || count->value < 0) return {};
  for (size_t i = 1; i < words.size(); ++i) {
    const auto read = read_coordinate(words[i]);
    if (!read || read->k != 0) break;
    channels.push_back(static_cast<double>(read->value));
  }
  std::vector<PaletteColour> colours;
  for (size_t i = 0; i + 3 <= channels.size() && static_cast<int64_t>(colours.size()) < count->value; i += 3)
    colours.push_back({channels[i], channels[i + 1], channels[i + 2]});
  return colours;
}

std::string poses_to_string(const std::vector<HumanPose>& people, const std::vector<GroupOrder>& orders) {
  check(people.size() == orders.size(), people.size(), " people, but ", orders.size(), " orders of their groups");
  if (people.empty()) return "none";
  std::string out;
  for (size_t i = 0; i < people.size(); ++i) {
    GroupOrder sorted = orders[i];
    std::sort(sorted.begin(), sorted.end());
    check(sorted == GroupOrder{0, 1, 2, 3}, "person ", i, ": the order of groups must hold 0, 1, 2 and 3 once each");
    out += "human ";
    for (int k = 0; k < 4; ++k) out += coordinate(k, people[i].box[k] * kBoxScale) + " ";
    for (const int group : orders[i]) {
      if (group == 0 && !people[i].has_pose) continue;
      out += kGroups[group].word + " ";
      for (const double value : group_values(people[i], group)) out += write_group(group, value) + " ";
    }
  }
  return out;
}

std::vector<HumanPose> poses_from_string(std::string_view text) {
  std::vector<HumanPose> people;
  const auto words = split(text, ' ');
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] != "human") continue;
    if (auto person = read_person(std::span(words).subspan(i + 1))) people.push_back(*person);
  }
  return people;
}

}  // namespace fourm
