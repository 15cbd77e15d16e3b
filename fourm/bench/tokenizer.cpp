#include "fourm/bench/random_weights.h"
#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/tokenizer/diffusion_decoder.h"
#include "fourm/tokenizer/vqvae.h"

namespace fourm {
namespace {

constexpr int64_t kSide = 224, kPatch = 16, kPictures = 8;

Tensor random_tokens(int64_t codes) {
  Random random(7);
  Tensor tokens = at::empty({1, kSide / kPatch, kSide / kPatch}, at::kLong);
  for (int64_t i = 0; i < tokens.numel(); ++i) tokens.data_ptr<int64_t>()[i] = random.below(codes);
  return tokens;
}

std::function<void()> task_named(const std::string& name, const std::shared_ptr<const Tokenizer>& tokenizer) {
  if (name == "tok_encode") {
    const Tensor x = normal_tensor(Random(7), {kPictures, 3, kSide, kSide}).clamp(-1, 1);
    return [=] { tokenizer->encode(x); };
  }
  const Tensor tokens = random_tokens(tokenizer->config().codebook_size);
  DecodeOptions options;
  if (name == "tok_decode8") return [=] { tokenizer->decode_tokens(tokens, options); };
  options.solver = "ddim";
  options.steps = 25;
  if (name == "tok_decode") return [=] { tokenizer->decode_tokens(tokens, options); };
  check(name == "tok_step", "[task_named] unknown workload ", printable(name));
  const Tensor noisy = normal_tensor(Random(7), {1, 3, kSide, kSide});
  return [=] {
    const NoGradGuard no_grad;
    const auto& decoder = dynamic_cast<const DiffusionDecoder&>(*tokenizer->decoder());
    decoder.output(noisy, at::full({1}, 500, at::kLong), tokenizer->quantised(tokens).image());
  };
}

}  // namespace

std::vector<Workload> tokenizer_workloads(const BenchSetting& setting, const std::vector<std::string>& names) {
  const fs::path folder = random_tokenizer(setting);
  if (names.empty()) return {};
  const Stopwatch watch;
  const auto tokenizer = std::make_shared<const Tokenizer>(Tokenizer::open(folder, setting.packing));
  const double ready = watch.seconds();
  const TokenizerPreset vit = tokenizer->config().preset(tokenizer->config().enc_type);
  std::vector<Workload> workloads;
  for (const auto& name : names)
    workloads.push_back({name, ready, vit.dim_tokens, 4 * vit.dim_tokens, 1, task_named(name, tokenizer)});
  return workloads;
}

}  // namespace fourm
