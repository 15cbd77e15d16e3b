#include "fourm/model/fourm.h"

#include <algorithm>

#include "fourm/core/error.h"
#include "fourm/core/lazy.h"
#include "fourm/core/strings.h"
#include "fourm/io/model_folder.h"
#include "fourm/io/weights.h"
#include "fourm/model/stored_config.h"

namespace fourm {
namespace {

BlockConfig block_config(const ModelConfig& c) {
  return {.width = c.dim,
          .heads = c.num_heads,
          .mlp_hidden = c.mlp_hidden(),
          .qkv_bias = c.qkv_bias,
          .proj_bias = c.proj_bias,
          .mlp_bias = c.mlp_bias,
          .norm_bias = c.norm_bias,
          .gated_mlp = c.gated_mlp,
          .qk_norm = c.qk_norm,
          .activation = c.act_layer == "GELU" ? Activation::kGelu : Activation::kSilu};
}

// Row order that puts `count` register rows (which stand after all `total` token rows) before each sample's tokens.
Tensor order_with_registers(const Tensor& order, const std::vector<int64_t>& lengths, int64_t total, int64_t count) {
  std::vector<Tensor> parts;
  const Tensor registers = at::arange(total, total + count, at::kLong);
  int64_t begin = 0;
  for (const int64_t n : lengths) {
    parts.push_back(registers);
    parts.push_back(order.slice(0, begin, begin + n));
    begin += n;
  }
  return at::cat(parts);
}

Tensor joined(const std::vector<Tensor>& parts) { return parts.size() == 1 ? parts.front() : at::cat(parts); }

// Rows that pass through the encoder together where nothing is learned: products are no faster with more, and what they leave
// takes less memory.
constexpr int64_t kRowsTogether = 384;

// Samples that lie behind each other, and their rows.
struct Samples {
  int64_t begin, end;
  std::vector<int64_t> lengths;
};

// All of them in groups of at least that many rows, but for the last.
std::vector<Samples> grouped(const std::vector<int64_t>& lengths, int64_t rows) {
  std::vector<Samples> groups;
  int64_t end = 0;
  for (const int64_t n : lengths) {
    if (groups.empty() || end - groups.back().begin >= rows) groups.push_back({end, end, {}});
    groups.back().lengths.push_back(n);
    groups.back().end = end += n;
  }
  return groups;
}

// Of the mean loss of a modality with these scores [target tokens, vocabulary].
double weight_of(LossKind kind, const Tensor& scores) {
  if (kind == LossKind::kToken) return static_cast<double>(scores.size(0));
  if (kind == LossKind::kTokenByVocab) return static_cast<double>(scores.numel());
  return 1;
}

}  // namespace

FourM::FourM(ModelConfig config, ModalityTable table, ParameterSource& source, bool tie_heads)
    : config_(std::move(config)), table_(std::move(table)), parameters_(std::make_shared<Parameters>()) {
  const Scope root(*parameters_, source);
  const auto names = [&](const std::vector<std::string>& domains, bool decoder) {
    std::vector<std::string> used;
    for (const auto& name : domains) {
      const ModalityKind kind = modality(name).kind;
      if (!decoder || kind == ModalityKind::kTokens || kind == ModalityKind::kSequence) used.push_back(name);
    }
    return used;
  };
  const auto in = names(config_.domains_in, false), out = names(config_.domains_out, true);
  for (const auto& name : out) {
    const Scope encoder = root["encoder_embeddings"][name], decoder = root["decoder_embeddings"][name];
    if (config_.share_modality_embeddings && std::find(in.begin(), in.end(), name) != in.end())
      root.share(encoder.path("mod_emb"), decoder.path("mod_emb"));
    // A file with one of the two has them tied, whether or not its metadata say so.
    const std::string embedding = decoder.path("token_emb.weight"), head = decoder.path("to_logits.weight");
    if (tie_heads || !root.source_has(embedding) || !root.source_has(head)) root.share(embedding, head);
  }
  for (const auto& name : in)
    inputs_.emplace(name, EncoderEmbedding(root["encoder_embeddings"][name], modality(name), config_.dim));
  for (const auto& name : out)
    outputs_.emplace(name, DecoderEmbedding(root["decoder_embeddings"][name], modality(name), config_.dim));
  const BlockConfig block = block_config(config_);
  for (int64_t i = 0; i < config_.encoder_depth; ++i) encoder_.emplace_back(root["encoder"][i], block);
  encoder_norm_ = LayerNorm(root["encoder_norm"], config_.dim, config_.norm_bias);
  proj_context_ = Linear(root["decoder_proj_context"], config_.dim, config_.dim, true);
  for (int64_t i = 0; i < config_.decoder_depth; ++i) decoder_.emplace_back(root["decoder"][i], block);
  decoder_norm_ = LayerNorm(root["decoder_norm"], config_.dim, config_.norm_bias);
  mask_token_ = root.parameter("mask_token", {1, 1, config_.dim}, Init::normal(0.02));
  if (config_.num_register_tokens > 0)
    register_tokens_ =
        root.parameter("register_tokens", {1, config_.num_register_tokens, config_.dim}, Init::normal(0.02));
}

FourM FourM::open(const fs::path& given, ModalityTable table, std::optional<Precision> pack_for) {
  const fs::path path = model_folder(given);
  std::error_code ignored;
  const bool folder = fs::is_directory(path, ignored);
  if (folder && fs::exists(path / "modalities.yaml")) table.extend(path / "modalities.yaml");
  FileSource source(open_weights(path), pack_for);
  const ModelConfig config = stored_config(path, source.file());
  FourM model(config, std::move(table), source, false);
  source.finish(*model.parameters_);
  if (pack_for == Precision::kF32)
    model.draft_by([file = source.file(), config, table = model.table_] {
      FileSource again(file, Precision::kInt8);
      return FourM(config, table, again, false);
    });
  return model;
}

FourM FourM::fresh(const ModelConfig& config, const ModalityTable& table, uint64_t seed, at::ScalarType dtype) {
  config.validate("the model config");
  SeedSource source(seed, dtype);
  return FourM(config, table, source, true);
}

Modality FourM::modality(const std::string& name) const {
  return table_.at(name, config_.image_size, config_.patch_size);
}

const EncoderEmbedding& FourM::input(const std::string& name) const {
  const auto found = inputs_.find(name);
  check(found != inputs_.end(), "the model does not read ", printable(name), "; it reads ",
        join(config_.domains_in, ", "));
  return found->second;
}

const DecoderEmbedding& FourM::output(const std::string& name) const {
  const auto found = outputs_.find(name);
  check(found != outputs_.end(), "the model does not write ", printable(name), "; it writes ",
        join(config_.domains_out, ", "));
  return found->second;
}

Encoded FourM::encode(const EncoderBatch& batch) const {
  std::vector<Tensor> contents, places;
  for (const auto& group : batch.groups) {
    const EncoderEmbedding& embedding = input(group.modality);
    contents.push_back(embedding.content(group.content));
    places.push_back(embedding.place(group.positions));
  }
  Encoded result;
  result.lengths = batch.lengths;
  Tensor order = batch.order;
  if (register_tokens_.defined()) {
    const int64_t count = config_.num_register_tokens;
    order = order_with_registers(order, batch.lengths, order.size(0), count);
    contents.push_back(register_tokens_[0]);
    places.push_back(at::zeros_like(register_tokens_[0]));
    for (auto& n : result.lengths) n += count;
  }
  if (contents.empty()) {  // nothing is known: the decoder's cross-attention adds nothing
    result.tokens = result.place = result.out = result.context = at::zeros({0, config_.dim}, mask_token_.options());
    return result;
  }
  result.tokens = joined(contents).index_select(0, order);
  result.place = joined(places).index_select(0, order);
  std::vector<Tensor> outs;
  const int64_t together = at::GradMode::is_enabled() ? result.tokens.size(0) : kRowsTogether;
  for (const auto& [begin, end, lengths] : grouped(result.lengths, together)) {
    const auto layout = AttentionLayout::within(lengths);
    Tensor x = result.tokens.slice(0, begin, end) + result.place.slice(0, begin, end);  // [N, D]
    for (const auto& block : encoder_) x = block(x, layout);
    outs.push_back(encoder_norm_(x));
  }
  result.out = joined(outs);
  result.context = proj_context_(result.out) + result.place;
  return result;
}

Decoded FourM::embed(const DecoderBatch& batch) const {
  std::vector<Tensor> contents, places;
  for (const auto& group : batch.groups) {
    const DecoderEmbedding& embedding = output(group.modality);
    contents.push_back(group.ids.defined() ? embedding.content(group.ids)
                                           : mask_token_[0].expand({group.positions.size(0), config_.dim}));
    places.push_back(embedding.place(group.positions));
  }
  if (contents.empty()) {
    const Tensor none = at::zeros({0, config_.dim}, mask_token_.options());
    return {none, none, none};
  }
  return {joined(contents).index_select(0, batch.order), joined(places).index_select(0, batch.order), {}};
}

Decoded FourM::decode(const DecoderBatch& batch, const Encoded& encoded) const {
  Decoded result = embed(batch);
  auto across = AttentionLayout::across(batch.lengths, encoded.lengths);
  if (!config_.proj_bias)  // an empty context adds nothing
    while (!across.segments.empty() && across.segments.back().k_begin == across.segments.back().k_end)
      across.segments.pop_back();
  Tensor y = result.tokens + result.place;  // [M, D]
  std::shared_ptr<const NormalizedContext> shared;
  if (!decoder_.empty() && decoder_.front().uses_absorbed_attention(across))
    shared = std::make_shared<NormalizedContext>(encoded.context, decoder_.front().context_norm.epsilon, across);
  for (const auto& block : decoder_)
    y = block(y, shared ? CrossAttention::Keys{{}, {}, shared} : block.keys(encoded.context), batch.within, across);
  result.out = decoder_norm_(y);
  return result;
}

Tensor FourM::logits(const std::string& modality, const Tensor& rows) const { return output(modality).to_logits(rows); }

struct FourM::Draft {
  explicit Draft(std::function<FourM()> how) : open(std::move(how)) {}
  std::function<FourM()> open;
  Lazy<FourM> model;
};

const FourM* FourM::draft() const { return draft_ ? &draft_->model.get(draft_->open) : nullptr; }

void FourM::draft_by(std::function<FourM()> open) {
  draft_ = open ? std::make_shared<Draft>(std::move(open)) : nullptr;
}

Loss FourM::loss(const Batch& batch, LossKind kind) const {
  const Tensor out = decode(batch.targets, encode(batch.inputs)).out;
  Loss result;
  std::vector<Tensor> losses;
  std::vector<double> weights;
  for (const auto& group : batch.targets.groups) {
    Tensor scores = logits(group.modality, out.index_select(0, group.rows));
    if (scores.scalar_type() == at::kBFloat16) scores = scores.to(at::kFloat);
    losses.push_back(at::cross_entropy_loss(scores, group.targets));
    weights.push_back(weight_of(kind, scores));
    result.parts[group.modality] = {losses.back().item<double>(), group.targets.size(0)};
  }
  for (const auto& item : outputs_) result.parts.try_emplace(item.first);
  double sum = 0;
  for (const double w : weights) sum += w;
  if (kind == LossKind::kModality) sum = static_cast<double>(outputs_.size());
  result.total = losses.empty() ? out.sum() * 0 : at::zeros({}, out.options());  // with a graph in either case
  for (size_t i = 0; i < losses.size(); ++i) result.total = result.total + losses[i] * (weights[i] / sum);
  return result;
}

void FourM::save(const fs::path& folder, at::ScalarType dtype) const {
  make_folder(folder);
  write_model_config(folder / "config.json", config_);
  std::vector<std::string> own;
  const ModalityTable official = ModalityTable::official();
  for (const auto* domains : {&config_.domains_in, &config_.domains_out})
    for (const auto& name : *domains)
      if (!official.contains(name) || official.yaml({name}) != table_.yaml({name})) own.push_back(name);
  if (!own.empty()) write_file(folder / "modalities.yaml", table_.yaml(own));
  save_parameters(folder / "model.safetensors", *parameters_, dtype);
}

}  // namespace fourm
