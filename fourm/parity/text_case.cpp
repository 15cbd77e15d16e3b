#include "fourm/parity/cases.h"

#include <array>
#include <functional>

#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/text/boxes.h"
#include "fourm/text/structured.h"
#include "fourm/text/wordpiece.h"

namespace fourm {
namespace {

using Ids = std::vector<int64_t>;

Json decoded_both_ways(const WordPiece& text, const Ids& ids) {
  return {{"decode_keep_special", text.decode(ids, false)}, {"decode_skip_special", text.decode(ids, true)}};
}

Json run_string(const Json& entry, const WordPiece& text, const std::string& where) {
  const Ids ids = text.encode(json_get<std::string>(entry, "text", where));
  Json result{{"ids", ids}, {"tokens", text.tokens(ids)}};
  result.update(decoded_both_ways(text, ids));
  return result;
}

Json run_ids(const Json& entry, const WordPiece& text, const std::string& where) {
  return decoded_both_ways(text, json_get<Ids>(entry, "ids", where));
}

Json with_ids(const std::string& string, const WordPiece& text) {
  return {{"string", string}, {"ids", text.encode(string)}};
}

Json to_json(const std::vector<LabelledBox>& boxes, bool with_score) {
  Json out = Json::array();
  for (const auto& box : boxes) {
    Json entry{box.xmin, box.ymin, box.xmax, box.ymax, box.class_name};
    if (with_score) entry.push_back(box.score);
    out.push_back(std::move(entry));
  }
  return out;
}

template <size_t n>
std::array<double, n> numbers(const Json& object, const char* key, const std::string& where) {
  const auto list = json_get<std::vector<double>>(object, key, where);
  check(list.size() == n, where, ": '", key, "' must hold ", n, " numbers, found ", list.size());
  std::array<double, n> out;
  std::copy(list.begin(), list.end(), out.begin());
  return out;
}

Json run_boxes(const Json& entry, const WordPiece& text, const std::string& where) {
  std::vector<LabelledBox> boxes;
  for (const Json& instance : json_get<Json>(entry, "instances", where)) {
    const auto [xmin, ymin, xmax, ymax] = numbers<4>(instance, "boxes", where);
    boxes.push_back({xmin, ymin, xmax, ymax, json_get<std::string>(instance, "class_name", where),
                     json_get<double>(instance, "score", where)});
  }
  const auto size = numbers<2>(entry, "orig_size_hw", where);
  const auto crop = numbers<4>(entry, "crop_top_left_h_w", where);
  const CropView view{size[0], size[1], crop[0], crop[1], crop[2], crop[3], json_get<bool>(entry, "flip", where)};
  const auto params = json_get<Json>(entry, "params", where);
  BoxOptions options;
  options.threshold = json_get<double>(params, "det_threshold", where);
  if (!json_get<Json>(params, "det_max_instances", where).is_null())
    options.max_instances = json_get<int64_t>(params, "det_max_instances", where);
  options.order = parse_box_order(json_get<std::string>(params, "bbox_order", where));
  options.min_visibility = json_get<double>(params, "min_visibility", where);
  const auto bins = json_get<int64_t>(params, "coord_bins", where);

  Random random(0);
  const auto seen = view_boxes(boxes, view, options, random);
  const std::string string = boxes_to_string(seen, bins);
  const std::string decoded = text.decode(text.encode(string), false);
  Json result{{"boxes_after_augment", to_json(seen, true)}};
  result.update(with_ids(string, text));
  result["decoded"] = decoded;
  result["boxes_back"] = to_json(boxes_from_string(decoded, bins), false);
  return result;
}

Json run_inverse(const Json& entry, const WordPiece&, const std::string& where) {
  const auto boxes =
      boxes_from_string(json_get<std::string>(entry, "string", where), json_get<int64_t>(entry, "bins", where));
  return {{"boxes_back", to_json(boxes, false)}};
}

Json run_metadata(const Json& entry, const WordPiece& text, const std::string& where) {
  Metadata metadata;
  const auto given = json_get<Json>(entry, "metadata", where);
  check(given.is_object(), where, ": 'metadata' must be an object");
  for (const auto& [name, value] : given.items()) metadata.emplace_back(name, json_get<double>(given, name, where));
  const auto chunks = metadata_to_chunks(metadata);
  Json result = with_ids(join(chunks, " "), text);
  result["chunks"] = chunks;
  return result;
}

Json run_palette(const Json& entry, const WordPiece& text, const std::string& where) {
  const auto values = json_get<std::vector<double>>(entry, "values_rgb_flat", where);
  check(values.size() % 3 == 0, where, ": 'values_rgb_flat' must hold three numbers a colour, found ", values.size());
  std::vector<PaletteColour> colours;
  for (size_t i = 0; i < values.size(); i += 3) colours.push_back({values[i], values[i + 1], values[i + 2]});
  return with_ids(palette_to_string(colours), text);
}

/// ["human", 4 numbers, then "pose", "global", "camera" and "shape" with theirs, in any order].
HumanPose read_pose(const Json& list, const std::string& where) {
  HumanPose person;
  const auto fill = [&](const std::string& word, std::span<double> values) {
    const auto found = std::find(list.begin(), list.end(), Json(word));
    check(list.end() - found > static_cast<int64_t>(values.size()), where, ": a person needs '", word, "' and ",
          values.size(), " numbers");
    for (size_t i = 0; i < values.size(); ++i) {
      const Json& value = *(found + 1 + static_cast<int64_t>(i));
      check(value.is_number(), where, ": a person needs ", values.size(), " numbers after '", word, "'");
      values[i] = value.get<double>();
    }
  };
  check(list.is_array(), where, ": a person must be a list");
  fill("human", person.box);
  fill("pose", person.pose);
  fill("global", person.global);
  fill("camera", person.camera);
  fill("shape", person.shape);
  return person;
}

Json run_poses(const Json& entry, const WordPiece& text, const std::string& where) {
  std::vector<HumanPose> people;
  for (const Json& list : json_get<Json>(entry, "instances", where)) people.push_back(read_pose(list, where));
  for (const auto& [key, value] : entry.items())
    if (key.starts_with("group_orders"))
      return with_ids(poses_to_string(people, json_get<std::vector<GroupOrder>>(entry, key, where)), text);
  fail(where, ": the orders of the groups are missing");
}

struct List {
  const char* name;
  Json (*run)(const Json& entry, const WordPiece& text, const std::string& where);
};
constexpr List kLists[] = {{"strings", run_string},       {"id_decodes", run_ids},    {"box_sets", run_boxes},
                           {"inverse_only", run_inverse}, {"metadata", run_metadata}, {"color_palette", run_palette},
                           {"human_poses", run_poses}};

fs::path find_tokenizer(const fs::path& folder, const std::string& name, const std::optional<fs::path>& given) {
  check(!name.empty() && fs::path(name).filename() == name, folder.string(),
        "/case.json: 'tokenizer' must be a file name, found ", printable(name));
  if (fs::exists(folder / name)) return folder / name;
  check(given.has_value(), folder.string(), ": the tokenizer ", printable(name),
        " is not there; name the file of the text tokenizer");
  note("text tokenizer: ", given->string());
  return *given;
}

}  // namespace

Json run_text_case(const fs::path& case_folder, const std::optional<fs::path>& tokenizer) {
  const std::string origin = (case_folder / "case.json").string();
  const Json description = read_json(case_folder / "case.json");
  const auto name = json_get<std::string>(description, "tokenizer", origin);
  const WordPiece text = WordPiece::load(find_tokenizer(case_folder, name, tokenizer));

  Json results = Json::object();
  for (const auto& file : json_get<std::vector<std::string>>(description, "files", origin)) {
    check(fs::path(file).filename() == file, origin, ": 'files' must be file names, found ", printable(file));
    const fs::path path = case_folder / file;
    const Json file_lists = read_json(path);
    for (const List& list : kLists) {
      if (!file_lists.contains(list.name)) continue;
      const auto entries = json_get<Json>(file_lists, list.name, path.string());
      Json& out = results[list.name] = Json::array();
      for (const Json& entry : entries)
        out.push_back(list.run(entry, text, concat(path.string(), ", ", list.name, "[", out.size(), "]")));
    }
  }
  return results;
}

}  // namespace fourm
