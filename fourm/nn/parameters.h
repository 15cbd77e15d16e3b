// The named tensors of a model. The constructors of the layers request each tensor from a source by name, shape and
// initialisation: a file returns stored values (memory-mapped), a seed returns initial values. Names, shapes, loading, saving,
// initialisation and the list of the optimizer therefore come from one place.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "fourm/core/tensor.h"
#include "fourm/io/safetensors.h"
#include "fourm/kernels/kernels.h"

namespace fourm {

/// How a fresh tensor is filled.
struct Init {
  enum Kind { kZeros, kOnes, kNormal, kUniform, kValues } kind = kZeros;
  double scale = 0;  ///< standard deviation, or half width of the uniform range
  Tensor values;     ///< for kValues

  static Init zeros() { return {}; }
  static Init ones() { return {kOnes, 0, {}}; }
  static Init constant(Tensor values) { return {kValues, 0, std::move(values)}; }
  static Init normal(double deviation) { return {kNormal, deviation, {}}; }
  /// Uniform with variance 2 / (fan_in + fan_out).
  static Init xavier(int64_t fan_in, int64_t fan_out);
};

class Parameters;

class ParameterSource {
 public:
  virtual ~ParameterSource() = default;
  virtual Tensor get(const std::string& name, at::IntArrayRef shape, const Init& init) = 0;
  virtual bool has(const std::string& name) const = 0;
  /// Names that the source stores under another one: dropped -> kept.
  virtual std::map<std::string, std::string> aliases() const { return {}; }
  /// What the layers compute with.
  virtual std::shared_ptr<const Kernels> kernels() const = 0;
};

/// Fresh values: a tensor depends on the seed and its own name only.
class SeedSource : public ParameterSource {
 public:
  explicit SeedSource(uint64_t seed, at::ScalarType dtype = at::kFloat, const Compute& compute = {})
      : seed_(seed), dtype_(dtype), kernels_(make_kernels(compute)) {}
  Tensor get(const std::string& name, at::IntArrayRef shape, const Init& init) override;
  bool has(const std::string&) const override { return true; }
  std::shared_ptr<const Kernels> kernels() const override { return kernels_; }

 private:
  uint64_t seed_;
  at::ScalarType dtype_;
  std::shared_ptr<const Kernels> kernels_;
};

/// Values stored in a file, widened to float32 where they are narrower; but in a model for inference, matrices stay as
/// they are stored until the kernels convert them, and their pages are released then. Missing tensors and wrong shapes are collected
/// and reported together by finish(); tensors with a kValues initialisation can be rebuilt and need not be stored.
class FileSource : public ParameterSource {
 public:
  explicit FileSource(SafetensorsFile file, const Compute& compute = {});
  Tensor get(const std::string& name, at::IntArrayRef shape, const Init& init) override;
  bool has(const std::string& name) const override { return file_.find(name) != nullptr; }
  std::map<std::string, std::string> aliases() const override;
  std::shared_ptr<const Kernels> kernels() const override { return kernels_; }
  /// Throws one Error that names every problem; warns once of tensors that are neither used nor another name of one, unless
  /// only a part of the model is built.
  void finish(const Parameters& built, bool warn_of_unused = true);
  const SafetensorsFile& file() const { return file_; }

 private:
  SafetensorsFile file_;
  std::shared_ptr<const Kernels> kernels_;
  std::vector<std::string> problems_;
  std::map<std::string, bool> used_;
};

/// The tensors of a built model. They are added by a Scope, in the constructors of layers; afterwards the list is fixed
/// and nothing of the source is kept.
class Parameters {
 public:
  struct Entry {
    std::string name;
    Tensor value;
    bool is_parameter;  ///< false: a buffer (a stored constant or running statistic)
  };

  const Kernels& kernels() const { return *kernels_; }
  const std::vector<Entry>& entries() const { return entries_; }
  const std::map<std::string, std::string>& aliases() const { return aliases_; }  ///< dropped name -> kept name
  Tensor find(const std::string& name) const;                                     ///< undefined when absent
  std::vector<Tensor> parameters() const;                                         ///< without the buffers
  /// Copies all tensors out of mapped memory and turns the gradients of parameters on: of those whose names match one of the
  /// patterns ('*': any characters), or of all without patterns. Error when a pattern matches none.
  void make_trainable(const std::vector<std::string>& only = {});
  int64_t count() const;            ///< elements of all parameters
  int64_t trainable_count() const;  ///< elements of the parameters that require gradients

 private:
  friend class Scope;
  std::vector<Entry> entries_;
  std::map<std::string, size_t> index_;  // stored name -> entry
  std::map<std::string, std::string> aliases_;
  std::set<std::string> requested_;
  std::shared_ptr<const Kernels> kernels_;
};

/// Where in a model that is being built a layer stands: a dotted prefix of names, the source of the values and the list
/// that the tensors are added to. Layers take one in their constructors and do not keep it; it must not outlive the
/// source.
class Scope {
 public:
  Scope(Parameters& parameters, ParameterSource& source);
  Scope operator[](std::string_view name) const { return {*all_, *source_, path(name)}; }
  Scope operator[](int64_t index) const { return (*this)[std::to_string(index)]; }

  Tensor parameter(std::string_view name, at::IntArrayRef shape, const Init& init) const {
    return add(path(name), shape, init, true);
  }
  Tensor buffer(std::string_view name, at::IntArrayRef shape, const Init& init) const {
    return add(path(name), shape, init, false);
  }
  /// From now on the path `name` is another name of the tensor with the path `kept`. Whichever of the two the source has
  /// is taken; `kept` is the one that is stored.
  void share(const std::string& name, const std::string& kept) const;
  bool source_has(std::string_view name) const;
  const std::shared_ptr<const Kernels>& kernels() const { return all_->kernels_; }
  std::string path(std::string_view name) const {
    return prefix_.empty() ? std::string(name) : prefix_ + "." + std::string(name);
  }

 private:
  Scope(Parameters& parameters, ParameterSource& source, std::string prefix)
      : all_(&parameters), source_(&source), prefix_(std::move(prefix)) {}
  Tensor add(const std::string& path, at::IntArrayRef shape, const Init& init, bool is_parameter) const;

  Parameters* all_;
  ParameterSource* source_;
  std::string prefix_;
};

/// A view of a mapped tensor as an ATen tensor of the stored type; the mapping stays alive with it.
Tensor view_of(const SafetensorsFile& file, const StoredTensor& stored);
/// The named tensor of a file; Error when it is missing.
Tensor read_tensor(const SafetensorsFile& file, const std::string& name);

/// Named tensors to a safetensors file, in the given order.
using NamedTensors = std::vector<std::pair<std::string, Tensor>>;
void save_tensors(const fs::path& path, const NamedTensors& tensors,
                  const std::map<std::string, std::string>& metadata = {});
/// "f32", "f16" or "bf16": what floating-point values can be stored as.
at::ScalarType parse_dtype(const std::string& name);
/// All entries; `dtype` is the type of stored floating-point values.
void save_parameters(const fs::path& path, const Parameters& parameters, at::ScalarType dtype = at::kFloat);

}  // namespace fourm
