// The module fourm_nccl: the NCCL backend of LibTorch. It is built where the headers of NCCL and CUDA are, and opened by
// dist/device_backend.cpp.
#ifndef USE_C10D_NCCL
#define USE_C10D_NCCL
#endif
#include <torch/csrc/cuda/nccl.h>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

/// A backend that the caller owns; null when NCCL's header is of another version than that of LibTorch. `store` is shared
/// with the backend.
extern "C" c10d::Backend* fourm_nccl_backend(c10d::Store* store, int rank, int size) {
  constexpr uint64_t kHeader = (uint64_t{NCCL_MAJOR} << 32) | (uint64_t{NCCL_MINOR} << 16) | uint64_t{NCCL_PATCH};
  if (torch::cuda::nccl::version() != kHeader) return nullptr;
  const auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = std::chrono::hours(24);  // the heartbeats of the group find processes that have failed
  return c10::make_intrusive<c10d::ProcessGroupNCCL>(c10::intrusive_ptr<c10d::Store>::reclaim_copy(store), rank, size,
                                                     options)
      .release();
}
