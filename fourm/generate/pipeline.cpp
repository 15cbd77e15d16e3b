#include "fourm/generate/pipeline.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "fourm/core/error.h"
#include "fourm/core/json.h"
#include "fourm/core/strings.h"
#include "fourm/data/token_set.h"
#include "fourm/generate/generator.h"
#include "fourm/generate/passes.h"
#include "fourm/io/image_file.h"
#include "fourm/io/model_folder.h"
#include "fourm/io/npy.h"
#include "fourm/tokenizer/picture_tokenizer.h"

namespace fourm {
namespace {

bool stored_as_npy(const InputConfig& kind) { return kind.has_features() || kind.kind == "depth"; }

}  // namespace

std::string subject_of(const std::string& modality) {
  std::string subject = modality.substr(0, modality.find('@'));
  return subject.starts_with("tok_") ? subject.substr(4) : subject;
}

struct Pipeline::State {
  FourM model;
  std::map<std::string, PictureTokenizer> tokenizers;  // by modality
  std::optional<WordPiece> words;
  SequenceIds sequence_ids;
  bool reference = false;

  const PictureTokenizer& tokenizer(const std::string& modality) const {
    const auto found = tokenizers.find(modality);
    check(found != tokenizers.end(), "there is no tokenizer for ", printable(modality),
          "; give a folder with --tokenizers, or use .npy tokens");
    return found->second;
  }
};

Pipeline Pipeline::open(const PipelineFiles& files, const EngineConfig& engine) {
  std::error_code ignored;
  ModalityTable table = ModalityTable::official();
  if (!files.modalities.empty()) table.extend(files.modalities);
  State state{FourM::open(files.model, std::move(table), packing_of(engine)), {}, {}, {}, engine.engine == "reference"};
  const fs::path model = model_folder(files.model);
  const fs::path home = fs::is_directory(model, ignored) ? model : model.parent_path();

  const fs::path shelf = files.tokenizers.empty() ? home / "tokenizers" : files.tokenizers;
  check(files.tokenizers.empty() || fs::is_directory(shelf, ignored), shelf.string(), ": no such folder");
  if (fs::is_directory(shelf, ignored)) {
    std::vector<std::string> names;
    for (const auto& item : state.model.inputs()) names.push_back(item.first);
    for (const auto& item : state.model.outputs()) names.push_back(item.first);
    for (const auto& name : names) {
      if (state.model.modality(name).kind != ModalityKind::kTokens || state.tokenizers.contains(name)) continue;
      for (const auto& folder : {name, name.substr(0, name.find('@')), subject_of(name)})
        if (fs::is_directory(shelf / folder, ignored)) {
          state.tokenizers.emplace(name, PictureTokenizer::open(shelf / folder, packing_of(engine)));
          break;
        }
    }
  }

  fs::path words = files.text_tokenizer;
  if (words.empty() && fs::exists(home / "tokenizer.json", ignored)) words = home / "tokenizer.json";
  if (const char* given = std::getenv("FOURM_TOKENIZER"); words.empty() && given && *given) words = given;
  if (!words.empty()) {
    state.words = WordPiece::load(words);
    state.sequence_ids = {state.words->pad(), state.words->eos(), state.words->sentinels()};
    for (const auto& [name, embedding] : state.model.inputs())
      check(embedding.modality.kind != ModalityKind::kSequence || embedding.modality.vocab_size >= state.words->size(),
            words.string(), ": has ", counted(state.words->size(), "token"), ", but the model's '", name, "' knows ",
            embedding.modality.vocab_size, "; is it the model's own tokenizer?");
  }
  return Pipeline(std::make_shared<const State>(std::move(state)));
}

Modality Pipeline::modality(const std::string& name) const { return state_->model.modality(name); }

std::vector<std::string> Pipeline::reads() const {
  std::vector<std::string> names;
  for (const auto& item : state_->model.inputs()) names.push_back(item.first);
  return names;
}

std::vector<std::string> Pipeline::writes() const {
  std::vector<std::string> names;
  for (const auto& item : state_->model.outputs()) names.push_back(item.first);
  return names;
}

bool Pipeline::has_tokenizer(const std::string& name) const { return state_->tokenizers.contains(name); }

const WordPiece& Pipeline::words() const {
  check(state_->words.has_value(),
        "text needs a tokenizer: put tokenizer.json into the model folder, or give --text-tokenizer FILE");
  return *state_->words;
}

InputConfig Pipeline::picture_kind(const std::string& name) const {
  if (modality(name).kind == ModalityKind::kPixels) return InputConfig{};
  return state_->tokenizer(name).input();
}

void Pipeline::give(Canvas& canvas, const std::string& name, const std::string& value, const DepthUnits& units) const {
  const Modality m = state_->model.input(name).modality;
  const bool npy = lower_extension(value) == ".npy";
  if (m.kind == ModalityKind::kEmbeddings) {
    check(npy, "modality '", name, "' takes a .npy file of vectors, got ", printable(value));
    const NpyArray array = read_npy(value);
    check(array.shape.size() == 2 && array.shape[1] == m.width, value, ": expected an array [L, ", m.width, "]");
    ModalityData data;
    data.width = m.width;
    data.values = npy_floats(array);
    for (const float x : data.values) check(std::isfinite(x), value, ": holds ", x, ", expected finite numbers");
    canvas.add_known(name, std::move(data));
  } else if (npy && m.kind == ModalityKind::kTokens && has_tokenizer(name) && stored_as_npy(picture_kind(name)) &&
             read_npy(value).dtype.starts_with("f")) {  // the features or the depth themselves
    give_picture(canvas, name, read_picture(picture_kind(name), value, units));
  } else if (npy && m.kind != ModalityKind::kPixels) {
    const NpyArray array = read_npy(value);
    auto tokens = npy_integers(array, value);
    if (m.kind == ModalityKind::kTokens && array.shape.size() == 2 && array.shape[1] == m.max_tokens)
      tokens.resize(static_cast<size_t>(m.max_tokens));  // official files hold several crops, the first one is whole
    give_tokens(canvas, name, tokens);
  } else if (m.kind == ModalityKind::kSequence) {
    give_text(canvas, name, lower_extension(value) == ".txt" ? trim(read_file(value, 1 << 20)) : value);
  } else {
    const std::string unsupported = unsupported_image(value);
    check(unsupported.empty(), value, ": ", unsupported);
    check(is_image_file(value), "modality '", name, "' takes an image (", join(image_extensions(), ", "), ")",
          m.kind == ModalityKind::kTokens ? " or .npy tokens" : "", ", got ", printable(value));
    give_picture(canvas, name, read_picture(picture_kind(name), value, units));
  }
}

void Pipeline::give_picture(Canvas& canvas, const std::string& name, const StoredPicture& picture) const {
  const Modality m = state_->model.input(name).modality;
  const InputConfig input = picture_kind(name);
  const auto size = static_cast<int>(m.image_size);
  const StoredPicture square = centre_square(input, picture, size);
  if (m.kind == ModalityKind::kPixels) {
    canvas.add_known(name, pixel_patches(std::get<Image>(square).pixels.data(), size, m.patch_size));
    return;
  }
  give_tokens(canvas, name, state_->tokenizer(name).encode({square})[0].tokens);
}

void Pipeline::give_text(Canvas& canvas, const std::string& name, const std::string& text) const {
  const Modality m = state_->model.input(name).modality;
  auto ids = words().encode(text);
  const bool holes = std::any_of(ids.begin(), ids.end(), [&](int64_t id) { return words().is_sentinel(id); });
  if (ids.empty() || ids.back() != words().eos()) ids.push_back(words().eos());
  check(static_cast<int64_t>(ids.size()) <= m.max_tokens, "modality '", name, "': the text has ", ids.size(),
        " tokens, at most ", m.max_tokens, " are read");
  if (holes)
    canvas.add_text_with_holes(name, ids, m.max_tokens, state_->sequence_ids);
  else
    canvas.add_text(name, ids, state_->sequence_ids);
}

void Pipeline::give_boxes(Canvas& canvas, const std::string& name, const std::vector<LabelledBox>& boxes) const {
  Random unused(0);
  const auto ordered = view_boxes(boxes, {1, 1, 0, 0, 1, 1, false}, {}, unused);
  give_text(canvas, name, boxes_to_string(ordered, coordinate_bins(words())));
}

void Pipeline::give_tokens(Canvas& canvas, const std::string& name, const std::vector<int64_t>& tokens) const {
  const Modality m = state_->model.input(name).modality;
  for (const int64_t id : tokens)
    check(id >= 0 && id < m.vocab_size, "modality '", name, "': token ", id, " is outside its vocabulary of ",
          m.vocab_size);
  check(m.kind == ModalityKind::kSequence || static_cast<int64_t>(tokens.size()) == m.max_tokens, "modality '", name,
        "': ", counted(tokens.size(), "token"), ", expected ", m.max_tokens);
  ModalityData data;
  data.ids = tokens;
  canvas.add_known(name, std::move(data));
}

void Pipeline::ask(Canvas& canvas, const std::string& name) const {
  const Modality m = state_->model.output(name).modality;
  if (const auto* entry = canvas.find(name)) {
    check(std::find(entry->wanted.begin(), entry->wanted.end(), true) != entry->wanted.end(), "modality '", name,
          "' is given whole: nothing of it is left to generate");
    return;
  }
  if (m.kind == ModalityKind::kSequence)
    canvas.add_empty_text(name, m.max_tokens, state_->sequence_ids);
  else
    canvas.add_grid(name, m.max_tokens);
}

Plan Pipeline::default_plan(const Canvas& canvas, const std::vector<std::string>& outputs) const {
  bool pixels = false;
  for (const auto& entry : canvas.entries) pixels |= modality(entry.modality).kind == ModalityKind::kPixels;
  Plan plan;
  plan.top_p = 0.8;
  for (const auto& name : outputs) plan.targets.push_back(default_target(modality(name), pixels));
  return plan;
}

bool Pipeline::run(std::vector<Canvas>& canvases, Plan plan, const RunOptions& options) const {
  check(!canvases.empty(), "[Pipeline::run] there is no canvas");
  if (plan.conditions.empty())
    for (const auto& entry : canvases[0].entries)
      if (std::find(entry.wanted.begin(), entry.wanted.end(), true) == entry.wanted.end())
        plan.conditions.push_back(entry.modality);
  for (const auto& name : plan.conditions) state_->model.modality(name);  // refuses unknown ones
  for (const auto& target : plan.targets)
    for (auto& canvas : canvases) ask(canvas, target.modality);
  GenerateOptions generating;
  generating.seed = options.seed;
  generating.filter = plan.filter();
  generating.draw = options.draw;
  generating.reference = state_->reference;
  generating.sequence_ids = state_->sequence_ids;
  if (options.on_step)
    generating.on_step = [&](const StepReport& report) {
      return options.on_step(report.step, report.steps, report.what.target);
    };
  const auto steps = expand(plan, [&](const std::string& name) { return state_->model.output(name).modality; });
  return generate(state_->model, steps, canvases, generating);
}

std::vector<int64_t> Pipeline::tokens(const Canvas& canvas, const std::string& name) const {
  const auto* entry = canvas.find(name);
  check(entry, "the canvas has no modality ", printable(name));
  return entry->data.ids;
}

std::string Pipeline::text(const Canvas& canvas, const std::string& name) const {
  auto ids = tokens(canvas, name);
  std::erase_if(ids, [&](int64_t id) { return id == words().pad() || id == words().eos(); });
  return words().decode(ids, false);
}

std::vector<LabelledBox> Pipeline::boxes(const Canvas& canvas, const std::string& name) const {
  return boxes_from_string(text(canvas, name), coordinate_bins(words()));
}

StoredPicture Pipeline::picture(const Canvas& canvas, const std::string& name, const DecodeOptions& decoding) const {
  const auto side = static_cast<int>(modality(name).grid());
  return state_->tokenizer(name).decode({{1, side, side, tokens(canvas, name)}}, decoding)[0];
}

Image Pipeline::show(const Canvas& canvas, const std::string& name, const DecodeOptions& decoding) const {
  return display(picture_kind(name), picture(canvas, name, decoding));
}

Pipeline::Features Pipeline::features(const Canvas& canvas) const {
  const InferenceGuard inference;
  const FourM& model = state_->model;
  const Tensor out = model.encode(pack_inputs(model, {&canvas}, {{}}, state_->sequence_ids)).out.contiguous();
  Features features;
  features.width = out.size(1);
  features.values.assign(out.data_ptr<float>(), out.data_ptr<float>() + out.numel());
  features.modalities.assign(static_cast<size_t>(model.config().num_register_tokens), "register");
  for (const auto& entry : canvas.entries)
    if (model.inputs().contains(entry.modality))
      features.modalities.insert(features.modalities.end(),
                                 static_cast<size_t>(std::count(entry.known.begin(), entry.known.end(), true)),
                                 entry.modality);
  features.modalities.resize(static_cast<size_t>(out.size(0)));
  return features;
}

std::vector<fs::path> Pipeline::write(const Canvas& canvas, const std::string& name, const fs::path& folder,
                                      const std::string& stem, const TextChunks& recipe,
                                      const DecodeOptions& decoding) const {
  std::vector<fs::path> files;
  const auto path = [&](const std::string& extension) {
    files.push_back(folder / (stem + extension));
    return files.back();
  };
  const auto ids = tokens(canvas, name);
  write_npy(path(".npy"), npy_from_integers(ids, {static_cast<int64_t>(ids.size())}));
  if (modality(name).kind == ModalityKind::kSequence) {
    if (!state_->words) return files;
    write_file(path(".txt"), text(canvas, name) + "\n");
    if (subject_of(name) == "det") {
      Json instances = Json::array();
      for (const auto& box : boxes(canvas, name))
        instances.push_back({{"boxes", {box.xmin, box.ymin, box.xmax, box.ymax}},
                             {"class_name", box.class_name},
                             {"score", box.score}});
      write_json(path(".json"), {{"instances", instances}});
    }
  } else if (has_tokenizer(name)) {
    const StoredPicture stored = picture(canvas, name, decoding);
    const InputConfig input = picture_kind(name);
    if (input.kind == "rgb" || input.kind == "normal") {
      write_png(path(".png"), std::get<Image>(stored), recipe);
    } else {
      const std::string extension = picture_extension(input);
      write_file(path(extension == ".npy" ? "_" + input.kind + extension : extension), encode_picture(input, stored));
      write_png(path("_view.png"), display(input, stored), recipe);
    }
  }
  return files;
}

}  // namespace fourm
