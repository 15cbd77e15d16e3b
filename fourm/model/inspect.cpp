#include "fourm/model/inspect.h"

#include <algorithm>
#include <iomanip>

#include "fourm/core/config_json.h"
#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/data/describe.h"
#include "fourm/io/image_file.h"
#include "fourm/io/model_folder.h"
#include "fourm/io/torch_file.h"
#include "fourm/io/weights.h"
#include "fourm/model/model_file.h"
#include "fourm/tokenizer/config.h"
#include "fourm/tokenizer/training_arguments.h"

namespace fourm {
namespace {

const char* kind_name(ModalityKind kind) {
  switch (kind) {
    case ModalityKind::kPixels: return "pixels";
    case ModalityKind::kTokens: return "tokens";
    case ModalityKind::kSequence: return "sequence";
    case ModalityKind::kEmbeddings: return "embeddings";
  }
  return "";
}

Json tensor_list(const SafetensorsFile& file) {
  Json list = Json::array();
  for (const auto& t : file.tensors())
    list.push_back({{"name", t.name}, {"dtype", dtype_name(t.dtype)}, {"shape", t.shape}, {"bytes", t.bytes}});
  return list;
}

void describe_model(const fs::path& path, const fs::path& modalities, Json& report) {
  ModalityTable table = ModalityTable::official();
  if (!modalities.empty()) table.extend(modalities);
  const FourM model = load_model(path, std::move(table));
  const ModelConfig& c = model.config();
  report["kind"] = "4M model";
  report["config"] = {
      {"dim", c.dim},
      {"encoder_depth", c.encoder_depth},
      {"decoder_depth", c.decoder_depth},
      {"num_heads", c.num_heads},
      {"mlp_hidden", c.mlp_hidden()},
      {"activation", c.act_layer},
      {"gated_mlp", c.gated_mlp},
      {"qk_norm", c.qk_norm},
      {"biases", {{"qkv", c.qkv_bias}, {"proj", c.proj_bias}, {"mlp", c.mlp_bias}, {"norm", c.norm_bias}}},
      {"registers", c.num_register_tokens},
      {"shared_modality_embeddings", c.share_modality_embeddings}};
  Json rows = Json::array();
  std::vector<std::string> names = c.domains_in;
  for (const auto& name : c.domains_out)
    if (!contains(names, name)) names.push_back(name);
  for (const auto& name : names) {
    const Modality m = model.modality(name);
    rows.push_back({{"name", name},
                    {"kind", kind_name(m.kind)},
                    {"reads", model.encoder.embeddings().contains(name)},
                    {"writes", model.decoder.embeddings().contains(name)},
                    {"vocabulary", m.vocab_size},
                    {"tokens", m.max_tokens},
                    {"id", m.id()}});
  }
  report["modalities"] = rows;
  report["parameters"] = model.parameters().count();
  int64_t embeddings = 0;
  for (const auto& entry : model.parameters().entries())
    if (entry.is_parameter && entry.name.find("_embeddings.") != std::string::npos) embeddings += entry.value.numel();
  report["parameters_without_embeddings"] = model.parameters().count() - embeddings;
}

// Whether the path holds tensors: a folder with a file of them, or such a file.
bool holds_weights(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return has_weights(path);
  return is_weight_file(path) || (lower_extension(path) != ".npz" && is_torch_file(path));
}

// The config of a model, of a tokenizer or of an image-text model; another JSON file is data.
Json describe_config(const fs::path& path) {
  const Json json = read_json(path);
  const auto has = [&](const char* key) { return json.is_object() && json.contains(key); };
  if (has("codebook_size") || has("enc_type")) return {{"kind", "tokenizer"}, {"config", json}};
  if (has("text_width")) return {{"kind", "image-text model"}, {"config", json}};
  if (path.filename() != "config.json" && !has("domains_in")) return describe_json(json, path);
  const ModelConfig config = read_model_config(path);
  return {{"kind", "4M config"},
          {"domains_in", config.domains_in},
          {"domains_out", config.domains_out},
          {"dim", config.dim}};
}

// A folder of models or tokenizers, one a folder; another folder or file is data.
Json describe_models(const fs::path& path) {
  Json names = Json::array();
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(path, ignored))
    if (fs::exists(entry.path() / "config.json", ignored)) names.push_back(entry.path().filename().string());
  if (names.empty()) return describe_data(path);
  std::sort(names.begin(), names.end());
  return {{"kind", "folder of models"}, {"models", names}};
}

bool is_model(const fs::path& path, const SafetensorsFile& file) {
  return (file.find("mask_token") && file.find("encoder_norm.weight")) &&
         (fs::is_directory(path) || has_model_config(file) || fs::exists(path.parent_path() / "config.json"));
}

// What the arguments of a checkpoint say of the model or tokenizer in it.
void write_config(const fs::path& path, const SafetensorsFile& file, const fs::path& to) {
  if (has_model_config(file))
    write_model_config(to, read_model_config(file));
  else if (has_training_arguments(file))
    write_json(to, config_json(TokenizerFiles::open(path).config));
  else
    warn(path.string(), ": holds no arguments of a model or tokenizer; write ", to.string(), " by hand");
}

// A value without JSON punctuation.
std::string plain(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_structured()) return value.dump();
  std::vector<std::string> parts;
  for (const auto& [key, item] : value.items())
    parts.push_back(value.is_object() ? key + " " + plain(item) : plain(item));
  return join(parts, ", ");
}

// To so many significant bits, as numbers of 2^e [0.5, 1).
Tensor rounded(const Tensor& value, int bits) {
  const auto [fraction, exponent] = at::frexp(value.to(at::kDouble));
  return at::ldexp(at::ldexp(at::round(at::ldexp(fraction, at::scalar_tensor(bits))), at::scalar_tensor(-bits)),
                   exponent);
}

}  // namespace

Json inspect(const fs::path& given, const fs::path& modalities) {
  std::error_code ignored;
  const fs::file_status status = fs::status(given, ignored);
  check(fs::exists(status), given.string(), ": no such file or folder");
  check(fs::is_directory(status) || fs::is_regular_file(status), given.string(), ": is neither a file nor a folder");
  Json report{{"path", given.string()}};
  if (is_run_folder(given)) {
    report["checkpoint"] = newest_checkpoint(given);
    if (!fs::exists(given / "model" / "config.json", ignored)) {
      report["kind"] = "training run without a finished model";
      return report;
    }
  }
  const fs::path path = model_folder(given);
  report["path"] = path.string();
  if (!holds_weights(path)) {
    report.update(path.extension() == ".json" ? describe_config(path) : describe_models(path));
    return report;
  }
  const auto file = open_weights(path);
  report["kind"] = is_torch_file(file.path()) ? "PyTorch checkpoint" : "safetensors";
  if (is_model(path, file))
    describe_model(path, modalities, report);
  else if (fs::exists(path / "config.json", ignored) && fs::is_directory(path, ignored))
    report.update(describe_config(path / "config.json"));
  report["metadata"] = file.metadata();
  report["tensors"] = tensor_list(file);
  return report;
}

std::string inspect_text(const Json& report, bool all_tensors) {
  std::ostringstream out;
  out << report["path"].get<std::string>() << ": " << report["kind"].get<std::string>() << "\n";
  if (report.contains("parameters"))
    out << std::fixed << std::setprecision(1) << "parameters   " << report["parameters"].get<double>() / 1e6
        << " M, without embeddings " << report["parameters_without_embeddings"].get<double>() / 1e6 << " M\n";
  if (report.contains("config")) {
    for (const auto& [key, value] : report["config"].items()) out << key << " " << value << "  ";
    out << "\n";
  }
  for (const auto& [key, value] : report.items())
    if (!contains({"path", "kind", "config", "metadata", "tensors", "parameters", "parameters_without_embeddings",
                   "domains_in", "domains_out"},
                  key) &&
        (key != "modalities" || value.is_object()))
      out << key << ": " << plain(value) << "\n";
  if (report.contains("modalities") && report["modalities"].is_array()) {
    out << std::left << std::setw(26) << "modality" << std::setw(12) << "kind" << std::setw(8) << "reads"
        << std::setw(8) << "writes" << std::setw(12) << "vocabulary" << std::setw(8) << "tokens"
        << "id\n";
    for (const auto& m : report["modalities"])
      out << std::setw(26) << m["name"].get<std::string>() << std::setw(12) << m["kind"].get<std::string>()
          << std::setw(8) << (m["reads"].get<bool>() ? "yes" : "-") << std::setw(8)
          << (m["writes"].get<bool>() ? "yes" : "-") << std::setw(12) << m["vocabulary"].get<int64_t>() << std::setw(8)
          << m["tokens"].get<int64_t>() << m["id"].get<int64_t>() << "\n";
  }
  if (report.contains("domains_in"))
    out << "reads " << report["domains_in"] << "\nwrites " << report["domains_out"] << "\n";
  if (report.contains("tensors")) {
    const auto& tensors = report["tensors"];
    uint64_t bytes = 0;
    for (const auto& t : tensors) bytes += t["bytes"].get<uint64_t>();
    out << counted(static_cast<int64_t>(tensors.size()), "tensor") << ", "
        << counted(static_cast<int64_t>(bytes), "byte") << "\n";
    size_t shown = 0;
    for (const auto& t : tensors) {
      if (!all_tensors && report.contains("config")) break;
      if (!all_tensors && ++shown > 40) {
        out << "  ... (" << tensors.size() - 40 << " more)\n";
        break;
      }
      out << "  " << printable(t["name"].get<std::string>(), 200) << "  " << t["dtype"].get<std::string>() << " "
          << t["shape"].dump() << "\n";
    }
  }
  return out.str();
}

void convert(const fs::path& given, const fs::path& out, const std::string& dtype, int bits) {
  const fs::path path = model_folder(given);
  const at::ScalarType type = parse_dtype(dtype);
  std::error_code ignored;
  const bool folder = fs::is_directory(path, ignored);
  const auto file = open_weights(path);
  // One safetensors file becomes one file; what needs a config beside it becomes a folder.
  const bool pickled = is_torch_file(file.path()), into_folder = folder || pickled;
  NamedTensors tensors;
  for (const auto& stored : file.tensors()) {
    Tensor value = view_of(file, stored);
    if (value.is_floating_point()) {
      const Tensor narrow = (bits > 0 ? rounded(value, bits) : value).to(type);
      check(at::isfinite(narrow).all().item<bool>() || !at::isfinite(value).all().item<bool>(), file.path().string(),
            ": tensor ", printable(stored.name), " has numbers too large for ", dtype);
      value = narrow;
    }
    tensors.emplace_back(stored.name, value);
  }
  if (into_folder) make_folder(out);
  if (folder)
    for (const char* name : {"config.json", "modalities.yaml", "tokenizer.json"})
      if (fs::exists(path / name)) write_file(out / name, read_file(path / name));
  if (into_folder && !folder) write_config(path, file, out / "config.json");
  save_tensors(into_folder ? out / "model.safetensors" : out, tensors,
               pickled ? std::map<std::string, std::string>{{"format", "pt"}} : file.metadata());
}

}  // namespace fourm
