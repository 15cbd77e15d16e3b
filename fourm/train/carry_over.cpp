#include "fourm/train/carry_over.h"

#include "fourm/core/error.h"
#include "fourm/core/json.h"
#include "fourm/core/strings.h"
#include "fourm/data/annotation.h"
#include "fourm/data/check.h"
#include "fourm/data/token_set.h"
#include "fourm/io/image_file.h"
#include "fourm/io/npy.h"

namespace fourm {
namespace {

bool is_image(const Source& source, int64_t sample, const std::string& modality) {
  return is_image_file(concat("file.", source.extension(sample, modality)));
}

// Why arrays of this modality are no vectors; empty: they are.
std::string why_no_vector(const std::string& modality, const NpyArray& array) {
  const FileKind kind = file_kind(modality);
  const bool is_map = kind == FileKind::kPicture || kind == FileKind::kNormal || kind == FileKind::kDepth ||
                      kind == FileKind::kLabels || kind == FileKind::kMap;
  if (!is_map && array.shape.size() <= 2) return "";
  return concat("arrays of ", array.shape.size(), " dimensions, which do not follow the crops");
}

}  // namespace

CarryOver plan_carry_over(const Source& source, const std::set<std::string>& used) {
  CarryOver plan;
  for (const auto& modality : source.modalities()) {
    if (used.contains(modality)) continue;
    int64_t images = 0, others = 0;
    std::string reason;
    for (int64_t i = 0; i < source.size(); ++i) {
      if (!source.has(i, modality)) continue;
      if (is_image(source, i, modality)) {
        ++images;
        continue;
      }
      if (others++ == 0 && source.extension(i, modality) == "npy")
        reason = why_no_vector(modality, decode_npy(source.read(i, modality), source.origin(i, modality)));
    }
    if (others > 0 && reason.empty()) plan.copied.push_back(modality);
    if (images > 0) reason = concat(images, images == 1 ? " image file" : " image files");
    if (!reason.empty())
      plan.left_out[modality] = concat(reason, "; there is no tokenizer tok_", modality, "@SIZE for them");
  }
  return plan;
}

bool is_copied(const Source& source, int64_t sample, const std::string& modality) {
  return source.has(sample, modality) && !is_image(source, sample, modality);
}

std::string copied_bytes(const Source& source, int64_t sample, const std::string& modality,
                         const std::vector<CropView>& views, int64_t crops) {
  const std::string extension = source.extension(sample, modality), where = source.origin(sample, modality);
  std::string bytes = source.read(sample, modality);
  const FileKind kind = file_kind(modality);
  if (kind == FileKind::kTokens) {
    const TokenArray tokens(bytes, where);
    check(tokens.crops() == crops, where, ": has tokens of ", tokens.crops(), " crops, --crops asks for ", crops);
  } else if (extension == "npy") {
    decode_npy(bytes, where);
  } else if (extension == "txt" || kind == FileKind::kCaption || kind == FileKind::kBoxes) {
    if (decode_annotation(bytes, extension, where).boxes && !views.empty()) {
      Json json = parse_json(bytes, where);
      json["height"] = static_cast<int64_t>(views[0].height);
      json["width"] = static_cast<int64_t>(views[0].width);
      bytes = json.dump() + "\n";
    }
  } else if (extension == "json") {
    parse_json(bytes, where);
  }
  return bytes;
}

}  // namespace fourm
