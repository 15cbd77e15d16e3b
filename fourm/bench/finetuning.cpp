// A step of fine-tuning: the encoder of the model with a linear head classifies images of 224 pixels (paper Table 6).
#include "fourm/bench/official_size.h"
#include "fourm/bench/training_step.h"
#include "fourm/transfer/transfer_model.h"

namespace fourm {
namespace {

constexpr int64_t kClasses = 1000, kSide = 224;

TransferModel classifier(const BenchSetting& setting) {
  const EncoderPart part = setting.model.empty()
                               ? encoder_part(official_size(setting.size), ModalityTable::official(), "", kSide)
                               : encoder_part(setting.model, "", kSide);
  TransferConfig config;
  config.task = "classification";
  config.input = part.input;
  config.encoder = part.config;
  for (int64_t i = 0; i < kClasses; ++i) config.classes.push_back(std::to_string(i));
  const Compute compute = Compute::for_training(setting.compute.device);
  TransferModel model = TransferModel::create(config.resolved(), part.table, 1, compute);
  if (!setting.model.empty()) model.take_weights(setting.model, false);
  return model;
}

std::vector<Workload> finetuning_workloads(const BenchSetting& setting, const std::vector<std::string>& names) {
  std::vector<Workload> workloads;
  for (const auto& name : names) {
    const Stopwatch watch;
    const auto model = std::make_shared<const TransferModel>(classifier(setting));
    const Tensor images = at::randint(256, {setting.samples, kSide, kSide, 3}, at::kByte);
    const Tensor labels = at::randint(kClasses, {setting.samples}, at::kLong).to(setting.compute.device);
    const auto loss = [=] { return at::cross_entropy_loss((*model)(images), labels); };
    workloads.push_back(training_workload(name, setting, model->config().encoder, model->parameters(), loss, watch));
  }
  return workloads;
}

}  // namespace

Family finetuning_family() { return {{"finetune"}, finetuning_workloads}; }

}  // namespace fourm
