// The Inception v3 network of the Fréchet Inception distance (Szegedy et al. 2016; Heusel et al. 2017), with the weights that the
// user gives: pt_inception-2015-12-05, as pytorch-fid and others publish it.
#pragma once

#include <array>
#include <map>
#include <memory>

#include "fourm/io/image.h"
#include "fourm/nn/parameters.h"

namespace fourm {

class Inception {
 public:
  static constexpr int64_t kFeatures = 2048, kClasses = 1008;

  /// From a file of PyTorch or safetensors. Error naming what it lacks.
  static Inception open(const fs::path& weights, at::Device device = at::kCPU);
  explicit Inception(ParameterSource& source);

  struct Output {
    Tensor features;  ///< [B, 2048], the mean over positions before the classifier
    Tensor logits;    ///< [B, 1008], without the classifier's bias as in the original Inception score
  };
  /// RGB images of any size, resized to 299 pixels as pytorch-fid does: bilinear, without antialiasing.
  Output operator()(const std::vector<Image>& images) const;

 private:
  std::shared_ptr<Parameters> parameters_;
  std::map<std::string, std::array<Tensor, 5>>
      convolutions_;   // weight; weight, bias, mean and variance of the batch norm
  Tensor classifier_;  // [1008, 2048]

  Tensor convolve(const std::string& name, const Tensor& x, int64_t stride, bool padded) const;
  Tensor block_a(const std::string& name, const Tensor& x) const;
  Tensor block_b(const std::string& name, const Tensor& x) const;
  Tensor block_c(const std::string& name, const Tensor& x) const;
  Tensor block_d(const std::string& name, const Tensor& x) const;
  Tensor block_e(const std::string& name, const Tensor& x, bool pools_by_maximum) const;
};

}  // namespace fourm
