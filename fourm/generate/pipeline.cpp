#include "fourm/generate/pipeline.h"

#include <algorithm>
#include <tuple>

#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/core/sha256.h"
#include "fourm/core/strings.h"
#include "fourm/generate/passes.h"
#include "fourm/generate/pipeline_state.h"
#include "fourm/io/model_folder.h"
#include "fourm/io/weights.h"
#include "fourm/kernels/compute.h"
#include "fourm/text/vocabulary.h"

namespace fourm {
namespace {

// What guidance leaves out on a canvas.
struct Conditions {
  std::vector<std::string> names;         // of entries
  std::map<std::string, double> weights;  // of those that have one
  bool operator<(const Conditions& other) const {
    return std::tie(names, weights) < std::tie(other.names, other.weights);
  }
};

// Those of the plan, otherwise all entries but the targets. Of a target the kept part is a condition only with a weight.
// Weights are those of the entries.
Conditions conditions_of(const Canvas& canvas, const Plan& plan) {
  Conditions conditions{plan.conditions, {}};
  const auto is_target = [&](const Canvas::Entry& entry) {
    return entry.has_targets() ||
           (!entry.weight && std::any_of(plan.targets.begin(), plan.targets.end(),
                                         [&](const Target& target) { return target.modality == entry.name; }));
  };
  for (const auto& entry : canvas.entries) {
    if (plan.conditions.empty() && !is_target(entry)) conditions.names.push_back(entry.name);
    if (entry.weight) conditions.weights[entry.name] = *entry.weight;
  }
  return conditions;
}

// The member of `names` that a short name means (Pipeline::input_name). `action`: what the model does with them, for messages.
std::string resolve(const std::string& name, const std::vector<std::string>& names, const std::string& action) {
  if (contains(names, name)) return name;
  for (const std::string& wanted : {name, "tok_" + name}) {
    std::vector<std::string> found;
    for (const auto& candidate : names)
      if (candidate == wanted || name_without_size(candidate) == wanted) found.push_back(candidate);
    if (found.size() == 1) return found[0];
    check(found.empty(), printable(name), " may be ", join(found, " or "), "; name the one that is meant");
  }
  std::vector<std::string> spellings = names;  // short ones, too
  for (const auto& candidate : names) {
    spellings.push_back(name_without_size(candidate));
    spellings.push_back(base_name(candidate));
  }
  fail("the model does not ", action, " ", printable(name), did_you_mean(name, spellings),
       "; known: ", join(names, ", "));
}

// The folders that may hold the tokenizer of a grid, or of the tokens in the text of a sequence.
std::vector<std::string> tokenizer_folders(const Modality& modality) {
  const std::string& name = modality.name;
  const std::string base = base_name(name);
  if (modality.kind == ModalityKind::kTokens) return {name, name_without_size(name), base};
  if (modality.kind != ModalityKind::kSequence) return {};
  if (base == "sam_instance") return {"sam_instance", "sam_mask"};
  if (base == "human_poses") return {"human_poses"};
  return {};
}

// Whether an entry has more input than the [S_1] of an empty text.
bool has_content(const Canvas::Entry& entry, const Modality& modality, const SequenceIds& special) {
  const auto known = std::count(entry.known.begin(), entry.known.end(), true);
  const bool is_empty_text = modality.kind == ModalityKind::kSequence && known == 1 && entry.known.size() > 1 &&
                             entry.data.ids[0] == special.start();
  return known > 0 && !is_empty_text;
}

// The names of weighted conditions of the modality, as the end of a message.
std::string weighted_names(const std::vector<Canvas>& canvases, const std::string& modality) {
  std::vector<std::string> names;
  for (const auto& entry : canvases[0].entries)
    if (entry.modality == modality && entry.weight) names.push_back(entry.name);
  return names.empty() ? "" : concat("; conditions with a weight have the names ", join(names, ", "));
}

// Guidance compares logits with and without a condition, so the condition must have content.
void check_conditions(const FourM& model, const Plan& plan, const std::vector<Canvas>& canvases,
                      const SequenceIds& special) {
  for (size_t t = 0; t < plan.targets.size(); ++t) {
    const Target& target = plan.targets[t];
    if (target.guidance == 1 && target.weights.empty()) continue;
    for (const auto& name : plan.conditions) {
      const std::string where = "guidance of '" + target.modality + "': the condition '" + name + "' ";
      check(model.encoder.embeddings().contains(modality_of_entry(name)), where,
            "is not read by the model; take it out of the plan's conditions");
      const bool is_given = std::any_of(canvases.begin(), canvases.end(), [&](const Canvas& canvas) {
        const auto* entry = canvas.find(name);
        return entry && has_content(*entry, model.encoder.embeddings().at(entry->modality).modality, special);
      });
      const bool is_generated = std::any_of(plan.targets.begin(), plan.targets.begin() + static_cast<int64_t>(t),
                                            [&](const Target& earlier) { return earlier.modality == name; });
      check(is_given || is_generated, where,
            "is neither given nor generated before; give it, or take it out of the plan's conditions",
            weighted_names(canvases, name));
    }
  }
}

}  // namespace

Pipeline Pipeline::open(const PipelineFiles& files, const ComputeConfig& config) {
  const std::vector<Compute> computes = computes_of(config);
  warn_of_slow_precision("precision", config.precision, bf16_is_fast(config.device));
  std::error_code ignored;
  ModalityTable table = ModalityTable::official();
  if (!files.modalities.empty()) table.extend(files.modalities);
  const ModelFiles model_files = open_model_files(files.model, std::move(table));
  State state{.compute = config,
              .model = load_model(model_files, computes[0]),
              .replicas = {},
              .draft = draft_model(model_files, computes[0])};
  for (size_t i = 1; i < computes.size(); ++i) state.replicas.push_back(load_model(model_files, computes[i]));
  const fs::path folder = folder_of_model(files.model);

  const bool has_defaults = fs::exists(folder / "generation.yaml", ignored);
  const bool is_official = !fs::exists(folder / "modalities.yaml", ignored) && files.modalities.empty();
  if (has_defaults) state.defaults_file = folder / "generation.yaml";
  state.defaults =
      has_defaults ? GenerationDefaults::read(state.defaults_file) : GenerationDefaults::preset(is_official);
  state.weights = model_folder(files.model);

  const fs::path tokenizer_folder = files.tokenizers.empty() ? folder / "tokenizers" : files.tokenizers;
  check(files.tokenizers.empty() || fs::is_directory(tokenizer_folder, ignored), tokenizer_folder.string(),
        ": no such folder");
  if (fs::is_directory(tokenizer_folder, ignored)) {
    std::vector<std::string> names = state.model.encoder.modalities();
    for (const auto& name : state.model.decoder.modalities()) names.push_back(name);
    for (const auto& name : names) {
      if (state.tokenizers.contains(name)) continue;
      for (const auto& candidate : tokenizer_folders(state.model.modality(name)))
        if (fs::is_directory(tokenizer_folder / candidate, ignored)) {
          state.tokenizers.emplace(name, ImageTokenizer::open(tokenizer_folder / candidate, config, name));
          state.tokenizer_folders[name] = tokenizer_folder / candidate;
          break;
        }
    }
  }

  fs::path text_tokenizer = files.text_tokenizer;
  if (text_tokenizer.empty() && fs::exists(folder / "tokenizer.json", ignored))
    text_tokenizer = folder / "tokenizer.json";
  if (!text_tokenizer.empty()) {
    state.text_tokenizer = WordPiece::load(text_tokenizer);
    state.sequence_ids = {state.text_tokenizer->pad(), state.text_tokenizer->eos(), state.text_tokenizer->sentinels()};
    for (const auto& [name, embedding] : state.model.encoder.embeddings())
      check(embedding.modality.kind != ModalityKind::kSequence ||
                embedding.modality.vocab_size >= state.text_tokenizer->size(),
            text_tokenizer.string(), ": has ", counted(state.text_tokenizer->size(), "token"), ", but the model's '",
            name, "' has a vocabulary of ", embedding.modality.vocab_size, "; is it the model's own tokenizer?");
  }
  return Pipeline(std::make_shared<const State>(std::move(state)));
}

Modality Pipeline::modality(const std::string& name) const { return state_->model.modality(name); }

std::vector<std::string> Pipeline::inputs() const { return state_->model.encoder.modalities(); }

std::vector<std::string> Pipeline::outputs() const { return state_->model.decoder.modalities(); }

bool Pipeline::has_tokenizer(const std::string& name) const {
  return state_->tokenizers.contains(name) && modality(name).kind == ModalityKind::kTokens;
}

bool Pipeline::has_sequence_tokenizer(const std::string& name) const {
  return state_->tokenizers.contains(name) && modality(name).kind == ModalityKind::kSequence;
}

fs::path Pipeline::tokenizer_folder(const std::string& name) const {
  const auto found = state_->tokenizer_folders.find(name);
  return found == state_->tokenizer_folders.end() ? fs::path() : found->second;
}

bool Pipeline::has_text_tokenizer() const { return state_->text_tokenizer.has_value(); }

const WordPiece& Pipeline::text_tokenizer() const {
  check(state_->text_tokenizer.has_value(),
        "text needs a text tokenizer: put tokenizer.json into the model folder, or name the file");
  return *state_->text_tokenizer;
}

InputConfig Pipeline::input_config(const std::string& name) const {
  if (modality(name).kind == ModalityKind::kPixels) return InputConfig{};
  return state_->tokenizer(name).input();
}

int Pipeline::image_size(const std::string& name) const {
  const Modality m = modality(name);
  return static_cast<int>(m.image_size > 0 ? m.image_size : state_->tokenizer(name).image_size());
}

std::string Pipeline::input_name(const std::string& name) const { return resolve(name, inputs(), "read"); }

std::string Pipeline::output_name(const std::string& name) const { return resolve(name, outputs(), "generate"); }

Plan Pipeline::default_plan(const Canvas& canvas, const std::vector<std::string>& outputs) const {
  std::vector<std::string> inputs;
  for (const auto& entry : canvas.entries) inputs.push_back(entry.modality);
  return default_plan(inputs, outputs);
}

Plan Pipeline::default_plan(const std::vector<std::string>& inputs, const std::vector<std::string>& outputs) const {
  Plan plan = state_->defaults.plan(outputs, inputs, this->outputs());
  if (!state_->defaults_file.empty()) check_plan(plan, state_->defaults_file);
  return plan;
}

Plan Pipeline::read_plan(const fs::path& file) const {
  Plan plan = fourm::read_plan(file);
  for (auto& target : plan.targets) target.modality = output_name(target.modality);
  for (auto& condition : plan.conditions) {  // "caption#2" is the second caption
    const std::string name = modality_of_entry(condition);
    if (contains(inputs(), name) || contains(outputs(), name)) continue;
    condition = input_name(name) + condition.substr(name.size());
  }
  check_plan(plan, file);
  return plan;
}

void Pipeline::check_plan(const Plan& plan, const fs::path& origin) const {
  try {
    step_count(plan);
  } catch (const Error& error) {
    fail(origin.string(), ": ", error.what());
  }
}

std::string Pipeline::fingerprint() const {
  std::string fingerprints = weights_fingerprint(state_->weights);
  for (const auto& [modality, folder] : state_->tokenizer_folders) fingerprints += weights_fingerprint(folder);
  return sha256_hex(fingerprints);
}

int64_t Pipeline::step_count(const Plan& plan) const {
  const auto modality_of = [&](const std::string& name) { return state_->model.decoder.embedding(name).modality; };
  Plan unguided = plan;  // guidance needs the conditions of a canvas, and changes no step
  for (Target& target : unguided.targets) target.weights.clear();
  return static_cast<int64_t>(expand(unguided, modality_of).size());
}

bool Pipeline::run(std::vector<Canvas>& canvases, Plan plan, const RunOptions& options) const {
  check(!canvases.empty(), "[Pipeline::run] there is no canvas");
  for (const auto& name : plan.conditions) modality(modality_of_entry(name));  // an unknown one is an Error
  std::map<Conditions, std::vector<size_t>> groups;                            // canvases by their conditions
  for (size_t i = 0; i < canvases.size(); ++i) groups[conditions_of(canvases[i], plan)].push_back(i);
  check_conditions(state_->model, plan, canvases, state_->sequence_ids);
  for (const auto& target : plan.targets)
    for (auto& canvas : canvases) add_target(canvas, target.modality);
  std::vector<std::vector<Step>> steps;
  for (const auto& group : groups) {
    plan.conditions = group.first.names;
    const auto modality_of = [&](const std::string& name) { return state_->model.decoder.embedding(name).modality; };
    steps.push_back(expand(plan, modality_of, group.first.weights));
  }
  GenerateOptions generating;
  generating.seed = options.seed;
  generating.draw = options.draw;
  generating.draft = state_->draft;
  generating.sequence_ids = state_->sequence_ids;
  size_t at = 0;
  if (options.on_step)
    generating.on_step = [&](const StepReport& report) {
      const auto all = static_cast<int64_t>(steps.size());
      return options.on_step(static_cast<int64_t>(at) * report.steps + report.step, all * report.steps,
                             report.what.target);
    };
  if (options.on_token)
    generating.on_token = [&](int64_t step, int64_t tokens, int64_t most) {
      const auto all = static_cast<int64_t>(steps.size()), each = static_cast<int64_t>(steps[at].size());
      return options.on_token({static_cast<int64_t>(at) * each + step, all * each, tokens, most,
                               steps[at][static_cast<size_t>(step)].target});
    };
  bool finished = true;
  for (const auto& [conditions, members] : groups) {
    std::vector<Canvas> group;
    for (const size_t i : members) group.push_back(std::move(canvases[i]));
    const auto put_back = [&, &indices = members] {
      for (size_t k = 0; k < group.size(); ++k) canvases[indices[k]] = std::move(group[k]);
    };
    try {
      finished = finished && state_->generate(steps[at], group, generating);
    } catch (...) {
      put_back();
      throw;
    }
    put_back();
    ++at;
  }
  return finished;
}

std::vector<int64_t> Pipeline::tokens(const Canvas& canvas, const std::string& name) const {
  const auto* entry = canvas.find(name);
  check(entry, "the canvas has no modality ", printable(name));
  return entry->data.ids;
}

std::string Pipeline::text(const Canvas& canvas, const std::string& name) const {
  auto ids = tokens(canvas, name);
  std::erase_if(ids, [&](int64_t id) { return id == text_tokenizer().pad() || id == text_tokenizer().eos(); });
  return text_tokenizer().decode(ids, false);
}

std::vector<LabelledBox> Pipeline::boxes(const Canvas& canvas, const std::string& name) const {
  return boxes_from_string(text(canvas, name), coordinate_bins(text_tokenizer()));
}

StoredImage Pipeline::image(const Canvas& canvas, const std::string& name, const DecodeOptions& decoding) const {
  return decode(name, {tokens(canvas, name)}, decoding)[0];
}

std::vector<StoredImage> Pipeline::decode(const std::string& name, const std::vector<std::vector<int64_t>>& tokens,
                                          const DecodeOptions& decoding) const {
  const ImageTokenizer& tokenizer = state_->tokenizer(name);
  std::vector<TokenMap> maps;
  for (const auto& ids : tokens) maps.push_back(tokenizer.square_map(ids));
  return tokenizer.decode(maps, decoding);
}

Image Pipeline::visualize(const Canvas& canvas, const std::string& name, const DecodeOptions& decoding) const {
  return display(input_config(name), image(canvas, name, decoding));
}

const ComputeConfig& Pipeline::compute() const { return state_->compute; }

Pipeline::Features Pipeline::features(const Canvas& canvas) const {
  const InferenceGuard inference;
  const FourM& model = state_->model;
  const Tensor out = model.encoder(pack_inputs(model, {&canvas}, {{}}, state_->sequence_ids))
                         .out.to(at::kCPU, at::kFloat)
                         .contiguous();
  Features features;
  features.width = out.size(1);
  features.values.assign(out.data_ptr<float>(), out.data_ptr<float>() + out.numel());
  features.modalities.assign(static_cast<size_t>(model.encoder.register_tokens()), "register");
  for (const auto& entry : canvas.entries)
    if (model.encoder.embeddings().contains(entry.modality))
      features.modalities.insert(features.modalities.end(),
                                 static_cast<size_t>(std::count(entry.known.begin(), entry.known.end(), true)),
                                 entry.modality);
  features.modalities.resize(static_cast<size_t>(out.size(0)));
  return features;
}

std::vector<int64_t> Pipeline::file_tokens(const Canvas& canvas, const std::string& name) const {
  auto ids = tokens(canvas, name);
  if (modality(name).kind != ModalityKind::kSequence) return ids;
  const SequenceIds& special = state_->sequence_ids;
  const int64_t first = first_free_id(special.pad, special.eos, special.sentinels);
  ids.erase(std::find(ids.begin(), ids.end(), special.eos), ids.end());
  std::erase_if(ids, [&](int64_t id) { return id < first; });
  for (int64_t& id : ids) id -= first;
  return ids;
}

int64_t Pipeline::square_size() const { return state_->model.config().image_size; }

}  // namespace fourm
