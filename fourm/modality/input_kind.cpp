#include "fourm/modality/input_kind.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <vector>

namespace fourm {
namespace {

const std::map<std::string, std::string, std::less<>>& kinds_of_words() {
  static const std::map<std::string, std::string, std::less<>> kinds{
      {"rgb", "rgb"},        {"grey", "grey"},        {"canny", "grey"},         {"edge", "grey"},
      {"edges", "grey"},     {"normal", "normal"},    {"normals", "normal"},     {"depth", "depth"},
      {"semseg", "semseg"},  {"mask", "mask"},        {"instance", "mask"},      {"features", "features"},
      {"reshading", "grey"}, {"keypoints2d", "grey"}, {"keypoints3d", "grey"},   {"curvature", "rgb"},
      {"clip", "features"},  {"dinov2", "features"},  {"imagebind", "features"}, {"poses", "features"}};
  return kinds;
}

}  // namespace

const std::vector<std::string>& image_kinds() {
  static const std::vector<std::string> kinds{"rgb", "grey", "normal", "depth", "semseg", "mask", "features"};
  return kinds;
}

std::optional<std::string> kind_in_name(std::string_view name) {
  std::optional<std::string> kind;
  std::string word;
  for (size_t i = 0; i <= name.size(); ++i) {
    if (i < name.size() && std::isalnum(static_cast<unsigned char>(name[i]))) {
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(name[i])));
      continue;
    }
    if (const auto found = kinds_of_words().find(word); found != kinds_of_words().end()) {
      if (kind && *kind != found->second) return std::nullopt;
      kind = found->second;
    }
    word.clear();
  }
  return kind;
}

}  // namespace fourm
