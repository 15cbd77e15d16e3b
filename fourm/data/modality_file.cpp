#include "fourm/data/modality_file.h"

#include <algorithm>
#include <cmath>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"
#include "fourm/data/crop.h"
#include "fourm/io/npz.h"
#include "fourm/modality/imagenet.h"
#include "fourm/modality/modality_name.h"
#include "fourm/modality/text_warnings.h"

namespace fourm {
namespace {

// Token ids of a sequence.
TokenArray id_array(const std::string& bytes, const Modality& m, const std::string& where) {
  try {
    return TokenArray(bytes, where, ExpectedTokens::of(m));
  } catch (const Error& error) {
    check(name_without_size(m.name) != "sam_instance", error.what(),
          "; write SAM instances as texts in .txt or .json (docs/data.md), or their token ids as .npy of integers");
    throw;
  }
}

NpyArray decode_pixels(const std::string& bytes, const Modality& m, const std::string& where) {
  NpyArray array = decode_npy(bytes, where);
  check(array.dtype == "u1" && array.shape.size() == 4 && array.shape[0] > 0 && array.shape[1] == m.image_size &&
            array.shape[2] == m.image_size && array.shape[3] == 3,
        where, ": expected bytes [crops, ", m.image_size, ", ", m.image_size, ", 3]");
  return array;
}

}  // namespace

EmbeddingArray::EmbeddingArray(std::string_view bytes, const std::string& extension, int64_t width,
                               const std::string& where) {
  NpyArray emb, valid;
  if (extension == "npz") {
    auto arrays = decode_npz(bytes, where, {"emb", "mask_valid"});
    check(arrays.contains("emb"), where, ": has no array 'emb' of embedding vectors");
    emb = std::move(arrays["emb"]);
    if (arrays.contains("mask_valid")) valid = std::move(arrays["mask_valid"]);
  } else {
    check(extension == "npy", where, ": expected a .npz or .npy file of embedding vectors");
    emb = decode_npy(bytes, where);
  }
  check(emb.dtype[0] == 'f', where, ": embedding vectors should be floats, found dtype '", emb.dtype, "'");
  if (emb.shape.size() == 2) emb.shape.insert(emb.shape.begin(), 1);
  check(emb.shape.size() == 3 && emb.count() > 0, where, ": expected vectors [length, width] or [k, length, width]");
  if (width == 0) width = emb.shape[2];
  width_ = width;
  check(emb.shape[2] == width, where, ": expected vectors of ", width, " numbers, found ", emb.shape[2],
        "; to train on these, give the modality width: ", emb.shape[2], " in the recipe's 'modalities' file");
  const int64_t variants = emb.shape[0], length = emb.shape[1];
  std::vector<float> mask(variants * length, 1);
  if (!valid.dtype.empty()) {
    check(valid.count() == variants * length, where, ": 'mask_valid' should be [", variants, ", ", length,
          "], a flag for each vector");
    mask = npy_floats(valid);
  }
  const std::vector<float> all = npy_floats(emb);
  for (int64_t k = 0; k < variants; ++k) {
    auto& rows = rows_.emplace_back();
    for (int64_t t = k * length; t < (k + 1) * length; ++t)
      if (mask[t] != 0) rows.insert(rows.end(), all.begin() + t * width, all.begin() + (t + 1) * width);
    for (const float v : rows) check(std::isfinite(v), where, ": holds an embedding value that is not finite");
    check(!rows.empty(), where, ": 'mask_valid' marks no vector of variant ", k, " as valid");
  }
}

ModalityData pixel_patches(const uint8_t* pixels, int64_t size, int64_t patch) {
  float table[3][256];
  for (int c = 0; c < 3; ++c)
    for (int v = 0; v < 256; ++v)
      table[c][v] = (static_cast<float>(v) / 255 - kImageNetMean[c]) / kImageNetDeviation[c];
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

Image patches_image(const ModalityData& patches, const Modality& modality) {
  const auto size = static_cast<int>(modality.image_size), patch = static_cast<int>(modality.patch_size);
  Image image(size, size, 3);
  const float* in = patches.values.data();
  for (int top = 0; top + patch <= size; top += patch)
    for (int left = 0; left + patch <= size; left += patch)
      for (int y = 0; y < patch; ++y)
        for (int x = 0; x < patch; ++x)
          for (int c = 0; c < 3; ++c) {
            const float value = 255 * (*in++ * kImageNetDeviation[c] + kImageNetMean[c]);
            image.at(left + x, top + y)[c] = static_cast<uint8_t>(std::lround(std::clamp(value, 0.F, 255.F)));
          }
  return image;
}

ModalityFile::ModalityFile(const Modality& modality, std::string bytes, const std::string& extension, std::string where)
    : modality_(modality), where_(std::move(where)) {
  const Modality& m = modality_;
  switch (m.kind) {
    case ModalityKind::kTokens: content_ = TokenArray(bytes, where_, ExpectedTokens::of(m)); break;
    case ModalityKind::kPixels:
      if (extension == "npy")
        content_ = decode_pixels(bytes, m, where_);
      else
        content_ = ImageBytes{std::move(bytes)};
      break;
    case ModalityKind::kEmbeddings: content_ = EmbeddingArray(bytes, extension, m.width, where_); break;
    case ModalityKind::kSequence:
      if (extension == "npy")
        content_ = id_array(bytes, m, where_);
      else
        content_ = decode_annotation(bytes, extension, where_, text_form(m.name));
      break;
  }
}

int64_t ModalityFile::crops() const {
  if (const auto* array = std::get_if<NpyArray>(&content_)) return array->shape[0];
  const auto* tokens = std::get_if<TokenArray>(&content_);
  // A single row that is no grid over the image, such as audio, belongs to every crop.
  return !tokens || (tokens->crops() == 1 && !modality_.has_grid()) ? 0 : tokens->crops();
}

int64_t ModalityFile::variants() const {
  if (const auto* vectors = std::get_if<EmbeddingArray>(&content_)) return vectors->variants();
  const auto* annotation = std::get_if<Annotation>(&content_);
  return annotation ? std::max<int64_t>(1, static_cast<int64_t>(annotation->texts.size())) : 1;
}

std::optional<CropView> ModalityFile::centre(const std::optional<CropView>& image) const {
  const auto* annotation = std::get_if<Annotation>(&content_);
  return annotation ? centre_view(*annotation, image) : image;
}

bool ModalityFile::follows_crop() const {
  const auto* annotation = std::get_if<Annotation>(&content_);
  return std::holds_alternative<ImageBytes>(content_) || (annotation && annotation->has_regions());
}

bool ModalityFile::needs_image_size() const {
  const auto* annotation = std::get_if<Annotation>(&content_);
  return annotation && annotation->has_regions() && !centre_view(*annotation, {});
}

bool ModalityFile::has_poses() const {
  const auto* annotation = std::get_if<Annotation>(&content_);
  return annotation && annotation->people && !annotation->people->empty();
}

ModalityData ModalityFile::data(const Choice& choice, const WordPiece* text, int64_t bins, Random& random,
                                const Warn& warn) const {
  const Modality& m = modality_;
  switch (m.kind) {
    case ModalityKind::kTokens: {
      ModalityData data;
      data.ids = std::get<TokenArray>(content_).ids(crops() > 0 ? choice.crop : 0, m.vocab_size, choice.unknown_tokens);
      return data;
    }
    case ModalityKind::kPixels: return image(choice);
    case ModalityKind::kEmbeddings: return vectors(choice.number ? *choice.number : random.below(variants()), warn);
    case ModalityKind::kSequence:
      check(text, "[ModalityFile] a sequence needs the text tokenizer");
      if (is_text()) return text_ids(pieces(choice, bins, random), *text, warn);
      return array_ids(crops() > 0 ? choice.crop : 0, *text, warn);
  }
  fail("[ModalityFile] unknown kind");
}

std::vector<std::string> ModalityFile::pieces(const Choice& choice, int64_t bins, Random& random) const {
  const auto& annotation = std::get<Annotation>(content_);
  return draw_text(annotation, {choice.view, choice.number, choice.mirror, bins}, random, where_);
}

void ModalityFile::warn_of_cut(int64_t length, const Warn& warn) const {
  if (length > modality_.max_tokens)
    warn("cut",
         concat(where_, ": has ", length, " tokens, ", modality_.name, " keeps the first ", modality_.max_tokens));
}

ModalityData ModalityFile::text_ids(const std::vector<std::string>& pieces, const WordPiece& text,
                                    const Warn& warn) const {
  check(text.size() <= modality_.vocab_size, where_, ": the text tokenizer has ", text.size(),
        " tokens, more than the ", modality_.vocab_size, " of ", modality_.name);
  std::vector<std::vector<int64_t>> encoded;
  std::vector<int64_t> all;
  for (const auto& piece : pieces) {
    encoded.push_back(text.encode(piece));
    all.insert(all.end(), encoded.back().begin(), encoded.back().end());
  }
  encoded.push_back({text.eos()});
  const auto& annotation = std::get<Annotation>(content_);
  const auto warnings = annotation.texts.empty()
                            ? warnings_of_ids(all, text, modality_.name, modality_.max_tokens)
                            : warnings_of_text(pieces[0], all, text, modality_.name, modality_.max_tokens);
  for (const auto& [topic, message] : warnings) warn(topic, where_ + ": " + message);
  if (annotation.people && std::any_of(annotation.people->begin(), annotation.people->end(),
                                       [](const HumanPose& person) { return !person.has_pose; }))
    warn("pose", where_ + ": has no 'pose_tokenized'; its people are written without the tokens of their pose");
  ModalityData data;
  const bool chunked = annotation.metadata.has_value();
  for (const auto& ids : encoded) {
    // What does not fit is left out: whole pieces where masking keeps them whole.
    const int64_t room = modality_.max_tokens - data.length(), n = static_cast<int64_t>(ids.size());
    if (chunked && n > room) break;
    data.ids.insert(data.ids.end(), ids.begin(), ids.begin() + std::min(room, n));
    if (chunked) data.chunks.push_back(n);
  }
  return data;
}

ModalityData ModalityFile::array_ids(int64_t crop, const WordPiece& text, const Warn& warn) const {
  const auto& array = std::get<TokenArray>(content_);
  const int64_t first = first_free_id(text), count = modality_.vocab_size - first;
  ModalityData data;
  data.ids = array.ids(crop, int64_t{1} << 24);
  for (int64_t& id : data.ids) {
    check(id < count, where_, ": holds the token ", id, "; ", modality_.name, " of vocab_size ", modality_.vocab_size,
          " has room for ", std::max<int64_t>(count, 0), ", since its first ", first,
          " ids are those of the text tokenizer's [PAD], [EOS] and sentinels; set vocab_size to ", first,
          " + the number of ids, here at least ", first + std::max(id + 1, modality_.vocab_size));
    id += first;
  }
  warn_of_cut(array.length(), warn);
  data.ids.resize(std::min(array.length(), modality_.max_tokens));
  return data;
}

ModalityData ModalityFile::vectors(int64_t variant, const Warn& warn) const {
  ModalityData data;
  data.values = std::get<EmbeddingArray>(content_).values(variant);
  data.width = modality_.width;
  warn_of_cut(data.length(), warn);
  data.values.resize(std::min(data.length(), modality_.max_tokens) * modality_.width);
  return data;
}

ModalityData ModalityFile::image(const Choice& choice) const {
  if (const auto* array = std::get_if<NpyArray>(&content_))
    return pixel_patches(
        reinterpret_cast<const uint8_t*>(array->bytes.data()) + choice.crop * array->count() / array->shape[0],
        modality_.image_size, modality_.patch_size);
  const InputConfig rgb;
  const StoredImage image = decode_stored_image(rgb, std::get<ImageBytes>(content_).bytes, where_);
  const CropView view = choice.view ? *choice.view : centre_view(width_of(image), height_of(image));
  const auto size = static_cast<int>(modality_.image_size);
  try {
    const StoredImage square = cut_square(rgb, image, to_cut(view), size);
    return pixel_patches(std::get<Image>(square).pixels.data(), size, modality_.patch_size);
  } catch (const Error& error) {
    fail(where_, ": ", error.what(), "; its crop settings are of another image");
  }
}

}  // namespace fourm
