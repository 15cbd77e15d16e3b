#include "fourm/data/file_kind.h"

#include <map>

#include "fourm/modality/modality_name.h"

namespace fourm {

FileKind file_kind(const std::string& modality) {
  const std::string name = name_without_size(modality);
  if (name.starts_with("tok_")) return FileKind::kTokens;
  static const std::map<std::string, FileKind> kKinds{
      {"rgb", FileKind::kImage},          {"normal", FileKind::kNormal},   {"depth", FileKind::kDepth},
      {"semseg", FileKind::kLabels},      {"instance", FileKind::kMap},    {"mask", FileKind::kMap},
      {"mask_valid", FileKind::kMap},     {"caption", FileKind::kCaption}, {"det", FileKind::kBoxes},
      {"crop_settings", FileKind::kCrops}};
  const auto found = kKinds.find(name);
  return found == kKinds.end() ? FileKind::kOther : found->second;
}

}  // namespace fourm
