#include "fourm/bench/random_weights.h"
#include "fourm/core/log.h"
#include "fourm/tokenizer/diffusion_decoder.h"
#include "fourm/tokenizer/vqvae.h"

namespace fourm {
namespace {

constexpr int64_t kSide = 224, kPatch = 16;

Tensor random_tokens(int64_t codes) {
  Random random(7);
  Tensor tokens = at::empty({1, kSide / kPatch, kSide / kPatch}, at::kLong);
  for (int64_t i = 0; i < tokens.numel(); ++i) tokens.data_ptr<int64_t>()[i] = random.below(codes);
  return tokens;
}

using Opened = std::shared_ptr<const Tokenizer>;

std::function<void()> encode(const Opened& tokenizer, int64_t images) {
  const Tensor x = normal_tensor(Random(7), {images, 3, kSide, kSide}).clamp(-1, 1);
  return [=] { tokenizer->encode(x); };
}

std::function<void()> decode(const Opened& tokenizer, const DecodeOptions& options) {
  const Tensor tokens = random_tokens(tokenizer->config().codebook_size);
  return [=] { tokenizer->decode_tokens(tokens, options); };
}

std::function<void()> denoise(const Opened& tokenizer, int64_t) {
  const Tensor tokens = random_tokens(tokenizer->config().codebook_size);
  const Tensor noisy = normal_tensor(Random(7), {1, 3, kSide, kSide}).to(tokenizer->device());
  return [=] {
    const InferenceGuard inference;
    const auto& decoder = dynamic_cast<const DiffusionDecoder&>(*tokenizer->decoder());
    decoder.output(noisy, at::full({1}, 500, at::kLong), tokenizer->quantised(tokens).image());
  };
}

const std::map<std::string, std::function<void()> (*)(const Opened&, int64_t samples)> kTokenizerTasks{
    {"tok_encode", encode},
    {"tok_decode", [](const Opened& tokenizer, int64_t) { return decode(tokenizer, {.solver = "ddim", .steps = 25}); }},
    {"tok_decode8", [](const Opened& tokenizer, int64_t) { return decode(tokenizer, {}); }},
    {"tok_step", denoise}};

std::vector<Workload> tokenizer_workloads(const BenchSetting& setting, const std::vector<std::string>& names) {
  const fs::path folder = random_tokenizer(setting);
  if (names.empty()) return {};
  const Stopwatch watch;
  const auto tokenizer = std::make_shared<const Tokenizer>(Tokenizer::open(folder, setting.compute));
  const double ready = watch.seconds();
  const TokenizerPreset vit = tokenizer->config().preset(tokenizer->config().enc_type);
  std::vector<Workload> workloads;
  for (const auto& name : names)
    workloads.push_back({name, name == "tok_encode" ? setting.samples : 1, ready, vit.dim_tokens, 4 * vit.dim_tokens, 1,
                         [task = kTokenizerTasks.at(name)(tokenizer, setting.samples)](const auto&) { task(); }});
  return workloads;
}

}  // namespace

Family tokenizer_family() { return {names_of(kTokenizerTasks), tokenizer_workloads}; }

}  // namespace fourm
