// Inputs and targets of Pipeline: files, texts, images and tokens that are put on canvases.
#include <algorithm>

#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/data/crop.h"
#include "fourm/data/modality_file.h"
#include "fourm/generate/input.h"
#include "fourm/generate/input_value.h"
#include "fourm/generate/keep_region.h"
#include "fourm/generate/pipeline_state.h"
#include "fourm/io/image_file.h"
#include "fourm/io/npy.h"
#include "fourm/modality/text_warnings.h"
#include "fourm/text/unicode.h"
#include "fourm/text/vocabulary.h"

namespace fourm {
namespace {

void warn_of_unknown_words(const std::string& origin, const std::string& text, const WordPiece& words) {
  if (const auto unknown = unknown_words(text, words); !unknown.empty())
    warn("modality '", origin, "': not in the vocabulary, and read as [UNK]: ", join(unknown, ", "));
}

}  // namespace

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
  std::error_code ignored;
  check(is_text, "modality '", name, "' takes a file (", join(extensions, ", "), "), got ", printable(value),
        fs::exists(given.text, ignored) ? "" : "; there is no such file or folder");
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
        "] may be token ids or depth, whose unit is stated; save tokens as [", m.max_tokens,
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
  const bool is_given = canvas.find(name);
  if (!is_given) {
    if (is_sequence)
      canvas.add_empty_text(name, m.max_tokens, state_->sequence_ids);
    else
      canvas.add_target_grid(name, m.max_tokens);
  }
  Canvas::Entry& entry = canvas.at(name);
  if (is_given && !entry.has_targets() && !is_sequence) {  // an input of which a part is kept
    entry.target = entry.known;
    entry.target.flip();
  }
  check(entry.has_targets(), "modality '", name, "' is given whole: nothing of it is left to generate");
  for (const auto& other : canvas.entries)
    check(!is_sequence || other.modality != name || !other.weight, "modality '", name,
          "' is given with a weight and generated too; texts are either");
}

}  // namespace fourm
