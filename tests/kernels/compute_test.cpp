// The names of devices, engines and precisions.
#include "fourm/kernels/compute.h"

#include <gtest/gtest.h>

#include "fourm/core/error.h"
#include "fourm/kernels/compute_config.h"
#include "fourm/kernels/device.h"
#include "fourm/kernels/kernels.h"
#include "tests/support/message_of.h"

namespace fourm {
namespace {

bool has(const std::string& message, const std::string& part) { return message.find(part) != std::string::npos; }

TEST(Device, TheCpuIsAlwaysThere) {
  EXPECT_EQ(parse_device("cpu"), at::Device(at::kCPU));
  EXPECT_EQ(device_name(at::kCPU), "cpu");
  EXPECT_NO_THROW(synchronize(at::kCPU));
  EXPECT_EQ(peak_memory(at::kCPU), 0);
}

TEST(Device, UnknownNamesAreRefusedWithTheKnownOnes) {
  for (const char* name : {"gpu", "CUDA", "cpu:0", "cuda:", "cuda:x", "cuda:-1", "cuda:+1", "cuda:1x", "cuda 1", ""}) {
    const std::string message = test::message_of([&] { parse_device(name); });
    EXPECT_TRUE(has(message, "unknown device")) << message;
    EXPECT_TRUE(has(message, name)) << message;
    EXPECT_TRUE(has(message, "known: cpu, cuda, cuda:N, auto")) << message;
  }
}

TEST(Device, CudaWithoutAGpuIsRefused) {
  if (!gpu_names().empty()) GTEST_SKIP() << "there is a GPU";
  for (const char* name : {"cuda", "cuda:0", "cuda:3"}) {
    const std::string message = test::message_of([&] { parse_device(name); });
    EXPECT_TRUE(message.starts_with(concat("device ", name, ": "))) << message;
    // A LibTorch with CUDA lacks only the driver.
    EXPECT_TRUE(has(message, "scripts/install.sh --cuda") || has(message, "NVIDIA driver")) << message;
  }
}

TEST(Device, NamesOfGpusAreParsed) {
  const std::vector<std::string> names = gpu_names();
  for (const auto& name : names) EXPECT_EQ(device_name(parse_device(name)), name);
  EXPECT_EQ(device_name(parse_device("auto")), names.empty() ? "cpu" : "cuda:0");
  EXPECT_NE(test::message_of([&] { parse_device(concat("cuda:", names.size())); }), "no error");
  EXPECT_EQ(device_name(at::Device(at::kCUDA, 1)), "cuda:1");
  EXPECT_EQ(device_name(at::kCUDA), "cuda:0") << "the current one";
}

TEST(Device, SeveralAreNamedOnceEach) {
  const std::vector<std::string> names = gpu_names();
  EXPECT_EQ(parse_devices("cpu"), std::vector<at::Device>{at::kCPU});
  EXPECT_TRUE(has(test::message_of([] { parse_devices("cpu,cpu"); }), "several devices must be GPUs"));
  EXPECT_TRUE(has(test::message_of([] { parse_devices("gpu,cpu"); }), "unknown device"));
  if (names.empty())
    EXPECT_EQ(test::message_of([] { parse_devices("cuda:all"); }), test::message_of([] { parse_device("cuda"); }));
  else
    EXPECT_EQ(parse_devices("cuda:all").size(), names.size());
}

TEST(Precision, MustBeOneOfTheDevice) {
  const at::Device cpu(at::kCPU), gpu(at::kCUDA, 0);
  for (const Precision precision : {Precision::kF32, Precision::kBf16}) {
    EXPECT_NO_THROW(check_precision(precision, cpu));
    EXPECT_NO_THROW(check_precision(precision, gpu));
  }
  EXPECT_NO_THROW(check_precision(Precision::kInt8, cpu));
  EXPECT_NO_THROW(check_precision(Precision::kF16, gpu));
  const std::string int8 = test::message_of([&] { check_precision(Precision::kInt8, gpu); }),
                    f16 = test::message_of([&] { check_precision(Precision::kF16, cpu); });
  EXPECT_TRUE(has(int8, "int8 is for the CPU; on cuda:0 use")) << int8;
  EXPECT_TRUE(has(f16, "f16 is for GPUs; on the CPU use")) << f16;
  EXPECT_THROW(make_kernels(Compute::for_inference(Precision::kF16)), Error);
}

TEST(ComputeConfig, IsFloat32OnTheCpuByDefault) {
  const Compute compute = compute_of({});
  EXPECT_EQ(compute.device, at::Device(at::kCPU));
  EXPECT_EQ(compute.precision, Precision::kF32);
  EXPECT_TRUE(compute.inference);
  EXPECT_FALSE(compute.reference);
}

TEST(ComputeConfig, ChoosesThePrecisionAndTheEngine) {
  EXPECT_EQ(compute_of({"fast", "int8"}).precision, Precision::kInt8);
  EXPECT_EQ(compute_of({"fast", "bf16"}).precision, Precision::kBf16);
  EXPECT_EQ(compute_of({"fast", "auto"}).precision, bf16_is_fast() ? Precision::kBf16 : Precision::kF32);
  for (const char* precision : {"f32", "auto"}) {
    const Compute reference = compute_of({"reference", precision});
    EXPECT_TRUE(reference.reference);
    EXPECT_TRUE(reference.inference);
    EXPECT_EQ(reference.precision, Precision::kF32);
  }
  EXPECT_EQ(device_name(compute_of({.device = "auto"}).device), gpu_names().empty() ? "cpu" : "cuda:0");
}

TEST(ComputeConfig, DescribesWhatIsMeant) {
  EXPECT_EQ(describe({}), "cpu in f32");
  EXPECT_EQ(describe({"fast", "int8"}), "cpu in int8");
  EXPECT_EQ(describe({"fast", "auto", "cpu"}), bf16_is_fast() ? "cpu in bf16" : "cpu in f32");
}

TEST(ComputeConfig, UnknownNamesAreRefused) {
  const auto refusal = [](const ComputeConfig& config) { return test::message_of([&] { compute_of(config); }); };
  EXPECT_TRUE(has(refusal({"quick", "f32"}), "quick"));
  EXPECT_TRUE(has(refusal({"fast", "f8"}), "f8"));
  EXPECT_TRUE(has(refusal({"fast", "f32", "cuda:x"}), "unknown device"));
  EXPECT_TRUE(has(refusal({"fast", "f16"}), "f16 is for GPUs"));
  for (const char* precision : {"bf16", "int8", "f16"})
    EXPECT_TRUE(has(refusal({"reference", precision}), "the reference engine computes in f32 only")) << precision;
}

}  // namespace
}  // namespace fourm
