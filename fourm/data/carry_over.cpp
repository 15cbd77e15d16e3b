#include "fourm/data/carry_over.h"

#include <algorithm>
#include <optional>

#include "fourm/core/error.h"
#include "fourm/core/json.h"
#include "fourm/core/strings.h"
#include "fourm/data/annotation.h"
#include "fourm/data/file_kind.h"
#include "fourm/data/sample_image.h"
#include "fourm/data/token_set.h"
#include "fourm/io/npy.h"
#include "fourm/io/npz.h"
#include "fourm/modality/input_kind.h"

namespace fourm {
namespace {

std::string without_tokenizer(const std::string& found, const std::string& modality) {
  return concat(found, "; there is no tokenizer tok_", modality, "@SIZE for them");
}

// The crops of an array of token ids [crops, L] or [crops, rows, columns]; nothing for other arrays.
std::optional<int64_t> crops_of_ids(const NpyArray& array) {
  if (!has_integers(array) || array.shape.size() < 2) return std::nullopt;
  return array.shape[0];
}

// Whether the arrays of a modality are maps over the image, known from its name, and not embeddings or token ids.
bool is_map(const std::string& modality) {
  switch (file_kind(modality)) {
    case FileKind::kImage:
    case FileKind::kNormal:
    case FileKind::kDepth:
    case FileKind::kLabels:
    case FileKind::kMap: return true;
    default: return kind_in_name(modality).has_value();
  }
}

// Why arrays of this modality are not copied; empty: they are. Arrays of three dimensions are embeddings [k, L, width] or
// token ids [crops, rows, columns], unless the name is that of a map [C, rows, columns].
std::string why_not_copied(const std::string& modality, const NpyArray& array, int64_t crops) {
  const FileKind kind = file_kind(modality);
  if (kind == FileKind::kTokens) return "";  // each file is checked
  const size_t dims = array.shape.size();
  const bool named_map = is_map(modality) && (kind != FileKind::kOther || dims > 2);
  if (dims > 3 || named_map)
    return without_tokenizer(
        concat("arrays of ", counted(static_cast<int64_t>(dims), "dimension"), ", which do not follow the crops"),
        modality);
  if (const auto found = crops_of_ids(array); found && *found != crops)
    return concat("its arrays are token ids of ", counted(*found, "crop"), ", expected ", crops);
  return "";
}

// The rows of the first `crops` crops of an array of `stored` crops.
void cut_crops(NpyArray& array, int64_t stored, int64_t crops) {
  array.bytes.resize(array.bytes.size() / static_cast<size_t>(stored) * static_cast<size_t>(crops));
  array.shape[0] = crops;
}

// Whether the array holds embeddings of so many crops, [crops, L, width].
bool has_embeddings_of(const NpyArray& array, int64_t crops) {
  return !has_integers(array) && array.shape.size() == 3 && array.shape[0] == crops;
}

// The texts or boxes of a file; nothing where a JSON file of a modality of unknown kind holds something else.
std::optional<Annotation> texts_or_boxes(std::string_view bytes, const std::string& extension,
                                         const std::string& modality, const std::string& where) {
  const FileKind kind = file_kind(modality);
  if (extension == "txt" || is_text_of_crop(modality) || kind == FileKind::kCaption || kind == FileKind::kBoxes)
    return decode_annotation(bytes, extension, where);
  const Json json = parse_json(bytes, where);
  const auto is_text = [](const Json& item) { return item.is_string(); };
  if (!json.is_array() || !std::all_of(json.begin(), json.end(), is_text)) return std::nullopt;
  return parse_annotation(json, where);
}

}  // namespace

std::optional<ImageSize> stated_image_size(const Source& source, int64_t sample, const std::string& modality,
                                           std::string_view bytes) {
  if (file_kind(modality) != FileKind::kBoxes || source.extension(sample, modality) != "json") return std::nullopt;
  const Annotation annotation = decode_annotation(bytes, "json", source.origin(sample, modality));
  if (annotation.width <= 0 || annotation.height <= 0) return std::nullopt;
  return ImageSize{static_cast<int>(annotation.width), static_cast<int>(annotation.height)};
}

CarryOver plan_carry_over(const Source& source, const std::set<std::string>& used, int64_t crops) {
  CarryOver plan;
  for (const auto& modality : source.modalities()) {
    if (used.contains(modality)) continue;
    if (is_text_of_crop(modality) && crops > 1 && !source.has("crop_settings")) {
      plan.left_out[modality] = concat("its texts are positions in pixels of one crop, and crops ", crops,
                                       " draws others; give crop_settings of the crops that they were made for");
      continue;
    }
    int64_t images = 0, others = 0;
    std::string reason;
    for (int64_t i = 0; i < source.size(); ++i) {
      if (!source.has(i, modality)) continue;
      if (has_image_file(source, i, modality)) {
        ++images;
        continue;
      }
      if (others++ == 0 && source.extension(i, modality) == "npy")
        reason = why_not_copied(modality, decode_npy(source.read(i, modality), source.origin(i, modality)), crops);
    }
    if (others > 0 && reason.empty()) plan.copied.push_back(modality);
    if (images > 0) reason = without_tokenizer(counted(images, "image file"), modality);
    if (!reason.empty()) plan.left_out[modality] = reason;
  }
  return plan;
}

bool is_copied(const Source& source, int64_t sample, const std::string& modality) {
  return source.has(sample, modality) && !has_image_file(source, sample, modality);
}

std::string carried_over(const Source& source, int64_t sample, const std::string& modality, std::string bytes,
                         const SampleCrops& crops) {
  const std::string extension = source.extension(sample, modality), where = source.origin(sample, modality);
  const FileKind kind = file_kind(modality);
  const bool fewer = crops.stored > crops.kept;
  if (kind == FileKind::kTokens) {
    const TokenArray tokens(bytes, where);
    check(tokens.crops() == crops.kept, where, ": has tokens of ", counted(tokens.crops(), "crop"), ", expected ",
          crops.kept);
  } else if (extension == "npy") {
    NpyArray array = decode_npy(bytes, where);
    const auto found = crops_of_ids(array);
    check(!found || *found == crops.kept, where, ": has token ids of ", counted(found.value_or(0), "crop"),
          ", expected ", crops.kept);
    if (fewer && has_embeddings_of(array, crops.stored)) {
      cut_crops(array, crops.stored, crops.kept);
      bytes = encode_npy(array);
    }
  } else if (extension == "npz") {
    auto arrays = decode_npz(bytes, where);
    if (fewer && std::any_of(arrays.begin(), arrays.end(),
                             [&](const auto& named) { return has_embeddings_of(named.second, crops.stored); })) {
      for (auto& [name, array] : arrays)
        if (!array.shape.empty() && array.shape[0] == crops.stored) cut_crops(array, crops.stored, crops.kept);
      bytes = encode_npz(arrays);
    }
  } else {
    const auto annotation = texts_or_boxes(bytes, extension, modality, where);
    if (!annotation) return bytes;
    const auto texts = static_cast<int64_t>(annotation->texts.size());
    if (fewer && texts == crops.stored) {
      bytes = Json(std::vector<std::string>(annotation->texts.begin(), annotation->texts.begin() + crops.kept)).dump() +
              "\n";
    } else if (annotation->boxes && (crops.image || (!crops.views.empty() && annotation->width <= 0))) {
      Json json = parse_json(bytes, where);
      json["height"] = crops.image ? crops.image->height : static_cast<int64_t>(crops.views[0].height);
      json["width"] = crops.image ? crops.image->width : static_cast<int64_t>(crops.views[0].width);
      bytes = json.dump() + "\n";
    }
  }
  return bytes;
}

}  // namespace fourm
