#include "fourm/train/pretraining.h"

#include <algorithm>
#include <cmath>

#include "fourm/core/config.h"
#include "fourm/core/log.h"
#include "fourm/core/parallel.h"
#include "fourm/core/strings.h"
#include "fourm/data/prefetch.h"
#include "fourm/data/reader.h"
#include "fourm/data/sample_buffer.h"
#include "fourm/model/fourm.h"
#include "fourm/train/trainer.h"

namespace fourm {
namespace {

// What a random stream is for.
// The reader has its own: order, samples and turns of a mixture.
enum Purpose : uint64_t { kMask = 3, kEvalSample, kEvalMask };

LossKind loss_kind(const std::string& name) {
  if (name == "modality") return LossKind::kModality;
  if (name == "present") return LossKind::kModalityPresent;
  if (name == "token") return LossKind::kToken;
  const std::vector<std::string> known{"modality", "present", "token", "token_weighted_by_vocab"};
  check(name == known.back(), "loss is ", printable(name), ", expected one of ", join(known, ", "),
        did_you_mean(name, known));
  return LossKind::kTokenByVocab;
}

ModalityTable read_table(const std::string& file) {
  ModalityTable table = ModalityTable::official();
  if (!file.empty()) table.extend(fs::path(file));
  return table;
}

// The weights of `init` by name; a modality that is new to them starts fresh.
FourM start_model(const PretrainConfig& config, const ModalityTable& table) {
  FourM model = FourM::fresh(config.model, table, config.seed);
  if (config.init.empty()) return model;
  const FourM start = FourM::open(config.init, table);
  ModelConfig shape = start.config();
  shape.domains_in = config.model.domains_in;
  shape.domains_out = config.model.domains_out;
  check(yaml_text(to_yaml(shape)) == yaml_text(to_yaml(config.model)), config.init,
        ": its config.json is not the recipe's 'model' (only the modalities may differ)");
  const NoGradGuard no_grad;
  std::vector<std::string> fresh;
  for (const auto& [name, value, trained] : model.parameters().entries()) {
    const Tensor known = start.parameters().find(name);
    if (!known.defined()) {
      fresh.push_back(name);
      continue;
    }
    check(known.sizes() == value.sizes(), config.init, ": ", name, " has another shape than in the recipe's 'model'");
    value.copy_(known);
  }
  check(fresh.size() < model.parameters().entries().size(), config.init,
        ": no tensor of it is in the recipe's 'model'");
  if (!fresh.empty())
    note(config.init, " lacks ", counted(fresh.size(), "tensor, which starts", "tensors, which start"), " fresh (",
         fresh.front(), ", ...)");
  return model;
}

std::vector<Modality> all_modalities(const FourM& model) {
  std::vector<std::string> names = model.config().domains_in;
  names.insert(names.end(), model.config().domains_out.begin(), model.config().domains_out.end());
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  std::vector<Modality> modalities;
  for (const auto& name : names) modalities.push_back(model.modality(name));
  return modalities;
}

std::map<std::string, double> training_sets(const PretrainConfig& config) {
  check(config.data.empty() != config.mixture.empty(),
        "the recipe should name a training set: set 'data' or 'mixture'");
  return config.data.empty() ? config.mixture : std::map<std::string, double>{{config.data, 1}};
}

constexpr int64_t kBatchesAhead = 2;

class Pretraining : public Objective {
 public:
  explicit Pretraining(const PretrainConfig& config)
      : config_(config),
        loss_(loss_kind(config.loss)),
        table_(read_table(config.modalities)),
        text_(WordPiece::load(config.text_tokenizer)),
        model_(start_model(config, table_)),
        reader_(training_sets(config), all_modalities(model_), text_, config.seed),
        buffer_([this](int64_t n) { return reader_.sample(n); }, config.repeat_buffer, config.repeats, config.seed),
        masker_(masker(config.masking)),
        batches_([this](int64_t index) { return draw_batch(index); }, kBatchesAhead) {
    check(config.batch > 0 && config.eval_samples > 0, "batch and eval_samples should be at least 1");
    model_.parameters().make_trainable(config.learn);
    if (!config.eval_data.empty()) eval_data_.emplace(config.eval_data, all_modalities(model_), text_);
    note("training on ", counted(reader_.size(), "sample"), "; ", counted(model_.parameters().count(), "parameter"),
         ", ", model_.parameters().learning(), " of them learn");
  }

  Parameters& parameters() override { return model_.parameters(); }

  StepResult loss(int64_t index) override {
    const Loss loss = model_.loss(pack_batch(batches_.get(index)), loss_);
    Metrics metrics;
    int64_t slots = 0;
    for (const auto& [name, part] : loss.parts) {
      if (part.slots > 0) metrics[name] = part.loss;
      slots += part.slots;
    }
    metrics["targets"] = static_cast<double>(slots);
    return {loss.total, metrics};
  }

  Evaluation evaluate(int64_t) override {
    Evaluation result;
    if (!eval_data_) return result;
    const NoGradGuard no_grad;
    double sum = 0, weights = 0;
    for (size_t c = 0; c < config_.masking.mixture.size(); ++c) {
      const MaskingComponent& component = config_.masking.mixture[c];
      if (component.weight == 0) continue;
      const std::string name = component.name.empty() ? std::to_string(c) : component.name;
      const Metrics losses = evaluate_component(component);
      for (const auto& [modality, value] : losses) {
        result.metrics[name + "/" + modality] = value;
        if (modality == "loss") continue;
        const auto vocabulary = static_cast<double>(model_.output(modality).modality.vocab_size);
        result.baselines[name + "/" + modality] = {std::log(vocabulary), false, "a guess among all tokens"};
      }
      sum += component.weight * losses.at("loss");
      weights += component.weight;
    }
    result.metrics["loss"] = sum / weights;
    return result;
  }

  void save(const fs::path& folder) override {
    model_.save(folder);
    write_file(folder / "tokenizer.json", read_file(config_.text_tokenizer));
  }

 private:
  Masker masker(const MaskingConfig& masking) const {
    return {masking, table_, config_.model.domains_in, config_.model.domains_out, text_.sentinels()};
  }

  Batch pack_batch(const std::vector<MaskedSample>& samples) const {
    return pack(samples, table_, config_.model.decoder_causal_mask, config_.model.decoder_sep_mask);
  }

  std::vector<MaskedSample> draw_batch(int64_t index) {
    std::vector<MaskedSample> batch;
    for (int64_t visit = index * config_.batch; visit < (index + 1) * config_.batch; ++visit)
      batch.push_back(masker_(*buffer_.sample(visit), Random(config_.seed, {kMask, static_cast<uint64_t>(visit)})));
    return batch;
  }

  // Mean loss of each modality over the slots of the evaluation, and the mean over modalities. Fixed samples and masks.
  Metrics evaluate_component(const MaskingComponent& component) const {
    MaskingConfig masking = config_.masking;
    masking.mixture = {component};
    const Masker mask = masker(masking);
    const int64_t n = std::min(config_.eval_samples, eval_data_->size());
    std::map<std::string, std::pair<double, int64_t>> sums;
    for (int64_t begin = 0; begin < n; begin += config_.batch) {
      std::vector<MaskedSample> batch(std::min(config_.batch, n - begin));
      parallel_for(static_cast<int64_t>(batch.size()), [&](int64_t j) {
        const auto key = static_cast<uint64_t>(begin + j);
        batch[j] = mask(eval_data_->sample(begin + j, Random(config_.seed, {kEvalSample, key})),
                        Random(config_.seed, {kEvalMask, key}));
      });
      for (const auto& [name, part] : model_.loss(pack_batch(batch)).parts) {
        sums[name].first += part.loss * static_cast<double>(part.slots);
        sums[name].second += part.slots;
      }
    }
    Metrics metrics;
    double total = 0;
    for (const auto& [name, sum] : sums)
      if (sum.second > 0) total += metrics[name] = sum.first / static_cast<double>(sum.second);
    metrics["loss"] = metrics.empty() ? 0 : total / static_cast<double>(metrics.size());
    return metrics;
  }

  PretrainConfig config_;
  LossKind loss_;
  ModalityTable table_;
  WordPiece text_;
  FourM model_;
  TokenReader reader_;
  SampleBuffer buffer_;
  std::optional<TokenSet> eval_data_;
  Masker masker_;
  Prefetcher<std::vector<MaskedSample>> batches_;  // last: its threads use the others
};

}  // namespace

void PretrainConfig::migrate_run(YAML::Node& stored, const std::string&, int format) {
  if (format == 1 && stored["loss"].as<std::string>("") == "token") stored["loss"] = "token_weighted_by_vocab";
}

PretrainConfig with_steps(PretrainConfig config) {
  check(config.tokens >= 0 && config.warmup_tokens >= 0, "tokens and warmup_tokens should be 0 or more");
  const auto& masking = config.masking;
  check(masking.input_tokens.size() == 2 && masking.target_tokens.size() == 2,
        "masking.input_tokens and target_tokens should be two numbers each: least and most");
  const double step = static_cast<double>(masking.input_tokens[1] + masking.target_tokens[1]) *
                      static_cast<double>(config.batch * config.training.accumulate);
  const auto steps_of = [&](double billions) { return static_cast<int64_t>(std::ceil(billions * 1e9 / step)); };
  if (config.tokens > 0) config.training.steps = steps_of(config.tokens);
  if (config.warmup_tokens > 0) config.training.schedule.warmup_steps = steps_of(config.warmup_tokens);
  return config;
}

Outcome pretrain(const PretrainConfig& recipe, const StopToken& stop) {
  const PretrainConfig config = with_steps(recipe);
  check(!config.out.empty(), "the recipe names no run folder: set 'out'");
  check(!config.text_tokenizer.empty(), "the recipe names no text tokenizer: set 'text_tokenizer'");
  config.model.validate("the recipe's 'model'");
  Pretraining objective(config);
  return train(objective, config, stop);
}

}  // namespace fourm
