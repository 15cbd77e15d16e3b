#include "fourm/model/fourm.h"

#include "fourm/model/cross_entropy.h"

namespace fourm {
namespace {

// Of the mean loss of a modality with so many target tokens.
double weight_of(LossKind kind, int64_t targets, int64_t vocabulary) {
  if (kind == LossKind::kToken) return static_cast<double>(targets);
  if (kind == LossKind::kTokenByVocab) return static_cast<double>(targets * vocabulary);
  return 1;
}

}  // namespace

FourM::FourM(ModelConfig config, ModalityTable table, ParameterSource& source, bool tie_heads)
    : config_(std::move(config)), table_(std::move(table)), parameters_(std::make_shared<Parameters>()) {
  const Scope root(*parameters_, source);
  encoder = Encoder(root, config_, table_);
  decoder = Decoder(root, config_, table_, tie_heads);
}

Loss FourM::loss(const Batch& packed, LossKind kind) const {
  Batch batch{encoder.prepare(packed.inputs), {}};
  batch.targets = decoder.prepare(packed.targets, batch.inputs.lengths);
  to_device(&batch.inputs, &batch.targets, parameters_->kernels());
  const Tensor out = decoder(batch.targets, encoder(batch.inputs)).out;
  Loss result;
  std::vector<Tensor> losses;
  std::vector<double> weights;
  for (const auto& group : batch.targets.groups) {
    const Linear& head = decoder.embedding(group.modality).to_logits;
    losses.push_back(cross_entropy(head, out.index_select(0, group.rows), group.targets));
    weights.push_back(weight_of(kind, group.targets.size(0), head.weight.size(0)));
    result.parts[group.modality] = {losses.back().detach(), group.targets.size(0)};
  }
  for (const auto& item : decoder.embeddings()) result.parts.try_emplace(item.first, Loss::Part{at::zeros({}), 0});
  double sum = 0;
  for (const double w : weights) sum += w;
  if (kind == LossKind::kModality) sum = static_cast<double>(decoder.embeddings().size());
  result.total = losses.empty() ? out.sum() * 0 : at::zeros({}, out.options());  // with a graph in either case
  for (size_t i = 0; i < losses.size(); ++i) result.total = result.total + losses[i] * (weights[i] / sum);
  return result;
}

FourM create_model(const ModelConfig& config, const ModalityTable& table, uint64_t seed, at::ScalarType dtype,
                   at::Device device) {
  config.validate("the model config");
  SeedSource source(seed, dtype, Compute::for_training(device));
  return FourM(config, table, source, /*tie_heads=*/true);
}

}  // namespace fourm
