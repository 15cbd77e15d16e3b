#include "fourm/data/describe.h"

#include <fstream>
#include <map>

#include "fourm/core/config.h"
#include "fourm/core/error.h"
#include "fourm/data/annotation.h"
#include "fourm/data/source.h"
#include "fourm/io/image.h"
#include "fourm/io/image_file.h"
#include "fourm/io/npy.h"
#include "fourm/io/npz.h"
#include "fourm/text/wordpiece.h"

namespace fourm {
namespace {

std::string first_bytes(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string bytes(32, '\0');
  in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<size_t>(in.gcount()));
  return bytes;
}

Json describe_image(const std::string& kind, const fs::path& path, std::string_view head) {
  const Image image = read_image(path);
  Json report{{"kind", kind}, {"width", image.width}, {"height", image.height}};
  if (head.starts_with("\x89PNG") && head.size() > 25) {  // the header's bit depth and colour type
    static const std::map<int, const char*> kColours{
        {0, "grey"}, {2, "RGB"}, {3, "palette"}, {4, "grey and alpha"}, {6, "RGB and alpha"}};
    const auto colour = kColours.find(head[25]);
    report["bits"] = static_cast<int>(head[24]);
    report["channels"] = colour == kColours.end() ? "unknown" : colour->second;
  }
  return report;
}

Json describe_samples(const char* kind, const fs::path& path, const Source& source, size_t faults) {
  Json report{{"kind", kind}, {"samples", source.size()}, {"modalities", Json::object()}};
  for (const auto& modality : source.modalities()) {
    int64_t files = 0;
    for (int64_t i = 0; i < source.size(); ++i) files += source.has(i, modality);
    report["modalities"][modality] = files;
  }
  report["faults"] = faults;
  report["see"] = "fourm data check " + path.string();
  return report;
}

Json describe_folder(const fs::path& path) {
  std::vector<Fault> faults;
  const Source source = Source::open(path.string(), &faults);
  if (source.size() > 0) return describe_samples("data set", path, source, faults.size());
  std::map<std::string, int64_t> extensions;
  for (const auto& file : list_files(path)) ++extensions[file.extension().string()];
  check(!extensions.empty() || faults.empty(), faults.empty() ? "" : faults[0].text());
  check(!extensions.empty(), path.string(), ": holds neither a model, nor a training run, nor a data set, nor files");
  return {{"kind", "folder of files"}, {"files", extensions}};
}

}  // namespace

Json describe_json(const Json& json, const fs::path& path) {
  if (json.is_object() && json.contains("model") && json.contains("added_tokens")) {
    const WordPiece words = WordPiece::load(path);
    return {{"kind", "text tokenizer"},
            {"entries", words.size()},
            {"sentinels", words.sentinels().count},
            {"boxes", words.id("v0=0").has_value()}};
  }
  try {
    const Annotation annotation = parse_annotation(json, path.string());
    if (annotation.boxes) return {{"kind", "boxes"}, {"boxes", annotation.boxes->size()}};
    return {{"kind", "texts"}, {"texts", annotation.texts.size()}};
  } catch (const Error&) {  // any other JSON
  }
  Json report{{"kind", concat("JSON (", json.type_name(), ")")}};
  if (json.is_object())
    for (const auto& item : json.items()) report["keys"].push_back(item.key());
  if (json.is_array()) report["items"] = json.size();
  return report;
}

Json describe_data(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return describe_folder(path);
  const std::string head = first_bytes(path), extension = lower_extension(path);
  if (const std::string_view format = image_format(head); !format.empty())
    return describe_image(concat(format, " image"), path, head);
  if (head.starts_with("\x93NUMPY")) {
    const NpyArray array = read_npy(path);
    return {{"kind", "NumPy array"}, {"dtype", array.dtype}, {"shape", array.shape}};
  }
  if (extension == ".npz") {
    Json arrays = Json::object();
    for (const auto& [name, array] : decode_npz(read_file(path), path.string()))
      arrays[name] = {{"dtype", array.dtype}, {"shape", array.shape}};
    return {{"kind", "NumPy archive"}, {"arrays", arrays}};
  }
  if (extension == ".tar") {
    std::vector<Fault> faults;
    const Source source = Source::open(path.string(), &faults);
    return describe_samples("tar shard", path, source, faults.size());
  }
  if (extension == ".json") return describe_json(read_json(path), path);
  if (extension == ".yaml" || extension == ".yml") {
    const YAML::Node node = read_yaml(path);
    check(node.IsMap(), path.string(), ": is YAML, but no mapping of keys");
    Json report{{"kind", "YAML"}, {"keys", Json::array()}};
    for (const auto& item : node) report["keys"].push_back(item.first.as<std::string>());
    return report;
  }
  if (extension == ".txt") return {{"kind", "text"}, {"bytes", fs::file_size(path)}};
  const std::string image = unsupported_image(path);
  check(image.empty(), path.string(), ": ", image);
  fail(path.string(), ": is none of these: a model, its weights or config, an image in ", supported_images(),
       ", .npy, .npz, .tar, .json, .yaml, .txt");
}

}  // namespace fourm
