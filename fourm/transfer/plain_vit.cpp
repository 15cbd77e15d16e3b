#include "fourm/transfer/plain_vit.h"

#include <algorithm>
#include <cmath>

#include "fourm/core/json.h"
#include "fourm/core/strings.h"
#include "fourm/io/weights.h"
#include "fourm/modality/imagenet.h"
#include "fourm/nn/parameters.h"

namespace fourm {
namespace {

// timm's name of a tensor that has another name elsewhere.
std::string timm_name(std::string name) {
  for (const char* prefix : {"module.", "model.", "vit.", "dinov2."})
    if (name.starts_with(prefix)) name = name.substr(std::string(prefix).size());
  const std::pair<const char*, const char*> replacements[] = {
      {"embeddings.cls_token", "cls_token"},
      {"embeddings.register_tokens", "reg_token"},
      {"embeddings.mask_token", "mask_token"},
      {"embeddings.position_embeddings", "pos_embed"},
      {"embeddings.patch_embeddings.projection.", "patch_embed.proj."},
      {"encoder.layer.", "blocks."},
      {".attention.attention.query.", ".attn.q."},
      {".attention.attention.key.", ".attn.k."},
      {".attention.attention.value.", ".attn.v."},
      {".attention.output.dense.", ".attn.proj."},
      {".intermediate.dense.", ".mlp.fc1."},
      {".output.dense.", ".mlp.fc2."},
      {".layernorm_before.", ".norm1."},
      {".layernorm_after.", ".norm2."},
      {".layer_scale1.lambda1", ".ls1.gamma"},
      {".layer_scale2.lambda1", ".ls2.gamma"},
      {".gamma_1", ".ls1.gamma"},
      {".gamma_2", ".ls2.gamma"}};
  for (const auto& [from, to] : replacements)
    if (const size_t at = name.find(from); at != std::string::npos) name.replace(at, std::string(from).size(), to);
  return name.starts_with("layernorm.") ? "norm." + name.substr(10) : name;
}

// What a checkpoint holds beside the encoder.
bool is_beside(const std::string& name) {
  for (const char* prefix :
       {"head.", "fc.", "fc_norm.", "classifier.", "pooler.", "pre_logits.", "decoder", "mask_token"})
    if (name.starts_with(prefix)) return true;
  return false;
}

Json json_beside(const fs::path& path, const char* name) {
  std::error_code ignored;
  const fs::path file = (fs::is_directory(path, ignored) ? path : path.parent_path()) / name;
  return fs::exists(file, ignored) ? read_json(file) : Json::object();
}

// The tensors of a checkpoint by timm's names. What is taken is gone: what is left does not belong to a plain ViT.
class Checkpoint {
 public:
  explicit Checkpoint(const fs::path& path) : path_(path.string()), file_(open_weights(path)) {
    for (const auto& tensor : file_.tensors()) names_[timm_name(tensor.name)] = tensor.name;
  }

  bool has(const std::string& name) const { return names_.contains(name); }

  Tensor read(const std::string& name) const {
    const auto found = names_.find(name);
    check(found != names_.end(), path_, ": lacks ", name, ", which a plain ViT has");
    return read_tensor(file_, found->second).to(at::kFloat);
  }
  Tensor take(const std::string& name) {
    const Tensor value = read(name);
    names_.erase(name);
    return value;
  }
  Tensor take(const std::string& name, at::IntArrayRef shape) {
    const Tensor value = take(name);
    check(value.sizes() == shape, path_, ": ", name, " is ", value.sizes(), ", expected ", shape);
    return value;
  }

  void finish() const {
    for (const auto& [name, stored] : names_)
      check(is_beside(name), path_, ": has the tensor ", printable(stored, 200),
            ", which no plain ViT has; only ViTs as timm, MAE, DeiT and Hugging Face have them can be an encoder");
  }

  const std::string& path() const { return path_; }

 private:
  std::string path_;
  SafetensorsFile file_;
  std::map<std::string, std::string> names_;  // timm's name -> that of the file
};

struct PixelNorm {
  std::vector<double> mean{kImageNetMean, kImageNetMean + 3}, deviation{kImageNetDeviation, kImageNetDeviation + 3};
};
PixelNorm pixel_norm(const fs::path& path) {
  PixelNorm norm;
  const Json hugging_face = json_beside(path, "preprocessor_config.json"), timm = json_beside(path, "config.json");
  const auto read = [&](const Json& json, const char* mean, const char* deviation) {
    if (!json.is_object() || !json.contains(mean) || !json.contains(deviation)) return;
    norm = {json_get<std::vector<double>>(json, mean, path.string()),
            json_get<std::vector<double>>(json, deviation, path.string())};
    check(norm.mean.size() == 3 && norm.deviation.size() == 3 &&
              std::all_of(norm.deviation.begin(), norm.deviation.end(), [](double v) { return v > 0; }),
          path.string(), ": the config beside it has no mean and deviation of three channels");
  };
  if (timm.is_object() && timm.contains("pretrained_cfg")) read(timm["pretrained_cfg"], "mean", "std");
  read(hugging_face, "image_mean", "image_std");
  return norm;
}

int64_t head_count(const fs::path& path, int64_t width) {
  const Json config = json_beside(path, "config.json");
  if (config.is_object() && config.contains("num_attention_heads"))
    return json_get<int64_t>(config, "num_attention_heads", path.string());
  const int64_t of_head = width == 1280 ? 80 : 64;
  check(width % of_head == 0, path.string(), ": its width ", width,
        " does not say how many heads it has; put a config.json with 'num_attention_heads' beside it");
  return width / of_head;
}

// Kernels [D, 3, P, P] of pixels normalised in another way as rows [D, P P 3] for ImageNet's, and what that adds to the bias.
std::pair<Tensor, Tensor> patch_embedding(const Tensor& kernels, const PixelNorm& norm) {
  Tensor rows = kernels.permute({0, 2, 3, 1}).contiguous();
  Tensor scale = at::empty({3}), shift = at::empty({3});
  for (int64_t c = 0; c < 3; ++c) {
    scale[c] = kImageNetDeviation[c] / norm.deviation[c];
    shift[c] = (kImageNetMean[c] - norm.mean[c]) / norm.deviation[c];
  }
  const Tensor bias = (rows * shift).sum({1, 2, 3});
  return {(rows * scale).flatten(1), bias};
}

// Query, key and value, stored as one or as three; `shape` is that of one of them.
Tensor take_qkv(Checkpoint& from, const std::string& attention, const char* what, std::vector<int64_t> shape) {
  if (from.has(attention + "q." + what)) {
    std::vector<Tensor> parts;
    for (const char* part : {"q.", "k.", "v."}) parts.push_back(from.take(concat(attention, part, what), shape));
    return at::cat(parts);
  }
  shape[0] *= 3;
  return from.take(concat(attention, "qkv.", what), shape);
}

void take_block(Checkpoint& from, int64_t index, const EncoderConfig& c, std::map<std::string, Tensor>& into) {
  const std::string in = concat("blocks.", index, "."), out = concat("encoder.", index, ".");
  const int64_t width = c.dim, hidden = c.mlp_hidden();
  const auto same = [&](const std::string& name, at::IntArrayRef shape) {
    into[out + name] = from.take(in + name, shape);
  };
  for (const char* norm : {"norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias"}) same(norm, {width});
  into[out + "attn.qkv.weight"] = take_qkv(from, in + "attn.", "weight", {width, width});
  if (c.qkv_bias) into[out + "attn.qkv.bias"] = take_qkv(from, in + "attn.", "bias", {width});
  same("attn.proj.weight", {width, width});
  same("attn.proj.bias", {width});
  same("mlp.fc1.weight", {hidden, width});
  same("mlp.fc1.bias", {hidden});
  same("mlp.fc2.weight", {width, hidden});
  same("mlp.fc2.bias", {width});
  for (const auto& [scale, layer] : {std::pair{"ls1.gamma", "attn.proj."}, {"ls2.gamma", "mlp.fc2."}}) {
    if (!from.has(in + scale)) continue;
    const Tensor gamma = from.take(in + scale, {width});
    Tensor &weight = into[concat(out, layer, "weight")], &bias = into[concat(out, layer, "bias")];
    weight = weight * gamma.unsqueeze(1);
    bias = bias * gamma;
  }
}

}  // namespace

bool is_plain_vit(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored) ? !has_weights(path) : !is_weight_file(path)) return false;
  const SafetensorsFile file = open_weights(path);
  return std::any_of(file.tensors().begin(), file.tensors().end(),
                     [](const auto& tensor) { return timm_name(tensor.name) == "patch_embed.proj.weight"; });
}

PlainVit PlainVit::open(const fs::path& path) {
  const NoGradGuard no_grad;
  Checkpoint from(path);
  PlainVit vit;
  EncoderConfig& c = vit.encoder;
  const Tensor kernels = from.take("patch_embed.proj.weight");
  check(kernels.dim() == 4 && kernels.size(1) == 3 && kernels.size(2) == kernels.size(3), from.path(),
        ": patch_embed.proj.weight is ", kernels.sizes(), ", expected [width, 3, patch, patch]");
  c.dim = kernels.size(0), c.patch_size = kernels.size(2);
  const Tensor positions = from.take("pos_embed");
  check(positions.dim() == 3 && positions.size(2) == c.dim, from.path(), ": pos_embed is ", positions.sizes(),
        ", expected [1, positions, ", c.dim, "]");
  const auto grid_of = [](int64_t n) { return std::llround(std::floor(std::sqrt(static_cast<double>(n)))); };
  const int64_t count = positions.size(1), grid = grid_of(count);
  const int64_t before = grid * grid == count ? 0 : 1;  // a position of the [CLS] token
  check(grid * grid + before == count, from.path(), ": pos_embed has ", count, " positions, which are no square grid");
  c.image_size = grid * c.patch_size;

  std::vector<Tensor> registers;
  if (from.has("cls_token")) {
    const Tensor cls = from.take("cls_token", {1, 1, c.dim});
    registers.push_back(before ? cls + positions.slice(1, 0, 1) : cls);
  }
  if (from.has("reg_token")) {
    registers.push_back(from.take("reg_token"));
    check(registers.back().dim() == 3 && registers.back().size(0) == 1 && registers.back().size(2) == c.dim,
          from.path(), ": reg_token is ", registers.back().sizes(), ", expected [1, registers, ", c.dim, "]");
  }
  if (!registers.empty()) vit.tensors["register_tokens"] = at::cat(registers, 1);
  c.num_register_tokens = registers.empty() ? 0 : vit.tensors["register_tokens"].size(1);

  const std::string input = concat("rgb@", c.image_size), embedding = concat("encoder_embeddings.", input, ".");
  const auto [rows, bias] = patch_embedding(kernels, pixel_norm(path));
  vit.tensors[embedding + "proj.weight"] = rows;
  vit.tensors[embedding + "mod_emb"] = (from.take("patch_embed.proj.bias", {c.dim}) + bias).view({1, 1, c.dim});
  vit.tensors[embedding + "pos_emb"] = positions.slice(1, before).clone();

  c.domains_in = {input};
  c.encoder_depth = 0;
  while (from.has(concat("blocks.", c.encoder_depth, ".norm1.weight"))) ++c.encoder_depth;
  check(c.encoder_depth > 0, from.path(), ": lacks blocks.0.norm1.weight, which a plain ViT has");
  const Tensor fc1 = from.read("blocks.0.mlp.fc1.weight");
  check(fc1.dim() == 2, from.path(), ": blocks.0.mlp.fc1.weight is ", fc1.sizes(), ", expected a matrix");
  c.mlp_ratio = (static_cast<double>(fc1.size(0)) + 0.5) / static_cast<double>(c.dim);  // rounds down to the width
  c.num_heads = head_count(path, c.dim);
  c.act_layer = "GELU";
  c.norm_bias = c.proj_bias = c.mlp_bias = true, c.gated_mlp = c.qk_norm = false;
  c.qkv_bias = from.has("blocks.0.attn.qkv.bias") || from.has("blocks.0.attn.q.bias");
  c.validate(from.path());
  for (int64_t i = 0; i < c.encoder_depth; ++i) take_block(from, i, c, vit.tensors);
  vit.tensors["encoder_norm.weight"] = from.take("norm.weight", {c.dim});
  vit.tensors["encoder_norm.bias"] = from.take("norm.bias", {c.dim});
  from.finish();
  vit.table = ModalityTable::official();
  vit.table.extend(concat("modalities: {", input, ": {kind: pixels, positions: learned, image_size: ", c.image_size,
                          ", patch_size: ", c.patch_size, "}}"),
                   from.path());
  return vit;
}

}  // namespace fourm
