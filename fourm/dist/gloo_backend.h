// The Gloo backend of LibTorch: collective operations of CPU tensors over TCP.
#pragma once

#include <torch/csrc/distributed/c10d/Backend.hpp>

#include <string>

namespace fourm {

/// `address` or `network_interface` choose the network; with neither, it is that of the host name. An operation that takes
/// longer than `timeout` fails.
c10::intrusive_ptr<c10d::Backend> gloo_backend(const c10::intrusive_ptr<c10d::Store>& store, int rank, int size,
                                               const std::string& address, const std::string& network_interface,
                                               std::chrono::milliseconds timeout);

}  // namespace fourm
