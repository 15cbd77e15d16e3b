#include "fourm/train/lora.h"

#include <fnmatch.h>

#include <algorithm>
#include <unordered_map>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"
#include "fourm/io/adapter.h"
#include "fourm/io/model_folder.h"
#include "fourm/io/weights.h"
#include "fourm/kernels/aten/aten_kernels.h"
#include "fourm/model/model_file.h"

namespace fourm {

struct LoraAdapter {
  Tensor down, up;
};

namespace {

class LoraLinear : public LinearKernel {
 public:
  LoraLinear(const Kernels& kernels, const Matrix& matrix, const LoraAdapter& adapter, double scale)
      : matrix_(kernels.linear(matrix)),
        down_(kernels.linear({adapter.down, {}})),
        up_(kernels.linear({adapter.up, {}})),
        scale_(scale) {}
  Tensor operator()(const Tensor& x, const Epilogue& epilogue) const override {
    return apply(epilogue, (*matrix_)(x) + (*up_)((*down_)(x)) * scale_);
  }

 private:
  std::shared_ptr<const LinearKernel> matrix_, down_, up_;
  double scale_;
};

}  // namespace

// The kernels of a model for training, in which some matrices have adapters.
class LoraKernels : public Kernels {
 public:
  LoraKernels(std::shared_ptr<const Kernels> base, double scale)
      : Kernels(base->compute()), base_(std::move(base)), scale_(scale) {}

  // From now on linear maps by this matrix, once it is placed, have the adapter.
  void adapt(const Tensor& weight, LoraAdapter adapter) {
    adapters_[weight.unsafeGetTensorImpl()] = std::move(adapter);
  }

  Tensor place(const Tensor& parameter) const override {
    Tensor placed = base_->place(parameter);
    if (const LoraAdapter* adapter = find(parameter)) adapters_[placed.unsafeGetTensorImpl()] = *adapter;
    return placed;
  }
  std::shared_ptr<const LinearKernel> linear(const Matrix& matrix) const override {
    const LoraAdapter* adapter = find(matrix.weight);
    return adapter ? std::make_shared<LoraLinear>(*base_, matrix, *adapter, scale_) : base_->linear(matrix);
  }
  std::shared_ptr<const LinearKernel> gated_linear(const Matrix& activated, const Matrix& factor,
                                                   Epilogue::Kind activation) const override {
    if (!find(activated.weight) && !find(factor.weight)) return base_->gated_linear(activated, factor, activation);
    return std::make_shared<AtenGatedLinear>(linear(activated), linear(factor), activation);
  }
  std::shared_ptr<const Conv2dKernel> conv2d(const Tensor& weight, const Tensor& bias, int64_t stride) const override {
    return base_->conv2d(weight, bias, stride);
  }
  Tensor embedding(const Tensor& table, const Tensor& ids) const override { return base_->embedding(table, ids); }
  Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double epsilon) const override {
    return base_->layer_norm(x, weight, bias, epsilon);
  }
  Tensor group_norm(const Tensor& x, const Tensor& shift, int64_t groups, const Tensor& weight, const Tensor& bias,
                    double epsilon, bool then_silu) const override {
    return base_->group_norm(x, shift, groups, weight, bias, epsilon, then_silu);
  }
  Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionLayout& layout) const override {
    return base_->attention(q, k, v, layout);
  }
  void plan(AttentionLayout& layout, int64_t queries, int64_t keys, std::vector<Tensor*>& uploads) const override {
    base_->plan(layout, queries, keys, uploads);
  }
  int64_t rows_together() const override { return base_->rows_together(); }
  at::MemoryFormat image_format() const override { return base_->image_format(); }
  Tensor key_value_cache(int64_t layers, int64_t n, int64_t heads, int64_t head_width) const override {
    return base_->key_value_cache(layers, n, heads, head_width);
  }
  void write_rows(const Tensor& from, const Tensor& rows, const Tensor& to) const override {
    base_->write_rows(from, rows, to);
  }
  Tensor argmax_linear(const Tensor& x, const Matrix& matrix) const override { return base_->argmax_linear(x, matrix); }

 private:
  const LoraAdapter* find(const Tensor& weight) const {
    const auto found = adapters_.find(weight.unsafeGetTensorImpl());
    return found == adapters_.end() ? nullptr : &found->second;
  }

  std::shared_ptr<const Kernels> base_;
  double scale_;
  mutable std::unordered_map<const at::TensorImpl*, LoraAdapter> adapters_;  // by matrix
};

LoraSource::LoraSource(ParameterSource& base, const LoraConfig& config, uint64_t seed)
    : base_(base),
      config_(config),
      seed_(seed),
      aliases_(base.aliases()),
      lora_(std::make_shared<LoraKernels>(base.kernels(), config.alpha / static_cast<double>(config.rank))),
      kernels_(lora_) {}

bool LoraSource::is_adapted(const std::string& name, at::IntArrayRef shape) const {
  if (shape.size() != 2 || !name.ends_with(".weight")) return false;
  if (!name.starts_with("encoder.") && !name.starts_with("decoder.")) return false;
  const std::string layer = name.substr(0, name.rfind('.'));
  return std::ranges::any_of(
      config_.matrices, [&](const std::string& pattern) { return fnmatch(pattern.c_str(), layer.c_str(), 0) == 0; });
}

Tensor LoraSource::get(const std::string& name, at::IntArrayRef shape, const Init& init) {
  if (const auto own = adapters_.find(name); own != adapters_.end()) return own->second;
  Tensor matrix = base_.get(name, shape, init);
  if (!is_adapted(name, shape)) return matrix;
  check(config_.rank <= std::min(shape[0], shape[1]), "training.lora.rank is ", config_.rank, ", and ", name, " is ",
        shape, ": its rank is no larger than its smaller side");
  const std::string layer = name.substr(0, name.rfind('.'));
  SeedSource seeds(seed_, matrix.scalar_type(), kernels_->compute());
  const auto make = [&](const char* suffix, at::IntArrayRef of, const Init& fill) {
    return adapters_[layer + suffix] = kernels_->place(seeds.get(layer + suffix, of, fill));
  };
  const Tensor down = make(kLoraDown, {config_.rank, shape[1]}, Init::normal(1.0 / static_cast<double>(config_.rank)));
  lora_->adapt(matrix, {down, make(kLoraUp, {shape[0], config_.rank}, Init::zeros())});
  return matrix;
}

void LoraSource::add_to(Parameters& parameters) {
  check(!adapters_.empty(), "training.lora.matrices: no matrix of a block has a name like ",
        join(config_.matrices, ", "), "; names are encoder.0.attn.qkv, decoder.0.mlp.fc1, ...");
  aliases_ = parameters.aliases();
  const Scope scope(parameters, *this);
  for (const auto& [name, value] : adapters_) scope.parameter(name, value.sizes(), Init::zeros());
}

std::vector<std::string> lora_patterns() { return {concat("*", kLoraDown), concat("*", kLoraUp)}; }

void save_adapter(const FourM& model, const LoraConfig& config, const fs::path& base, const fs::path& folder) {
  const Parameters& parameters = model.parameters();
  const SafetensorsFile start = open_weights(model_folder(base));
  NamedTensors tensors;
  for (const auto& [name, value, is_parameter] : parameters.entries()) {
    const StoredTensor* known = start.find(name);
    if (!known && !is_parameter) continue;  // constants are computed
    const bool same = known && at::equal(view_of(start, *known).to(at::kFloat), value.detach().to(at::kCPU));
    if (!same) tensors.emplace_back(name, value);
  }
  save_model_config(model, folder);
  save_tensors(folder / "adapter.safetensors", tensors, parameters.aliases());
  write_adapter_info(folder, {fs::absolute(base).lexically_normal(), config.rank, config.alpha});
}

}  // namespace fourm
