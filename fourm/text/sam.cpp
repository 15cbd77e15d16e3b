#include "fourm/text/sam.h"

#include <optional>
#include <span>

#include "fourm/core/strings.h"
#include "fourm/text/coordinates.h"

namespace fourm {

std::string sam_to_string(const std::vector<SamPoint>& points) {
  std::vector<std::string> words;
  for (const auto& point : points) {
    words.insert(words.end(), {"point", coordinate(0, point.y), coordinate(1, point.x)});
    if (point.instances.empty()) words.emplace_back("none");
    for (const auto& instance : point.instances) {
      words.emplace_back("polygon");
      for (int k = 0; k < 4; ++k) words.push_back(coordinate(k, instance.box[k]));
      for (const double id : instance.outline) words.push_back(shape_token(id));
    }
  }
  return join(words, " ");
}

/// The numbers of vK=... with the K's wanted, from the front of the words.
template <size_t n>
static std::optional<std::array<double, n>> read_numbers(std::span<const std::string> words,
                                                         const std::array<int, n>& ks) {
  std::array<double, n> out;
  if (words.size() < n) return std::nullopt;
  for (size_t i = 0; i < n; ++i) {
    const auto read = read_coordinate(words[i]);
    if (!read || read->k != ks[i]) return std::nullopt;
    out[i] = static_cast<double>(read->value);
  }
  return out;
}

static std::optional<SamInstance> read_instance(std::span<const std::string> words) {
  SamInstance instance;
  if (words.size() != instance.box.size() + instance.outline.size()) return std::nullopt;
  const auto box = read_numbers<4>(words, {0, 1, 2, 3});
  if (!box || (*box)[2] <= (*box)[0] || (*box)[3] <= (*box)[1]) return std::nullopt;
  instance.box = *box;
  for (size_t i = 0; i < instance.outline.size(); ++i) {
    const auto read = read_shape_token(words[instance.box.size() + i]);
    if (!read) return std::nullopt;
    instance.outline[i] = *read;
  }
  return instance;
}

std::vector<SamPoint> sam_from_string(std::string_view text) {
  std::vector<SamPoint> points;
  bool in_point = false;
  const auto words = split(text, ' ');
  const auto is_number = [&](size_t i) { return words[i].find('=') != std::string::npos; };
  for (size_t i = 0; i < words.size();) {
    const std::string& word = words[i];
    const size_t begin = ++i;
    while (i < words.size() && is_number(i)) ++i;
    const auto numbers = std::span(words).subspan(begin, i - begin);
    if (word == "point") {
      const auto place = read_numbers<2>(numbers, {0, 1});
      in_point = place.has_value();
      if (place) points.push_back({(*place)[1], (*place)[0], {}});
    } else if (word == "polygon" && in_point) {
      if (const auto instance = read_instance(numbers)) points.back().instances.push_back(*instance);
    }
  }
  return points;
}

}  // namespace fourm
