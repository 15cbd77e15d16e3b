#ifndef USE_C10D_GLOO
#define USE_C10D_GLOO
#endif
#include "fourm/dist/gloo_backend.h"

#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

namespace fourm {

c10::intrusive_ptr<c10d::Backend> gloo_backend(const c10::intrusive_ptr<c10d::Store>& store, int rank, int size,
                                               const std::string& address, const std::string& network_interface,
                                               std::chrono::milliseconds timeout) {
  using Gloo = c10d::ProcessGroupGloo;
  const auto options = Gloo::Options::create(timeout);
  options->devices.push_back(!address.empty()             ? Gloo::createDeviceForHostname(address)
                             : !network_interface.empty() ? Gloo::createDeviceForInterface(network_interface)
                                                          : Gloo::createDefaultDevice());
  return c10::make_intrusive<Gloo>(store, rank, size, options);
}

}  // namespace fourm
