#include "fourm/train/optimizer.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "fourm/core/error.h"
#include "fourm/core/log.h"

namespace fourm {

bool has_weight_decay(std::string_view name) {
  return name.find("norm.") == name.npos && name.find(".norm") == name.npos && !name.ends_with(".bias") &&
         !name.ends_with(".gamma") && name != "logit_scale";
}

// Of "encoder.7.mlp.fc1.weight" after "encoder.": 7. Nothing for other names.
static std::optional<int64_t> block_of(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return std::nullopt;
  int64_t block = 0;
  const auto [end, error] = std::from_chars(name.data() + prefix.size(), name.data() + name.size(), block);
  if (error != std::errc() || end == name.data() + name.size() || *end != '.') return std::nullopt;
  return block;
}

std::vector<double> layer_rates(const std::vector<std::string>& names, double decay) {
  int64_t encoder = 0, decoder = 0;
  for (const auto& name : names) {
    encoder = std::max(encoder, block_of(name, "encoder.").value_or(-1) + 1);
    decoder = std::max(decoder, block_of(name, "decoder.").value_or(-1) + 1);
  }
  check(encoder > 0 || decay == 1, "training.optimizer.layer_decay is for models with the encoder of 4M");
  const int64_t last = encoder + decoder + 1;
  const auto layer = [&](std::string_view name) {
    if (name.starts_with("encoder_embeddings.") || name == "register_tokens") return int64_t{0};
    if (const auto block = block_of(name, "encoder.")) return *block + 1;
    if (const auto block = block_of(name, "decoder.")) return encoder + *block + 1;
    const bool begins_decoder = name.starts_with("encoder_norm.") || name.starts_with("decoder_proj_context.") ||
                                name == "mask_token" ||
                                (name.starts_with("decoder_embeddings.") && name.ends_with(".mod_emb"));
    return begins_decoder && decoder > 0 ? encoder : last;
  };
  std::vector<double> rates;
  for (const auto& name : names) rates.push_back(std::pow(decay, static_cast<double>(last - layer(name))));
  return rates;
}

void check_optimizer(const OptimizerConfig& config) {
  check_fields(config, "training.optimizer");
  check(config.beta1 < 1 && config.beta2 < 1 && config.epsilon > 0,
        "training.optimizer: beta1 and beta2 should be less than 1, epsilon more than 0");
  check(config.layer_decay > 0, "training.optimizer: layer_decay should be more than 0");
}

AdamW::AdamW(const Parameters& parameters, const OptimizerConfig& config, const Owns& owns) : config_(config) {
  check_optimizer(config);
  // The layers are those of the model, whatever part of it is trainable.
  std::vector<std::string> names;
  for (const auto& entry : parameters.entries()) names.push_back(entry.name);
  const std::vector<double> rates = layer_rates(names, config.layer_decay);
  for (size_t i = 0; i < names.size(); ++i) {
    const auto& entry = parameters.entries()[i];
    if (!entry.is_parameter || !entry.value.requires_grad()) continue;
    const bool decay = has_weight_decay(entry.name);
    auto group = std::ranges::find_if(groups_, [&](const Group& g) { return g.decay == decay && g.rate == rates[i]; });
    if (group == groups_.end()) group = groups_.insert(group, Group{decay, rates[i], {}});
    group->slots.push_back(slots_.size());
    Slot slot{entry.name, entry.value, !owns || owns(entry.value), {}, {}, {}};
    if (slot.owned) {
      slot.mean = at::zeros_like(slot.value);
      slot.square = at::zeros_like(slot.value);
      slot.steps = at::zeros({}, at::TensorOptions(at::kFloat).device(slot.value.device()));
    }
    slots_.push_back(std::move(slot));
  }
  check(!slots_.empty(), "there is nothing to train: no tensor requires gradients");
}

Tensor AdamW::gradient_norms() const {
  std::vector<Tensor> gradients;
  for (const auto& slot : slots_)
    if (slot.value.grad().defined()) gradients.push_back(slot.value.grad());
  const Tensor none = at::zeros({}, slots_[0].value.options().dtype(at::kFloat).requires_grad(false));
  std::vector<Tensor> norms(slots_.size(), none);
  if (!gradients.empty()) {
    const std::vector<Tensor> present = at::_foreach_norm(gradients);
    size_t k = 0;
    for (size_t i = 0; i < slots_.size(); ++i)
      if (slots_[i].value.grad().defined()) norms[i] = present[k++];
  }
  return at::stack(norms);
}

void AdamW::step(double lr, const Tensor& norm) {
  const NoGradGuard no_grad;
  // The fused kernel divides gradients by `divisor` while it reads them, and changes nothing where `skipped` is 1.
  std::optional<Tensor> divisor;
  if (config_.clip_norm > 0) divisor = (norm / config_.clip_norm).clamp_min(1).to(at::kFloat);
  if (divisor && norm.is_cpu() && divisor->item<float>() == 1)
    divisor.reset();  // the CPU kernel is slower with a divisor
  const Tensor done = at::isfinite(norm).to(at::kFloat), skipped = 1 - done;
  for (const Group& group : groups_) {
    std::vector<Tensor> values, gradients, means, squares, steps;
    for (const size_t i : group.slots) {
      const Slot& slot = slots_[i];
      if (!slot.value.grad().defined()) continue;
      values.push_back(slot.value);
      gradients.push_back(slot.value.grad());
      means.push_back(slot.mean);
      squares.push_back(slot.square);
      steps.push_back(slot.steps);
    }
    if (values.empty()) continue;
    at::_foreach_add_(steps, done);
    at::_fused_adamw_(values, gradients, means, squares, {}, steps, lr * group.rate, config_.beta1, config_.beta2,
                      group.decay ? config_.weight_decay : 0.0, config_.epsilon, /*amsgrad=*/false, /*maximize=*/false,
                      divisor, skipped);
  }
}

void AdamW::clear_gradients() {
  for (auto& slot : slots_) slot.value.mutable_grad() = Tensor();
}

NamedTensors AdamW::state() const {
  NamedTensors tensors;
  for (const auto& slot : slots_) {
    if (!slot.owned) continue;
    tensors.emplace_back("mean." + slot.name, slot.mean);
    tensors.emplace_back("square." + slot.name, slot.square);
    tensors.emplace_back("steps." + slot.name, slot.steps);
  }
  return tensors;
}

void AdamW::load(const SafetensorsFile& file) {
  for (const auto& slot : slots_) {
    if (!slot.owned) continue;
    restore(file, "mean." + slot.name, slot.mean);
    restore(file, "square." + slot.name, slot.square);
    restore(file, "steps." + slot.name, slot.steps);
  }
}

WeightAverage::WeightAverage(const Parameters& parameters, double decay, const Owns& owns) : decay_(decay) {
  check(decay >= 0 && decay < 1, "ema_decay is ", decay, ", expected 0 or more and less than 1");
  for (const auto& entry : parameters.entries()) {
    if (!entry.value.is_floating_point() || (entry.is_parameter && owns && !owns(entry.value))) continue;
    if (!entry.is_parameter) buffers_.push_back(names_.size());
    names_.push_back(entry.name);
    values_.push_back(entry.value);
    averages_.push_back(entry.value.detach().clone());
  }
}

void WeightAverage::update() {
  const NoGradGuard no_grad;
  if (!started_) start_buffers();
  started_ = true;
  at::_foreach_lerp_(averages_, values_, 1 - decay_);
}

void WeightAverage::update_where(const Tensor& keep) {
  const NoGradGuard no_grad;
  if (!started_) start_buffers();
  started_ = true;
  const Tensor share = keep.to(at::kFloat) * (1 - decay_);
  for (size_t i = 0; i < values_.size(); ++i)
    averages_[i].lerp_(values_[i].detach(), share.to(averages_[i].scalar_type()));
}

void WeightAverage::swap() {
  for (size_t i = 0; i < values_.size(); ++i) {
    const Tensor weights = values_[i].detach().clone();
    values_[i].detach().copy_(averages_[i]);
    averages_[i].copy_(weights);
  }
}

NamedTensors WeightAverage::state(bool with_buffers) const {
  NamedTensors tensors;
  for (size_t i = 0; i < names_.size(); ++i)
    if (with_buffers || std::ranges::find(buffers_, i) == buffers_.end()) tensors.emplace_back(names_[i], averages_[i]);
  return tensors;
}

void WeightAverage::start_buffers() {
  for (const size_t i : buffers_) averages_[i].copy_(values_[i]);
}

void WeightAverage::load(const SafetensorsFile& file) {
  started_ = true;
  const bool earlier = std::none_of(buffers_.begin(), buffers_.end(), [&](size_t i) { return file.find(names_[i]); });
  if (earlier && !buffers_.empty()) {
    start_buffers();
    note(file.path().string(),
         ": holds no averages of buffers, as those of earlier versions; they start from the "
         "values of this step");
  }
  for (size_t i = 0; i < names_.size(); ++i)
    if (!earlier || std::ranges::find(buffers_, i) == buffers_.end()) restore(file, names_[i], averages_[i]);
}

void restore(const SafetensorsFile& file, const std::string& name, const Tensor& target) {
  const Tensor stored = read_tensor(file, name);
  check(stored.sizes() == target.sizes(), file.path().string(), ": tensor ", name, " has shape ", stored.sizes(),
        ", expected ", target.sizes());
  target.detach().copy_(stored);
}

void restore(const SafetensorsFile& file, const Parameters& parameters) {
  for (const auto& entry : parameters.entries()) restore(file, entry.name, entry.value);
}

}  // namespace fourm
