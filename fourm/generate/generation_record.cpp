#include "fourm/generate/generation_record.h"

#include <algorithm>

#include "fourm/core/error.h"
#include "fourm/core/sha256.h"
#include "fourm/generate/input.h"
#include "fourm/generate/input_value.h"
#include "fourm/generate/keep_region.h"
#include "fourm/io/image_file.h"

namespace fourm {
namespace {

constexpr const char* kKeyword = "fourm";  // of the text in PNG files

// Of a grid with -1 for unknown tokens, of a sequence the known ids.
std::vector<int64_t> known_ids(const Canvas::Entry& entry, bool is_sequence) {
  std::vector<int64_t> ids;
  for (size_t i = 0; i < entry.data.ids.size(); ++i)
    if (entry.known[i] || !is_sequence) ids.push_back(entry.known[i] ? entry.data.ids[i] : kUnknownToken);
  return ids;
}

void check_same(const fs::path& file, const std::string& digest) {
  check(sha256_hex(read_file(file)) == digest, file.string(), ": is not the file that the image was generated from");
}

bool is_stored_whole(const Modality& modality) {
  return modality.kind == ModalityKind::kTokens || modality.kind == ModalityKind::kSequence;
}

}  // namespace

Json settings_json(const GenerationSettings& settings) {
  Json json{{"model", settings.model},
            {"precision", settings.precision},
            {"seed", settings.seed},
            {"draw", settings.draw},
            {"plan", flow_text(to_yaml(settings.plan))},
            {"decoding", flow_text(to_yaml(settings.decoding))}};
  const auto add_weights = [&](const char* key, const std::string& weights) {
    if (!weights.empty()) json[key] = weights;
  };
  add_weights("weights", settings.weights);
  if (settings.paste_kept) json["paste_kept"] = true;
  if (!settings.super_resolution.empty()) {
    json["super_resolution"] = settings.super_resolution;
    add_weights("super_resolution_weights", settings.super_resolution_weights);
    json["super_resolution_plan"] = flow_text(to_yaml(settings.super_resolution_plan));
  }
  return json;
}

GenerationSettings settings_from_json(const Json& json, const std::string& origin) {
  GenerationSettings settings;
  settings.model = json_get<std::string>(json, "model", origin);
  settings.precision = json_get<std::string>(json, "precision", origin);
  settings.seed = json_get<uint64_t>(json, "seed", origin);
  settings.draw = json_get<bool>(json, "draw", origin);
  const auto read = [&](const char* key, auto& config) {
    read_config(parse_yaml(json_get<std::string>(json, key, origin), origin), config, origin + ": " + key);
  };
  read("plan", settings.plan);
  read("decoding", settings.decoding);
  settings.weights = json.value("weights", "");
  settings.super_resolution_weights = json.value("super_resolution_weights", "");
  if (json.contains("paste_kept")) settings.paste_kept = json_get<bool>(json, "paste_kept", origin);
  if (json.contains("super_resolution")) {
    settings.super_resolution = json_get<std::string>(json, "super_resolution", origin);
    read("super_resolution_plan", settings.super_resolution_plan);
  }
  return settings;
}

std::vector<std::string> changed_settings(Json stored, const Json& expected, const std::string& origin) {
  if (stored.is_null()) return {"not known"};  // a journal that was cut in its first line
  for (const char* key : {"plan", "super_resolution_plan"}) {
    if (!stored.contains(key)) continue;
    Plan plan;
    read_config(parse_yaml(json_get<std::string>(stored, key, origin), origin), plan, origin);
    stored[key] = flow_text(to_yaml(plan));
  }
  if (!expected.contains("batch")) stored.erase("batch");
  std::vector<std::string> changed;
  for (const auto& [key, value] : expected.items())
    if (stored.contains(key) ? stored[key] != value : !key.ends_with("weights")) changed.push_back(key);
  for (const auto& [key, value] : stored.items())
    if (!expected.contains(key)) changed.push_back(key);
  return changed;
}

Json inputs_json(const Pipeline& pipeline, const Canvas& canvas, const std::vector<Input>& inputs, bool with_kept) {
  Json list = Json::array();
  check(inputs.size() <= canvas.entries.size(), "[inputs_json] the canvas has fewer entries than inputs");
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Canvas::Entry& entry = canvas.entries[i];
    Json item{{"modality", entry.modality}};
    if (entry.weight) item["weight"] = *entry.weight;
    const bool is_whole = is_stored_whole(pipeline.modality(entry.modality));
    if (is_whole) {
      const bool is_sequence = pipeline.modality(entry.modality).kind == ModalityKind::kSequence;
      item["tokens"] = known_ids(entry, is_sequence);
      if (is_sequence && pipeline.has_text_tokenizer()) item["text"] = pipeline.text(canvas, entry.name);
    }
    if (!is_whole || (with_kept && !inputs[i].keep.empty())) {
      const std::string& value = inputs[i].value;  // "@shard.tar: name.png" for a file in an archive
      const fs::path file = value.starts_with('@')
                                ? fs::path(value.substr(1))
                                : parse_input_value(value, pipeline.input_extensions(entry.modality)).file;
      std::error_code ignored;
      item["file"] = file.string();
      if (fs::is_regular_file(file, ignored)) item["sha256"] = sha256_hex(read_file(file));
      if (!inputs[i].keep.empty()) item["keep"] = inputs[i].keep;
      if (is_image_file(inputs[i].keep)) item["keep_sha256"] = sha256_hex(read_file(inputs[i].keep));
    }
    list.push_back(std::move(item));
  }
  return list;
}

std::string GenerationRecord::text() const {
  const Json json{{"settings", settings_json(settings)}, {"sample", sample}, {"key", key}, {"inputs", inputs}};
  return json.dump(-1, ' ', true, Json::error_handler_t::replace);
}

GenerationRecord GenerationRecord::parse(const std::string& text, const std::string& origin) {
  const Json json = parse_json(text, origin);
  GenerationRecord record;
  record.settings = settings_from_json(json_get<Json>(json, "settings", origin), origin);
  record.sample = json_get<std::string>(json, "sample", origin);
  record.key = json_get<uint64_t>(json, "key", origin);
  record.inputs = json_get<Json>(json, "inputs", origin);
  check(record.inputs.is_array(), origin, ": the key 'inputs' is not a list");
  return record;
}

GenerationRecord GenerationRecord::read(const fs::path& png) {
  for (const auto& [keyword, text] : read_png_text(png))
    if (keyword == kKeyword) return parse(text, png.string());
  fail(png.string(), ": holds no record of a generation; give a PNG file that `fourm generate` wrote");
}

Canvas GenerationRecord::canvas(const Pipeline& pipeline) const {
  Canvas canvas;
  canvas.key = key;
  for (const Json& item : inputs) {
    const auto name = json_get<std::string>(item, "modality", "the record");
    const auto file =
        item.contains("tokens") ? item.value("file", "") : json_get<std::string>(item, "file", "the record");
    if (!file.empty()) {
      check(item.contains("sha256"), file, ": is no file of its own; take it out of its archive and generate from it");
      check_same(file, json_get<std::string>(item, "sha256", "the record"));
    }
    if (item.contains("keep_sha256"))
      check_same(json_get<std::string>(item, "keep", "the record"),
                 json_get<std::string>(item, "keep_sha256", "the record"));
    if (item.contains("tokens")) {
      pipeline.add_tokens(canvas, name, json_get<std::vector<int64_t>>(item, "tokens", "the record"));
    } else {
      pipeline.add_input(canvas, {.modality = name, .value = "@" + file, .keep = item.value("keep", "")});
    }
    if (item.contains("weight")) canvas.set_weight(name, json_get<double>(item, "weight", "the record"));
  }
  return canvas;
}

}  // namespace fourm
