#include "fourm/bench/training_step.h"

#include <memory>

#include "fourm/kernels/precision_scope.h"
#include "fourm/train/optimizer.h"

namespace fourm {

Workload training_workload(const std::string& name, const BenchSetting& setting, const EncoderConfig& shape,
                           Parameters& parameters, std::function<Tensor()> loss, const Stopwatch& since) {
  const Precision precision = parse_training_precision(precision_name(setting.compute.precision));
  parameters.make_trainable();
  const auto optimizer = std::make_shared<AdamW>(parameters, OptimizerConfig{.clip_norm = 3});
  const auto step = [=, device = setting.compute.device](const auto&) {
    {
      const PrecisionScope scope(precision, device);
      loss().backward();
    }
    optimizer->step(1e-5, optimizer->gradient_norm());
    optimizer->clear_gradients();
  };
  return {name, setting.samples, since.seconds(), shape.dim, shape.mlp_hidden(), 3, step};
}

}  // namespace fourm
