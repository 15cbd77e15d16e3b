#include "tests/support/fake_device.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/EmptyTensor.h>
#include <ATen/autocast_mode.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <ATen/native/Resize.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/as_strided_cpu_dispatch.h>
#include <ATen/ops/set_cpu_dispatch.h>
#include <ATen/ops/set_native.h>
#include <ATen/ops/unfold_native.h>
#include <ATen/ops/view_native.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <sys/mman.h>
#include <torch/library.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <set>
#include <unordered_map>

namespace fourm::test {
namespace {

std::mutex mutex;
DeviceCounts counts;  // under the mutex

void count(int64_t DeviceCounts::*which) {
  const std::lock_guard lock(mutex);
  ++(counts.*which);
}

// The same memory twice: at the addresses of tensors it has no access rights, at the others operators use it.
class Memory {
 public:
  static Memory& get() {
    static auto* const memory = new Memory;  // outlives all tensors
    return *memory;
  }

  void* allocate(size_t bytes) {
    const size_t size = (bytes + kAlignment - 1) / kAlignment * kAlignment;
    const std::lock_guard lock(mutex);
    std::vector<size_t>& blocks = free_[size];
    if (!blocks.empty()) {
      const size_t offset = blocks.back();
      blocks.pop_back();
      return forbidden_ + offset;
    }
    TORCH_CHECK(used_ + size <= kSize, "the memory of the fake device is full");
    sizes_[used_] = size;
    used_ += size;
    return forbidden_ + used_ - size;
  }
  void release(void* address) {
    const std::lock_guard lock(mutex);
    const size_t offset = static_cast<char*>(address) - forbidden_;
    free_[sizes_.at(offset)].push_back(offset);
  }
  void* usable(const void* address) const {
    return address ? usable_ + (static_cast<const char*>(address) - forbidden_) : nullptr;
  }

 private:
  static constexpr size_t kSize = size_t{8} << 30, kAlignment = 512;

  Memory() {
    const int file = memfd_create("fake device", 0);
    TORCH_CHECK(file >= 0 && ftruncate(file, kSize) == 0);
    const auto mapped = [&](int rights) {
      void* address = mmap(nullptr, kSize, rights, MAP_SHARED | MAP_NORESERVE, file, 0);
      TORCH_CHECK(address != MAP_FAILED);
      return static_cast<char*>(address);
    };
    forbidden_ = mapped(PROT_NONE);
    usable_ = mapped(PROT_READ | PROT_WRITE);
    close(file);
  }

  char *forbidden_, *usable_;
  size_t used_ = 0;
  std::map<size_t, std::vector<size_t>> free_;  // size -> offsets
  std::unordered_map<size_t, size_t> sizes_;    // offset -> size
};

struct Allocator : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) override {
    void* address = bytes ? Memory::get().allocate(bytes) : nullptr;
    return {address, address, raw_deleter(), fake_device()};
  }
  c10::DeleterFnPtr raw_deleter() const override {
    return [](void* address) {
      if (address) Memory::get().release(address);
    };
  }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    std::memcpy(Memory::get().usable(to), Memory::get().usable(from), bytes);
  }
};

// One device with one stream; everything is done at once.
struct Guard final : c10::impl::DeviceGuardImplInterface {
  c10::DeviceType type() const override { return c10::kPrivateUse1; }
  c10::Device exchangeDevice(c10::Device) const override { return fake_device(); }
  c10::Device getDevice() const override { return fake_device(); }
  void setDevice(c10::Device) const override {}
  void uncheckedSetDevice(c10::Device) const noexcept override {}
  c10::Stream getStream(c10::Device) const override { return stream(); }
  c10::Stream getDefaultStream(c10::Device) const override { return stream(); }
  c10::Stream exchangeStream(c10::Stream) const override { return stream(); }
  c10::DeviceIndex deviceCount() const noexcept override { return 1; }
  void record(void**, const c10::Stream&, c10::DeviceIndex, c10::EventFlag) const override {}
  void block(void*, const c10::Stream&) const override {}
  bool queryEvent(void*) const override { return true; }
  void synchronizeEvent(void*) const override {}
  bool queryStream(const c10::Stream&) const override { return true; }
  void synchronizeStream(const c10::Stream&) const override {}
  void synchronizeDevice(c10::DeviceIndex) const override {}

 private:
  static c10::Stream stream() { return c10::Stream(c10::Stream::DEFAULT, fake_device()); }
};

struct Hooks : at::PrivateUse1HooksInterface {
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  c10::DeviceIndex deviceCount() const override { return 1; }
  c10::DeviceIndex getCurrentDevice() const override { return 0; }
  const at::Generator& getDefaultGenerator(c10::DeviceIndex) const override {
    return at::detail::getDefaultCPUGenerator();
  }
};

bool is_here(const Tensor& tensor) { return tensor.defined() && tensor.is_privateuseone(); }

Tensor empty_strided(c10::IntArrayRef size, c10::IntArrayRef stride, std::optional<c10::ScalarType> type,
                     std::optional<c10::Layout>, std::optional<c10::Device>, std::optional<bool>) {
  return at::detail::empty_strided_generic(size, stride, c10::GetAllocator(c10::kPrivateUse1),
                                           c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                           c10::dtype_or_default(type));
}

Tensor empty(c10::IntArrayRef size, std::optional<c10::ScalarType> type, std::optional<c10::Layout>,
             std::optional<c10::Device>, std::optional<bool>, std::optional<c10::MemoryFormat> format) {
  return at::detail::empty_generic(size, c10::GetAllocator(c10::kPrivateUse1),
                                   c10::DispatchKeySet(c10::DispatchKey::PrivateUse1), c10::dtype_or_default(type),
                                   format);
}

Tensor copied_here(const Tensor& host) {
  if (!host.defined()) return host;
  const Tensor copy = empty_strided(host.sizes(), host.strides(), host.scalar_type(), {}, {}, {});
  on_host(copy).copy_(host);
  return copy;
}

Tensor copy_from(const Tensor& from, const Tensor& to, bool /*non_blocking*/) {
  if (!is_here(from)) count(&DeviceCounts::uploads);
  if (!is_here(to)) count(&DeviceCounts::downloads);
  on_host(to).copy_(on_host(from));
  return to;
}

Tensor copy_from_and_resize(const Tensor& from, const Tensor& to) {
  at::native::resize_(to, from.sizes());
  return copy_from(from, to, false);
}

at::Scalar read_scalar(const Tensor& tensor) {
  count(&DeviceCounts::scalar_reads);
  return on_host(tensor).item();
}

Tensor as_strided(const Tensor& x, c10::IntArrayRef size, c10::IntArrayRef stride, std::optional<int64_t> offset) {
  return at::cpu::as_strided(x, size, stride, offset);
}
Tensor view(const Tensor& x, c10::IntArrayRef size) { return at::native::view(x, size); }
Tensor reshape_alias(const Tensor& x, c10::IntArrayRef size, c10::IntArrayRef stride) {
  return at::native::_reshape_alias(x, size, stride);
}
Tensor unfold(const Tensor& x, int64_t dimension, int64_t size, int64_t step) {
  return at::native::unfold(x, dimension, size, step);
}
const Tensor& resize(const Tensor& x, c10::IntArrayRef size, std::optional<at::MemoryFormat> format) {
  return at::native::resize_(x, size, format);
}
Tensor& set_tensor(Tensor& x, const Tensor& source) { return at::native::set_tensor_(x, source); }
Tensor& set_storage(Tensor& x, at::Storage storage, int64_t offset, c10::IntArrayRef size, c10::IntArrayRef stride) {
  return at::cpu::set_(x, storage, offset, size, stride);
}

// One call of an operator of the CPU on tensors of the device.
class Call {
 public:
  Call(const c10::OperatorHandle& op, torch::jit::Stack& stack) : schema_(op.schema()), stack_(stack) {}

  void take_arguments() {
    const auto& arguments = schema_.arguments();
    const size_t first = stack_.size() - arguments.size();
    for (size_t i = 0; i < arguments.size(); ++i) {
      c10::IValue& value = stack_[first + i];
      const std::string& name = arguments[i].name();
      if (value.isTensor()) {
        value = arguments[i].is_out() ? output(value.toTensor(), name) : input(value.toTensor(), name);
      } else if (value.isTensorList()) {
        std::vector<Tensor> list;
        for (const Tensor& tensor : value.toTensorVector()) list.push_back(input(tensor, name));
        value = list;
      } else if (value.isOptionalTensorList()) {
        c10::List<std::optional<Tensor>> list;
        for (const auto& tensor : value.toOptionalTensorList().vec())
          list.push_back(tensor ? std::optional(input(*tensor, name)) : std::nullopt);
        value = list;
      } else if (value.isDevice()) {
        value = c10::Device(c10::kCPU);
      }
    }
  }

  void give_results() {
    for (size_t i = stack_.size() - schema_.returns().size(); i < stack_.size(); ++i) {
      c10::IValue& value = stack_[i];
      if (value.isTensor()) {
        value = result(value.toTensor());
      } else if (value.isTensorList()) {
        std::vector<Tensor> list;
        for (const Tensor& tensor : value.toTensorVector()) list.push_back(result(tensor));
        value = list;
      }
    }
  }

 private:
  // Indices of the CPU are an Error too: LibTorch would upload them.
  void check_device(const Tensor& tensor, const std::string& name) const {
    TORCH_CHECK(!tensor.defined() || is_here(tensor) || tensor.dim() == 0,
                "Expected all tensors to be on the same device, but '", name, "' of ", schema_.operator_name(),
                " is on ", tensor.device(), " and has the sizes ", tensor.sizes());
  }
  Tensor input(const Tensor& tensor, const std::string& name) {
    check_device(tensor, name);
    Tensor host = on_host(tensor);
    if (is_here(tensor)) own_.emplace(host.unsafeGetTensorImpl(), tensor);
    return host;
  }
  Tensor output(const Tensor& tensor, const std::string& name) {
    check_device(tensor, name);
    if (!is_here(tensor)) return tensor;
    const Tensor fresh = at::empty({0}, tensor.options().device(c10::kCPU));  // the operator gives it its size
    own_.emplace(fresh.unsafeGetTensorImpl(), tensor);
    outputs_.insert(fresh.unsafeGetTensorImpl());
    return fresh;
  }
  Tensor result(const Tensor& host) {
    if (!host.defined()) return host;
    const auto own = own_.find(host.unsafeGetTensorImpl());
    if (own == own_.end()) return copied_here(host);
    if (outputs_.contains(host.unsafeGetTensorImpl())) {
      at::native::resize_(own->second, host.sizes());
      on_host(own->second).copy_(host);
    }
    return own->second;
  }

  const c10::FunctionSchema& schema_;
  torch::jit::Stack& stack_;
  std::unordered_map<c10::TensorImpl*, Tensor> own_;  // of the CPU -> of the device
  std::set<c10::TensorImpl*> outputs_;
};

// Whether the host reads values of the device on a GPU: the size of the result depends on them, or they are checked.
bool waits(const c10::OperatorHandle& op, const torch::jit::Stack& stack) {
  static const std::set<std::string> always{"aten::nonzero", "aten::masked_select", "aten::_unique2", "aten::bincount",
                                            "aten::unique_consecutive"};
  const c10::FunctionSchema& schema = op.schema();
  if (schema.name() != "aten::segment_reduce") return always.contains(schema.name());
  const auto unsafe = static_cast<size_t>(schema.argumentIndexWithName("unsafe").value());
  return !stack[stack.size() - schema.arguments().size() + unsafe].toBool();
}

void compute_on_cpu(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const c10::OperatorName& name = op.operator_name();
  count_operator(name.overload_name.empty() ? name.name : name.name + "." + name.overload_name);
  if (waits(op, *stack)) count(&DeviceCounts::waits);
  Call call(op, *stack);
  call.take_arguments();
  op.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::CPU), stack);
  call.give_results();
}

// LibTorch asks other devices for these two instead of convolution.
Tensor convolution(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias, c10::IntArrayRef stride,
                   c10::IntArrayRef padding, c10::IntArrayRef dilation, bool transposed,
                   c10::IntArrayRef output_padding, int64_t groups) {
  TORCH_CHECK(is_here(x) && is_here(weight) && (!bias || !bias->defined() || is_here(*bias)),
              "Expected all tensors of a convolution to be on the same device");
  return copied_here(at::convolution(on_host(x), on_host(weight), bias ? std::optional(on_host(*bias)) : std::nullopt,
                                     stride, padding, dilation, transposed, output_padding, groups));
}
std::tuple<Tensor, Tensor, Tensor> convolution_backward(const Tensor& gradient, const Tensor& x, const Tensor& weight,
                                                        c10::IntArrayRef stride, c10::IntArrayRef padding,
                                                        c10::IntArrayRef dilation, bool transposed,
                                                        c10::IntArrayRef output_padding, int64_t groups,
                                                        std::array<bool, 3> wanted) {
  const auto [of_x, of_weight, of_bias] = at::convolution_backward(
      on_host(gradient), on_host(x), on_host(weight), at::IntArrayRef{weight.size(transposed ? 1 : 0)}, stride, padding,
      dilation, transposed, output_padding, groups, wanted);
  return {copied_here(of_x), copied_here(of_weight), copied_here(of_bias)};
}

Allocator allocator;
Guard guard;
Hooks hooks;

TORCH_LIBRARY_IMPL(_, PrivateUse1, m) { m.fallback(torch::CppFunction::makeFromBoxedFunction<&compute_on_cpu>()); }

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  m.impl("empty.memory_format", empty);
  m.impl("empty_strided", empty_strided);
  m.impl("_copy_from", copy_from);
  m.impl("_copy_from_and_resize", copy_from_and_resize);
  m.impl("_local_scalar_dense", read_scalar);
  m.impl("as_strided", as_strided);
  m.impl("view", view);
  m.impl("_reshape_alias", reshape_alias);
  m.impl("unfold", unfold);
  m.impl("resize_", resize);
  m.impl("set_.source_Tensor", set_tensor);
  m.impl("set_.source_Storage_storage_offset", set_storage);
  m.impl("convolution_overrideable", convolution);
  m.impl("convolution_backward_overrideable", convolution_backward);
  // Otherwise LibTorch would put these together from other operators, which round differently.
  for (const char* name : {"native_layer_norm", "native_group_norm", "native_group_norm_backward"})
    m.impl(name, torch::CppFunction::makeFromBoxedFunction<&compute_on_cpu>());
}

TORCH_LIBRARY_IMPL(_, AutocastPrivateUse1, m) { m.fallback(torch::CppFunction::makeFallthrough()); }

// LibTorch's lists for CUDA. They name types of its namespace.
using at::IntArrayRef, at::Scalar, at::ScalarType;
#define FOURM_NARROWED(...) KERNEL_PRIVATEUSEONE(__VA_ARGS__, lower_precision_fp)
#define FOURM_WIDENED(...) KERNEL_PRIVATEUSEONE(__VA_ARGS__, fp32)
#define FOURM_WIDENED_UNLESS_TYPED(...) KERNEL_PRIVATEUSEONE(__VA_ARGS__, fp32_set_opt_dtype)
#define FOURM_WIDEST_OF_INPUTS(...) KERNEL_PRIVATEUSEONE(__VA_ARGS__, promote)
TORCH_LIBRARY_IMPL(aten, AutocastPrivateUse1, m) {
  AT_FORALL_LOWER_PRECISION_FP(FOURM_NARROWED)
  AT_FORALL_FP32(FOURM_WIDENED)
  AT_FORALL_FP32_SET_OPT_DTYPE(FOURM_WIDENED_UNLESS_TYPED)
  AT_FORALL_DIFFERENT_REDISPATCH_SIGNATURE(KERNEL_DIFFERENT_REDISPATCH_SIGNATURE_PRIVATEUSEONE)
  AT_FORALL_PROMOTE(FOURM_WIDEST_OF_INPUTS)
}

// While the program is loaded: autograd counts the devices at its first backward pass.
const bool registered = [] {
  c10::register_privateuse1_backend("fake");
  c10::SetAllocator(c10::kPrivateUse1, &allocator);
  const c10::impl::DeviceGuardImplRegistrar registrar(c10::kPrivateUse1, &guard);
  at::RegisterPrivateUse1HooksInterface(&hooks);
  return true;
}();

}  // namespace

at::Device fake_device() { return {c10::kPrivateUse1, 0}; }

DeviceCounts take_counts() {
  const std::lock_guard lock(mutex);
  return std::exchange(counts, {});
}

void count_operator(const std::string& name) {
  const std::lock_guard lock(mutex);
  ++counts.operators[name];
}

Tensor on_host(const Tensor& tensor) {
  if (!is_here(tensor)) return tensor;
  return at::from_blob(Memory::get().usable(tensor.data_ptr()), tensor.sizes(), tensor.strides(),
                       tensor.options().device(c10::kCPU));
}

}  // namespace fourm::test
