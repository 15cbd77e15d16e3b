#include "fourm/train/monitor.h"

#include <cstdio>
#include <map>
#include <sstream>

#include "fourm/core/config.h"
#include "fourm/core/json.h"
#include "fourm/core/strings.h"
#include "fourm/io/image.h"
#include "fourm/io/model_folder.h"
#include "fourm/train/curves.h"

namespace fourm {
namespace {

constexpr size_t kImages = 6;

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

std::string duration(double seconds) {
  const auto minutes = static_cast<int64_t>(seconds / 60 + 0.5);
  return minutes < 60 ? concat(minutes, " min") : concat(minutes / 60, " h ", minutes % 60, " min");
}

// The keys of a recipe that the page needs.
struct Recipe {
  double steps = 0, samples = 1;  // of the run; samples a step

  explicit Recipe(const fs::path& file) {
    const YAML::Node node = read_yaml(file);
    const auto of = [](const YAML::Node& map, const char* key, double otherwise) {
      return map.IsMap() && map[key].IsDefined() && map[key].IsScalar() ? map[key].as<double>(otherwise) : otherwise;
    };
    if (!node.IsMap()) return;
    samples = of(node, "batch", 1);
    const YAML::Node& given = node;
    if (const YAML::Node training = given["training"]; training.IsDefined()) {
      steps = of(training, "steps", 0);
      samples *= of(training, "accumulate", 1);
    }
  }
};

// The last values of the records, by kind.
struct LastRecords {
  double step = 0;
  std::map<std::string, Json> values;  // "train", "eval"

  explicit LastRecords(const std::string& metrics_jsonl) {
    for (const auto& line : split(metrics_jsonl, '\n')) {
      const Json record = Json::parse(line, nullptr, /*allow_exceptions=*/false);
      if (!record.is_object() || !record.contains("step") || !record["step"].is_number()) continue;
      step = std::max(step, record["step"].get<double>());
      for (const char* kind : {"train", "eval"})
        if (record.contains(kind) && record[kind].is_object()) values[kind] = record[kind];
    }
  }
  double of(const char* kind, const char* name) const {
    const auto found = values.find(kind);
    if (found == values.end() || !found->second.contains(name) || !found->second[name].is_number()) return 0;
    return found->second[name].get<double>();
  }
};

void write_state(std::ostream& out, const fs::path& run, const Recipe& recipe, const LastRecords& last, bool finished) {
  out << "<p class=\"state\">step " << last.step;
  if (recipe.steps > 0) out << " of " << recipe.steps << " (" << number(100 * last.step / recipe.steps) << " %)";
  if (const double seconds = last.of("train", "seconds"); seconds > 0) {
    out << ", " << number(recipe.samples / seconds) << " samples a second";
    if (!finished && recipe.steps > last.step) out << ", " << duration(seconds * (recipe.steps - last.step)) << " left";
  }
  const std::string checkpoint = newest_checkpoint(run);
  out << (finished ? ". Finished" : "")
      << (checkpoint.empty() ? "" : ". Newest checkpoint: " + html_escaped(checkpoint)) << ".</p>\n";
  if (recipe.steps > 0) out << "<progress max=\"" << recipe.steps << "\" value=\"" << last.step << "\"></progress>\n";
}

void write_measures(std::ostream& out, const LastRecords& last) {
  for (const auto& [kind, title] : {std::pair{"train", "training"}, std::pair{"eval", "evaluation"}}) {
    const auto found = last.values.find(kind);
    if (found == last.values.end()) continue;
    out << "<table><caption>Last measures of the " << title << "</caption>\n";
    for (const auto& [name, value] : found->second.items())
      if (value.is_number())
        out << "<tr><td>" << html_escaped(name) << "</td><td>" << number(value.get<double>()) << "</td></tr>\n";
    out << "</table>\n";
  }
}

void write_images(std::ostream& out, const fs::path& run) {
  for (const auto& file : newest_images(run)) {
    const std::string name = html_escaped(file.stem().string());
    out << "<figure><img alt=\"" << name << "\" src=\"data:image/png;base64," << base64(read_file(file))
        << "\"><figcaption>" << name << "</figcaption></figure>\n";
  }
}

constexpr const char* kStyle =
    "body{font:14px system-ui,sans-serif;color:#222;max-width:940px;margin:24px auto;padding:0 12px}"
    "table{border-collapse:collapse;display:inline-table;margin:8px 24px 8px 0;vertical-align:top}"
    "caption{text-align:left;font-weight:600;padding:4px 0}td{padding:1px 10px 1px 0}"
    "td+td{text-align:right;font-variant-numeric:tabular-nums}svg,img{max-width:100%;height:auto}"
    "figure{margin:12px 0}progress{width:100%}";

}  // namespace

std::vector<fs::path> newest_images(const fs::path& run) {
  std::error_code ignored;
  std::map<std::string, fs::path> newest;
  for (const auto& entry : fs::directory_iterator(run / "images", ignored)) {
    const fs::path& path = entry.path();
    const std::string stem = path.stem().string();
    if (path.extension() != ".png" || stem.rfind('-') == std::string::npos) continue;
    fs::path& known = newest[stem.substr(0, stem.rfind('-'))];
    const auto rank = [](const fs::path& p) { return std::pair(p.string().size(), p.string()); };  // as numbers
    if (known.empty() || rank(path) > rank(known)) known = path;
  }
  std::vector<fs::path> files;
  for (const auto& [name, file] : newest)
    if (files.size() < kImages) files.push_back(file);
  return files;
}

RunPage run_page(const fs::path& run, int refresh) {
  check(is_run_folder(run), run.string(), ": is no folder of a training run (recipe.yaml, checkpoints/)");
  std::error_code ignored;
  const std::string metrics =
      fs::exists(run / "metrics.jsonl", ignored) ? read_file(run / "metrics.jsonl") : std::string();
  const Recipe recipe(run / "recipe.yaml");
  const LastRecords last(metrics);
  const std::string name = fs::absolute(run).lexically_normal().filename().string();
  RunPage page;
  page.finished = fs::exists(run / "model" / "config.json", ignored) && last.step >= recipe.steps;
  std::ostringstream out;
  out << "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" << html_escaped(name)
      << "</title>\n";
  if (refresh > 0 && !page.finished) out << "<meta http-equiv=\"refresh\" content=\"" << refresh << "\">\n";
  out << "<style>" << kStyle << "</style></head><body>\n<h1>" << html_escaped(name) << "</h1>\n";
  write_state(out, run, recipe, last, page.finished);
  if (metrics.empty()) out << "<p>There are no records yet.</p>\n";
  write_measures(out, last);
  out << curves_svg(metrics, "Measures") << progress_svg(metrics, "Progress", recipe.samples);
  write_images(out, run);
  out << "</body></html>\n";
  page.html = out.str();
  return page;
}

}  // namespace fourm
