// The packed layout of token_set.h. Tensors are mapped, so that opening is fast and memory is what is used; texts are
// kept as text and tokenised when opened.
#pragma once

#include "fourm/data/token_set.h"
#include "fourm/io/safetensors.h"

namespace fourm {

class PackedTokens : public TokenSet {
 public:
  PackedTokens(const fs::path& folder, const std::vector<Modality>& modalities, const WordPiece& text);

  int64_t size() const override { return static_cast<int64_t>(index_.samples.size()); }
  const std::string& name(int64_t i) const override { return index_.samples[i]; }
  const std::vector<int64_t>& shards() const override { return shards_; }
  TokenSample sample(int64_t i, Random random) const override;

 private:
  void load_tokens(const fs::path& folder, const Modality& modality);
  void load_pixels(const fs::path& folder, const Modality& modality);
  void load_texts(const fs::path& folder, const Modality& modality, const WordPiece& text);
  StoredTensor stored(const fs::path& path, const std::string& tensor, DType dtype, std::vector<int64_t> shape);

  TokenSetIndex index_;
  std::vector<int64_t> shards_{0};
  std::vector<SafetensorsFile> files_;
  struct Grid {
    const int16_t* tokens;
    int64_t length;
  };
  struct Picture {
    const uint8_t* pixels;
    int64_t size, patch;
  };
  std::map<std::string, Grid> grids_;
  std::map<std::string, Picture> pictures_;
  std::map<std::string, std::vector<std::vector<std::vector<int64_t>>>> texts_;  // [sample][choice] -> ids
};

}  // namespace fourm
