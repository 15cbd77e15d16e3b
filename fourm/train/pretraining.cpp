#include "fourm/train/pretraining.h"

#include <algorithm>
#include <cmath>

#include "fourm/core/config.h"
#include "fourm/core/log.h"
#include "fourm/core/parallel.h"
#include "fourm/core/strings.h"
#include "fourm/data/prefetch.h"
#include "fourm/data/reader.h"
#include "fourm/model/fourm.h"
#include "fourm/train/initial_weights.h"
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

FourM start_model(const PretrainConfig& config, const ModalityTable& table) {
  if (config.init.empty()) return FourM::fresh(config.model, table, config.seed);
  return model_from(config.init, config.model, table, config.seed);
}

std::map<std::string, TrainingSet> training_sets(const PretrainConfig& config) {
  check(config.data.empty() != config.mixture.empty(),
        "the recipe should name a training set: set 'data' or 'mixture'");
  return config.data.empty() ? config.mixture : std::map<std::string, TrainingSet>{{config.data, {}}};
}

// Input and target modalities.
struct Domains {
  std::vector<std::string> in, out;

  // Those of them that are among `names`.
  Domains among(const std::vector<std::string>& names) const {
    const auto among = [&](std::vector<std::string> domains) {
      std::erase_if(domains, [&](const auto& name) { return !contains(names, name); });
      return domains;
    };
    return {among(in), among(out)};
  }
  std::vector<std::string> all() const {
    std::vector<std::string> names = in;
    names.insert(names.end(), out.begin(), out.end());
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
  }
};

// The domains of a set of a mixture: its own, or else those of the model.
Domains set_domains(const std::string& path, const TrainingSet& set, const ModelConfig& model) {
  const auto domains = [&](const char* key, const std::vector<std::string>& own,
                           const std::vector<std::string>& known) {
    for (const auto& name : own)
      check(contains(known, name), "mixture.", path, ".", key, ": ", printable(name), " is not in model.", key,
            did_you_mean(name, known));
    return own.empty() ? known : own;
  };
  return {domains("domains_in", set.domains_in, model.domains_in),
          domains("domains_out", set.domains_out, model.domains_out)};
}

MaskingConfig set_masking(const SetMasking& own, MaskingConfig masking) {
  if (!own.input_tokens.empty()) masking.input_tokens = own.input_tokens;
  if (!own.target_tokens.empty()) masking.target_tokens = own.target_tokens;
  if (!own.mixture.empty()) masking.mixture = own.mixture;
  return masking;
}

std::string component_name(const MaskingConfig& masking, size_t c) {
  return masking.mixture[c].name.empty() ? std::to_string(c) : masking.mixture[c].name;
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
        reader_(open_sets(), config.seed, config.repeat_buffer),
        batches_([this](int64_t index) { return draw_batch(index); }, kBatchesAhead) {
    check(config.batch > 0 && config.eval_samples > 0, "batch and eval_samples should be at least 1");
    model_.parameters().make_trainable(config.learn);
    if (!config.eval_data.empty()) {
      const Domains domains = model_domains();
      eval_data_.emplace(open_set(config.eval_data, domains, config.aligned_captions));
      eval_domains_ = domains.among(eval_data_->modalities());
      eval_masking_ = masking_of(config.eval_data, config.masking, eval_domains_);
    }
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
    for (size_t c = 0; c < eval_masking_.mixture.size(); ++c) {
      const MaskingComponent& component = eval_masking_.mixture[c];
      if (component.weight == 0) continue;
      const std::string name = component_name(eval_masking_, c);
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
  Domains model_domains() const { return {config_.model.domains_in, config_.model.domains_out}; }

  TokenSet open_set(const std::string& path, const Domains& domains, bool aligned_captions) const {
    std::vector<Modality> modalities;
    for (const auto& name : domains.all()) modalities.push_back(model_.modality(name));
    return {path, modalities, text_, {.aligned_captions = aligned_captions}};
  }

  Masker masker(const MaskingConfig& masking, const Domains& domains) const {
    const ModelConfig& model = config_.model;
    return {masking, table_, domains.in, domains.out, text_.sentinels(), model.image_size, model.patch_size};
  }

  // The masking of a set that has only these modalities.
  MaskingConfig masking_of(const std::string& path, const MaskingConfig& masking, const Domains& present) const {
    MaskingConfig left = restricted(masking, table_, present.in, present.out);
    check(!left.mixture.empty(), path, ": no component of the masking mixture has an input and a target among ",
          join(present.all(), ", "), "; give the set a masking.mixture of its own");
    std::vector<std::string> kept, unused;
    for (size_t c = 0; c < left.mixture.size(); ++c) kept.push_back(component_name(left, c));
    for (size_t c = 0; c < masking.mixture.size(); ++c)
      if (const std::string name = component_name(masking, c); !contains(kept, name)) unused.push_back(name);
    if (!unused.empty())
      warn(path, ": its modalities leave no input or no target to these masking components: ", join(unused, ", "));
    return left;
  }

  // Opens the sets of the recipe and makes the masker of each.
  std::vector<ReaderSet> open_sets() {
    masker(config_.masking, model_domains());  // names of modalities are checked against those of the model
    std::vector<ReaderSet> sets;
    for (const auto& [path, set] : training_sets(config_)) {
      const Domains domains = set_domains(path, set, config_.model);
      const MaskingConfig masking = set_masking(set.masking, config_.masking);
      if (!set.masking.mixture.empty()) try {
          masker(masking, domains);
        } catch (const Error& error) {
          fail("mixture.", path, ".masking: ", error.what());
        }
      TokenSet tokens = open_set(path, domains, set.aligned_captions.value_or(config_.aligned_captions));
      const Domains present = domains.among(tokens.modalities());
      maskers_.push_back(masker(masking_of(path, masking, present), present));
      std::vector<std::string> targets = present.out;
      std::erase_if(targets, [&](const auto& name) { return !model_.outputs().contains(name); });
      sets.push_back({std::move(tokens), set.weight, set.repeats.value_or(config_.repeats), std::move(targets)});
    }
    return sets;
  }

  Batch pack_batch(const std::vector<MaskedSample>& samples) const {
    return pack(samples, table_, config_.model.decoder_causal_mask, config_.model.decoder_sep_mask);
  }

  std::vector<MaskedSample> draw_batch(int64_t index) {
    std::vector<MaskedSample> batch;
    for (int64_t visit = index * config_.batch; visit < (index + 1) * config_.batch; ++visit) {
      const auto [set, sample] = reader_.visit(visit);
      batch.push_back(maskers_[set](*sample, Random(config_.seed, {kMask, static_cast<uint64_t>(visit)})));
    }
    return batch;
  }

  // Mean loss of each modality over the slots of the evaluation, and the mean over modalities. Fixed samples and masks.
  Metrics evaluate_component(const MaskingComponent& component) const {
    MaskingConfig masking = eval_masking_;
    masking.mixture = {component};
    const Masker mask = masker(masking, eval_domains_);
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
  std::vector<Masker> maskers_;  // of each training set
  TokenReader reader_;
  std::optional<TokenSet> eval_data_;
  Domains eval_domains_;
  MaskingConfig eval_masking_;
  Prefetcher<std::vector<MaskedSample>> batches_;  // last: its threads use the others
};

}  // namespace

void PretrainConfig::migrate_run(YAML::Node& stored, const std::string&, int format) {
  if (format > 1) return;
  if (stored["loss"].as<std::string>("") == "token") stored["loss"] = "token_weighted_by_vocab";
  if (!stored["aligned_captions"].IsDefined()) stored["aligned_captions"] = false;
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
  PretrainConfig config = with_steps(recipe);
  check(!config.out.empty(), "the recipe names no run folder: set 'out'");
  check(!config.text_tokenizer.empty(), "the recipe names no text tokenizer: set 'text_tokenizer'");
  if (!config.init.empty() && yaml_text(to_yaml(config.model)) == yaml_text(to_yaml(ModelConfig{})))
    config.model = FourM::open(config.init, read_table(config.modalities)).config();
  config.model.validate("the recipe's 'model'");
  Pretraining objective(config);
  return train(objective, config, stop);
}

}  // namespace fourm
