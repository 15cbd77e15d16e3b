#include "fourm/data/token_set.h"

#include <cmath>

#include "fourm/core/error.h"
#include "fourm/core/parallel.h"
#include "fourm/core/strings.h"
#include "fourm/text/boxes.h"

namespace fourm {
namespace {

constexpr float kMean[3] = {0.485f, 0.456f, 0.406f}, kDeviation[3] = {0.229f, 0.224f, 0.225f};

// The texts of one entry of caption.json or det.json: the string itself, a list of strings, or a list of boxes.
std::vector<std::string> entry_texts(const Json& entry, int64_t bins, const std::string& where) {
  std::vector<std::string> texts;
  if (entry.is_object()) {
    std::vector<LabelledBox> boxes;
    for (const Json& instance : json_get<Json>(entry, "instances", where)) {
      const auto corners = json_get<std::vector<double>>(instance, "boxes", where);
      check(corners.size() == 4, where, ": 'boxes' has ", corners.size(), " numbers, expected 4");
      for (const double c : corners) check(c >= 0 && c <= 1, where, ": 'boxes' holds ", c, ", expected 0 to 1");
      boxes.push_back({corners[0], corners[1], corners[2], corners[3],
                       json_get<std::string>(instance, "class_name", where),
                       instance.contains("score") ? json_get<double>(instance, "score", where) : 1});
    }
    check(bins > 1, where, ": holds boxes, but the text tokenizer has no coordinates v0=0, v0=1, ...");
    Random unused(0);
    const CropView whole{1, 1, 0, 0, 1, 1, false};
    return {boxes_to_string(view_boxes(boxes, whole, {}, unused), bins)};
  }
  if (entry.is_string()) return {entry.get<std::string>()};
  check(entry.is_array() && !entry.empty(), where, ": expected a text, a list of texts or boxes");
  for (const Json& item : entry) {
    if (item.is_object()) {
      texts.push_back(json_get<std::string>(item, "caption", where));
    } else {
      check(item.is_string(), where, ": expected texts, found ", item.type_name());
      texts.push_back(item.get<std::string>());
    }
  }
  return texts;
}

}  // namespace

TokenSetIndex TokenSetIndex::read(const fs::path& folder) {
  const fs::path file = folder / "samples.json";
  check(fs::exists(file), folder.string(), ": holds no samples.json; `fourm tokenize` makes such folders");
  const Json json = read_json(file);
  TokenSetIndex index{json_get<std::vector<std::string>>(json, "samples", file.string()),
                      json_get<int64_t>(json, "crops", file.string())};
  check(!index.samples.empty() && index.crops > 0, file.string(), ": holds no samples");
  return index;
}

void TokenSetIndex::write(const fs::path& folder) const {
  write_json(folder / "samples.json", Json{{"samples", samples}, {"crops", crops}});
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

TokenSet::TokenSet(const fs::path& folder, const std::vector<Modality>& modalities, const WordPiece& text)
    : index_(TokenSetIndex::read(folder)) {
  for (const Modality& modality : modalities) {
    switch (modality.kind) {
      case ModalityKind::kTokens:
        load_tokens(folder, modality);
        break;
      case ModalityKind::kPixels:
        load_pixels(folder, modality);
        break;
      case ModalityKind::kSequence:
        load_texts(folder, modality, text);
        break;
      case ModalityKind::kEmbeddings:
        fail(folder.string(), ": ", modality.name, " holds embeddings, which token folders do not have");
    }
  }
}

StoredTensor TokenSet::stored(const fs::path& path, const std::string& tensor, DType dtype,
                              std::vector<int64_t> shape) {
  files_.push_back(SafetensorsFile::open(path));
  const StoredTensor* found = files_.back().find(tensor);
  check(found, path.string(), ": tensor ", tensor, " is missing");
  const auto text = [](const std::vector<int64_t>& dims) {
    std::vector<std::string> parts;
    for (const int64_t n : dims) parts.push_back(std::to_string(n));
    return join(parts, " x ");
  };
  check(found->dtype == dtype && found->shape == shape, path.string(), ": tensor ", tensor, " is ",
        dtype_name(found->dtype), " ", text(found->shape), ", expected ", dtype_name(dtype), " ", text(shape));
  return *found;
}

void TokenSet::load_tokens(const fs::path& folder, const Modality& modality) {
  const fs::path path = folder / (modality.name + ".safetensors");
  const int64_t length = modality.max_tokens;
  const StoredTensor tensor = stored(path, "tokens", DType::kI16, {size(), index_.crops, length});
  check(reinterpret_cast<uintptr_t>(tensor.data) % alignof(int16_t) == 0, path.string(), ": 'tokens' is not aligned");
  const auto* tokens = reinterpret_cast<const int16_t*>(tensor.data);
  for (int64_t i = 0; i < size() * index_.crops * length; ++i)
    check(tokens[i] >= 0 && tokens[i] < modality.vocab_size, path.string(), ": sample ",
          index_.samples[i / (index_.crops * length)], " holds the token ", tokens[i], ", the vocabulary of ",
          modality.name, " ends at ", modality.vocab_size - 1);
  grids_[modality.name] = {tokens, length};
}

void TokenSet::load_pixels(const fs::path& folder, const Modality& modality) {
  const int64_t s = modality.image_size;
  const StoredTensor tensor = stored(folder / (modality.name + ".safetensors"), "pixels", DType::kU8,
                                     {size(), index_.crops, s, s, modality.channels});
  check(modality.channels == 3, modality.name, ": pictures of ", modality.channels,
        " channels cannot be read, only of 3");
  pictures_[modality.name] = {reinterpret_cast<const uint8_t*>(tensor.data), s, modality.patch_size};
}

void TokenSet::load_texts(const fs::path& folder, const Modality& modality, const WordPiece& text) {
  const fs::path path = folder / (modality.name + ".json");
  check(text.size() <= modality.vocab_size, "the text tokenizer has ", text.size(), " tokens, more than the ",
        modality.vocab_size, " of ", modality.name);
  const Json entries = read_json(path, uint64_t{1} << 32);
  check(entries.is_array() && static_cast<int64_t>(entries.size()) == size(), path.string(), ": expected a list of ",
        size(), " entries");
  auto& texts = texts_[modality.name];
  texts.resize(size());
  const int64_t bins = coordinate_bins(text);
  parallel_for(size(), [&](int64_t i) {
    for (const auto& line : entry_texts(entries[i], bins, concat(path.string(), ": sample ", index_.samples[i]))) {
      std::vector<int64_t> ids = text.encode(line);
      ids.push_back(text.eos());
      if (static_cast<int64_t>(ids.size()) > modality.max_tokens) ids.resize(modality.max_tokens);
      texts[i].push_back(std::move(ids));
    }
  });
}

TokenSample TokenSet::sample(int64_t i, Random random) const {
  TokenSample sample;
  const int64_t crop = random.below(index_.crops), row = i * index_.crops + crop;
  for (const auto& [name, grid] : grids_)
    sample[name].ids.assign(grid.tokens + row * grid.length, grid.tokens + (row + 1) * grid.length);
  for (const auto& [name, picture] : pictures_)
    sample[name] = pixel_patches(picture.pixels + row * picture.size * picture.size * 3, picture.size, picture.patch);
  for (const auto& [name, texts] : texts_) sample[name].ids = random.pick(texts[i]);
  return sample;
}

}  // namespace fourm
