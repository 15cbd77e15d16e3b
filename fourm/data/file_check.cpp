#include "fourm/data/file_check.h"

#include <algorithm>
#include <cmath>

#include "fourm/core/json.h"
#include "fourm/core/strings.h"
#include "fourm/data/annotation.h"
#include "fourm/data/file_kind.h"
#include "fourm/data/modality_file.h"
#include "fourm/data/token_array.h"
#include "fourm/data/token_set.h"
#include "fourm/io/npz.h"
#include "fourm/modality/known_pixels.h"

namespace fourm {
namespace {

template <class... Parts>
void expect(bool condition, const std::string& remedy, Parts&&... parts) {
  if (!condition) throw FileFault(concat(std::forward<Parts>(parts)...), remedy);
}

// A message about a file that was read without a name.
std::string without_name(std::string message) {
  if (message.starts_with(": ")) message.erase(0, 2);
  return message;
}

// The part of the known pixels that are unit vectors, as those of a normal map.
double unit_vectors(const Image& image, const KnownPixels& known = {}) {
  int64_t unit = 0, all = 0;
  for (size_t i = 0; i < image.pixels.size(); i += 3) {
    if (!is_known(known, i / 3)) continue;
    ++all;
    double squares = 0;
    for (int c = 0; c < 3; ++c) squares += std::pow(image.pixels[i + c] / 127.5 - 1, 2);
    unit += std::abs(std::sqrt(squares) - 1) < 0.05;
  }
  return static_cast<double>(unit) / static_cast<double>(std::max<int64_t>(all, 1));
}

template <class Image>
void size_of(const Image& image, FileFacts& facts) {
  facts.width = image.width;
  facts.height = image.height;
}

void check_image(const std::string& bytes, FileFacts& facts) {
  if (const auto png = png_kind(bytes))
    expect(png->bits <= 8 || png->colour != 0, "is it a depth map? put it into depth/, and the image here",
           "is a 16-bit grey map, expected a colour image");
  const Image image = decode_image(bytes, "");
  expect(image.area() < 64 || unit_vectors(image) < 0.99, "is it a normal map? put it into normal/",
         "every pixel is a unit vector, as in a normal map, expected a colour image");
  size_of(image, facts);
}

void check_pixels(const std::string& bytes, FileFacts& facts) {
  const NpyArray array = decode_npy(bytes, "");
  expect(array.dtype == "u1" && array.shape.size() == 4 && array.shape[0] > 0 && array.shape[1] == array.shape[2] &&
             array.shape[3] == 3,
         "run `fourm tokenize` again for it", "has the wrong shape or dtype, expected bytes [crops, size, size, 3]");
  facts.crops = array.shape[0];
}

void check_normals(const std::string& bytes, FileFacts& facts) {
  if (const auto png = png_kind(bytes))
    expect(png->colour == 2 || png->colour == 6, "save it as RGB: (n + 1) / 2 * 255",
           "has the wrong number of channels for a normal map (PNG colour type ", png->colour, "), expected RGB");
  const Image image = decode_normals(bytes, "");
  InputConfig config;
  config.kind = "normal";
  const KnownPixels known = known_pixels(config, image);
  expect(!any_known(known) || unit_vectors(image, known) > 0.5,
         "is it a photograph? normals are (n + 1) / 2 * 255 with |n| = 1",
         "most known pixels are no unit vectors, expected a normal map");
  size_of(image, facts);
}

void check_labels(const std::string& bytes, int64_t classes, FileFacts& facts) {
  const auto map = decode_labels(bytes, "");
  const int highest = *std::max_element(map.pixels.begin(), map.pixels.end(),
                                        [](uint8_t a, uint8_t b) { return (a == 255 ? 0 : a) < (b == 255 ? 0 : b); });
  expect(classes == 0 || highest == 255 || highest < classes, "map it to a class of the data set, or to 255 (none)",
         "holds the label ", highest, " out of range, the classes end at ", classes - 1);
  size_of(map, facts);
}

void check_map(const std::string& bytes, FileFacts& facts) {
  const auto png = png_kind(bytes);
  expect(png.has_value(), "save it as a PNG", "is not a PNG");
  if (png->colour == 3 || png->bits < 8) {
    size_of(decode_labels(bytes, ""), facts);
  } else {
    expect(png->colour == 0, "save it as a grey PNG", "has the wrong number of channels, expected a grey map");
    size_of(decode_png16(bytes, ""), facts);
  }
}

void check_boxes_or_texts(const std::string& modality, const std::string& extension, const std::string& bytes,
                          FileFacts& facts) {
  const Annotation a = decode_annotation(bytes, extension, "");
  const bool boxes = file_kind(modality) == FileKind::kBoxes;
  expect(a.boxes.has_value() == boxes, "is it in the wrong folder? texts stand in caption/, boxes in det/",
         boxes ? "holds texts, expected boxes" : "holds boxes, expected texts");
  facts.width = static_cast<int64_t>(a.width);
  facts.height = static_cast<int64_t>(a.height);
}

// Tokens of an unknown vocabulary.
void check_tokens(const std::string& bytes, FileFacts& facts) {
  const TokenArray array(bytes, "");
  for (int64_t c = 0; c < array.crops(); ++c) array.ids(c, int64_t{1} << 31);
  facts.crops = array.crops();
  facts.tokens = array.length();
}

// JSON of other things than texts and boxes: numbers, and objects with keys of their own.
bool holds_data(const Json& json) {
  if (json.is_object()) return !json.contains("caption") && !json.contains("text") && !json.contains("instances");
  return json.is_number() || json.is_boolean() ||
         (json.is_array() && !json.empty() && std::all_of(json.begin(), json.end(), holds_data));
}

void check_other(const std::string& extension, const std::string& bytes) {
  if (extension == "json") {
    const Json json = parse_json(bytes, "");
    if (!holds_data(json)) parse_annotation(json, "");
  } else if (extension == "npy") {
    decode_npy(bytes, "");
  } else if (extension == "npz") {
    decode_npz(bytes, "");
  } else if (extension == "txt") {
    decode_annotation(bytes, extension, "");
  } else {
    decode_image_rgba(bytes, "");
  }
}

const char* usual_remedy(FileKind kind) {
  switch (kind) {
    case FileKind::kCaption: return "write a text (UTF-8), or JSON: a list of texts";
    case FileKind::kBoxes:
      return "write {\"instances\": [{\"boxes\": [xmin, ymin, xmax, ymax] in 0..1, \"class_name\", \"score\"}]}";
    case FileKind::kDepth: return "save depth as 16-bit grey PNG in millimetres, or as .npy of floats in metres";
    case FileKind::kTokens: return "was it made by another tokenizer? tokenise the sample again";
    case FileKind::kCrops: return "write integers [crops, 5]: top, left, height, width, flip";
    default: return "restore it from its source, or remove the sample";
  }
}

}  // namespace

FileCheck::FileCheck(const Source& source, const DataFacts& facts, const CheckOptions& options)
    : source_(source),
      classes_(options.classes ? options.classes : static_cast<int64_t>(facts.classes.size())),
      text_(options.text),
      bins_(text_ ? coordinate_bins(*text_) : TextDraw().bins) {
  const ModalityTable official = ModalityTable::official();
  std::vector<Modality> read = options.modalities;
  const auto add = [&](const Modality& m) {
    const auto same = [&](const Modality& other) { return other.name == m.name; };
    if (std::none_of(read.begin(), read.end(), same)) read.push_back(m);
  };
  for (const auto& name : facts.modalities.names())
    add(facts.modalities.at(name, options.image_size, options.patch_size));
  for (const auto& name : source.modalities())
    if (official.contains(name)) {
      Modality m = official.at(name, options.image_size, options.patch_size);
      m.width = 0;  // training takes that of the data
      add(m);
    }
  for (Modality m : read) {
    try {
      m = with_width(source, m);
    } catch (const Error&) {  // a fault of the file, which is named when the file is checked
    }
    rows_[folder_of(source, m.name)].push_back(m);
  }
}

FileFacts FileCheck::operator()(int64_t sample, const std::string& modality, const CheckedCrops& crops) const {
  try {
    return facts_of(sample, modality, crops);
  } catch (const FileFault&) {
    throw;
  } catch (const Error& error) {
    throw FileFault(without_name(error.what()), usual_remedy(file_kind(modality)));
  }
}

FileFacts FileCheck::facts_of(int64_t sample, const std::string& modality, const CheckedCrops& crops) const {
  const std::string extension = source_.extension(sample, modality), bytes = source_.read(sample, modality);
  FileFacts facts;
  expect(!bytes.empty(), "restore it from its source, or remove the sample", "the file is empty");
  const auto rows = rows_.find(modality);
  switch (file_kind(modality)) {
    case FileKind::kImage:
      if (extension != "npy")
        check_image(bytes, facts);
      else if (rows == rows_.end())
        check_pixels(bytes, facts);
      break;
    case FileKind::kNormal: check_normals(bytes, facts); break;
    case FileKind::kDepth: size_of(decode_depth(bytes, "", units_.of(source_.file(sample, modality))), facts); break;
    case FileKind::kLabels: check_labels(bytes, classes_, facts); break;
    case FileKind::kMap: check_map(bytes, facts); break;
    case FileKind::kCaption:
    case FileKind::kBoxes:
      if (rows == rows_.end() || extension != "npy") check_boxes_or_texts(modality, extension, bytes, facts);
      break;
    case FileKind::kTokens:
      if (rows == rows_.end()) check_tokens(bytes, facts);
      break;
    case FileKind::kCrops:
      facts.views = decode_crop_settings(bytes, "");
      facts.crops = static_cast<int64_t>(facts.views.size());
      break;
    case FileKind::kOther:
      if (modality == kSourceInfo && extension == "json")
        parse_json(bytes, "");  // nothing is trained on it
      else if (rows == rows_.end())
        check_other(extension, bytes);
      break;
  }
  if (rows != rows_.end())
    for (const Modality& m : rows->second) read(m, extension, bytes, crops, facts);
  return facts;
}

// For every crop and every caption.
void FileCheck::read(const Modality& m, const std::string& extension, const std::string& bytes,
                     const CheckedCrops& sample, FileFacts& facts) const {
  const std::vector<CropView>& views = sample.views;
  const ModalityFile file(m, bytes, extension, "");
  facts.crops = file.crops();
  if (file.follows_crop()) facts.follows_crop = m.name;
  if (file.is_text() && is_text_of_crop(m.name)) facts.texts_of_crops = file.variants();
  const std::optional<CropView> default_view =
      views.empty() && file.needs_image_size() ? sample.default_view() : std::nullopt;
  const int64_t crops = std::max<int64_t>({1, file.crops(), static_cast<int64_t>(views.size())});
  for (int64_t k = 0; k < std::max(crops, file.variants()); ++k) {
    ModalityFile::Choice choice;
    choice.crop = std::min(k, std::max<int64_t>(file.crops(), 1) - 1);
    choice.number = std::min(k, file.variants() - 1);
    choice.view = default_view;
    if (!views.empty()) choice.view = views[std::min<int64_t>(k, static_cast<int64_t>(views.size()) - 1)];
    Random random(0, {static_cast<uint64_t>(k)});
    if (m.kind != ModalityKind::kSequence || text_)
      file.data(choice, text_, bins_, random, [&](const std::string& topic, const std::string& message) {
        facts.warnings.try_emplace(m.name + " " + topic, without_name(message));
      });
    else if (file.is_text())
      file.pieces(choice, bins_, random);
  }
}

}  // namespace fourm
