#include "fourm/train/pretraining.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "fourm/core/config.h"
#include "fourm/core/log.h"
#include "fourm/core/parallel.h"
#include "fourm/core/strings.h"
#include "fourm/data/prefetch.h"
#include "fourm/data/reader.h"
#include "fourm/io/adapter.h"
#include "fourm/io/model_folder.h"
#include "fourm/kernels/device.h"
#include "fourm/model/model_file.h"
#include "fourm/model/stored_config.h"
#include "fourm/train/initial_weights.h"
#include "fourm/train/lora.h"
#include "fourm/train/split_batch.h"
#include "fourm/train/trainer.h"

namespace fourm {
namespace {

// What a random stream is for.
// The reader has its own: order, samples and turns of a mixture.
enum PretrainingPurpose : uint64_t { kMask = 3, kEvalSample, kEvalMask };

LossKind loss_kind(const std::string& name) {
  if (name == "modality") return LossKind::kModality;
  if (name == "present") return LossKind::kModalityPresent;
  if (name == "token") return LossKind::kToken;
  const std::vector<std::string> known{"modality", "present", "token", "token_weighted_by_vocab"};
  check(name == known.back(), "loss is ", printable(name), ", expected one of ", join(known, ", "),
        did_you_mean(name, known));
  return LossKind::kTokenByVocab;
}

// The model that a run begins with. With adapters, they are new and change a model of `init`.
FourM start_model(const PretrainConfig& config, const ModalityTable& table, const WordPiece& text) {
  const at::Device device = parse_device(config.training.device);
  if (config.init.empty()) return create_model(config.model, table, config.seed, at::kFloat, device);
  if (config.training.lora.rank == 0) return model_from(config.init, config.model, table, config.seed, device, &text);
  config.model.validate("the recipe's 'model'");
  SeedSource seeds(config.seed, at::kFloat, Compute::for_training(device));
  LoraSource source(seeds, config.training.lora, config.seed);
  FourM model(config.model, table, source, /*tie_heads=*/true);
  take_weights(model, config.init, &text);
  source.add_to(model.parameters());
  return model;
}

// The names of the trainable tensors; empty: all.
std::vector<std::string> trainable_names(const PretrainConfig& config) {
  std::vector<std::string> names = config.learn;
  if (config.training.lora.rank > 0)
    for (const auto& pattern : lora_patterns()) names.push_back(pattern);
  return names;
}

std::vector<TrainingSet> training_sets(const PretrainConfig& config) {
  check(config.data.empty() != config.mixture.empty(),
        config.data.empty() ? "the recipe names no data: set 'data' or 'mixture'"
                            : "the recipe has both 'data' and 'mixture'; give one of them");
  for (size_t i = 0; i < config.mixture.size(); ++i)
    check(!config.mixture[i].path.empty(), "mixture[", i, "].path is missing");
  if (config.data.empty()) return config.mixture;
  TrainingSet only;
  only.path = config.data;
  return {only};
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
Domains set_domains(const TrainingSet& set, const ModelConfig& model) {
  const auto domains = [&](const char* key, const std::vector<std::string>& own,
                           const std::vector<std::string>& known) {
    for (const auto& name : own)
      check(contains(known, name), "mixture.", set.path, ".", key, ": ", printable(name), " is not in model.", key,
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

// Calls `use`; its errors begin with `where`.
template <class Use>
auto located(const std::string& where, const Use& use) {
  try {
    return use();
  } catch (const Error& error) {
    fail(where, error.what());
  }
}

// A mapping of sets as a list.
YAML::Node listed_sets(const YAML::Node& sets, const std::string& origin) {
  YAML::Node list(YAML::NodeType::Sequence);
  for (const auto& item : sets) {
    const auto path = item.first.as<std::string>();
    check(item.second.IsScalar() || item.second.IsMap(), origin, ": mixture.", path,
          ": expected a weight or a mapping");
    check(!item.second.IsMap() || !item.second["path"].IsDefined(), origin, ": mixture.", path,
          ": has a 'path' too; a list of sets has paths, a mapping has them as its keys");
    YAML::Node set(YAML::NodeType::Map);
    set["path"] = path;
    if (item.second.IsScalar()) set["weight"] = item.second;
    if (item.second.IsMap())
      for (const auto& field : item.second) set[field.first.as<std::string>()] = field.second;
    list.push_back(set);
  }
  return list;
}

// The sets of a stored recipe that knew them by their paths alone, in the order of `now`.
YAML::Node in_order_of(const std::vector<TrainingSet>& now, const YAML::Node& stored, const std::string& origin) {
  if (stored.size() != now.size()) return stored;  // the comparison of the recipes says what differs
  constexpr size_t kNone = -1;
  std::vector<size_t> from(now.size(), kNone), left;
  for (size_t k = 0; k < stored.size(); ++k) {
    const auto path = stored[k]["path"].as<std::string>();
    const auto same = std::find_if(now.begin(), now.end(), [&](const TrainingSet& set) { return set.path == path; });
    if (same == now.end())
      left.push_back(k);
    else
      from[same - now.begin()] = k;
  }
  check(left.size() <= 1, origin, ": the run began when the sets of 'mixture' were known by their paths, and ",
        left.size(), " of them have other paths now; resume it once with the old paths, then they may change");
  YAML::Node list(YAML::NodeType::Sequence);
  for (const size_t k : from) list.push_back(stored[k == kNone ? left.at(0) : k]);
  return list;
}

// Draws depend on the position of a set, so that a set may be moved but not change its place in the list.
void check_order(const std::vector<TrainingSet>& now, const YAML::Node& stored, const std::string& origin) {
  if (stored.size() != now.size()) return;
  std::vector<std::string> before;
  for (const auto& set : stored) before.push_back(set["path"].as<std::string>());
  for (size_t i = 0; i < now.size(); ++i)
    check(now[i].path == before[i] || !contains(before, now[i].path), origin,
          ": the sets of 'mixture' are in another order than when the run began; put them back: ", join(before, ", "));
}

class Pretraining : public Objective {
 public:
  Pretraining(const PretrainConfig& config, const ProcessGroup& group)
      : config_(config),
        group_(group),
        loss_(loss_kind(config.loss)),
        table_(recipe_modalities(config)),
        text_(WordPiece::load(config.text_tokenizer)),
        reader_(open_sets(), config.seed, config.repeat_buffer),
        model_(start_model(config, table_, text_)),
        batches_([this](int64_t index) { return draw_batch(index); }, kBatchesAhead) {
    group_.check_same("training set", contents_);
    model_.parameters().make_trainable(trainable_names(config));
    model_.checkpoint_activations(config.training.checkpoint_activations);
    note("training on ", counted(reader_.size(), "sample"), "; ", counted(model_.parameters().count(), "parameter"),
         ", ", model_.parameters().trainable_count(), " trainable");
  }

  Parameters& parameters() override { return model_.parameters(); }

  StepResult loss(int64_t index) override {
    const Stopwatch waiting;
    const std::vector<MaskedSample> samples = batches_.get(index);
    const double waited = waiting.seconds() / static_cast<double>(group_.size());  // the mean over the processes
    Batch batch = pack_batch(samples);
    if (const double rate = config_.training.drop_path; rate > 0)
      batch.inputs.drop_path = batch.targets.drop_path =
          drop_path_of_batch(rate, config_.seed, index, config_.batch, group_);
    const Loss loss = model_.loss(batch, loss_, group_);
    StepResult result{loss.total, {}};
    int64_t slots = 0;
    for (const auto& [name, part] : loss.parts) {
      if (part.slots > 0) result.scalars[name] = part.loss;
      slots += part.slots;
    }
    result.metrics["wait_seconds"] = waited;
    result.metrics["targets"] = group_.is_first() ? static_cast<double>(slots) : 0;  // slots are those of all processes
    return result;
  }

  Evaluation evaluate(int64_t) override {
    Evaluation result;
    if (!eval_data_) return result;
    const NoGradGuard no_grad;
    double sum = 0, weights = 0;
    for (size_t c = 0; c < eval_masking_.mixture.size(); ++c) {
      const MaskingComponent& component = eval_masking_.mixture[c];
      if (component.weight == 0) continue;
      const std::string& name = component.name;
      const Metrics losses = evaluate_component(component);
      if (losses.empty()) {
        if (without_targets_.insert(name).second)
          warn(config_.eval_data, ": the masking component ", printable(name),
               " leaves no target in the samples of the evaluation, which leaves it out");
        continue;
      }
      for (const auto& [modality, value] : losses) {
        result.metrics[name + "/" + modality] = value;
        if (modality == "loss") continue;
        const auto vocabulary = static_cast<double>(model_.decoder.embedding(modality).modality.vocab_size);
        result.baselines[name + "/" + modality] = {std::log(vocabulary), false, "a uniform prediction over all tokens"};
      }
      sum += component.weight * losses.at("loss");
      weights += component.weight;
    }
    if (weights > 0) result.metrics["loss"] = sum / weights;
    return result;
  }

  void save(const fs::path& folder) override {
    if (config_.training.lora.rank > 0)
      save_adapter(model_, config_.training.lora, config_.init, folder);
    else
      save_model(model_, folder);
    write_file(folder / "tokenizer.json", read_file(config_.text_tokenizer));
  }

 private:
  Domains model_domains() const { return {config_.model.domains_in, config_.model.domains_out}; }

  Modality modality(const std::string& name) const {
    return table_.at(name, config_.model.image_size, config_.model.patch_size);
  }

  TokenSet open_set(const std::string& path, const Domains& domains, const TokenSetOptions& options) {
    std::vector<Modality> modalities;
    for (const auto& name : domains.all()) modalities.push_back(data_modality(config_, table_, name));
    TokenSet set(path, modalities, text_, options);
    for (const Modality& m : modalities)
      if (m.kind == ModalityKind::kEmbeddings && m.width == 0 && contains(set.modalities(), m.name))
        set_width(m.name, set.modality(m.name).width, path);
    return set;
  }

  // Takes over the width of an embedding from the first set that has it.
  void set_width(const std::string& name, int64_t width, const std::string& path) {
    const int64_t before = modality(name).width;
    const auto [known, first] = widths_.try_emplace(name, width);
    check(known->second == width, path, ": ", name, " has vectors of ", width,
          " numbers, those of an earlier set have ", known->second);
    if (!first || width == before) return;
    YAML::Node rows = parse_yaml(table_.yaml({name}), name);
    rows["modalities"][name]["width"] = width;
    table_.extend(yaml_text(rows), name);
    note(path, ": ", name, " has vectors of ", width, " numbers, so the model reads that width instead of the ", before,
         " of the official models");
  }

  Masker masker(const MaskingConfig& masking, const Domains& domains) const {
    const ModelConfig& model = config_.model;
    return {masking, table_, domains.in, domains.out, text_.sentinels(), model.image_size, model.patch_size};
  }

  // The masking of a set that has only these modalities.
  MaskingConfig masking_of(const std::string& path, const MaskingConfig& masking, const Domains& present) const {
    return located(path + ": ", [&] {
      return masking_of_set({present.in, present.out, masking}, table_, config_.model.image_size,
                            config_.model.patch_size, [&](const std::string& message) { warn(path, ": ", message); });
    });
  }

  // A line that two sets share only if they hold the same samples.
  static std::string contents_of(const TokenSet& set) {
    uint64_t names = 0;
    for (int64_t i = 0; i < set.size(); ++i) names = mix(names ^ hash_text(set.name(i)));
    return concat(set.path(), " with ", counted(set.size(), "sample"), " of ", join(set.modalities(), ", "), ", names ",
                  names, "\n");
  }

  // Opens the sets of the recipe, makes the masker of each, and prepares the evaluation.
  std::vector<ReaderSet> open_sets() {
    std::vector<ReaderSet> sets;
    for (const TrainingSet& set : training_sets(config_)) {
      const Domains domains = set_domains(set, config_.model);
      const MaskingConfig masking = with_names(set_masking(set.masking, config_.masking));
      TokenSet tokens = open_set(
          set.path, domains,
          {.aligned_captions = set.aligned_captions.value_or(config_.aligned_captions), .fraction = config_.fraction});
      contents_ += contents_of(tokens);
      const Domains present = domains.among(tokens.modalities());
      maskers_.push_back(masker(masking_of(set.path, masking, present), present));
      std::vector<std::string> targets = present.out;
      std::erase_if(targets, [&](const auto& name) { return !can_be_target(modality(name).kind); });
      sets.push_back({std::move(tokens), set.weight, set.repeats.value_or(config_.repeats), std::move(targets)});
    }
    if (!config_.eval_data.empty()) {
      const Domains domains = model_domains();
      eval_data_.emplace(
          open_set(config_.eval_data, domains, {.aligned_captions = config_.aligned_captions, .random_crop = false}));
      eval_domains_ = domains.among(eval_data_->modalities());
      eval_masking_ = masking_of(config_.eval_data, with_names(config_.masking), eval_domains_);
    }
    return sets;
  }

  Batch pack_batch(const std::vector<MaskedSample>& samples) const {
    return pack(samples, model_.modalities(), config_.model.decoder_causal_mask, config_.model.decoder_sep_mask);
  }

  // The part of this process. Samples and masks depend on their number in the run.
  std::vector<MaskedSample> draw_batch(int64_t index) {
    std::vector<MaskedSample> batch;
    for (int64_t k = group_.begin(config_.batch); k < group_.end(config_.batch); ++k) {
      const int64_t i = index * config_.batch + k;
      const auto [set, sample] = reader_.sample(i);
      batch.push_back(maskers_[set](*sample, Random(config_.seed, {kMask, static_cast<uint64_t>(i)})));
    }
    return batch;
  }

  // Mean loss of each modality over the slots of the evaluation, and the mean over modalities; empty when there are no
  // target slots. Fixed samples and masks.
  Metrics evaluate_component(const MaskingComponent& component) const {
    MaskingConfig masking = eval_masking_;
    masking.mixture = {component};
    const Masker mask = masker(masking, eval_domains_);
    const int64_t n = std::min(config_.eval_samples, eval_data_->size()), end = group_.end(n);
    std::map<std::string, std::pair<double, double>> sums;  // of losses, and slots
    for (const auto& name : model_.decoder.modalities()) sums[name] = {0, 0};
    for (int64_t begin = group_.begin(n); begin < end; begin += config_.batch) {
      std::vector<MaskedSample> batch(std::min(config_.batch, end - begin));
      parallel_for(static_cast<int64_t>(batch.size()), [&](int64_t j) {
        const auto key = static_cast<uint64_t>(begin + j);
        batch[j] = mask(eval_data_->sample(begin + j, Random(config_.seed, {kEvalSample, key})),
                        Random(config_.seed, {kEvalMask, key}));
      });
      for (const auto& [name, part] : model_.loss(pack_batch(batch)).parts) {
        sums[name].first += part.loss.item<double>() * static_cast<double>(part.slots);
        sums[name].second += static_cast<double>(part.slots);
      }
    }
    sum_over_processes(sums);
    Metrics metrics;
    double total = 0;
    for (const auto& [name, sum] : sums)
      if (sum.second > 0) total += metrics[name] = sum.first / sum.second;
    if (!metrics.empty()) metrics["loss"] = total / static_cast<double>(metrics.size());
    return metrics;
  }

  void sum_over_processes(std::map<std::string, std::pair<double, double>>& sums) const {
    std::vector<double> values;
    for (const auto& item : sums) values.insert(values.end(), {item.second.first, item.second.second});
    values = group_.all_reduce(values);
    size_t i = 0;
    for (auto& item : sums) item.second = {values[i], values[i + 1]}, i += 2;
  }

  PretrainConfig config_;
  ProcessGroup group_;
  LossKind loss_;
  ModalityTable table_;
  std::map<std::string, int64_t> widths_;  // of embeddings, from the data
  WordPiece text_;
  std::vector<Masker> maskers_;  // of each training set
  std::string contents_;         // of all of them
  std::optional<TokenSet> eval_data_;
  Domains eval_domains_;
  MaskingConfig eval_masking_;
  std::set<std::string> without_targets_;  // components that the evaluation leaves out, each warned of once
  TokenReader reader_;
  FourM model_;
  Prefetcher<std::vector<MaskedSample>> batches_;  // last: its threads use the others
};

}  // namespace

void PretrainConfig::migrate(YAML::Node& node, const std::string& origin) {
  if (const YAML::Node sets = node["mixture"]; sets.IsDefined() && sets.IsMap())
    node["mixture"] = listed_sets(sets, origin);
  const YAML::Node& given = node;
  const auto is_positive = [&](const char* key) {
    return given[key].IsDefined() && given[key].IsScalar() && given[key].as<double>(0) > 0;
  };
  const auto has = [](const YAML::Node& map, const char* key) { return map.IsMap() && map[key].IsDefined(); };
  const bool trains = has(given, "training");
  check(!is_positive("tokens") || !trains || !has(given["training"], "steps"), origin,
        ": 'tokens' and 'training.steps' both say how long the run is; leave out training.steps, or give tokens=0");
  check(!is_positive("warmup_tokens") || !trains || !has(given["training"], "schedule") ||
            !has(given["training"]["schedule"], "warmup_steps"),
        origin,
        ": 'warmup_tokens' and 'training.schedule.warmup_steps' both say how long the warm-up is; leave out "
        "warmup_steps, or give warmup_tokens=0");
}

void PretrainConfig::migrate_run(YAML::Node& stored, const std::string& origin, int format) const {
  if (format == 1) {
    if (stored["loss"].as<std::string>("") == "token") stored["loss"] = "token_weighted_by_vocab";
    if (!stored["aligned_captions"].IsDefined()) stored["aligned_captions"] = false;
  }
  for (const char* key : {"tokens", "warmup_tokens"}) stored[key] = 0;  // steps say the same
  const YAML::Node sets = stored["mixture"];
  if (!sets.IsDefined()) return;
  if (sets.IsMap())
    stored["mixture"] = in_order_of(mixture, listed_sets(sets, origin), origin);
  else
    check_order(mixture, sets, origin);
}

ModalityTable recipe_modalities(const PretrainConfig& config) {
  ModalityTable table = ModalityTable::official();
  if (!config.init.empty()) {
    const fs::path rows = folder_of_model(config.init) / "modalities.yaml";
    if (fs::is_regular_file(rows)) table.extend(rows);
  }
  if (!config.modalities.empty()) table.extend(fs::path(config.modalities));
  return table;
}

Modality data_modality(const PretrainConfig& config, const ModalityTable& table, const std::string& name) {
  Modality modality = table.at(name, config.model.image_size, config.model.patch_size);
  ModalityTable stated;
  if (!config.modalities.empty()) stated.extend(fs::path(config.modalities));
  if (config.init.empty() && !stated.contains(name)) modality.width = 0;
  return modality;
}

SetRecipe recipe_of_set(const PretrainConfig& config, const std::string& path) {
  std::error_code ignored;
  TrainingSet found;
  for (const TrainingSet& set : config.mixture)
    if (set.path == path || fs::equivalent(set.path, path, ignored)) found = set;
  const Domains domains = set_domains(found, config.model);
  return {domains.in, domains.out, with_names(set_masking(found.masking, config.masking))};
}

PretrainConfig with_model(PretrainConfig config) {
  if (!config.init.empty() && yaml_text(to_yaml(config.model)) == yaml_text(to_yaml(ModelConfig{})))
    config.model = stored_config(config.init);
  return config;
}

PretrainConfig with_steps(PretrainConfig config) {
  const auto& masking = config.masking;
  check(masking.input_tokens.size() == 2 && masking.target_tokens.size() == 2,
        "masking.input_tokens and target_tokens should be two numbers each: minimum and maximum");
  const double step = static_cast<double>(masking.input_tokens[1] + masking.target_tokens[1]) *
                      static_cast<double>(config.batch * config.training.accumulate);
  const auto steps_of = [&](double billions) { return static_cast<int64_t>(std::ceil(billions * 1e9 / step)); };
  if (config.tokens > 0) config.training.steps = steps_of(config.tokens);
  if (config.warmup_tokens > 0) config.training.schedule.warmup_steps = steps_of(config.warmup_tokens);
  config.tokens = config.warmup_tokens = 0;
  return config;
}

PretrainConfig resolved(const PretrainConfig& recipe) {
  check_fields(recipe, "the recipe");
  const PretrainConfig config = with_model(with_steps(recipe));
  check(!config.out.empty(), "the recipe names no run folder: set 'out'");
  check(!config.text_tokenizer.empty(), "the recipe names no text tokenizer: set 'text_tokenizer'");
  check_exists("text_tokenizer", config.text_tokenizer);
  const std::vector<TrainingSet> sets = training_sets(config);
  for (const TrainingSet& set : sets) check_exists(config.mixture.empty() ? "data" : "mixture", set.path);
  check_exists("eval_data", config.eval_data);
  check_exists("init", config.init);
  config.model.validate("the recipe's 'model'");
  check_training(config.training);
  if (config.training.lora.rank > 0) {
    check(!config.init.empty(), "training.lora changes an existing model: set 'init'");
    check(!is_adapter(model_folder(config.init)), config.init,
          ": is an adapter; write the model that it stands for with `fourm inspect ", config.init,
          " --convert FOLDER` and give that as 'init'");
  }
  const ModalityTable table = recipe_modalities(config);
  const auto check_names = [&](const std::string& key, const std::vector<std::string>& names) {
    located(key, [&] {
      for (const auto& name : names) table.at(name, config.model.image_size, config.model.patch_size);
    });
  };
  check_names("model.domains_in: ", config.model.domains_in);
  check_names("model.domains_out: ", config.model.domains_out);
  const auto check_masking = [&](const SetRecipe& set) {
    Masker(set.masking, table, set.inputs, set.targets, {}, config.model.image_size, config.model.patch_size);
  };
  // The recipe's own masking may be left out where nothing uses it.
  const bool used = !config.eval_data.empty() || std::any_of(sets.begin(), sets.end(), [](const TrainingSet& set) {
    return set.masking.mixture.empty();
  });
  if (used)
    located("masking.", [&] {
      check_masking({config.model.domains_in, config.model.domains_out, with_names(config.masking)});
    });
  for (const TrainingSet& set : sets) {
    const Domains domains = set_domains(set, config.model);
    if (!set.masking.mixture.empty())
      located("mixture." + set.path + ".masking.", [&] {
        check_masking({domains.in, domains.out, with_names(set_masking(set.masking, config.masking))});
      });
  }
  return config;
}

Outcome pretrain(const PretrainConfig& recipe, const StopToken& stop, const ProcessGroup& group) {
  const PretrainConfig config = resolved(recipe);
  check_same_recipe(config, group);
  check_batch(config.batch, group.size(), "a sample");
  Pretraining objective(config, group);
  return train(objective, config, stop, group);
}

}  // namespace fourm
