#include "fourm/model/fourm.h"

#include "fourm/model/cross_entropy.h"

namespace fourm {
namespace {

// The target tokens of each output modality, summed over the processes while the forward pass runs.
class TargetCounts {
 public:
  struct Count {
    int64_t own, slots;  // of this process, and of all
    int64_t vocabulary;
  };

  TargetCounts(const Decoder& decoder, const DecoderBatch& batch, const ProcessGroup& group)
      : slots_(at::zeros({static_cast<int64_t>(decoder.embeddings().size())}, at::kLong)) {
    for (const auto& [name, embedding] : decoder.embeddings())
      counts_[name] = {0, 0, embedding.to_logits.weight.size(0)};
    for (const auto& part : batch.groups)
      counts_.at(decoder.embedding(part.modality).modality.name).own += part.targets.size(0);
    auto* slots = slots_.mutable_data_ptr<int64_t>();
    for (const auto& item : counts_) *slots++ = item.second.own;
    summing_ = group.all_reduce_async(slots_);
  }
  std::map<std::string, Count> get() {
    summing_.wait();
    const auto* slots = slots_.const_data_ptr<int64_t>();
    for (auto& item : counts_) item.second.slots = *slots++;
    return counts_;
  }

 private:
  std::map<std::string, Count> counts_;
  Tensor slots_;  // [modalities]
  ProcessGroup::Work summing_;
};

// Of the mean loss of a modality.
double weight_of(LossKind kind, const TargetCounts::Count& count) {
  if (kind == LossKind::kToken) return static_cast<double>(count.slots);
  if (kind == LossKind::kTokenByVocab) return static_cast<double>(count.slots * count.vocabulary);
  return count.slots > 0 ? 1 : 0;
}

}  // namespace

FourM::FourM(ModelConfig config, ModalityTable table, ParameterSource& source, bool tie_heads)
    : config_(std::move(config)), table_(std::move(table)), parameters_(std::make_shared<Parameters>()) {
  const Scope root(*parameters_, source);
  encoder = Encoder(root, config_, table_, config_.shared_embeddings());
  decoder = Decoder(root, config_, table_, tie_heads);
}

Loss FourM::loss(const Batch& packed, LossKind kind, const ProcessGroup& group) const {
  TargetCounts counts(decoder, packed.targets, group);
  Batch batch{encoder.prepare(packed.inputs), {}};
  batch.targets = decoder.prepare(packed.targets, batch.inputs.lengths);
  to_device(&batch.inputs, &batch.targets, parameters_->kernels());
  const Tensor out = decoder(batch.targets, encoder(batch.inputs)).out;
  std::map<std::string, Tensor> means;
  for (const auto& part : batch.targets.groups)
    means[part.modality] =
        cross_entropy(decoder.embedding(part.modality).to_logits, out.index_select(0, part.rows), part.targets);
  Loss result;
  result.total = means.empty() ? out.sum() * 0 : at::zeros({}, out.options());  // with a graph in either case
  const std::map<std::string, TargetCounts::Count> all = counts.get();
  double weights = 0;
  for (const auto& [name, count] : all) weights += weight_of(kind, count);
  if (kind == LossKind::kModality) weights = static_cast<double>(all.size());
  for (const auto& [name, count] : all) {
    if (!means.contains(name)) {
      result.parts[name] = {at::zeros({}), count.slots};
      continue;
    }
    const double share = static_cast<double>(count.own) / static_cast<double>(count.slots);
    result.parts[name] = {means[name].detach() * share, count.slots};
    result.total = result.total + means[name] * (share * weight_of(kind, count) / weights);
  }
  return result;
}

FourM create_model(const ModelConfig& config, const ModalityTable& table, uint64_t seed, at::ScalarType dtype,
                   at::Device device) {
  config.validate("the model config");
  SeedSource source(seed, dtype, Compute::for_training(device));
  return FourM(config, table, source, /*tie_heads=*/true);
}

}  // namespace fourm
