#include "fourm/parity/cases.h"

#include <algorithm>

#include "fourm/core/error.h"
#include "fourm/core/json.h"
#include "fourm/model/model_file.h"
#include "fourm/parity/padded_batch.h"

namespace fourm {
namespace {

PaddedSample read_sample(const SafetensorsFile& inputs, const std::vector<std::string>& order) {
  PaddedSample sample;
  for (const auto& name : order) {
    PaddedModality m{name,
                     read_tensor(inputs, name + ".tensor"),
                     read_tensor(inputs, name + ".input_mask"),
                     read_tensor(inputs, name + ".target_mask"),
                     {}};
    if (inputs.find(name + ".decoder_attention_mask"))
      m.decoder_attention_mask = read_tensor(inputs, name + ".decoder_attention_mask");
    sample.push_back(m);
  }
  return sample;
}

// The original divides the sum over modalities by the decoder modalities that the batch dictionary has, with or without
// targets; the model divides by all of its own.
double share_of_modalities(const FourM& model, const PaddedSample& sample, LossKind kind) {
  if (kind != LossKind::kModality) return 1;
  int64_t present = 0;
  for (const auto& item : sample) present += model.decoder.embeddings().contains(item.name);
  return static_cast<double>(model.decoder.embeddings().size()) / static_cast<double>(std::max<int64_t>(present, 1));
}

void run(const FourM& model, const PaddedSample& sample, int64_t encoder_budget, int64_t decoder_budget, int64_t stride,
         const std::string& prefix, NamedTensors& results) {
  const PaddedBatch batch = select_visible(model, sample, encoder_budget, decoder_budget);
  const Encoded encoded = model.encoder(batch.packed.inputs);
  const Decoded decoded = model.decoder(batch.packed.targets, encoded);
  const auto put = [&](const std::string& name, const Tensor& value) { results.emplace_back(prefix + name, value); };
  const int64_t n = batch.encoder.labels.size(1), m = batch.decoder.labels.size(1);
  put("encoder_tokens", to_padded(encoded.tokens, encoded.lengths, n));
  put("encoder_emb", to_padded(encoded.positions, encoded.lengths, n));
  put("encoder_out", to_padded(encoded.out, encoded.lengths, n));
  put("context", to_padded(model.decoder.context(encoded), encoded.lengths, n));
  put("encoder_mask", batch.encoder.mask);
  put("encoder_mod_mask", batch.encoder.labels);
  const auto& lengths = batch.packed.targets.lengths;
  put("decoder_tokens", to_padded(decoded.tokens, lengths, m));
  put("decoder_emb", to_padded(decoded.positions, lengths, m));
  put("decoder_out", to_padded(decoded.out, lengths, m));
  put("decoder_mask", batch.decoder.mask);
  put("decoder_mod_mask", batch.decoder.labels);
  put("decoder_attention_mask", batch.decoder_attention_mask);
  put("target_ids", batch.target_ids);
  for (const auto& group : batch.packed.targets.groups) {
    const Tensor logits = model.decoder.logits(group.modality, decoded.out.index_select(0, group.rows));  // [n, V]
    put("logits_stride" + std::to_string(stride) + "." + group.modality, logits.slice(1, 0, {}, stride));
    put("logits_first." + group.modality, logits[0]);
    put("logsumexp." + group.modality, at::logsumexp(logits, 1));
    put("argmax." + group.modality, logits.argmax(1));
    put("target_logit." + group.modality, logits.gather(1, group.targets.unsqueeze(1)).squeeze(1));
  }
  for (const auto& item : sample) {
    const auto& groups = batch.packed.targets.groups;
    const auto has = [&](const auto& g) { return g.modality == item.name; };
    if (!model.decoder.embeddings().contains(item.name) || std::any_of(groups.begin(), groups.end(), has)) continue;
    const int64_t vocabulary = model.decoder.embedding(item.name).modality.vocab_size;  // no slot of it was kept
    put("logits_stride" + std::to_string(stride) + "." + item.name, at::zeros({0, (vocabulary + stride - 1) / stride}));
    for (const char* name : {"logsumexp.", "target_logit."}) put(name + item.name, at::zeros({0}));
    put("argmax." + item.name, at::zeros({0}, at::kLong));
  }
  const auto losses = [&](LossKind kind, const std::string& name) {
    const Loss loss = model.loss(batch.packed, kind);
    put("loss_" + name, (loss.total * share_of_modalities(model, sample, kind)).reshape({1}));
    for (const auto& item : sample)
      if (model.decoder.embeddings().contains(item.name))
        put(name + "_loss." + item.name, at::full({1}, loss.parts.at(item.name).loss.item<double>(), at::kFloat));
  };
  losses(LossKind::kModality, "mod");
  losses(LossKind::kTokenByVocab, "token");
}

struct ForwardCase {
  Json info;
  FourM model;
  PaddedSample sample;
  int64_t encoder_budget, decoder_budget;
};

ForwardCase read_case(const fs::path& folder, const Compute& compute) {
  const Json info = read_json(folder / "case.json");
  const std::string where = (folder / "case.json").string();
  const auto inputs = SafetensorsFile::open(folder / "inputs.safetensors");
  return {.info = info,
          .model = load_model(folder / info.value("model_dir", "."), ModalityTable::official(), compute),
          .sample = read_sample(inputs, json_get<std::vector<std::string>>(info, "batch_order", where)),
          .encoder_budget = json_get<int64_t>(info, "num_encoder_tokens", where),
          .decoder_budget = json_get<int64_t>(info, "num_decoder_tokens", where)};
}

}  // namespace

NamedTensors run_forward_case(const fs::path& folder, const ComputeConfig& config) {
  const InferenceGuard inference;
  const ForwardCase forward = read_case(folder, compute_of(config));
  const std::string where = (folder / "case.json").string();
  const int64_t stride = forward.info.value("logits_vocab_stride", int64_t{32});
  NamedTensors results;
  run(forward.model, forward.sample, forward.encoder_budget, forward.decoder_budget, stride, "", results);
  if (const auto cut = forward.info.find("truncated_variant"); cut != forward.info.end() && cut->is_object())
    run(forward.model, forward.sample, json_get<int64_t>(*cut, "num_encoder_tokens", where + ": truncated_variant"),
        json_get<int64_t>(*cut, "num_decoder_tokens", where + ": truncated_variant"), stride, "trunc.", results);
  return on_host(results);
}

NamedTensors run_forward_gradients(const fs::path& folder) {
  ForwardCase forward = read_case(folder, {});
  FourM& model = forward.model;
  model.parameters().make_trainable();
  const PaddedBatch batch = select_visible(model, forward.sample, forward.encoder_budget, forward.decoder_budget);
  (model.loss(batch.packed).total * share_of_modalities(model, forward.sample, LossKind::kModality)).backward();
  NamedTensors gradients;
  for (const auto& entry : model.parameters().entries())
    if (entry.is_parameter && entry.value.grad().defined()) gradients.emplace_back(entry.name, entry.value.grad());
  for (const auto& [name, kept] : model.parameters().aliases())
    gradients.emplace_back(name, model.parameters().find(kept).grad());
  return gradients;
}

}  // namespace fourm
