#include "fourm/parity/cases.h"

#include "fourm/core/error.h"
#include "fourm/tokenizer/diffusion_decoder.h"
#include "fourm/tokenizer/losses.h"
#include "fourm/tokenizer/vqvae.h"

namespace fourm {
namespace {

void add_gradients(NamedTensors& out, const std::string& prefix, const Parameters& parameters) {
  Tensor squares = at::zeros({}, at::kDouble);
  for (const auto& entry : parameters.entries()) {
    if (!entry.is_parameter) continue;
    const Tensor& grad = entry.value.grad();
    out.emplace_back(prefix + "grad." + entry.name, grad.defined() ? grad : at::zeros_like(entry.value));
    if (grad.defined()) squares += grad.to(at::kDouble).square().sum();
  }
  out.emplace_back(prefix + "grad_global_norm", squares.sqrt().to(at::kFloat));
}

// The stages up to the quantised vectors.
Tensor add_encoding(NamedTensors& out, const Tokenizer& tokenizer, Quantizer& quantizer, const Tensor& x) {
  const FeatureMap features = tokenizer.features(x);
  const FeatureMap z = tokenizer.latents(features);
  const Quantized q = quantizer.encode(z.rows);
  const Tensor quant = FeatureMap{q.rows, z.grid}.image();
  out.emplace_back("encoder_out", features.image());
  out.emplace_back("latent", z.image());
  out.emplace_back("tokens", tokenizer.shape_tokens(q.codes, z.grid));
  out.emplace_back("quant", quant);
  return quant;
}

// One forward and backward pass in training.
void add_training(NamedTensors& out, const fs::path& folder, const Tensor& x, TrainingDraws& draws, const Json& json,
                  const std::string& origin) {
  Tokenizer tokenizer = Tokenizer::open(folder);
  tokenizer.parameters().make_trainable();
  const auto step = tokenizer.train_forward(x, draws);
  tokenizer.quantizer().update(draws);
  const Tensor reconst = reconstruction_loss(json_get<std::string>(json, "loss_fn", origin), step.output, step.target);
  const Tensor loss = reconst + json_get<double>(json, "codebook_weight", origin) * step.code_loss;
  loss.sum().backward();
  out.emplace_back("train.reconst_loss", reconst);
  out.emplace_back("train.code_loss", step.code_loss);
  out.emplace_back("train.loss", loss);
  add_gradients(out, "train.", tokenizer.parameters());
  for (const char* name : {"embed", "cluster_size", "embed_avg"})
    if (const Tensor after = tokenizer.parameters().find(std::string("quantize._codebook.") + name); after.defined())
      out.emplace_back(std::string("train.after.") + name, after);
}

NamedTensors run_vqvae(const fs::path& folder, const Json& json, const std::string& origin, const Compute& compute) {
  Tokenizer tokenizer = Tokenizer::open(folder, compute);
  const auto inputs = SafetensorsFile::open(folder / "inputs.safetensors");
  const Tensor x = read_tensor(inputs, "x");
  NamedTensors out;
  {
    const InferenceGuard inference;
    const Tensor dec = tokenizer.decode(FeatureMap::of(add_encoding(out, tokenizer, tokenizer.quantizer(), x)));
    const FeatureMap from_tokens = tokenizer.quantised(read_tensor(inputs, "tokens_in"));
    out.emplace_back("dec", dec);
    out.emplace_back("quant_from_tokens", from_tokens.image());
    out.emplace_back("dec_from_tokens", tokenizer.decode(from_tokens));
    out.emplace_back("eval_reconst_loss", reconstruction_loss(json_get<std::string>(json, "loss_fn", origin), dec, x));
  }
  if (!json.contains("train") || json["train"].is_null()) return out;
  SeededDraws draws(0, 0);
  add_training(out, folder, x, draws, json, origin);
  return out;
}

// Time steps and noise that were recorded with the case.
class RecordedDiffusion : public SeededDraws {
 public:
  RecordedDiffusion(Tensor t, Tensor noise) : SeededDraws(0, 0), t_(std::move(t)), noise_(std::move(noise)) {}
  Tensor below(int64_t, int64_t) override { return t_; }
  Tensor normal(at::IntArrayRef) override { return noise_; }

 private:
  Tensor t_, noise_;
};

NamedTensors run_divae(const fs::path& folder, const Json& json, const std::string& origin, const Compute& compute) {
  Tokenizer tokenizer = Tokenizer::open(folder, compute);
  const auto* decoder = dynamic_cast<const DiffusionDecoder*>(tokenizer.decoder());
  check(decoder, origin, ": kind is divae, but the tokenizer has no diffusion decoder");
  const auto inputs = SafetensorsFile::open(folder / "inputs.safetensors");
  const Tensor x = read_tensor(inputs, "x"), noise = read_tensor(inputs, "noise"), t = read_tensor(inputs, "t");
  NamedTensors out;
  {
    const InferenceGuard inference;
    const Tensor quant = add_encoding(out, tokenizer, tokenizer.quantizer(), x);
    const Tensor from_tokens = tokenizer.quantised(read_tensor(inputs, "tokens_in")).image();
    const NoiseSchedule& schedule = decoder->schedule();
    const Tensor noisy = schedule.add_noise(x, noise, t), denoised = decoder->output(noisy, t, quant);
    const Tensor dropped = read_tensor(inputs, "cond_mask").to(at::kBool);
    out.emplace_back("quant_from_tokens", from_tokens);
    out.emplace_back("noisy", noisy);
    out.emplace_back("denoise", denoised);
    out.emplace_back("denoise_masked", decoder->output(noisy, t, quant, dropped));
    out.emplace_back("denoise_scalar_t", decoder->output(noisy, at::full({1}, 437, at::kLong), quant));
    out.emplace_back("time_embed", decoder->unet().time_embedding(t));
    out.emplace_back("velocity_target", schedule.velocity(x, noise, t));
    out.emplace_back("noise_from_v", schedule.noise_of_velocity(noisy, denoised, t));
    for (const Json& run : json_get<std::vector<Json>>(json, "samples", origin)) {
      const auto name = json_get<std::string>(run, "name", origin);
      DecodeOptions options;
      options.solver = json_get<std::string>(run, "scheduler", origin);
      options.steps = json_get<int64_t>(run, "steps", origin);
      if (options.solver == "ddim") options.spacing = json_get<std::string>(run, "mode", origin);
      check_fields(options, "the decoder's options");
      const bool given = json_get<std::string>(run, "cond", origin) == "tokens_in";
      const auto fresh = [&](int64_t step) { return read_tensor(inputs, name + ".step_noise")[step]; };
      out.emplace_back(name + ".timesteps", at::tensor(time_steps(schedule, options), at::kLong));
      out.emplace_back(name + ".image", decoder->sample(given ? from_tokens : quant, options,
                                                        read_tensor(inputs, name + ".init"), fresh));
    }
  }
  RecordedDiffusion draws(t, noise);
  add_training(out, folder, x, draws, json, origin);
  return out;
}

// Tables, time steps and single steps of schedulers.
NamedTensors run_schedulers(const fs::path& folder, const Json& json, const std::string& origin, const Compute&) {
  const auto inputs = SafetensorsFile::open(folder / "inputs.safetensors");
  const Tensor noisy = read_tensor(inputs, "sample"), output = read_tensor(inputs, "model_output");
  const Tensor noise = read_tensor(inputs, "noise"), x0 = read_tensor(inputs, "x0");
  NamedTensors out;
  const auto sets = json_get<std::vector<Json>>(json, "sets", origin);
  for (size_t i = 0; i < sets.size(); ++i) {
    const Json& set = sets[i];
    const std::string prefix = concat("s", i, ".");
    const auto total = json_get<int64_t>(set, "num_train_timesteps", origin);
    const NoiseSchedule schedule(json_get<std::string>(set, "beta_schedule", origin), total,
                                 json_get<bool>(set, "zero_terminal_snr", origin));
    const Prediction prediction = parse_prediction(json_get<std::string>(set, "prediction_type", origin));
    Clipping clipping;
    if (json_get<bool>(set, "thresholding", origin))
      clipping.kind = Clipping::kThreshold;
    else if (json_get<bool>(set, "clip_sample", origin))
      clipping.kind = Clipping::kClamp;
    const Json extra = set.value("extra", Json::object());
    clipping.limit = extra.value("sample_max_value", clipping.limit);
    clipping.quantile = extra.value("dynamic_thresholding_ratio", clipping.quantile);

    const Tensor t = read_tensor(inputs, prefix + "t");
    out.emplace_back(prefix + "alphas_cumprod", schedule.alpha_bar());
    out.emplace_back(prefix + "add_noise", schedule.add_noise(x0, noise, t));
    out.emplace_back(prefix + "velocity", schedule.velocity(x0, noise, t));
    out.emplace_back(prefix + "noise_from_v", schedule.noise_of_velocity(noisy, output, t));
    const auto add_steps = [&](const std::string& name, int64_t count, const std::string& spacing) {
      out.emplace_back(prefix + name + ".timesteps", at::tensor(time_steps(total, count, spacing), at::kLong));
    };
    const auto runs = json_get<std::vector<Json>>(set, "runs", origin);
    for (size_t r = 0; r < runs.size(); ++r) add_steps(concat("r", r), runs[r].at(0), runs[r].at(1));
    const auto ddpm = json_get<std::vector<int64_t>>(set, "ddpm", origin);
    for (size_t p = 0; p < ddpm.size(); ++p) add_steps(concat("p", p), ddpm[p], "leading");

    for (const Json& step : json_get<std::vector<Json>>(set, "steps", origin)) {
      const auto now = json_get<int64_t>(step, "t", origin);
      const auto steps = json_get<int64_t>(step, "N", origin);
      check(steps >= 1, origin, ": N is ", steps, ", expected at least 1");
      const int64_t previous = now - total / steps;
      Denoised found = estimate(schedule, prediction, clipping, noisy, output, now);
      if (step.value("use_clipped", false)) found.noise = noise_of(schedule, noisy, found.x0, now);
      const std::string name = prefix + json_get<std::string>(step, "key", origin);
      out.emplace_back(name + ".x0", found.x0);
      out.emplace_back(name + ".prev", json_get<std::string>(step, "sampler", origin) == "ddim"
                                           ? ddim_step(schedule, found, now, previous, step.value("eta", 0.0), noise)
                                           : ddpm_step(schedule, noisy, found, now, previous, noise));
    }
  }
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
  std::shared_ptr<const Kernels> kernels() const override { return make_kernels({}); }

 private:
  std::string stored_name(const std::string& name) const {
    const std::string inner = "_codebook.";
    return name.starts_with(inner) ? prefix_ + "before." + name.substr(inner.size()) : prefix_ + "param." + name;
  }
  const SafetensorsFile& file_;
  std::string prefix_;
};

NamedTensors run_quantizer(const fs::path& folder, const Json& json, const std::string& origin, const Compute&) {
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
    const std::string variant = concat("v", i, ".");
    VariantSource source(inputs, variant);
    Parameters parameters;
    LucidQuantizer quantizer{Scope(parameters, source), c};
    quantizer.codebook().follow_original();
    for (int s = 0; inputs.find(variant + "step" + std::to_string(s) + ".x"); ++s) {
      const std::string prefix = variant + "step" + std::to_string(s) + ".";
      const Tensor x = read_tensor(inputs, prefix + "x").clone().requires_grad_();
      check(x.dim() == 4 && x.size(1) == c.latent_dim, origin, ": ", prefix, "x has shape ", x.sizes());
      RecordedDraws draws(inputs, prefix);
      const FeatureMap z = FeatureMap::of(x);
      const Quantized q = quantizer.train(z.rows, draws);
      quantizer.update(draws);
      const Tensor quant = FeatureMap{q.rows, z.grid}.image();
      (quant.flatten() * at::linspace(-1, 1, quant.numel())).sum().add(q.loss.sum()).backward();
      Tensor codes = q.codes.view({z.grid.batch, z.grid.h, z.grid.w, -1}).permute({0, 3, 1, 2});
      out.emplace_back(prefix + "quant", quant);
      out.emplace_back(prefix + "loss", q.loss);
      out.emplace_back(prefix + "indices", c.num_codebooks == 1 ? codes.squeeze(1) : codes);
      out.emplace_back(prefix + "grad_x", x.grad());
      for (const auto& entry : parameters.entries())
        if (!entry.is_parameter)
          out.emplace_back(prefix + "after." + entry.name.substr(entry.name.rfind('.') + 1), entry.value.clone());
    }
  }
  return out;
}

using Runner = NamedTensors (*)(const fs::path&, const Json&, const std::string&, const Compute&);
const std::map<std::string, Runner> kRunners{
    {"vqvae", run_vqvae}, {"divae", run_divae}, {"quantizer", run_quantizer}, {"schedulers", run_schedulers}};

}  // namespace

NamedTensors run_tokenizer_case(const fs::path& folder, const ComputeConfig& config) {
  const std::string origin = (folder / "case.json").string();
  const Json json = read_json(folder / "case.json");
  const auto kind = json_get<std::string>(json, "kind", origin);
  const auto runner = kRunners.find(kind);
  check(runner != kRunners.end(), origin, ": the kind '", kind, "' is not a tokenizer case");
  return on_host(runner->second(folder, json, origin, compute_of(config)));
}

}  // namespace fourm
