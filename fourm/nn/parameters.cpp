#include "fourm/nn/parameters.h"

#include <fnmatch.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <tuple>

#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/core/rng.h"
#include "fourm/core/strings.h"

namespace fourm {
namespace {

at::ScalarType scalar_type(DType dtype) {
  switch (dtype) {
    case DType::kF64: return at::kDouble;
    case DType::kF32: return at::kFloat;
    case DType::kF16: return at::kHalf;
    case DType::kBF16: return at::kBFloat16;
    case DType::kI64: return at::kLong;
    case DType::kI32: return at::kInt;
    case DType::kI16: return at::kShort;
    case DType::kI8: return at::kChar;
    case DType::kU8: return at::kByte;
    case DType::kBool: return at::kBool;
  }
  fail("[scalar_type] unknown type");
}

DType stored_type(at::ScalarType type) {
  switch (type) {
    case at::kDouble: return DType::kF64;
    case at::kFloat: return DType::kF32;
    case at::kHalf: return DType::kF16;
    case at::kBFloat16: return DType::kBF16;
    case at::kLong: return DType::kI64;
    case at::kInt: return DType::kI32;
    case at::kShort: return DType::kI16;
    case at::kChar: return DType::kI8;
    case at::kByte: return DType::kU8;
    case at::kBool: return DType::kBool;
    default: fail("[save_tensors] the type ", at::toString(type), " cannot be stored");
  }
}

std::string shape_text(at::IntArrayRef shape) {
  std::vector<std::string> parts;
  for (const int64_t n : shape) parts.push_back(std::to_string(n));
  return concat("[", join(parts, ", "), "]");
}

// Of any shape, without its memory: for tensors that are reported as wrong and never used.
Tensor stand_in(at::IntArrayRef shape) { return at::zeros({1}, at::kFloat).expand(shape); }

}  // namespace

Init Init::xavier(int64_t fan_in, int64_t fan_out) {
  return {kUniform, std::sqrt(6.0 / static_cast<double>(fan_in + fan_out)), {}};
}

Tensor SeedSource::get(const std::string& name, at::IntArrayRef shape, const Init& init) {
  switch (init.kind) {
    case Init::kZeros: return at::zeros(shape, dtype_);
    case Init::kOnes: return at::ones(shape, dtype_);
    case Init::kValues: return init.values.reshape(shape).to(dtype_).clone();
    default: break;
  }
  Tensor tensor = at::empty(shape, at::kDouble);
  Random random(seed_, {hash_text(name)});
  double* data = tensor.data_ptr<double>();
  for (int64_t i = 0; i < tensor.numel(); ++i)
    data[i] = init.kind == Init::kNormal ? init.scale * random.normal() : random.uniform(-init.scale, init.scale);
  return tensor.to(dtype_);
}

FileSource::FileSource(SafetensorsFile file, const Compute& compute)
    : file_(std::move(file)),
      kernels_(make_kernels(compute, [file = std::make_shared<const SafetensorsFile>(file_)](const Tensor& rows) {
        file->release_pages(static_cast<const std::byte*>(rows.data_ptr()), rows.nbytes());
      })) {}

Tensor FileSource::get(const std::string& name, at::IntArrayRef shape, const Init& init) {
  const StoredTensor* stored = file_.find(name);
  if (!stored) {
    if (init.kind == Init::kValues) return init.values.reshape(shape).to(at::kFloat).clone();
    problems_.push_back(name + " is missing, expected " + shape_text(shape));
    return stand_in(shape);
  }
  used_[name] = true;
  if (at::IntArrayRef(stored->shape) != shape) {
    problems_.push_back(name + " has shape " + shape_text(stored->shape) + ", expected " + shape_text(shape));
    return stand_in(shape);
  }
  const Tensor value = view_of(file_, *stored);
  if (!value.is_floating_point()) {
    problems_.push_back(name + " has dtype " + std::string(dtype_name(stored->dtype)) + ", expected floating point");
    return stand_in(shape);
  }
  return kernels_->compute().inference && value.dim() == 2 && value.scalar_type() != at::kDouble ? value
                                                                                                 : value.to(at::kFloat);
}

// Error when all tensor names begin with what a wrapper of PyTorch puts before them.
static void check_no_wrapper(const SafetensorsFile& file) {
  for (const auto& [prefix, wrapper, remedy] :
       {std::tuple{"module.", "DataParallel or DistributedDataParallel", "model.module.state_dict()"},
        {"_orig_mod.", "torch.compile", "model._orig_mod.state_dict()"},
        {"_fsdp_wrapped_module.", "FullyShardedDataParallel", "its full state dict without the wrapper"}})
    check(!std::all_of(file.tensors().begin(), file.tensors().end(),
                       [&](const StoredTensor& t) { return t.name.starts_with(prefix); }) ||
              file.tensors().empty(),
          file.path().string(), ": the names of its tensors begin with '", prefix, "', which ", wrapper,
          " puts before those of the model; save ", remedy, ", or save the tensors again without the prefix");
}

void FileSource::finish(const Parameters& built, bool warn_of_unused) {
  check_no_wrapper(file_);
  const auto listed = [](std::vector<std::string> names) {
    const size_t count = names.size();
    if (count > 20) names.resize(20);
    return join(names, "; ") + (count > 20 ? concat("; and ", count - 20, " more") : "");
  };
  check(problems_.empty(), file_.path().string(), ": ", counted(problems_.size(), "tensor does", "tensors do"),
        " not fit the config: ", listed(problems_));
  if (!warn_of_unused) return;
  std::vector<std::string> surplus;
  for (const auto& t : file_.tensors())
    if (!used_.contains(t.name) && !built.aliases().contains(t.name)) surplus.push_back(t.name);
  if (!surplus.empty())
    warn(file_.path().string(), ": ", counted(surplus.size(), "tensor is", "tensors are"),
         " not used: ", listed(surplus));
}

std::map<std::string, std::string> FileSource::aliases() const {
  std::map<std::string, std::string> aliases;
  for (const auto& [dropped, kept] : file_.metadata())
    if (!has(dropped) && has(kept)) aliases[dropped] = kept;
  return aliases;
}

Scope::Scope(Parameters& parameters, ParameterSource& source) : all_(&parameters), source_(&source) {
  all_->aliases_ = source.aliases();
  all_->kernels_ = source.kernels();
}

void Scope::share(const std::string& name, const std::string& kept) const {
  auto& aliases = all_->aliases_;
  check(!all_->requested_.contains(name) && !all_->requested_.contains(kept), "[Scope] ", name, " is shared too late");
  const auto other = aliases.find(kept);  // the source may keep the pair the other way round
  if (other != aliases.end() && other->second == name) return;
  aliases[name] = kept;
}

bool Scope::source_has(std::string_view name) const {
  const auto alias = all_->aliases_.find(path(name));
  return source_->has(path(name)) || (alias != all_->aliases_.end() && source_->has(alias->second));
}

Tensor Scope::add(const std::string& name, at::IntArrayRef shape, const Init& init, bool is_parameter) const {
  check(all_->requested_.insert(name).second, "[Scope] ", name, " is defined twice");
  const auto& aliases = all_->aliases_;
  auto& entries = all_->entries_;
  const auto alias = aliases.find(name);
  const std::string& stored = alias == aliases.end() ? name : alias->second;
  if (const auto found = all_->index_.find(stored); found != all_->index_.end()) return entries[found->second].value;
  std::string from = stored;
  for (const auto& [dropped, kept] : aliases)
    if (kept == stored && !source_->has(from) && source_->has(dropped)) from = dropped;
  all_->index_[stored] = entries.size();
  Tensor value = source_->get(from, shape, init);
  if (is_parameter)
    value = kernels()->place(value);
  else  // constants and codebooks are no matrices of layers: they stay in float32
    value = value.to(kernels()->device(), kernels()->compute().inference ? at::kFloat : value.scalar_type());
  entries.push_back({stored, std::move(value), is_parameter});
  return entries.back().value;
}

Tensor Parameters::find(const std::string& name) const {
  const auto alias = aliases_.find(name);
  const auto found = index_.find(alias == aliases_.end() ? name : alias->second);
  return found == index_.end() ? Tensor() : entries_[found->second].value;
}

std::vector<Tensor> Parameters::parameters() const {
  std::vector<Tensor> tensors;
  for (const auto& entry : entries_)
    if (entry.is_parameter) tensors.push_back(entry.value);
  return tensors;
}

void Parameters::make_trainable(const std::vector<std::string>& only) {
  check(!kernels_->compute().inference, "[Parameters] a model opened for inference cannot be trained");
  const auto matches = [](const std::string& pattern, const Entry& entry) {
    return entry.is_parameter && fnmatch(pattern.c_str(), entry.name.c_str(), 0) == 0;
  };
  for (const auto& pattern : only)
    check(std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) { return matches(pattern, entry); }),
          "no tensor that is trained has a name like ", printable(pattern));
  for (auto& entry : entries_) {
    // Layers hold the same tensor object: replace what it points to, not the handle.
    entry.value.set_data(entry.value.detach().clone());
    const bool chosen = only.empty() || std::any_of(only.begin(), only.end(), [&](const std::string& pattern) {
                          return matches(pattern, entry);
                        });
    if (entry.is_parameter && chosen) entry.value.requires_grad_();
  }
}

int64_t Parameters::trainable_count() const {
  int64_t n = 0;
  for (const auto& entry : entries_)
    if (entry.value.requires_grad()) n += entry.value.numel();
  return n;
}

int64_t Parameters::count() const {
  int64_t n = 0;
  for (const auto& entry : entries_)
    if (entry.is_parameter) n += entry.value.numel();
  return n;
}

Tensor view_of(const SafetensorsFile& file, const StoredTensor& stored) {
  const auto options = at::TensorOptions(scalar_type(stored.dtype));
  auto* data = const_cast<std::byte*>(stored.data);
  // ATen wants aligned data; a file may place a tensor anywhere.
  if (reinterpret_cast<uintptr_t>(data) % dtype_size(stored.dtype) != 0) {
    Tensor copy = at::empty(stored.shape, options);
    std::memcpy(copy.data_ptr(), data, stored.bytes);
    return copy;
  }
  return at::from_blob(
      data, stored.shape, [keep = file.mapping()](void*) {}, options);
}

Tensor read_tensor(const SafetensorsFile& file, const std::string& name) {
  const StoredTensor* stored = file.find(name);
  check(stored, file.path().string(), ": tensor ", name, " is missing");
  return view_of(file, *stored);
}

void save_tensors(const fs::path& path, const NamedTensors& tensors,
                  const std::map<std::string, std::string>& metadata) {
  std::vector<Tensor> keep;
  std::vector<StoredTensor> stored;
  for (const auto& [name, tensor] : tensors) {
    keep.push_back(tensor.detach().to(at::kCPU).contiguous());
    const Tensor& t = keep.back();
    stored.push_back(
        {name, stored_type(t.scalar_type()), t.sizes().vec(), static_cast<std::byte*>(t.data_ptr()), t.nbytes()});
  }
  write_safetensors(path, stored, metadata);
}

at::ScalarType parse_dtype(const std::string& name) {
  if (name == "f32") return at::kFloat;
  if (name == "f16") return at::kHalf;
  check(name == "bf16", "unknown dtype ", printable(name), "; known: f32, f16, bf16");
  return at::kBFloat16;
}

void save_parameters(const fs::path& path, const Parameters& parameters, at::ScalarType dtype) {
  NamedTensors tensors;
  for (const auto& entry : parameters.entries())
    tensors.emplace_back(entry.name, entry.value.is_floating_point() ? entry.value.to(dtype) : entry.value);
  save_tensors(path, tensors, parameters.aliases());
}

}  // namespace fourm
