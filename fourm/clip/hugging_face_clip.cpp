#include "fourm/clip/hugging_face_clip.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "fourm/core/error.h"
#include "fourm/core/json.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/io/image_resize.h"
#include "fourm/io/weights.h"
#include "fourm/kernels/upload.h"
#include "fourm/modality/imagenet.h"
#include "fourm/modality/transform.h"
#include "fourm/nn/unit_rows.h"

namespace fourm {
namespace {

constexpr double kQuick = 1.702;  // quick_gelu(x) = x sigmoid(1.702 x) = silu(1.702 x) / 1.702

// The values of a JSON object that may lack keys: transformers leaves out those that have their defaults.
struct Section {
  const Json& json;
  std::string origin;

  int64_t number(const char* key, int64_t otherwise, int64_t most = 1 << 20) const {
    const int64_t value = json.contains(key) ? json_get<int64_t>(json, key, origin) : otherwise;
    check(value >= 1 && value <= most, origin, ": '", key, "' is ", value, ", expected 1 to ", most);
    return value;
  }
  ClipTower tower(int64_t width, int64_t mlp_hidden, int64_t heads) const {
    ClipTower tower;
    tower.width = number("hidden_size", width);
    tower.mlp_hidden = number("intermediate_size", mlp_hidden);
    tower.heads = number("num_attention_heads", heads);
    tower.depth = number("num_hidden_layers", 12, 1000);
    check(tower.width % tower.heads == 0, origin, ": 'hidden_size' is ", tower.width,
          ", expected a multiple of num_attention_heads (", tower.heads, ")");
    if (json.contains("layer_norm_eps")) tower.norm_epsilon = json_get<double>(json, "layer_norm_eps", origin);
    check(tower.norm_epsilon > 0 && tower.norm_epsilon < 1, origin, ": 'layer_norm_eps' is ", tower.norm_epsilon,
          ", expected a number between 0 and 1");
    const std::string act =
        json.contains("hidden_act") ? json_get<std::string>(json, "hidden_act", origin) : "quick_gelu";
    check(act == "quick_gelu" || act == "gelu", origin, ": 'hidden_act' is ", printable(act),
          ", expected quick_gelu or gelu");
    tower.is_quick = act == "quick_gelu";
    return tower;
  }
};

std::array<float, 3> three_numbers(const Json& json, const char* key, const std::string& origin) {
  const auto values = json_get<std::vector<double>>(json, key, origin);
  check(values.size() == 3, origin, ": '", key, "' has ", values.size(), " numbers, expected 3");
  for (const double value : values) check(std::isfinite(value), origin, ": '", key, "' is not finite");
  return {static_cast<float>(values[0]), static_cast<float>(values[1]), static_cast<float>(values[2])};
}

// The pixels of a side that preprocessor_config.json states as a number or under one of two names.
int64_t side_of(const Json& json, const char* key, const char* name, const std::string& origin) {
  const Json value = json_get<Json>(json, key, origin);
  return value.is_object() ? json_get<int64_t>(value, name, concat(origin, ", ", key))
                           : json_get<int64_t>(json, key, origin);
}

void read_preprocessing(const fs::path& file, HuggingFaceClipConfig& config) {
  const Json json = read_json(file, 1 << 20);
  const std::string origin = file.string();
  check(json.is_object(), origin, ": expected an object");
  for (const auto& [key, name] : {std::pair{"size", "shortest_edge"}, {"crop_size", "height"}})
    if (json.contains(key))
      check(side_of(json, key, name, origin) == config.image_size, origin, ": '", key, "' is not the ",
            config.image_size, " pixels of config.json");
  if (json.contains("resample"))
    check(json_get<int64_t>(json, "resample", origin) == 3, origin, ": 'resample' is not 3 (bicubic)");
  if (json.contains("image_mean")) config.mean = three_numbers(json, "image_mean", origin);
  if (json.contains("image_std")) config.deviation = three_numbers(json, "image_std", origin);
  for (const float deviation : config.deviation)
    check(deviation > 0, origin, ": 'image_std' holds ", deviation, ", expected positive numbers");
}

std::string replaced(std::string name, std::string_view part, std::string_view by) {
  const size_t at = name.find(part);
  return at == std::string::npos ? name : name.replace(at, part.size(), by);
}

// The tensors of a CLIPModel under the names and in the shapes of the layers here.
class HuggingFaceSource : public ParameterSource {
 public:
  HuggingFaceSource(FileSource& file, const HuggingFaceClipConfig& config) : file_(file), config_(config) {}

  Tensor get(const std::string& name, at::IntArrayRef shape, const Init& init) override {
    if (name.ends_with("patch_embedding.weight")) {
      const int64_t patch = config_.patch_size;
      return stored(name, {shape[0], 3, patch, patch}, init).flatten(1);
    }
    if (name.find(".attn.qkv.") != std::string::npos) {
      std::vector<int64_t> one = shape.vec();
      one[0] /= 3;
      std::vector<Tensor> parts;
      for (const char* part : {".self_attn.q_proj.", ".self_attn.k_proj.", ".self_attn.v_proj."})
        parts.push_back(stored(replaced(name, ".attn.qkv.", part), one, init).to(at::kFloat));
      return at::cat(parts);
    }
    const Tensor value = stored(stored_name(name), shape, init);
    const bool is_quick = (name.starts_with("text_model") ? config_.text : config_.image).is_quick;
    if (is_quick && name.find(".mlp.fc1.") != std::string::npos) return value.to(at::kFloat) * kQuick;
    if (is_quick && name.ends_with(".mlp.fc2.weight")) return value.to(at::kFloat) / kQuick;
    return value;
  }
  bool has(const std::string& name) const override { return file_.has(stored_name(name)); }
  std::shared_ptr<const Kernels> kernels() const override { return file_.kernels(); }

  void warn_of_unused() const {
    std::vector<std::string> unused;
    for (const auto& tensor : file_.file().tensors())  // position_ids: constants of earlier versions of transformers
      if (!used_.contains(tensor.name) && !tensor.name.ends_with(".position_ids")) unused.push_back(tensor.name);
    if (!unused.empty())
      warn(file_.file().path().string(), ": ", counted(static_cast<int64_t>(unused.size()), "tensor is", "tensors are"),
           " not used: ", unused[0], unused.size() > 1 ? ", ..." : "");
  }

 private:
  Tensor stored(const std::string& name, at::IntArrayRef shape, const Init& init) {
    used_.insert(name);
    return file_.get(name, shape, init);
  }

  static std::string stored_name(const std::string& name) {
    return replaced(replaced(replaced(name, ".norm1.", ".layer_norm1."), ".norm2.", ".layer_norm2."), ".attn.proj.",
                    ".self_attn.out_proj.");
  }

  FileSource& file_;
  const HuggingFaceClipConfig& config_;
  std::set<std::string> used_;
};

BlockConfig block_of(const ClipTower& tower) {
  return {.width = tower.width,
          .heads = tower.heads,
          .mlp_hidden = tower.mlp_hidden,
          .qkv_bias = true,
          .proj_bias = true,
          .mlp_bias = true,
          .norm_bias = true,
          .gated_mlp = false,
          .activation = tower.is_quick ? Activation::kSilu : Activation::kGelu};
}

std::vector<EncoderBlock> blocks_of(const Scope& model, const ClipTower& tower) {
  std::vector<EncoderBlock> blocks;
  for (int64_t i = 0; i < tower.depth; ++i) {
    EncoderBlock& block = blocks.emplace_back(model["encoder"]["layers"][i], block_of(tower));
    block.norm1.epsilon = block.norm2.epsilon = tower.norm_epsilon;
  }
  return blocks;
}

// [B, 3, H, W] of images of one size, standardised.
Tensor standardised(const std::vector<Image>& images, const float (&mean)[3], const float (&deviation)[3]) {
  std::vector<Tensor> batch;
  for (const Image& image : images)
    batch.push_back(at::tensor(at::ArrayRef<uint8_t>(image.pixels)).view({image.height, image.width, 3}));
  const Tensor x = at::stack(batch).permute({0, 3, 1, 2}).to(at::kFloat) / 255;
  const auto channels = [](const float(&values)[3]) {
    return at::tensor(at::ArrayRef<float>(values, 3)).view({1, 3, 1, 1});
  };
  return ((x - channels(mean)) / channels(deviation)).contiguous();
}

// The shorter side resized to `size`, then the middle square.
Image middle_of_resized(const Image& image, int size) {
  const int shorter = std::min(image.width, image.height), longer = std::max(image.width, image.height);
  const int64_t length = int64_t{size} * longer / shorter;
  check(length * size <= static_cast<int64_t>(kMaxImagePixels), "an image of ", image.width, " x ", image.height,
        " pixels is too narrow for an image-text model; cut it");
  const bool is_wide = image.width > image.height;
  const int width = is_wide ? static_cast<int>(length) : size, height = is_wide ? size : static_cast<int>(length);
  return crop(resize_bicubic(image, width, height), (width - size) / 2, (height - size) / 2, size, size);
}

}  // namespace

bool is_hugging_face_model(const fs::path& folder) {
  const fs::path file = folder / "config.json";
  if (!fs::exists(file)) return false;
  const Json json = read_json(file, 1 << 20);
  return json.is_object() && json.contains("model_type");
}

HuggingFaceClipConfig HuggingFaceClipConfig::read(const fs::path& folder) {
  const fs::path file = folder / "config.json";
  const Json json = read_json(file, 1 << 20);
  const std::string origin = file.string(), type = json_get<std::string>(json, "model_type", origin);
  check(type == "clip", origin, ": 'model_type' is ", printable(type), ", expected clip");
  const auto section = [&](const char* key) {
    const Json found = json.contains(key) ? json[key] : Json::object();
    check(found.is_object(), origin, ": '", key, "' is not an object");
    return found;
  };
  const Json image_json = section("vision_config"), text_json = section("text_config");
  const Section whole{json, origin}, image{image_json, origin + ", vision_config"},
      text{text_json, origin + ", text_config"};
  HuggingFaceClipConfig config;
  config.embed_dim = whole.number("projection_dim", 512);
  config.image = image.tower(768, 3072, 12);
  config.text = text.tower(512, 2048, 8);
  config.image_size = image.number("image_size", 224, 1 << 13);
  config.patch_size = image.number("patch_size", 32, 1 << 10);
  check(image.number("num_channels", 3) == 3, image.origin, ": 'num_channels' is not 3");
  check(config.image_size % config.patch_size == 0, image.origin, ": 'image_size' is ", config.image_size,
        ", expected a multiple of patch_size (", config.patch_size, ")");
  config.vocabulary = text.number("vocab_size", 49408, 1 << 24);
  config.max_tokens = text.number("max_position_embeddings", 77);
  check(config.max_tokens >= 2, text.origin, ": 'max_position_embeddings' is 1, expected 2 or more");
  if (fs::exists(folder / "preprocessor_config.json")) read_preprocessing(folder / "preprocessor_config.json", config);
  return config;
}

HuggingFaceClip::HuggingFaceClip(const HuggingFaceClipConfig& config, BytePair words, ParameterSource& source)
    : config_(config), words_(std::move(words)), parameters_(std::make_shared<Parameters>()) {
  const Scope root(*parameters_, source), image = root["vision_model"], text = root["text_model"];
  const Scope image_emb = image["embeddings"], text_emb = text["embeddings"];
  const int64_t patch = config.patch_size;
  class_emb_ = image_emb.buffer("class_embedding", {config.image.width}, Init::zeros());
  patch_emb_ = Linear(image_emb["patch_embedding"], 3 * patch * patch, config.image.width, false);
  image_positions_ = image_emb["position_embedding"].buffer(
      "weight", {1 + config.grid() * config.grid(), config.image.width}, Init::zeros());
  before_image_blocks_ = LayerNorm(image["pre_layrnorm"], config.image.width, true, config.image.norm_epsilon);
  image_blocks_ = blocks_of(image, config.image);
  image_norm_ = LayerNorm(image["post_layernorm"], config.image.width, true, config.image.norm_epsilon);
  image_proj_ = Linear(root["visual_projection"], config.image.width, config.embed_dim, false);
  token_emb_ = EmbeddingTable(text_emb["token_embedding"], config.vocabulary, config.text.width, Init::zeros());
  text_positions_ =
      text_emb["position_embedding"].buffer("weight", {config.max_tokens, config.text.width}, Init::zeros());
  text_blocks_ = blocks_of(text, config.text);
  text_norm_ = LayerNorm(text["final_layer_norm"], config.text.width, true, config.text.norm_epsilon);
  text_proj_ = Linear(root["text_projection"], config.text.width, config.embed_dim, false);
  logit_scale_ = root.buffer("logit_scale", {}, Init::zeros());
}

HuggingFaceClip HuggingFaceClip::open(const fs::path& folder, const Compute& compute) {
  const HuggingFaceClipConfig config = HuggingFaceClipConfig::read(folder);
  BytePair words = BytePair::open(folder);
  check(words.size() <= config.vocabulary, folder.string(), ": the text tokenizer has ids up to ", words.size() - 1,
        ", but config.json states a vocab_size of ", config.vocabulary);
  FileSource file(open_weights(folder), compute);
  HuggingFaceSource source(file, config);
  HuggingFaceClip model(config, std::move(words), source);
  file.finish(*model.parameters_, /*warn_of_unused=*/false);  // it does not know the names that the source has changed
  source.warn_of_unused();
  return model;
}

double HuggingFaceClip::scale() const { return std::exp(logit_scale_.item<double>()); }

Tensor HuggingFaceClip::embed_texts(const std::vector<std::string>& texts) const {
  std::vector<int64_t> all, positions, ends;
  AttentionLayout layout;
  for (const auto& text : texts) {
    const std::vector<int64_t> ids = words_.encode(text, config_.max_tokens);
    const auto begin = static_cast<int64_t>(all.size()), end = begin + static_cast<int64_t>(ids.size());
    layout.segments.push_back({begin, end, begin, end});
    for (int64_t i = begin; i < end; ++i) {
      positions.push_back(i - begin);
      layout.visible.push_back(static_cast<int32_t>(i - begin + 1));  // causal
    }
    ends.push_back(begin + (std::find(ids.begin(), ids.end(), words_.end()) - ids.begin()));
    all.insert(all.end(), ids.begin(), ids.end());
  }
  Tensor tokens = to_tensor(all), places = to_tensor(positions), last = to_tensor(ends);
  upload({&tokens, &places, &last}, parameters_->kernels().device());
  Tensor x = token_emb_(tokens) + text_positions_.index_select(0, places);
  for (const auto& block : text_blocks_) x = block(x, layout);
  return unit_rows(text_proj_(text_norm_(x.index_select(0, last))).to(at::kFloat));
}

Tensor HuggingFaceClip::pixels(const std::vector<Image>& images) const {
  std::vector<Image> squares;
  for (const Image& image : images) squares.push_back(middle_of_resized(image, static_cast<int>(config_.image_size)));
  return standardised(squares, {config_.mean[0], config_.mean[1], config_.mean[2]},
                      {config_.deviation[0], config_.deviation[1], config_.deviation[2]});
}

// The original's way to resize the table: the factor of the sizes is a tenth of a patch too large.
Tensor HuggingFaceClip::positions(int64_t h, int64_t w) const {
  const int64_t grid = config_.grid();
  if (h == grid && w == grid) return image_positions_;
  const Tensor table = image_positions_.slice(0, 1).view({1, grid, grid, -1}).permute({0, 3, 1, 2});
  const auto factor = [&](int64_t n) { return (static_cast<double>(n) + 0.1) / static_cast<double>(grid); };
  const Tensor resized = at::upsample_bicubic2d(table, {h, w}, /*align_corners=*/false, factor(h), factor(w));
  return at::cat({image_positions_.slice(0, 0, 1), resized.flatten(2).squeeze(0).t()});
}

Tensor HuggingFaceClip::encode(const Tensor& images) const {
  const int64_t patch = config_.patch_size, batch = images.size(0), width = config_.image.width;
  const int64_t h = images.size(2) / patch, w = images.size(3) / patch, length = 1 + h * w;
  const Tensor patches = images.to(parameters_->kernels().device())
                             .view({batch, 3, h, patch, w, patch})
                             .permute({0, 2, 4, 1, 3, 5})
                             .reshape({batch * h * w, -1});
  const Tensor rows = patch_emb_(patches).to(at::kFloat).view({batch, h * w, width});
  const Tensor tokens = at::cat({class_emb_.view({1, 1, width}).expand({batch, 1, width}), rows}, 1) + positions(h, w);
  Tensor x = before_image_blocks_(tokens.reshape({batch * length, width}));
  const auto layout = AttentionLayout::within(std::vector<int64_t>(static_cast<size_t>(batch), length));
  for (const auto& block : image_blocks_) x = block(x, layout);
  return x.view({batch, length, width});
}

Tensor HuggingFaceClip::embed_images(const std::vector<Image>& images) const {
  const Tensor first = encode(pixels(images)).select(1, 0).contiguous();
  return unit_rows(image_proj_(image_norm_(first)).to(at::kFloat));
}

Tensor HuggingFaceClip::feature_maps(const std::vector<Image>& images, int64_t size) const {
  check(size > 0 && size % config_.patch_size == 0, "feature maps of ", size,
        " pixels: expected a multiple of the patch, ", config_.patch_size);
  std::vector<Image> squares;
  for (const Image& image : images)
    squares.push_back(std::get<Image>(centre_square(InputConfig{}, image, static_cast<int>(size))));
  const Tensor tokens = encode(standardised(squares, kImageNetMean, kImageNetDeviation));
  const Tensor rows = tokens.slice(1, 1).reshape({-1, config_.image.width});
  const int64_t side = size / config_.patch_size;
  return image_proj_(image_norm_(rows))
      .to(at::kFloat)
      .view({tokens.size(0), side, side, config_.embed_dim})
      .permute({0, 3, 1, 2});
}

}  // namespace fourm
