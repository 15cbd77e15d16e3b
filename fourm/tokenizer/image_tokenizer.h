// A tokenizer of stored images: images to tokens and back. The interface has no tensors.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "fourm/io/npy.h"
#include "fourm/kernels/compute_config.h"
#include "fourm/modality/transform.h"
#include "fourm/tokenizer/config.h"
#include "fourm/tokenizer/decode_options.h"

namespace fourm {

class Tokenizer;

/// Tokens of one image, row-major; with several codebooks one map after the other.
struct TokenMap {
  int codebooks = 1, height = 0, width = 0;
  std::vector<int64_t> tokens;
  bool operator==(const TokenMap&) const = default;
};

class ImageTokenizer {
 public:
  /// A folder (config.json + model.safetensors) or a single .safetensors file, opened for inference. `name`, a modality or
  /// a kind, determines the input of an official tokenizer (TokenizerConfig::image_input); empty: the name in its path
  /// (name_in_path). The image size is that of `name` (tok_depth@256), else of the name in the path, else of the config.
  static ImageTokenizer open(const fs::path& path, const ComputeConfig& compute = {}, const std::string& name = "");
  explicit ImageTokenizer(std::shared_ptr<const Tokenizer> tokenizer, const std::string& name = "");
  /// The same tokenizer on several devices, which share the batches.
  ImageTokenizer(std::vector<std::shared_ptr<const Tokenizer>> replicas, const std::string& name);

  const TokenizerConfig& config() const;
  const InputConfig& input() const { return input_; }
  int64_t image_size() const { return image_size_; }  ///< pixels a side

  /// Images of one size, a multiple of the patch. Runs in batches that fit the memory.
  std::vector<TokenMap> encode(const std::vector<StoredImage>& images) const;
  /// The tokens of an image on a square grid, whatever its size. Error when they are not codebooks x n x n.
  TokenMap square_map(std::vector<int64_t> tokens) const;
  /// The crops of a token file (data/token_array.h). Error naming `where` on anything else, on a shape that is
  /// ambiguous (crops or a grid), and on a token outside the codebook.
  std::vector<TokenMap> token_maps(const NpyArray& array, const std::string& where) const;
  /// The file of one image: [L] on a square grid, else [1, rows, columns] or [1, codebooks, rows, columns]. 16 bits
  /// where the codebook fits them, else 32.
  NpyArray token_file(const TokenMap& map) const;
  /// Token maps of one size. `options` are for diffusion decoders.
  std::vector<StoredImage> decode(const std::vector<TokenMap>& tokens, const DecodeOptions& options = {}) const;

 private:
  std::vector<std::shared_ptr<const Tokenizer>> replicas_;
  InputConfig input_;
  int64_t image_size_;
};

/// The name of a tokenizer in its path: the folder or the weight file; not the generic `model`, `model.safetensors`
/// or `pytorch_model.bin`, nor the number of a revision in a Hugging Face cache, but the folder above it.
std::string name_in_path(const fs::path& path);

}  // namespace fourm
