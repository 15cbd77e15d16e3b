// What the workloads of training have in common: a step of AdamW.
#pragma once

#include "fourm/bench/workload.h"
#include "fourm/core/log.h"
#include "fourm/core/tensor.h"
#include "fourm/model/config.h"
#include "fourm/nn/parameters.h"

namespace fourm {

/// A workload that computes the loss of the setting's samples and its gradients, and updates all parameters. `shape` is that of
/// the model; it became ready when `since` is read. bfloat16 matrix multiplications when the precision is bf16.
Workload training_workload(const std::string& name, const BenchSetting& setting, const EncoderConfig& shape,
                           Parameters& parameters, std::function<Tensor()> loss, const Stopwatch& since);

}  // namespace fourm
