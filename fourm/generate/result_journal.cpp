#include "fourm/generate/result_journal.h"

#include <fstream>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"
#include "fourm/generate/generation_record.h"

namespace fourm {

namespace {

constexpr uint64_t kLargestManifest = uint64_t{1} << 33;

void check_settings(const Json& found, const Json& expected, const fs::path& file) {
  const std::vector<std::string> changed = changed_settings(found, expected, file.string());
  check(changed.empty(), file.string(), ": the folder holds results of other settings (", join(changed, ", "),
        "); give another --out, or --overwrite to replace them");
}

// Of a manifest, or of the first line of a journal. Null where the journal has no whole line yet.
Json stored_settings(const fs::path& file) {
  if (file.extension() != ".jsonl") return json_get<Json>(read_json(file, kLargestManifest), "settings", file.string());
  std::ifstream in(file, std::ios::binary);
  std::string line;
  if (!std::getline(in, line) || in.eof()) return nullptr;
  return parse_json(line, file.string());
}

}  // namespace

void check_same_settings(const fs::path& file, const Json& settings) {
  const Json stored = stored_settings(file);
  if (!stored.is_null()) check_settings(stored, settings, file);
}

ResultJournal::ResultJournal(fs::path file, const fs::path& manifest, const Json& settings, bool overwrite)
    : file_(std::move(file)), manifest_(manifest), origin_(manifest), settings_(settings) {
  std::error_code ignored;
  if (overwrite) {
    const bool is_interrupted = !fs::exists(manifest, ignored) && fs::exists(file_, ignored) &&
                                changed_settings(stored_settings(file_), settings_, file_.string()).empty();
    if (!is_interrupted) fs::remove(file_, ignored);
    fs::remove(manifest, ignored);
  }
  if (fs::exists(manifest, ignored)) {
    const Json json = read_json(manifest, kLargestManifest);
    check_settings(json_get<Json>(json, "settings", manifest.string()), settings_, manifest);
    for (const Json& sample : json_get<Json>(json, "samples", manifest.string())) add(sample);
  } else if (fs::exists(file_, ignored)) {
    origin_ = file_;
    read();
  } else {
    is_new_ = true;
  }
}

const Json* ResultJournal::find(const std::string& sample) const {
  const auto found = samples_.find(sample);
  return found == samples_.end() ? nullptr : &found->second;
}

// Anew, and so without a line that an interruption cut.
void ResultJournal::begin() {
  if (is_open_) return;
  std::string text = json_text(settings_) + "\n";
  for (const auto& [name, done] : samples_) text += json_text(done) + "\n";
  write(text, std::ios::trunc);
  std::error_code ignored;
  fs::remove(manifest_, ignored);  // results that it lists may be replaced now
  is_open_ = true;
}

void ResultJournal::append(const Json& sample) {
  begin();
  write(json_text(sample) + "\n", std::ios::app);
  add(sample);
}

void ResultJournal::remove() const {
  std::error_code ignored;
  fs::remove(file_, ignored);
}

void ResultJournal::add(const Json& sample) {
  if (!sample.contains("failure")) samples_[json_get<std::string>(sample, "name", file_.string())] = sample;
}

void ResultJournal::read() {
  std::vector<std::string> lines = split(read_file(file_), '\n');
  lines.pop_back();  // behind the last line break
  if (lines.empty()) return;
  check_settings(parse_json(lines[0], file_.string()), settings_, file_);
  for (size_t i = 1; i < lines.size(); ++i) add(parse_json(lines[i], file_.string()));
}

void ResultJournal::write(const std::string& text, std::ios::openmode mode) {
  std::ofstream out(file_, std::ios::binary | mode);
  out << text << std::flush;
  check(out.good(), file_.string(), ": cannot be written; is the disk full?");
}

}  // namespace fourm
