#include "fourm/dist/device_backend.h"

#include <dlfcn.h>

#include "fourm/core/error.h"
#include "fourm/core/log.h"

namespace fourm {
namespace {

constexpr const char* kModule = "libfourm_nccl.so";

using MakeNccl = c10d::Backend*(c10d::Store*, int, int);

class NcclFactory : public DeviceBackendFactory {
 public:
  explicit NcclFactory(MakeNccl* function) : make_(function) {}
  c10::intrusive_ptr<c10d::Backend> make(const c10::intrusive_ptr<c10d::Store>& store, int rank,
                                         int size) const override {
    c10d::Backend* const backend = make_(store.get(), rank, size);
    check(backend, kModule, " was built with the header of another NCCL than that of LibTorch: build it again");
    return c10::intrusive_ptr<c10d::Backend>::reclaim(backend);
  }

 private:
  MakeNccl* make_;
};

}  // namespace

std::shared_ptr<const DeviceBackendFactory> nccl_backend_factory() {
  static const std::shared_ptr<const DeviceBackendFactory> factory =
      []() -> std::shared_ptr<const DeviceBackendFactory> {
    void* const module = dlopen(kModule, RTLD_NOW | RTLD_LOCAL);
    auto* const make = module ? reinterpret_cast<MakeNccl*>(dlsym(module, "fourm_nccl_backend")) : nullptr;
    if (make) return std::make_shared<NcclFactory>(make);
    const char* const reason = dlerror();
    const std::string text = reason ? reason : "unknown reason";
    if (!text.starts_with(concat(kModule, ": cannot open shared object file"))) warn("NCCL is not used: ", text);
    return nullptr;
  }();
  return factory;
}

}  // namespace fourm
