#include "fourm/train/monitor.h"

#include <cstdio>
#include <map>

#include "fourm/core/config.h"
#include "fourm/core/json.h"
#include "fourm/core/strings.h"
#include "fourm/draw/html.h"
#include "fourm/io/model_folder.h"
#include "fourm/train/curves.h"
#include "fourm/train/records.h"

namespace fourm {
namespace {

constexpr size_t kImages = 6;

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

std::string duration_left(double seconds) {
  const auto minutes = static_cast<int64_t>(seconds / 60 + 0.5);
  return minutes < 60 ? concat(minutes, " min") : concat(minutes / 60, " h ", minutes % 60, " min");
}

// The keys of a recipe that the page needs.
struct Recipe {
  double steps = 0, samples = 1;  // of the run; samples per step

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
    for (const Record& record : parse_records(metrics_jsonl)) {
      step = std::max(step, static_cast<double>(record.step));
      values[record.kind] = record.values;
    }
  }
  double of(const char* kind, const char* name) const {
    const auto found = values.find(kind);
    if (found == values.end() || !found->second.contains(name) || !found->second[name].is_number()) return 0;
    return found->second[name].get<double>();
  }
};

std::string state_of(const fs::path& run, const Recipe& recipe, const LastRecords& last, bool finished) {
  std::string state = concat("step ", last.step);
  if (recipe.steps > 0) state += concat(" of ", recipe.steps, " (", number(100 * last.step / recipe.steps), " %)");
  if (const double seconds = last.of("train", "seconds"); seconds > 0) {
    state += concat(", ", number(recipe.samples / seconds), " samples per second");
    if (!finished && recipe.steps > last.step)
      state += concat(", ", duration_left(seconds * (recipe.steps - last.step)), " left");
  }
  if (finished) state += ". Finished";
  const std::string checkpoint = newest_checkpoint(run);
  if (!checkpoint.empty()) state += concat(". Newest checkpoint: ", checkpoint);
  std::string html = html_element("p", state + ".") + "\n";
  if (recipe.steps > 0) html += concat("<progress max=\"", recipe.steps, "\" value=\"", last.step, "\"></progress>\n");
  return html;
}

// Tables of training and of evaluation, side by side.
std::string last_measures(const LastRecords& last) {
  std::string tables;
  for (const auto& [kind, title] : {std::pair{"train", "training"}, std::pair{"eval", "evaluation"}}) {
    const auto found = last.values.find(kind);
    if (found == last.values.end()) continue;
    std::vector<TableRow> rows;
    for (const auto& [name, value] : found->second.items())
      if (value.is_number()) rows.push_back({name, number(value.get<double>())});
    tables += html_table(concat("Last measures of the ", title), {}, rows);
  }
  return html_row(tables);
}

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
  check(is_run_folder(run), run.string(), ": is not the folder of a training run (recipe.yaml, checkpoints/)");
  std::error_code ignored;
  const std::string metrics =
      fs::exists(run / "metrics.jsonl", ignored) ? read_file(run / "metrics.jsonl") : std::string();
  const Recipe recipe(run / "recipe.yaml");
  const LastRecords last(metrics);
  const std::string name = fs::absolute(run).lexically_normal().filename().string();
  RunPage page;
  page.finished = fs::exists(run / "model" / "config.json", ignored) && last.step >= recipe.steps;
  page.html = html_head(name, page.finished ? 0 : refresh) + state_of(run, recipe, last, page.finished);
  if (metrics.empty()) page.html += html_element("p", "There are no records yet.") + "\n";
  page.html += last_measures(last);
  page.html += curves_svg(metrics, "Measures") + progress_svg(metrics, "Progress", recipe.samples);
  for (const auto& file : newest_images(run)) page.html += html_figure(file.stem().string(), ".png", read_file(file));
  page.html += kHtmlEnd;
  return page;
}

}  // namespace fourm
