#include "fourm/experiments/run_report.h"

#include <algorithm>
#include <map>

#include "fourm/core/error.h"
#include "fourm/core/json.h"
#include "fourm/core/strings.h"
#include "fourm/experiments/experiment_run.h"
#include "fourm/experiments/finetune_report.h"
#include "fourm/experiments/report_parts.h"
#include "fourm/experiments/spread.h"
#include "fourm/io/image.h"
#include "fourm/io/image_file.h"
#include "fourm/io/model_folder.h"
#include "fourm/train/curves.h"
#include "fourm/train/monitor.h"

namespace fourm {
namespace {

struct Named {
  std::string name;
  fs::path path;
};
struct NamedJson {
  std::string name;
  fs::path path;
  Json json;
};

// The things at the paths, by kind.
struct Material {
  std::vector<NamedJson> benchmarks, ablations, evaluations, numbers;
  std::vector<Named> runs, images;
};

bool is_benchmark(const Json& json) { return json.contains("tasks") && json.contains("groups"); }
bool is_ablation(const Json& json) { return json.contains("values") && json.contains("source"); }
bool is_evaluation(const Json& json) { return json.contains("inputs") && json.contains("data"); }
bool is_numbers(const Json& json) {
  return !json.empty() && std::all_of(json.begin(), json.end(), [](const Json& value) { return value.is_number(); });
}

// What a file of JSON is; false when it is none of the kinds.
bool add_json(Material& material, const std::string& name, const fs::path& file) {
  const Json json = read_json(file);
  if (!json.is_object()) return false;
  const NamedJson named{name, file, json};
  if (is_benchmark(json))
    material.benchmarks.push_back(named);
  else if (is_ablation(json))
    material.ablations.push_back(named);
  else if (is_evaluation(json))
    material.evaluations.push_back(named);
  else if (is_numbers(json))
    material.numbers.push_back(named);
  else
    return false;
  return true;
}

// The folders of a task's runs, by seed.
std::vector<fs::path> runs_of_task(const fs::path& folder) {
  std::vector<fs::path> runs;
  if (!fs::is_directory(folder)) return runs;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.is_directory() && entry.path().filename().string().starts_with("seed")) runs.push_back(entry.path());
  std::sort(runs.begin(), runs.end());
  return runs;
}

// The results of the tasks that have one, of a benchmark that is not finished.
Json unfinished_benchmark(const fs::path& folder) {
  Json json{{"tasks", Json::array()}, {"groups", Json::object()}};
  for (const auto& entry : fs::directory_iterator(folder)) {
    std::vector<double> losses;
    for (const auto& run : runs_of_task(entry.path()))
      if (const auto result = read_result(run)) losses.push_back(result->loss);
    if (!losses.empty())
      json["tasks"].push_back({{"name", entry.path().filename().string()}, {"group", ""}, {"losses", losses}});
  }
  std::sort(json["tasks"].begin(), json["tasks"].end(),
            [](const Json& a, const Json& b) { return a["name"] < b["name"]; });
  return json;
}

bool add_folder(Material& material, const std::string& name, const fs::path& folder) {
  if (is_run_folder(folder)) {
    material.runs.push_back({name, folder});
    return true;
  }
  if (fs::exists(folder / "benchmark.json")) return add_json(material, name, folder / "benchmark.json");
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (lower_extension(entry.path()) == ".json") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  bool found = false;
  for (const auto& file : files)
    if (const Json json = read_json(file); json.is_object() && is_ablation(json)) {
      material.ablations.push_back({file.stem().string(), file, json});
      found = true;
    }
  if (found) return true;
  Json unfinished = unfinished_benchmark(folder);
  if (unfinished["tasks"].empty()) return false;
  material.benchmarks.push_back({name, folder / "benchmark.json", std::move(unfinished)});
  return true;
}

Material read_material(const std::vector<fs::path>& paths) {
  const std::vector<std::string> names = distinct_names(paths);
  Material material;
  for (size_t i = 0; i < paths.size(); ++i) {
    const fs::path& path = paths[i];
    const std::string& name = names[i];
    check(fs::exists(path), path.string(), ": no such file or folder");
    bool known = false;
    if (fs::is_directory(path)) {
      known = add_folder(material, name, path);
    } else if (is_image_file(path)) {
      material.images.push_back({name, path});
      known = true;
    } else if (lower_extension(path) == ".json") {
      known = add_json(material, name, path);
    }
    check(known, path.string(),
          ": is nothing to report: expected the folder of a transfer-benchmark, of an ablate or of a training run, a "
          "JSON file of `eval --json`, or an image");
  }
  return material;
}

DocumentFigure figure_of(const std::string& name, const fs::path& file) {
  DocumentFigure figure{name, lower_extension(file), {}};
  figure.bytes = read_file(file);
  if (is_image_file(file) && figure.extension != ".png" && figure.extension != ".jpg" && figure.extension != ".jpeg") {
    figure.extension = ".png";
    figure.bytes = encode_png(decode_image(figure.bytes, file.string()));
  }
  return figure;
}

DocumentSection benchmark_section(const std::vector<NamedJson>& benchmarks) {
  const std::vector<std::string> runs = names_of(benchmarks);
  ReportRows tasks, groups;
  std::vector<PlotPanel> panels;
  for (size_t i = 0; i < benchmarks.size(); ++i) {
    const std::string run = benchmarks[i].name, origin = benchmarks[i].path.string();
    const Json& json = benchmarks[i].json;
    for (const Json& task : json_get<Json>(json, "tasks", origin)) {
      const auto name = json_get<std::string>(task, "name", origin);
      const auto group = json_get<std::string>(task, "group", origin);
      tasks[name][run] = with_interval(json_get<std::vector<double>>(task, "losses", origin), 4);
      if (!group.empty()) tasks[name]["group"] = group;
      auto panel = std::find_if(panels.begin(), panels.end(), [&](const PlotPanel& p) { return p.name == name; });
      if (panel == panels.end()) panel = panels.insert(panels.end(), panel_of(name, runs));
      const auto seeds = runs_of_task(benchmarks[i].path.parent_path() / name);
      if (!seeds.empty()) panel->series[i].points = evaluations_in(seeds[0])["loss"];
    }
    const auto by_group = json_get<Json>(json, "groups", origin);
    for (const auto& [group, losses] : by_group.items())
      groups[group][run] = with_interval(json_get<std::vector<double>>(by_group, group.c_str(), origin), 4);
  }
  for (const auto& [run, path, json] : benchmarks)
    if (json.contains("averages"))
      groups["mean of the groups"][run] =
          with_interval(json_get<std::vector<double>>(json, "averages", path.string()), 4);
  std::vector<std::string> columns{"group"};
  columns.insert(columns.end(), runs.begin(), runs.end());
  DocumentSection section{
      "Token benchmark",
      "The best mean cross-entropy of each task on held-out samples; lower is better. Of several seeds the "
      "mean with its 95 % interval (Student's t)."};
  section.tables = {groups.table("Groups", "group", runs), tasks.table("Tasks", "task", columns)};
  std::erase_if(panels, [](const PlotPanel& panel) {
    return std::all_of(panel.series.begin(), panel.series.end(), [](const auto& s) { return s.points.empty(); });
  });
  if (!panels.empty()) section.figures.push_back(plot_of("Loss of the tasks", std::move(panels)));
  return section;
}

DocumentSection ablation_section(const NamedJson& ablation) {
  const std::string origin = ablation.path.string();
  const Json& json = ablation.json;
  const auto title = json_get<std::string>(json, "title", origin),
             source = json_get<std::string>(json, "source", origin);
  std::vector<std::string> groups;
  ReportRows rows;
  for (const Json& value : json_get<Json>(json, "values", origin)) {
    auto& cells = rows[json_get<std::string>(value, "name", origin)];
    const auto by_group = json_get<Json>(value, "groups", origin);
    for (const auto& [group, losses] : by_group.items()) {
      if (!contains(groups, group)) groups.push_back(group);
      const auto of_seeds = json_get<std::vector<double>>(Json{{"losses", losses}}, "losses", origin);
      if (!of_seeds.empty()) cells[group] = fixed(spread_of(of_seeds).mean, 3);
    }
    const auto averages = json_get<std::vector<double>>(value, "averages", origin);
    if (!averages.empty()) cells["average"] = with_interval(averages, 3);
    if (averages.size() > 1) cells["deviation"] = fixed(spread_of(averages).deviation, 3);
    cells["seeds"] = shown_number(static_cast<double>(averages.size()));
    if (value.contains("paper")) cells["paper"] = fixed(json_get<double>(value, "paper", origin), 2);
  }
  std::vector<std::string> columns = groups;
  for (const char* column : {"average", "deviation", "seeds", "paper"}) columns.emplace_back(column);
  DocumentSection section{
      concat("Ablation: ", title),
      concat("Losses on the token benchmark; lower is better. Averages have their 95 % interval over "
             "seeds (Student's t). The paper's: ",
             source, ".")};
  section.tables = {rows.table("", title, columns)};
  const fs::path plot = fs::path(ablation.path).replace_extension(".svg");
  if (fs::exists(plot)) section.figures.push_back(figure_of(title, plot));
  return section;
}

void add_run_images(const Named& run, DocumentSection& section) {
  for (const auto& file : newest_images(run.path))
    section.figures.push_back(figure_of(concat(run.name, ": ", file.stem().string()), file));
}

DocumentSection run_section(const Named& run) {
  DocumentSection section{concat("Run: ", run.name)};
  DocumentTable table{"Last evaluation", {"measure", "step", "value"}, {}};
  for (const auto& [name, points] : evaluations_in(run.path))
    table.rows.push_back({name, shown_number(points.back().x), shown_number(points.back().y)});
  if (!table.rows.empty()) section.tables.push_back(std::move(table));
  if (const fs::path metrics = run.path / "metrics.jsonl"; fs::exists(metrics)) {
    const std::string curves = curves_svg(read_file(metrics), run.name);
    section.figures.push_back({concat(run.name, ": measures"), ".svg", curves});
  }
  add_run_images(run, section);
  return section;
}

std::string optional_number(const Json& object, const char* key) {
  return object.contains(key) && object[key].is_number() ? shown_number(object[key].get<double>()) : "-";
}

// Rows with the same first cell one after the other, in the order in which these cells appear first.
void sort_by_first_cell(DocumentTable& table) {
  std::vector<std::string> order;
  for (const auto& row : table.rows)
    if (!contains(order, row[0])) order.push_back(row[0]);
  const auto place = [&](const auto& row) { return std::find(order.begin(), order.end(), row[0]); };
  std::stable_sort(table.rows.begin(), table.rows.end(),
                   [&](const auto& a, const auto& b) { return place(a) < place(b); });
}

// A table of each data set and input set: measures of all models.
DocumentSection evaluation_section(const std::vector<NamedJson>& evaluations) {
  DocumentSection section{"Evaluation",
                          "Intervals are 95 %. Ceiling: the ground truth reconstructed by the tokenizer. Baseline: a "
                          "prediction without the input."};
  std::map<std::string, size_t> places;  // caption -> table
  for (const auto& [name, path, json] : evaluations) {
    const std::string origin = path.string(), data = json_get<std::string>(json, "data", origin);
    for (const Json& set : json_get<Json>(json, "inputs", origin)) {
      const std::string caption = concat("From ", json_get<std::string>(set, "given", origin), ", ", data);
      const auto [place, is_new] = places.emplace(caption, section.tables.size());
      if (is_new)
        section.tables.push_back(
            {caption, {"measure", "model", "score", "interval", "ceiling", "baseline", "gap closed, %"}, {}});
      for (const Json& m : json_get<Json>(set, "measures", origin)) {
        const auto measure = json_get<std::string>(m, "measure", origin),
                   better = json_get<std::string>(m, "better", origin);
        const bool has_gap = m.contains("closed") && m["closed"].is_number();
        section.tables[place->second].rows.push_back({concat(measure, " (", better, ")"), name,
                                                      optional_number(m, "model"), optional_number(m, "interval"),
                                                      optional_number(m, "ceiling"), optional_number(m, "baseline"),
                                                      has_gap ? fixed(100 * m["closed"].get<double>(), 0) : "-"});
      }
    }
    DocumentTable missing{concat("Not measured, ", name), {"what", "reason"}, {}};
    if (json.contains("not_measured"))
      for (const Json& one : json["not_measured"]) {
        const auto what = json_get<std::string>(one, "what", origin),
                   reason = json_get<std::string>(one, "reason", origin);
        missing.rows.push_back({what, reason});
      }
    if (!missing.rows.empty()) section.tables.push_back(std::move(missing));
  }
  for (auto& table : section.tables) sort_by_first_cell(table);
  return section;
}

DocumentSection numbers_section(const std::vector<NamedJson>& files) {
  ReportRows rows;
  for (const auto& file : files)
    for (const auto& [name, value] : file.json.items()) rows[name][file.name] = shown_number(value.get<double>());
  DocumentSection section{"Measures"};
  section.tables = {rows.table("", "measure", names_of(files))};
  return section;
}

}  // namespace

Document run_report(const std::vector<fs::path>& paths, const std::string& title) {
  const Material material = read_material(paths);
  Document document{title, {}};
  auto& sections = document.sections;
  if (!material.benchmarks.empty()) sections.push_back(benchmark_section(material.benchmarks));
  for (const auto& ablation : material.ablations) sections.push_back(ablation_section(ablation));
  std::vector<FinetuneRun> finetuned;
  std::map<std::string, std::vector<FinetuneRun>> by_task;
  std::vector<Named> others;
  for (const auto& run : material.runs) {
    if (auto read = read_finetune_run(run.name, run.path)) {
      by_task[read->recipe.task].push_back(*read);
      finetuned.push_back(std::move(*read));
    } else {
      others.push_back(run);
    }
  }
  if (finetuned.size() > 1) sections.push_back(finetune_comparison(finetuned));
  for (const auto& [task, runs] : by_task) {
    sections.push_back(finetune_section(task, runs));
    for (const auto& run : runs) add_run_images({run.name, run.folder}, sections.back());
  }
  if (!material.evaluations.empty()) sections.push_back(evaluation_section(material.evaluations));
  if (!material.numbers.empty()) sections.push_back(numbers_section(material.numbers));
  for (const auto& run : others) sections.push_back(run_section(run));
  if (!material.images.empty()) {
    DocumentSection images{"Images"};
    for (const auto& [name, path] : material.images) images.figures.push_back(figure_of(name, path));
    sections.push_back(std::move(images));
  }
  return document;
}

}  // namespace fourm
