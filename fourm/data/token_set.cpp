#include "fourm/data/token_set.h"

#include <algorithm>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"
#include "fourm/data/annotation.h"
#include "fourm/data/crop.h"

namespace fourm {
namespace {

constexpr float kMean[3] = {0.485f, 0.456f, 0.406f}, kDeviation[3] = {0.229f, 0.224f, 0.225f};

// Row `i` of an array along its first dimension.
NpyArray row_of(const NpyArray& array, int64_t i) {
  const size_t bytes = array.bytes.size() / static_cast<size_t>(array.shape[0]);
  return {array.dtype, {array.shape.begin() + 1, array.shape.end()}, array.bytes.substr(bytes * i, bytes)};
}

ModalityData picture_pixels(const std::string& bytes, const Modality& modality, const std::optional<CropView>& crop,
                            const std::string& where) {
  const InputConfig rgb;
  const StoredPicture picture = decode_picture(rgb, bytes, where);
  const CropView view = crop ? *crop : centre_view(picture_width(picture), picture_height(picture));
  const auto size = static_cast<int>(modality.image_size);
  try {
    const StoredPicture square = cut_square(rgb, picture, to_cut(view), size);
    return pixel_patches(std::get<Image>(square).pixels.data(), size, modality.patch_size);
  } catch (const Error& error) {
    fail(where, ": ", error.what(), "; its crop settings are of another picture");
  }
}

// A text as the ids of a sequence: with [EOS], cut to `most`.
std::vector<int64_t> text_ids(const std::string& line, const WordPiece& text, int64_t most) {
  std::vector<int64_t> ids = text.encode(line);
  ids.push_back(text.eos());
  if (static_cast<int64_t>(ids.size()) > most) ids.resize(most);
  return ids;
}

}  // namespace

TokenArray::TokenArray(std::string_view bytes, std::string where)
    : array_(decode_npy(bytes, where)), where_(std::move(where)) {
  check(array_.dtype[0] == 'i' || array_.dtype[0] == 'u', where_, ": tokens should be integers, found dtype '",
        array_.dtype, "'");
  check((array_.shape.size() == 1 || array_.shape.size() == 2) && array_.count() > 0, where_,
        ": expected tokens [crops, tokens], found ", counted(array_.shape.size(), "dimension"));
  if (array_.shape.size() == 1) array_.shape.insert(array_.shape.begin(), 1);
  crops_ = array_.shape[0];
  length_ = array_.shape[1];
}

std::vector<int64_t> TokenArray::ids(int64_t crop, int64_t vocabulary) const {
  std::vector<int64_t> ids = npy_integers(row_of(array_, crop), where_);
  for (const int64_t id : ids)
    check(id >= 0 && id < vocabulary, where_, ": holds the token ", id, ", the vocabulary ends at ", vocabulary - 1);
  return ids;
}

ModalityData pixel_patches(const uint8_t* pixels, int64_t size, int64_t patch) {
  float table[3][256];
  for (int c = 0; c < 3; ++c)
    for (int v = 0; v < 256; ++v) table[c][v] = (static_cast<float>(v) / 255 - kMean[c]) / kDeviation[c];
  ModalityData data;
  data.width = patch * patch * 3;
  data.values.resize(size * size * 3);
  float* out = data.values.data();
  for (int64_t top = 0; top + patch <= size; top += patch)
    for (int64_t left = 0; left + patch <= size; left += patch)
      for (int64_t y = 0; y < patch; ++y) {
        const uint8_t* row = pixels + ((top + y) * size + left) * 3;
        for (int64_t x = 0; x < patch * 3; x += 3)
          for (int c = 0; c < 3; ++c) *out++ = table[c][row[x + c]];
      }
  return data;
}

int64_t coordinate_bins(const WordPiece& text) {
  int64_t bins = 0;
  while (text.id(concat("v0=", bins))) ++bins;
  return bins;
}

TokenSet::TokenSet(const std::string& path, const std::vector<Modality>& modalities, const WordPiece& text)
    : source_(Source::open(path)), text_(text), bins_(coordinate_bins(text)) {
  // A shard of `fourm tokenize` is whole once it has crop settings.
  if (const fs::path record = fs::path(path) / "made_from.json"; fs::exists(record)) {
    const Json json = read_json(record);
    const auto samples = json_get<int64_t>(json, "samples", record.string()),
               shard_size = json_get<int64_t>(json, "shard_size", record.string());
    check(shard_size > 0 && source_.has("crop_settings") &&
              static_cast<int64_t>(list_files(fs::path(path) / "crop_settings", {".tar"}).size()) ==
                  (samples + shard_size - 1) / shard_size,
          path, ": `fourm tokenize` has not finished; run the same command again");
  }
  for (const Modality& modality : modalities) {
    check(modality.kind != ModalityKind::kEmbeddings, path, ": ", modality.name,
          " holds embeddings, which are not read from files");
    check(modality.kind != ModalityKind::kPixels || modality.channels == 3, modality.name, ": pictures of ",
          modality.channels, " channels cannot be read, only of 3");
    check(modality.kind != ModalityKind::kSequence || text.size() <= modality.vocab_size, "the text tokenizer has ",
          text.size(), " tokens, more than the ", modality.vocab_size, " of ", modality.name);
    const std::string subject = modality.name.substr(0, modality.name.find('@'));
    const std::string folder = source_.has(modality.name) ? modality.name : subject;
    check(source_.has(folder), path, ": has no ", modality.name, "; it has ", join(source_.modalities(), ", "));
    parts_.push_back({modality, folder});
  }
  std::sort(parts_.begin(), parts_.end(),
            [](const Part& a, const Part& b) { return a.modality.name < b.modality.name; });
}

TokenSample TokenSet::sample(int64_t i, Random random) const {
  // How many crops there are must be known before one is drawn.
  std::optional<std::vector<CropView>> views;
  int64_t crops = 0;
  const auto agree = [&](int64_t n, const std::string& where) {
    check(crops == 0 || n == crops, where, ": has ", counted(n, "crop"), ", other files of the sample have ", crops);
    crops = n;
  };
  if (source_.has(i, "crop_settings")) {
    const std::string where = source_.origin(i, "crop_settings");
    views = decode_crop_settings(source_.read(i, "crop_settings"), where);
    agree(static_cast<int64_t>(views->size()), where);
  }
  std::vector<std::pair<const Part*, TokenArray>> grids;
  std::vector<std::pair<const Part*, NpyArray>> arrays;
  for (const Part& part : parts_) {
    const Modality& m = part.modality;
    if (!source_.has(i, part.folder) || m.kind == ModalityKind::kSequence) continue;
    const std::string where = source_.origin(i, part.folder);
    if (m.kind == ModalityKind::kTokens) {
      grids.emplace_back(&part, TokenArray(source_.read(i, part.folder), where));
      check(grids.back().second.length() == m.max_tokens, where, ": has ", grids.back().second.length(),
            " tokens a crop, expected ", m.max_tokens);
      agree(grids.back().second.crops(), where);
    } else if (source_.extension(i, part.folder) == "npy") {
      arrays.emplace_back(&part, decode_npy(source_.read(i, part.folder), where));
      const NpyArray& array = arrays.back().second;
      check(array.dtype == "u1" && array.shape.size() == 4 && array.shape[0] > 0 && array.shape[1] == m.image_size &&
                array.shape[2] == m.image_size && array.shape[3] == 3,
            where, ": expected bytes [crops, ", m.image_size, ", ", m.image_size, ", 3]");
      agree(array.shape[0], where);
    }
  }
  const int64_t crop = random.below(std::max<int64_t>(crops, 1));
  std::optional<CropView> view;
  if (views) view = (*views)[crop];

  TokenSample sample;
  for (const auto& [part, tokens] : grids)
    sample[part->modality.name].ids = tokens.ids(crop, part->modality.vocab_size);
  for (const auto& [part, array] : arrays)
    sample[part->modality.name] =
        pixel_patches(reinterpret_cast<const uint8_t*>(array.bytes.data()) + crop * array.count() / array.shape[0],
                      part->modality.image_size, part->modality.patch_size);
  for (const Part& part : parts_) {
    const Modality& m = part.modality;
    if (m.kind == ModalityKind::kTokens || sample.contains(m.name) || !source_.has(i, part.folder)) continue;
    const std::string where = source_.origin(i, part.folder), bytes = source_.read(i, part.folder);
    if (m.kind == ModalityKind::kPixels) {
      sample[m.name] = picture_pixels(bytes, m, view, where);
    } else {
      const Annotation annotation = decode_annotation(bytes, source_.extension(i, part.folder), where);
      sample[m.name].ids = text_ids(random.pick(annotation_texts(annotation, view, bins_, where)), text_, m.max_tokens);
    }
  }
  return sample;
}

}  // namespace fourm
