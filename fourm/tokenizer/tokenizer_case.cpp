#include "fourm/tokenizer/tokenizer_case.h"

#include "fourm/core/error.h"
#include "fourm/tokenizer/losses.h"
#include "fourm/tokenizer/vqvae.h"

namespace fourm {
namespace {

void add_gradients(NamedTensors& out, const std::string& prefix, const Parameters& parameters) {
  Tensor squares = at::zeros({}, at::kDouble);
  for (const auto& entry : parameters.entries()) {
    if (!entry.trained) continue;
    const Tensor& grad = entry.value.grad();
    out.emplace_back(prefix + "grad." + entry.name, grad.defined() ? grad : at::zeros_like(entry.value));
    if (grad.defined()) squares += grad.to(at::kDouble).square().sum();
  }
  out.emplace_back(prefix + "grad_global_norm", squares.sqrt().to(at::kFloat));
}

NamedTensors run_vqvae(const fs::path& folder, const Json& json, const std::string& origin) {
  Tokenizer tokenizer = Tokenizer::open(folder);
  const auto inputs = SafetensorsFile::open(folder / "inputs.safetensors");
  const Tensor x = read_tensor(inputs, "x");
  const auto loss_name = json_get<std::string>(json, "loss_fn", origin);
  NamedTensors out;
  {
    const NoGradGuard no_grad;
    const FeatureMap features = tokenizer.features(x);
    const FeatureMap z = tokenizer.latents(features);
    const Quantized q = tokenizer.quantizer().encode(z.rows);
    const Tensor dec = tokenizer.decode({q.rows, z.grid});
    const FeatureMap from_tokens = tokenizer.quantised(read_tensor(inputs, "tokens_in"));
    out = {{"encoder_out", features.image()},
           {"latent", z.image()},
           {"tokens", tokenizer.shape_tokens(q.codes, z.grid)},
           {"quant", FeatureMap{q.rows, z.grid}.image()},
           {"dec", dec},
           {"quant_from_tokens", from_tokens.image()},
           {"dec_from_tokens", tokenizer.decode(from_tokens)},
           {"eval_reconst_loss", reconstruction_loss(loss_name, dec, x)}};
  }
  if (!json.contains("train") || json["train"].is_null()) return out;
  tokenizer.parameters().make_trainable();
  SeededDraws draws(0, 0);
  const auto step = tokenizer.train_forward(x, draws);
  const Tensor reconst = reconstruction_loss(loss_name, step.output, x);
  const Tensor loss = reconst + json_get<double>(json, "codebook_weight", origin) * step.code_loss;
  loss.sum().backward();
  out.emplace_back("train.reconst_loss", reconst);
  out.emplace_back("train.code_loss", step.code_loss);
  out.emplace_back("train.loss", loss);
  add_gradients(out, "train.", tokenizer.parameters());
  for (const char* name : {"embed", "cluster_size", "embed_avg"})
    if (const Tensor after = tokenizer.parameters().find(std::string("quantize._codebook.") + name); after.defined())
      out.emplace_back(std::string("train.after.") + name, after);
  return out;
}

// The draws that were recorded with the case.
class RecordedDraws : public QuantizerDraws {
 public:
  RecordedDraws(const SafetensorsFile& file, std::string prefix) : file_(file), prefix_(std::move(prefix)) {}
  Tensor rows(int64_t vectors, int64_t wanted) override {
    const std::string name = prefix_ + "rand" + std::to_string(used_++);
    if (file_.find(name + ".randint")) return read_tensor(file_, name + ".randint").slice(0, 0, wanted);
    const Tensor order = read_tensor(file_, name + ".perm");
    check(order.size(0) == vectors && wanted <= vectors, file_.path().string(), ": ", name, ".perm has ", order.size(0),
          " entries, expected ", vectors);
    return order.slice(0, 0, wanted);
  }
  Tensor uniform(at::IntArrayRef) override { fail(file_.path().string(), ": no uniform draws are recorded"); }

 private:
  const SafetensorsFile& file_;
  std::string prefix_;
  int used_ = 0;
};

// The stored state of one variant: quantize._codebook.NAME is PREFIXbefore.NAME, quantize.NAME is PREFIXparam.NAME.
class VariantSource : public ParameterSource {
 public:
  VariantSource(const SafetensorsFile& file, std::string prefix) : file_(file), prefix_(std::move(prefix)) {}
  Tensor get(const std::string& name, at::IntArrayRef shape, const Init&) override {
    const Tensor value = read_tensor(file_, stored_name(name)).clone();
    check(value.sizes() == shape, file_.path().string(), ": ", stored_name(name), " has shape ", value.sizes(),
          ", expected ", shape);
    return value;
  }
  bool has(const std::string& name) const override { return file_.find(stored_name(name)) != nullptr; }

 private:
  std::string stored_name(const std::string& name) const {
    const std::string inner = "_codebook.";
    return name.starts_with(inner) ? prefix_ + "before." + name.substr(inner.size()) : prefix_ + "param." + name;
  }
  const SafetensorsFile& file_;
  std::string prefix_;
};

NamedTensors run_quantizer(const fs::path& folder, const Json& json, const std::string& origin) {
  const auto inputs = SafetensorsFile::open(folder / "inputs.safetensors");
  NamedTensors out;
  const auto variants = json_get<std::vector<Json>>(json, "variants", origin);
  for (size_t i = 0; i < variants.size(); ++i) {
    const Json& v = variants[i];
    TokenizerConfig c;
    c.latent_dim = json_get<int64_t>(v, "dim", origin);
    c.codebook_size = json_get<int64_t>(v, "K", origin);
    c.ema_decay = json_get<double>(v, "decay", origin);
    c.norm_codes = json_get<bool>(v, "cos", origin);
    c.threshold_ema_dead_code = json_get<double>(v, "thr", origin);
    c.code_replacement_policy = v.value("policy", c.code_replacement_policy);
    c.commitment_weight = v.value("cw", 1.0);
    c.norm_latents = v.value("nl", false);
    c.num_codebooks = v.value("heads", 1);
    c.kmeans_init = v.value("kmeans", false);
    c.validate(origin);
    const std::string variant = "v" + std::to_string(i) + ".";
    VariantSource source(inputs, variant);
    Parameters parameters(source);
    LucidQuantizer quantizer{Scope(parameters), c};
    quantizer.codebook().follow_original();
    for (int s = 0; inputs.find(variant + "step" + std::to_string(s) + ".x"); ++s) {
      const std::string prefix = variant + "step" + std::to_string(s) + ".";
      const Tensor x = read_tensor(inputs, prefix + "x").clone().requires_grad_();
      check(x.dim() == 4 && x.size(1) == c.latent_dim, origin, ": ", prefix, "x has shape ", x.sizes());
      RecordedDraws draws(inputs, prefix);
      const FeatureMap z = FeatureMap::of(x);
      const Quantized q = quantizer.train(z.rows, draws);
      const Tensor quant = FeatureMap{q.rows, z.grid}.image();
      (quant.flatten() * at::linspace(-1, 1, quant.numel())).sum().add(q.loss.sum()).backward();
      Tensor codes = q.codes.view({z.grid.batch, z.grid.h, z.grid.w, -1}).permute({0, 3, 1, 2});
      out.emplace_back(prefix + "quant", quant);
      out.emplace_back(prefix + "loss", q.loss);
      out.emplace_back(prefix + "indices", c.num_codebooks == 1 ? codes.squeeze(1) : codes);
      out.emplace_back(prefix + "grad_x", x.grad());
      for (const auto& entry : parameters.entries())
        if (!entry.trained)
          out.emplace_back(prefix + "after." + entry.name.substr(entry.name.rfind('.') + 1), entry.value.clone());
    }
  }
  return out;
}

}  // namespace

bool is_tokenizer_case(const std::string& kind) { return kind == "vqvae" || kind == "quantizer"; }

NamedTensors run_tokenizer_case(const fs::path& folder) {
  const std::string origin = (folder / "case.json").string();
  const Json json = read_json(folder / "case.json");
  const auto kind = json_get<std::string>(json, "kind", origin);
  if (kind == "vqvae") return run_vqvae(folder, json, origin);
  if (kind == "quantizer") return run_quantizer(folder, json, origin);
  fail(origin, ": the kind '", kind, "' is not a tokenizer case");
}

}  // namespace fourm
