#include "fourm/data/packed_tokens.h"

#include "fourm/core/error.h"
#include "fourm/core/parallel.h"
#include "fourm/core/strings.h"
#include "fourm/data/annotation.h"
#include "fourm/data/token_files.h"

namespace fourm {

PackedTokens::PackedTokens(const fs::path& folder, const std::vector<Modality>& modalities, const WordPiece& text)
    : index_(TokenSetIndex::read(folder)) {
  for (const Modality& modality : modalities) {
    switch (modality.kind) {
      case ModalityKind::kTokens: load_tokens(folder, modality); break;
      case ModalityKind::kPixels: load_pixels(folder, modality); break;
      case ModalityKind::kSequence: load_texts(folder, modality, text); break;
      case ModalityKind::kEmbeddings:
        fail(folder.string(), ": ", modality.name, " holds embeddings, which token folders do not have");
    }
  }
}

StoredTensor PackedTokens::stored(const fs::path& path, const std::string& tensor, DType dtype,
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

void PackedTokens::load_tokens(const fs::path& folder, const Modality& modality) {
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

void PackedTokens::load_pixels(const fs::path& folder, const Modality& modality) {
  const int64_t s = modality.image_size;
  const StoredTensor tensor = stored(folder / (modality.name + ".safetensors"), "pixels", DType::kU8,
                                     {size(), index_.crops, s, s, modality.channels});
  check(modality.channels == 3, modality.name, ": pictures of ", modality.channels,
        " channels cannot be read, only of 3");
  pictures_[modality.name] = {reinterpret_cast<const uint8_t*>(tensor.data), s, modality.patch_size};
}

void PackedTokens::load_texts(const fs::path& folder, const Modality& modality, const WordPiece& text) {
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
    const std::string where = concat(path.string(), ": sample ", index_.samples[i]);
    for (const auto& line : annotation_texts(parse_annotation(entries[i], where), std::nullopt, bins, where))
      texts[i].push_back(text_ids(line, text, modality.max_tokens));
  });
}

TokenSample PackedTokens::sample(int64_t i, Random random) const {
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
