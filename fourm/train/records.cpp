#include "fourm/train/records.h"

#include "fourm/core/strings.h"

namespace fourm {

std::vector<Record> parse_records(std::string_view metrics_jsonl) {
  std::vector<Record> records;
  for (const auto& line : split(std::string(metrics_jsonl), '\n')) {
    const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object() || !json.contains("step") || !json["step"].is_number_integer()) continue;
    for (const char* kind : {"train", "eval"})
      if (json.contains(kind) && json[kind].is_object())
        records.push_back({json["step"].get<int64_t>(), kind, json[kind]});
  }
  return records;
}

std::vector<Record> read_records(const fs::path& metrics_jsonl) {
  return fs::exists(metrics_jsonl) ? parse_records(read_file(metrics_jsonl)) : std::vector<Record>();
}

std::string line_of(const Record& record) { return Json{{"step", record.step}, {record.kind, record.values}}.dump(); }

}  // namespace fourm
