#include "fourm/data/token_set.h"

#include "fourm/core/error.h"
#include "fourm/data/packed_tokens.h"
#include "fourm/data/token_files.h"

namespace fourm {
namespace {

constexpr float kMean[3] = {0.485f, 0.456f, 0.406f}, kDeviation[3] = {0.229f, 0.224f, 0.225f};

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

std::unique_ptr<TokenSet> TokenSet::open(const std::string& path, const std::vector<Modality>& modalities,
                                         const WordPiece& text) {
  if (fs::exists(fs::path(path) / "samples.json")) return std::make_unique<PackedTokens>(path, modalities, text);
  return std::make_unique<TokenFiles>(path, modalities, text);
}

}  // namespace fourm
