#include "fourm/model/training_checkpoint.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"

namespace fourm {
namespace {

constexpr int64_t kHeadWidth = 64;

int64_t extent(const SafetensorsFile& file, const std::string& tensor, size_t dimension) {
  const StoredTensor* stored = file.find(tensor);
  check(stored && stored->shape.size() > dimension, file.path().string(), ": tensor ", tensor,
        " is missing or has too few dimensions; is this a 4M model?");
  return stored->shape[dimension];
}

int64_t argument(const SafetensorsFile& file, const std::string& key, int64_t otherwise) {
  const auto found = file.metadata().find(key);
  if (found == file.metadata().end() || found->second == "None") return otherwise;
  if (found->second == "True" || found->second == "False") return found->second == "True";
  int64_t value = 0;
  const char* end = found->second.data() + found->second.size();
  check(std::from_chars(found->second.data(), end, value).ptr == end, file.path().string(), ": the argument ", key,
        " is ", printable(found->second, 40), ", expected an integer");
  return value;
}

int64_t blocks(const SafetensorsFile& file, const std::string& side) {
  int64_t n = 0;
  while (file.find(concat(side, ".", n, ".norm1.weight"))) ++n;
  return n;
}

std::vector<std::string> modalities(const SafetensorsFile& file, const std::string& side) {
  std::vector<std::string> names;
  const std::string prefix = side + "_embeddings.";
  for (const auto& t : file.tensors()) {
    if (!t.name.starts_with(prefix)) continue;
    const std::string name = t.name.substr(prefix.size(), t.name.find('.', prefix.size()) - prefix.size());
    if (!contains(names, name)) names.push_back(name);
  }
  return names;
}

bool all_zero(const StoredTensor& t) {
  return std::all_of(t.data, t.data + t.bytes, [](std::byte b) { return b == std::byte{0}; });
}

bool equal(const StoredTensor* a, const StoredTensor* b) {
  return a && b && a->bytes == b->bytes && (a->data == b->data || std::memcmp(a->data, b->data, a->bytes) == 0);
}

}  // namespace

bool is_training_checkpoint(const SafetensorsFile& file) {
  return file.find("mask_token") && file.find("encoder_norm.weight") && file.metadata().contains("model");
}

ModelConfig training_checkpoint_config(const SafetensorsFile& file) {
  const auto has = [&](const char* tensor) { return file.find(tensor) != nullptr; };
  ModelConfig c;
  c.domains_in = modalities(file, "encoder");
  c.domains_out = modalities(file, "decoder");
  c.image_size = argument(file, "input_size", c.image_size);
  c.patch_size = argument(file, "patch_size", c.patch_size);
  c.dim = extent(file, "mask_token", 2);
  c.encoder_depth = blocks(file, "encoder");
  c.decoder_depth = blocks(file, "decoder");
  c.num_heads = std::max<int64_t>(1, c.dim / kHeadWidth);
  c.gated_mlp = has("encoder.0.mlp.fc3.weight");
  c.act_layer = c.gated_mlp ? "SiLU" : "GELU";
  const int64_t hidden = extent(file, "encoder.0.mlp.fc1.weight", 0);
  if (c.mlp_hidden() != hidden)
    c.mlp_ratio = static_cast<double>(c.gated_mlp ? (3 * hidden + 1) / 2 : hidden) / static_cast<double>(c.dim);
  c.qkv_bias = has("encoder.0.attn.qkv.bias");
  c.proj_bias = has("encoder.0.attn.proj.bias");
  c.mlp_bias = has("encoder.0.mlp.fc1.bias");
  const StoredTensor* norm_bias = file.find("encoder.0.norm1.bias");
  c.norm_bias = norm_bias && !all_zero(*norm_bias);
  c.qk_norm = has("encoder.0.attn.q_norm.weight");
  c.decoder_causal_mask = argument(file, "decoder_causal_mask", c.decoder_causal_mask);
  c.decoder_sep_mask = argument(file, "decoder_sep_mask", c.decoder_sep_mask);
  c.num_register_tokens = has("register_tokens") ? extent(file, "register_tokens", 1) : 0;
  for (const auto& name : c.domains_in) {
    const auto* in = file.find("encoder_embeddings." + name + ".mod_emb");
    const auto* out = file.find("decoder_embeddings." + name + ".mod_emb");
    if (in && out) c.share_modality_embeddings = equal(in, out);
  }
  c.validate(file.path().string());
  return c;
}

}  // namespace fourm
