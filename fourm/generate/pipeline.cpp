#include "fourm/generate/pipeline.h"

#include <algorithm>
#include <tuple>

#include "fourm/core/error.h"
#include "fourm/core/json.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/data/crop.h"
#include "fourm/data/modality_file.h"
#include "fourm/generate/defaults.h"
#include "fourm/generate/generator.h"
#include "fourm/generate/input.h"
#include "fourm/generate/input_value.h"
#include "fourm/generate/keep_region.h"
#include "fourm/generate/passes.h"
#include "fourm/io/image_file.h"
#include "fourm/io/model_folder.h"
#include "fourm/io/npy.h"
#include "fourm/kernels/compute.h"
#include "fourm/modality/text_warnings.h"
#include "fourm/text/unicode.h"
#include "fourm/tokenizer/image_tokenizer.h"

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

// The member of `names` that a short name means (Pipeline::input_name). `verb` says what the model does with them.
std::string resolve(const std::string& name, const std::vector<std::string>& names, const std::string& verb) {
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
  fail("the model does not ", verb, " ", printable(name), did_you_mean(name, spellings),
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

void warn_of_unknown_words(const std::string& origin, const std::string& text, const WordPiece& words) {
  if (const auto unknown = unknown_words(text, words); !unknown.empty())
    warn("modality '", origin, "': not in the vocabulary, and read as [UNK]: ", join(unknown, ", "));
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

struct Pipeline::State {
  ComputeConfig compute;
  FourM model;
  std::vector<FourM> replicas;  // on further devices
  std::shared_ptr<const DraftModel> draft;
  std::map<std::string, ImageTokenizer> tokenizers{};   // by modality
  std::map<std::string, fs::path> tokenizer_folders{};  // that they were opened from
  std::optional<WordPiece> text_tokenizer{};
  SequenceIds sequence_ids{};
  GenerationDefaults defaults{};

  // On all devices.
  bool generate(const std::vector<Step>& steps, std::vector<Canvas>& canvases, const GenerateOptions& options) const {
    std::vector<const FourM*> models{&model};
    for (const FourM& replica : replicas) models.push_back(&replica);
    return fourm::generate(models, steps, canvases, options);
  }

  const ImageTokenizer& tokenizer(const std::string& modality) const {
    const auto found = tokenizers.find(modality);
    check(found != tokenizers.end(), "there is no tokenizer for ", printable(modality),
          "; name a folder of tokenizers that holds one, or use .npy tokens");
    return found->second;
  }
};

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
  state.defaults =
      has_defaults ? GenerationDefaults::read(folder / "generation.yaml") : GenerationDefaults::preset(is_official);

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

std::vector<std::string> Pipeline::input_extensions(const std::string& name) const {
  const Modality m = state_->model.encoder.embedding(name).modality;
  if (m.kind == ModalityKind::kSequence) return {".txt", ".json", ".npy"};
  if (m.kind == ModalityKind::kEmbeddings) return {".npz", ".npy"};
  const bool has_images = m.kind == ModalityKind::kPixels || !has_tokenizer(name) || !input_config(name).has_features();
  std::vector<std::string> extensions{".npy"};
  if (has_images) extensions.insert(extensions.end(), image_extensions().begin(), image_extensions().end());
  return extensions;
}

void Pipeline::add_input(Canvas& canvas, const std::string& name, const std::string& value,
                         const DepthUnits& units) const {
  add_value(canvas, state_->model.encoder.embedding(name).modality, value, units);
}

void Pipeline::add_input(Canvas& canvas, const Input& input, const DepthUnits& units) const {
  const Modality m = modality(input_name(input.modality));
  check(!canvas.find(m.name), "modality '", m.name, "' is given twice; give each a weight, as in '", m.name,
        "[weight=2]=...'");
  const ImageSize size = add_value(canvas, m, input.value, units);
  if (!input.keep.empty()) {
    Canvas::Entry& entry = canvas.at(m.name);
    check(!m.is_sequence(), "modality '", m.name, "': keep is for grids, and it is a sequence");
    const KeepRegion region = KeepRegion::parse(input.keep);
    region.check_size(size.width, size.height, input.value);
    try {
      const std::vector<bool> kept = region.tokens(static_cast<int64_t>(entry.known.size()), m.grid());
      for (size_t i = 0; i < kept.size(); ++i) entry.known[i] = entry.known[i] && kept[i];
      if (std::find(kept.begin(), kept.end(), true) == kept.end())
        warn("modality '", m.name, "': keep=", input.keep, " keeps no whole token");
    } catch (const Error& error) {
      fail("modality '", m.name, "': ", error.what());
    }
  }
  if (input.weight) canvas.set_weight(m.name, *input.weight);
}

void Pipeline::add_inputs(Canvas& canvas, const std::vector<Input>& inputs, const DepthUnits& units) const {
  std::vector<size_t> places;  // of the added entries in the list
  for (const bool is_text : {false, true})
    for (size_t i = 0; i < inputs.size(); ++i)
      if ((modality(input_name(inputs[i].modality)).kind == ModalityKind::kSequence) == is_text) {
        add_input(canvas, inputs[i], units);
        places.push_back(i);
      }
  const size_t before = canvas.entries.size() - inputs.size();
  std::vector<Canvas::Entry> ordered(inputs.size());
  for (size_t k = 0; k < places.size(); ++k) ordered[places[k]] = std::move(canvas.entries[before + k]);
  std::move(ordered.begin(), ordered.end(), canvas.entries.begin() + static_cast<std::ptrdiff_t>(before));
}

ImageSize Pipeline::add_value(Canvas& canvas, const Modality& m, const std::string& value,
                              const DepthUnits& units) const {
  const std::string& name = m.name;
  const std::vector<std::string> extensions = input_extensions(name);
  const InputValue given = parse_input_value(value, extensions);
  if (!given.file.empty()) return add_file(canvas, m, given, units);
  const bool is_text = m.kind == ModalityKind::kSequence;
  const std::string unsupported = is_text ? "" : unsupported_image(given.text);
  check(unsupported.empty(), given.text, ": ", unsupported);
  check(is_text, "modality '", name, "' takes a file (", join(extensions, ", "), "), got ", printable(value));
  std::error_code ignored;
  if (!given.marked && fs::is_regular_file(given.text, ignored))
    warn("modality '", name, "': ", printable(given.text), " is read as a text, although a file has this name");
  const auto ids = text_tokenizer().encode(given.text);
  check(to_valid_utf8(given.text) == given.text, "modality '", name, "': ", printable(given.text),
        " is no text in UTF-8");
  for (const auto& warning : warnings_of_text(given.text, ids, text_tokenizer(), name, m.max_tokens))
    if (warning.topic != "cut") warn("modality '", name, "': ", warning.message);  // add_text warns of that
  warn_of_unknown_words(name, given.text, text_tokenizer());
  add_text(canvas, name, given.text);
  return {};
}

ImageSize Pipeline::add_file(Canvas& canvas, const Modality& m, const InputValue& given,
                             const DepthUnits& units) const {
  std::string extension = lower_extension(given.file);
  if (!extension.empty()) extension.erase(0, 1);
  std::string bytes = read_file(given.file);
  if (m.kind == ModalityKind::kSequence && extension != "json" && extension != "npy") {
    extension = "txt";
    if (given.marked) bytes = only_line(given.file, bytes);
    warn_of_unknown_words(m.name, to_valid_utf8(bytes), text_tokenizer());
  }
  return add_bytes(canvas, m.name, std::move(bytes), extension, given.file.string(), units.of(given.file));
}

ImageSize Pipeline::add_bytes(Canvas& canvas, const std::string& name, std::string bytes, std::string extension,
                              const std::string& origin, std::optional<double> depth_unit) const {
  const Modality m = state_->model.encoder.embedding(name).modality;
  const bool is_npy = extension == "npy", is_sequence = m.kind == ModalityKind::kSequence;
  const bool is_image = m.kind == ModalityKind::kPixels
                            ? !is_npy
                            : m.kind == ModalityKind::kTokens &&
                                  (!is_npy || !holds_tokens(m, decode_npy(bytes, origin), origin, depth_unit));
  if (is_image) {
    const StoredImage image = decode_stored_image(input_config(name), bytes, origin, depth_unit);
    add_image(canvas, name, image);
    return {width_of(image), height_of(image)};
  }
  const ModalityFile file(m, std::move(bytes), std::move(extension), origin);
  const WordPiece* text = is_sequence ? &text_tokenizer() : nullptr;
  ModalityFile::Choice choice;
  choice.number = 0;
  choice.unknown_tokens = true;
  choice.view = file.centre(canvas.view);
  Random random(0);
  ModalityData data = file.data(choice, text, text ? coordinate_bins(*text) : 0, random,
                                [](const std::string&, const std::string& message) { warn(message); });
  if (is_sequence)
    add_text_ids(canvas, m, data.ids);
  else
    add_known(canvas, m, std::move(data));
  return {};
}

// Whether an array holds token ids of the modality, not an image. Integers are ids, but for those of a depth map, which
// has two dimensions and a stated unit.
bool Pipeline::holds_tokens(const Modality& m, const NpyArray& array, const std::string& origin,
                            std::optional<double> depth_unit) const {
  if (!has_integers(array)) return false;
  const bool may_be_depth = array.shape.size() == 2 && has_tokenizer(m.name) && input_config(m.name).kind == "depth" &&
                            depth_unit.has_value();
  if (!may_be_depth) return true;
  const int64_t rows = array.shape[0], columns = array.shape[1];
  check(columns != m.max_tokens && rows * columns != m.max_tokens, origin, ": an array [", rows, ", ", columns,
        "] may be token ids or depth, whose unit is stated; save tokens as [", columns,
        "] or [crops, rows, columns], "
        "or depth as floats in metres");
  return false;
}

void Pipeline::add_image(Canvas& canvas, const std::string& name, const StoredImage& image) const {
  const Modality m = state_->model.encoder.embedding(name).modality;
  const InputConfig input = input_config(name);
  if (m.kind == ModalityKind::kPixels) {
    const int size = image_size(name);
    const StoredImage square = centre_square(input, image, size);
    canvas.add_known(name, pixel_patches(std::get<Image>(square).pixels.data(), size, m.patch_size));
  } else {
    add_tokens(canvas, name, tokenize(name, image));
  }
  if (!canvas.view && !input.has_features()) canvas.view = centre_view(width_of(image), height_of(image));
}

std::vector<int64_t> Pipeline::tokenize(const std::string& name, const StoredImage& image) const {
  const ImageTokenizer& tokenizer = state_->tokenizer(name);
  return tokenizer.encode({centre_square(tokenizer.input(), image, image_size(name))})[0].tokens;
}

void Pipeline::add_text(Canvas& canvas, const std::string& name, const std::string& text, const Warn& warn) const {
  const Modality m = state_->model.encoder.embedding(name).modality;
  auto ids = text_tokenizer().encode(text);
  for (const auto& warning : warnings_of_ids(ids, text_tokenizer(), name, m.max_tokens))
    if (warning.topic == "cut") {
      const std::string message = concat("modality '", name, "': the text ", warning.message);
      warn ? warn(warning.topic, message) : fourm::warn(message);
    }
  if (ids.empty() || ids.back() != text_tokenizer().eos()) ids.push_back(text_tokenizer().eos());
  ids.resize(std::min<size_t>(ids.size(), static_cast<size_t>(m.max_tokens)));
  add_text_ids(canvas, m, ids);
}

// Sentinels in `ids` are holes.
void Pipeline::add_text_ids(Canvas& canvas, const Modality& m, const std::vector<int64_t>& ids) const {
  const SentinelRange& sentinels = state_->sequence_ids.sentinels;
  if (std::any_of(ids.begin(), ids.end(), [&](int64_t id) { return sentinels.contains(id); }))
    canvas.add_text_with_holes(m.name, ids, m.max_tokens, state_->sequence_ids);
  else
    canvas.add_text(m.name, ids, state_->sequence_ids);
}

void Pipeline::add_boxes(Canvas& canvas, const std::string& name, const std::vector<LabelledBox>& boxes) const {
  Random unused(0);
  const auto ordered = view_boxes(boxes, {.height = 1, .width = 1, .crop_height = 1, .crop_width = 1}, {}, unused);
  add_text(canvas, name, boxes_to_string(ordered, coordinate_bins(text_tokenizer())));
}

void Pipeline::add_tokens(Canvas& canvas, const std::string& name, const std::vector<int64_t>& tokens) const {
  const Modality m = state_->model.encoder.embedding(name).modality;
  for (const int64_t id : tokens)
    check((id >= 0 || (id == kUnknownToken && m.kind == ModalityKind::kTokens)) && id < m.vocab_size, "modality '",
          name, "': token ", id, " is outside its vocabulary of ", m.vocab_size);
  if (m.kind == ModalityKind::kSequence) {
    const auto end = std::find(tokens.begin(), tokens.end(), state_->sequence_ids.eos);
    const int64_t length = end - tokens.begin() + (end != tokens.end());
    check(length <= m.max_tokens, "modality '", name, "': ", counted(length, "token"), ", at most ", m.max_tokens,
          " are read");
    return add_text_ids(canvas, m, tokens);
  }
  const auto count = static_cast<int64_t>(tokens.size());
  check(m.has_grid() ? count == m.max_tokens : count > 0 && count <= m.max_tokens, "modality '", name,
        "': ", counted(count, "token"), ", expected ", m.has_grid() ? "" : "at most ", m.max_tokens);
  ModalityData data;
  data.ids = tokens;
  add_known(canvas, m, std::move(data));
}

// Of token grids, ids of -1 are unknown.
void Pipeline::add_known(Canvas& canvas, const Modality& m, ModalityData data) const {
  canvas.add_known(m.name, std::move(data));
  if (m.kind != ModalityKind::kTokens) return;
  Canvas::Entry& entry = canvas.at(m.name);
  for (size_t i = 0; i < entry.known.size(); ++i)
    if (entry.data.ids[i] == kUnknownToken) {
      entry.known[i] = false;
      entry.data.ids[i] = 0;
    }
}

void Pipeline::add_known_from(Canvas& canvas, const Canvas& other) const {
  for (const Canvas::Entry& entry : other.entries) {
    const auto found = state_->model.encoder.embeddings().find(entry.modality);
    if (found == state_->model.encoder.embeddings().end()) continue;
    const Modality& m = found->second.modality;
    check(m.kind == ModalityKind::kSequence || entry.data.length() == m.max_tokens || m.is_sequence(), "modality '",
          m.name, "': ", entry.data.length(), " tokens, the model of the second stage reads ", m.max_tokens);
    for (const int64_t id : entry.data.ids)
      check(id < m.vocab_size, "modality '", m.name, "': token ", id, " is outside the vocabulary of ", m.vocab_size,
            " of the second stage");
    canvas.entries.push_back(entry);
    canvas.entries.back().target.assign(entry.target.size(), false);
  }
  canvas.key = other.key;
  if (!canvas.view) canvas.view = other.view;
}

void Pipeline::add_target(Canvas& canvas, const std::string& name) const {
  const Modality m = state_->model.decoder.embedding(name).modality;
  const bool is_sequence = m.kind == ModalityKind::kSequence;
  if (!canvas.find(name)) {
    if (is_sequence)
      canvas.add_empty_text(name, m.max_tokens, state_->sequence_ids);
    else
      canvas.add_target_grid(name, m.max_tokens);
  }
  Canvas::Entry& entry = canvas.at(name);
  if (!entry.has_targets() && !is_sequence) {  // an input of which a part is kept
    entry.target = entry.known;
    entry.target.flip();
  }
  check(entry.has_targets(), "modality '", name, "' is given whole: nothing of it is left to generate");
  for (const auto& other : canvas.entries)
    check(!is_sequence || other.modality != name || !other.weight, "modality '", name,
          "' is given with a weight and generated too; texts are either");
}

Plan Pipeline::default_plan(const Canvas& canvas, const std::vector<std::string>& outputs) const {
  std::vector<std::string> inputs;
  for (const auto& entry : canvas.entries) inputs.push_back(entry.modality);
  return default_plan(inputs, outputs);
}

Plan Pipeline::default_plan(const std::vector<std::string>& inputs, const std::vector<std::string>& outputs) const {
  return state_->defaults.plan(outputs, inputs, this->outputs());
}

int64_t Pipeline::step_count(const Plan& plan) const {
  const auto modality_of = [&](const std::string& name) { return state_->model.decoder.embedding(name).modality; };
  return static_cast<int64_t>(expand(plan, modality_of).size());
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
