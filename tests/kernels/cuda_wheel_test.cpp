// LibTorch for CUDA has the kernels that models use on a GPU. It needs LibTorch's CUDA library, but no GPU
// (scripts/check_cuda_wheel.sh).
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "fourm/kernels/device.h"

namespace fourm {
namespace {

constexpr const char* kOperators[] = {
    // attention
    "_flash_attention_forward", "_flash_attention_backward", "_efficient_attention_forward",
    "_efficient_attention_backward", "_scaled_dot_product_flash_attention",
    "_scaled_dot_product_flash_attention_backward", "_scaled_dot_product_efficient_attention",
    "_scaled_dot_product_efficient_attention_backward", "_scaled_dot_product_cudnn_attention", "_fused_sdp_choice",
    // layers: at::linear consists of these multiplications
    "addmm", "mm", "bmm", "baddbmm", "native_layer_norm", "native_layer_norm_backward", "native_group_norm",
    "native_group_norm_backward", "cudnn_convolution", "convolution_backward", "gelu", "gelu_backward", "silu",
    "silu_backward", "tanh", "tanh_backward", "_softmax", "_softmax_backward_data", "_log_softmax",
    "_log_softmax_backward_data", "index_select", "embedding_dense_backward", "upsample_nearest2d",
    "upsample_bicubic2d",
    // rows of batches, caches and codebooks
    "cat", "index_add_", "index_copy_", "gather", "scatter_.value", "scatter_.src", "nonzero", "masked_fill_.Scalar",
    // sampling
    "topk", "sort.stable", "cumsum", "argmax", "bitwise_xor.Tensor",
    // losses and the optimizer
    "nll_loss_forward", "nll_loss_backward", "mse_loss", "smooth_l1_loss", "special_entr", "segment_reduce",
    "_fused_adamw_", "_foreach_norm.Scalar", "_foreach_add_.Tensor", "_foreach_lerp_.Scalar"};

TEST(CudaWheel, HasTheKernels) {
  gpu_names();  // loads the CUDA library where it is installed
  if (!dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_NOLOAD))
    GTEST_SKIP() << "LibTorch was installed for the CPU (scripts/install.sh --cuda)";
  // Without its hooks LibTorch would say that there are no GPUs.
  EXPECT_TRUE(at::detail::getCUDAHooks().hasCUDART());
  for (const std::string name : kOperators) {
    const size_t dot = std::min(name.find('.'), name.size());
    const std::string overload = name.substr(std::min(dot + 1, name.size()));
    const auto found = c10::Dispatcher::singleton().findSchema({"aten::" + name.substr(0, dot), overload});
    ASSERT_TRUE(found) << name << " is no operator of LibTorch";
    EXPECT_TRUE(found->hasKernelForDispatchKey(c10::DispatchKey::CUDA)) << name;
  }
}

}  // namespace
}  // namespace fourm
