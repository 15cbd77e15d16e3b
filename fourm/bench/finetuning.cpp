// A step of fine-tuning: the encoder of the model with a linear head classifies images of 224 pixels (paper Table 6).
#include "fourm/bench/official_size.h"
#include "fourm/bench/workload.h"
#include "fourm/core/log.h"
#include "fourm/kernels/precision_scope.h"
#include "fourm/train/optimizer.h"
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

// A model, its batch and its optimizer.
struct FinetuningState {
  TransferModel model;
  Tensor images, labels;  // [B, S, S, 3] in bytes, [B]
  AdamW optimizer;
  Precision precision;

  FinetuningState(TransferModel fresh, Precision p, at::Device device, int64_t samples)
      : model(std::move(fresh)),
        images(at::randint(256, {samples, kSide, kSide, 3}, at::kByte)),
        labels(at::randint(kClasses, {samples}, at::kLong).to(device)),
        optimizer(trainable(model), {.clip_norm = 3}),
        precision(p) {}
  static const Parameters& trainable(const TransferModel& model) {
    model.parameters().make_trainable();
    return model.parameters();
  }
  void step() {
    {
      const PrecisionScope scope(precision, labels.device());
      at::cross_entropy_loss(model(images), labels).backward();
    }
    optimizer.step(1e-5, optimizer.gradient_norm());
    optimizer.clear_gradients();
  }
};

std::vector<Workload> finetuning_workloads(const BenchSetting& setting, const std::vector<std::string>& names) {
  std::vector<Workload> workloads;
  for (const auto& name : names) {
    const Stopwatch watch;
    const Precision precision = parse_training_precision(precision_name(setting.compute.precision));
    const auto state =
        std::make_shared<FinetuningState>(classifier(setting), precision, setting.compute.device, setting.samples);
    const EncoderConfig& c = state->model.config().encoder;
    workloads.push_back(
        {name, setting.samples, watch.seconds(), c.dim, c.mlp_hidden(), 3, [=](const auto&) { state->step(); }});
  }
  return workloads;
}

}  // namespace

Family finetuning_family() { return {{"finetune"}, finetuning_workloads}; }

}  // namespace fourm
