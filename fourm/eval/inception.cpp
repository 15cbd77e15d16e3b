#include "fourm/eval/inception.h"

#include "fourm/core/error.h"
#include "fourm/io/weights.h"

namespace fourm {
namespace {

constexpr int64_t kSide = 299;

struct Convolution {
  std::string name;
  int64_t in, out, height, width;  // of the kernel
};

void add_a(std::vector<Convolution>& list, const std::string& block, int64_t in, int64_t pooled) {
  const std::string b = block + ".branch";
  list.insert(list.end(), {{b + "1x1", in, 64, 1, 1},
                           {b + "5x5_1", in, 48, 1, 1},
                           {b + "5x5_2", 48, 64, 5, 5},
                           {b + "3x3dbl_1", in, 64, 1, 1},
                           {b + "3x3dbl_2", 64, 96, 3, 3},
                           {b + "3x3dbl_3", 96, 96, 3, 3},
                           {b + "_pool", in, pooled, 1, 1}});
}

void add_c(std::vector<Convolution>& list, const std::string& block, int64_t inner) {
  const std::string b = block + ".branch";
  list.insert(list.end(), {{b + "1x1", 768, 192, 1, 1},
                           {b + "7x7_1", 768, inner, 1, 1},
                           {b + "7x7_2", inner, inner, 1, 7},
                           {b + "7x7_3", inner, 192, 7, 1},
                           {b + "7x7dbl_1", 768, inner, 1, 1},
                           {b + "7x7dbl_2", inner, inner, 7, 1},
                           {b + "7x7dbl_3", inner, inner, 1, 7},
                           {b + "7x7dbl_4", inner, inner, 7, 1},
                           {b + "7x7dbl_5", inner, 192, 1, 7},
                           {b + "_pool", 768, 192, 1, 1}});
}

void add_e(std::vector<Convolution>& list, const std::string& block, int64_t in) {
  const std::string b = block + ".branch";
  list.insert(list.end(), {{b + "1x1", in, 320, 1, 1},
                           {b + "3x3_1", in, 384, 1, 1},
                           {b + "3x3_2a", 384, 384, 1, 3},
                           {b + "3x3_2b", 384, 384, 3, 1},
                           {b + "3x3dbl_1", in, 448, 1, 1},
                           {b + "3x3dbl_2", 448, 384, 3, 3},
                           {b + "3x3dbl_3a", 384, 384, 1, 3},
                           {b + "3x3dbl_3b", 384, 384, 3, 1},
                           {b + "_pool", in, 192, 1, 1}});
}

std::vector<Convolution> all_convolutions() {
  std::vector<Convolution> list{{"Conv2d_1a_3x3", 3, 32, 3, 3},
                                {"Conv2d_2a_3x3", 32, 32, 3, 3},
                                {"Conv2d_2b_3x3", 32, 64, 3, 3},
                                {"Conv2d_3b_1x1", 64, 80, 1, 1},
                                {"Conv2d_4a_3x3", 80, 192, 3, 3},
                                {"Mixed_6a.branch3x3", 288, 384, 3, 3},
                                {"Mixed_6a.branch3x3dbl_1", 288, 64, 1, 1},
                                {"Mixed_6a.branch3x3dbl_2", 64, 96, 3, 3},
                                {"Mixed_6a.branch3x3dbl_3", 96, 96, 3, 3},
                                {"Mixed_7a.branch3x3_1", 768, 192, 1, 1},
                                {"Mixed_7a.branch3x3_2", 192, 320, 3, 3},
                                {"Mixed_7a.branch7x7x3_1", 768, 192, 1, 1},
                                {"Mixed_7a.branch7x7x3_2", 192, 192, 1, 7},
                                {"Mixed_7a.branch7x7x3_3", 192, 192, 7, 1},
                                {"Mixed_7a.branch7x7x3_4", 192, 192, 3, 3}};
  add_a(list, "Mixed_5b", 192, 32);
  add_a(list, "Mixed_5c", 256, 64);
  add_a(list, "Mixed_5d", 288, 64);
  add_c(list, "Mixed_6b", 128);
  add_c(list, "Mixed_6c", 160);
  add_c(list, "Mixed_6d", 160);
  add_c(list, "Mixed_6e", 192);
  add_e(list, "Mixed_7b", 1280);
  add_e(list, "Mixed_7c", 2048);
  return list;
}

// The mean over the pixels of a window that lie in the image.
Tensor mean_pool(const Tensor& x) { return at::avg_pool2d(x, {3, 3}, {1, 1}, {1, 1}, false, false); }
Tensor max_pool(const Tensor& x) { return at::max_pool2d(x, {3, 3}, {2, 2}); }

Tensor as_input(const Image& image) {
  check(image.channels == 3 && image.area() > 0, "[Inception] an image of ", image.width, "x", image.height, "x",
        image.channels, ", expected RGB");
  const Tensor pixels = at::tensor(at::ArrayRef<uint8_t>(image.pixels), at::kByte)
                            .view({1, image.height, image.width, 3})
                            .permute({0, 3, 1, 2})
                            .to(at::kFloat)
                            .div(255);
  return at::upsample_bilinear2d(pixels.contiguous(), {kSide, kSide}, /*align_corners=*/false) * 2 - 1;
}

}  // namespace

Inception Inception::open(const fs::path& weights, at::Device device) {
  FileSource source(open_weights(weights), Compute::for_reference(device));
  Inception network(source);
  source.finish(*network.parameters_, /*warn_of_unused=*/false);
  return network;
}

Inception::Inception(ParameterSource& source) : parameters_(std::make_shared<Parameters>()) {
  const Scope root(*parameters_, source);
  for (const auto& [name, in, out, height, width] : all_convolutions()) {
    const Scope scope = root[name], norm = scope["bn"];
    convolutions_[name] = {
        scope["conv"].parameter("weight", {out, in, height, width}, Init::xavier(in * height * width, out)),
        norm.parameter("weight", {out}, Init::ones()), norm.parameter("bias", {out}, Init::zeros()),
        norm.buffer("running_mean", {out}, Init::zeros()), norm.buffer("running_var", {out}, Init::ones())};
  }
  classifier_ = root["fc"].parameter("weight", {kClasses, kFeatures}, Init::xavier(kFeatures, kClasses));
}

Tensor Inception::convolve(const std::string& name, const Tensor& x, int64_t stride, bool padded) const {
  const auto& [weight, scale, bias, mean, variance] = convolutions_.at(name);
  const std::vector<int64_t> padding{padded ? weight.size(2) / 2 : 0, padded ? weight.size(3) / 2 : 0};
  const Tensor y = at::conv2d(x, weight, {}, {stride, stride}, padding);
  return at::batch_norm(y, scale, bias, mean, variance, /*training=*/false, 0, /*eps=*/1e-3, false).relu();
}

Tensor Inception::block_a(const std::string& name, const Tensor& x) const {
  const auto conv = [&](const char* branch, const Tensor& in) {
    return convolve(name + ".branch" + branch, in, 1, true);
  };
  return at::cat({conv("1x1", x), conv("5x5_2", conv("5x5_1", x)),
                  conv("3x3dbl_3", conv("3x3dbl_2", conv("3x3dbl_1", x))), conv("_pool", mean_pool(x))},
                 1);
}

Tensor Inception::block_b(const std::string& name, const Tensor& x) const {
  const std::string b = name + ".branch";
  const Tensor inner = convolve(b + "3x3dbl_2", convolve(b + "3x3dbl_1", x, 1, true), 1, true);
  return at::cat({convolve(b + "3x3", x, 2, false), convolve(b + "3x3dbl_3", inner, 2, false), max_pool(x)}, 1);
}

Tensor Inception::block_c(const std::string& name, const Tensor& x) const {
  const auto conv = [&](const char* branch, const Tensor& in) {
    return convolve(name + ".branch" + branch, in, 1, true);
  };
  Tensor twice = x;
  for (const char* branch : {"7x7dbl_1", "7x7dbl_2", "7x7dbl_3", "7x7dbl_4", "7x7dbl_5"}) twice = conv(branch, twice);
  return at::cat({conv("1x1", x), conv("7x7_3", conv("7x7_2", conv("7x7_1", x))), twice, conv("_pool", mean_pool(x))},
                 1);
}

Tensor Inception::block_d(const std::string& name, const Tensor& x) const {
  const std::string b = name + ".branch";
  Tensor seven = x;
  for (const char* branch : {"7x7x3_1", "7x7x3_2", "7x7x3_3"}) seven = convolve(b + branch, seven, 1, true);
  return at::cat({convolve(b + "3x3_2", convolve(b + "3x3_1", x, 1, true), 2, false),
                  convolve(b + "7x7x3_4", seven, 2, false), max_pool(x)},
                 1);
}

Tensor Inception::block_e(const std::string& name, const Tensor& x, bool pools_by_maximum) const {
  const auto conv = [&](const char* branch, const Tensor& in) {
    return convolve(name + ".branch" + branch, in, 1, true);
  };
  const Tensor once = conv("3x3_1", x), twice = conv("3x3dbl_2", conv("3x3dbl_1", x));
  const Tensor pooled = pools_by_maximum ? at::max_pool2d(x, {3, 3}, {1, 1}, {1, 1}) : mean_pool(x);
  return at::cat({conv("1x1", x), conv("3x3_2a", once), conv("3x3_2b", once), conv("3x3dbl_3a", twice),
                  conv("3x3dbl_3b", twice), conv("_pool", pooled)},
                 1);
}

Inception::Output Inception::operator()(const std::vector<Image>& images) const {
  const NoGradGuard no_grad;
  std::vector<Tensor> inputs;
  for (const auto& image : images) inputs.push_back(as_input(image));
  Tensor x = at::cat(inputs).to(parameters_->kernels().device());
  x = convolve("Conv2d_1a_3x3", x, 2, false);
  x = convolve("Conv2d_2a_3x3", x, 1, false);
  x = max_pool(convolve("Conv2d_2b_3x3", x, 1, true));
  x = convolve("Conv2d_3b_1x1", x, 1, false);
  x = max_pool(convolve("Conv2d_4a_3x3", x, 1, false));
  for (const char* name : {"Mixed_5b", "Mixed_5c", "Mixed_5d"}) x = block_a(name, x);
  x = block_b("Mixed_6a", x);
  for (const char* name : {"Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"}) x = block_c(name, x);
  x = block_d("Mixed_7a", x);
  x = block_e("Mixed_7b", x, false);
  // A maximum here is an error of the published network that its weights were trained with.
  x = block_e("Mixed_7c", x, true);
  const Tensor features = x.mean({2, 3});
  return {features.to(at::kCPU), at::matmul(features, classifier_.to(features.scalar_type()).t()).to(at::kCPU)};
}

}  // namespace fourm
