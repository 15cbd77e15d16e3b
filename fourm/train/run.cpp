#include "fourm/train/run.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "fourm/core/strings.h"
#include "fourm/train/curves.h"
#include "fourm/train/records.h"

namespace fourm {
namespace {

constexpr std::string_view kStep = "step-", kIncomplete = ".step-";
constexpr const char* kLock = ".lock";

void sync_folder(const fs::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY);
  if (fd >= 0) {
    ::fsync(fd);
    ::close(fd);
  }
}

// "optimizer.lr: 0.001" for every scalar.
void flatten(const YAML::Node& node, const std::string& path, std::map<std::string, std::string>& out) {
  if (node.IsMap())
    for (const auto& item : node) {
      const auto key = item.first.as<std::string>();
      flatten(item.second, path.empty() ? key : path + "." + key, out);
    }
  else if (node.IsSequence() && node.size() > 0)
    for (size_t i = 0; i < node.size(); ++i) flatten(node[i], concat(path, "[", i, "]"), out);
  else
    out[path] = node.IsScalar() ? node.Scalar() : "";
}

std::vector<RunFolder::Change> differences(const YAML::Node& stored, const YAML::Node& given) {
  std::map<std::string, std::string> before, now;
  flatten(stored, "", before);
  flatten(given, "", now);
  std::vector<RunFolder::Change> found;
  for (const auto& [key, value] : before)
    if (!now.contains(key) || now[key] != value) found.push_back({key, value, now.contains(key) ? now[key] : ""});
  for (const auto& [key, value] : now)
    if (!before.contains(key)) found.push_back({key, "", value});
  return found;
}

YAML::Node parse_recipe(const fs::path& file, const std::string& text) {
  YAML::Node recipe = parse_yaml(text, file.string());
  check(recipe.IsMap(), file.string(), ": is not the recipe of a run; remove the folder or give another one");
  return recipe;
}

bool is_changeable(const RunRecipe& recipe, const std::string& key) {
  return std::any_of(recipe.changeable.begin(), recipe.changeable.end(), [&](const std::string& path) {
    return key.starts_with(path) && (key.size() == path.size() || key[path.size()] == '.' || key[path.size()] == '[');
  });
}

// What has changed of that which may change. Error where other keys have.
std::vector<RunFolder::Change> changes_of(const fs::path& file, const YAML::Node& stored, const RunRecipe& recipe) {
  std::vector<RunFolder::Change> changes;
  std::vector<std::string> other;
  std::string hint;  // the first of them as it would be given on the command line
  for (const auto& change : differences(stored, parse_yaml(yaml_text(recipe.values), "recipe"))) {
    if (is_changeable(recipe, change.key)) {
      changes.push_back(change);
      continue;
    }
    if (other.empty() && change.key.find('[') == std::string::npos)
      hint = concat(" (", change.key, "=", change.before, ")");
    other.push_back(concat(change.key, " was '", change.before, "', now '", change.now, "'"));
  }
  if (other.size() > 5) other.resize(5);
  check(other.empty(), file.string(), ": the folder holds a run of another recipe (", join(other, "; "),
        "); to resume that run give its values", hint, ", and for another run another folder");
  return changes;
}

// The first line of recipe.yaml. Files without it have format 1.
constexpr std::string_view kFormat = "# Format 2 of a run's recipe.\n";

const fs::path& made(const fs::path& folder) {
  make_folder(folder / "checkpoints");
  return folder;
}

std::string six_digits(int64_t step) {
  const std::string digits = std::to_string(step);
  return std::string(digits.size() < 6 ? 6 - digits.size() : 0, '0') + digits;
}

}  // namespace

RunFolder::RunFolder(const fs::path& folder, const RunRecipe& recipe)
    : folder_(made(folder)), lock_(folder / kLock), recipe_text_(std::string(kFormat) + yaml_text(recipe.values)) {
  check(lock_.is_taken(), folder.string(), ": another process is training in this folder");
  changes_ = compare(folder, recipe);
}

std::vector<RunFolder::Change> RunFolder::compare(const fs::path& folder, const RunRecipe& recipe) {
  const fs::path file = folder / "recipe.yaml";
  if (!fs::exists(file)) return {};
  const std::string stored = read_file(file);
  const int format = stored.starts_with(kFormat) ? 2 : 1;
  return changes_of(file, recipe.read(parse_recipe(file, stored), file.string(), format), recipe);
}

std::optional<std::string> RunFolder::stored_value(const fs::path& folder, const std::string& key) {
  const fs::path file = folder / "recipe.yaml";
  std::map<std::string, std::string> values;
  if (fs::exists(file)) flatten(parse_recipe(file, read_file(file)), "", values);
  const auto found = values.find(key);
  return found == values.end() ? std::nullopt : std::optional(found->second);
}

bool RunFolder::is_open_elsewhere(const fs::path& folder) {
  return fs::exists(folder / kLock) && !FileLock(folder / kLock).is_taken();
}

std::vector<RunFolder::Checkpoint> RunFolder::checkpoints() const {
  std::vector<Checkpoint> found;
  for (const auto& entry : fs::directory_iterator(folder_ / "checkpoints")) {
    const std::string name = entry.path().filename().string();
    int64_t step = 0;
    if (!name.starts_with(kStep)) continue;
    const auto [end, error] = std::from_chars(name.data() + kStep.size(), name.data() + name.size(), step);
    if (error == std::errc() && end == name.data() + name.size()) found.push_back({step, entry.path()});
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.step < b.step; });
  return found;
}

void RunFolder::begin(int64_t step) {
  std::vector<fs::path> incomplete;  // checkpoints of an attempt that was killed
  for (const auto& entry : fs::directory_iterator(folder_ / "checkpoints"))
    if (entry.path().filename().string().starts_with(kIncomplete)) incomplete.push_back(entry.path());
  for (const auto& folder : incomplete) fs::remove_all(folder);
  write_file(folder_ / "recipe.yaml", recipe_text_);
  const fs::path file = folder_ / "metrics.jsonl";
  if (fs::exists(file)) {
    std::string kept;
    for (const Record& record : read_records(file))
      if (record.step <= step && step > 0) kept += line_of(record) + "\n";
    write_file(file, kept);
  }
  metrics_.open(file, std::ios::app);
  check(metrics_.good(), file.string(), ": cannot be written");
  events_.emplace(folder_, step + 1);
}

void RunFolder::record(int64_t step, const std::string& kind, const Metrics& metrics) {
  Json values = Json::object();
  for (const auto& [name, value] : metrics) {
    values[name] = value;
    events_->scalar(kind + "/" + name, step, value);
  }
  metrics_ << line_of({step, kind, values}) << std::endl;
  events_->flush();
  check(metrics_.good(), (folder_ / "metrics.jsonl").string(), ": cannot be written; is the disk full?");
}

void RunFolder::draw_curves() const {
  write_file(folder_ / "curves.svg", curves_svg(read_file(folder_ / "metrics.jsonl"), folder_.filename().string()));
}

void RunFolder::image(int64_t step, const std::string& name, std::string_view png) {
  events_->image(name, step, png);
  write_file(folder_ / "images" / concat(name, "-", six_digits(step), ".png"), png);
}

fs::path RunFolder::begin_checkpoint(int64_t step) {
  const fs::path folder = folder_ / "checkpoints" / concat(kIncomplete, six_digits(step));
  fs::remove_all(folder);
  make_folder(folder);
  return folder;
}

fs::path RunFolder::complete_checkpoint(int64_t step, const Keep& keep) {
  const fs::path all = folder_ / "checkpoints", beside = all / concat(kIncomplete, six_digits(step)),
                 target = all / concat(kStep, six_digits(step));
  sync_folder(beside);
  fs::remove_all(target);
  fs::rename(beside, target);
  sync_folder(all);
  const auto found = checkpoints();
  for (size_t i = 0; i + static_cast<size_t>(keep.newest) < found.size(); ++i)
    if (keep.every == 0 || found[i].step % keep.every != 0) fs::remove_all(found[i].folder);
  return target;
}

}  // namespace fourm
