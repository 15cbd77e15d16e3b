#include "fourm/data/fault_list.h"

#include <algorithm>
#include <cctype>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"
#include "fourm/data/member_name.h"
#include "fourm/io/image_file.h"

namespace fourm {
namespace {

// The modality whose file it is, as the layout of the data set tells (source.h).
std::string modality_of(const Fault& fault, const std::string& path) {
  const fs::path file(fault.file);
  if (lower_extension(file) == ".tar") {
    const std::string modality = parse_member_name(fault.member).modality;
    return modality.empty() ? file.parent_path().filename().string() : modality;
  }
  const fs::path inside = file.lexically_relative(path);
  return inside.empty() ? "" : inside.begin()->string();
}

// The words of a problem without quotations, numbers and paths.
std::string words_of(const std::string& problem) {
  std::string words;
  for (const auto& word : split(problem, ' ')) {
    const auto names_something = [](unsigned char c) { return std::isdigit(c) || c == '/' || c == '\'' || c >= 0x80; };
    if (!std::any_of(word.begin(), word.end(), names_something)) words += word + " ";
  }
  return words;
}

}  // namespace

std::string fault_lines(const std::vector<Fault>& faults, const std::string& path, const std::string& prefix,
                        size_t most) {
  std::vector<std::vector<const Fault*>> kinds;  // in the order of their first fault
  std::map<std::string, size_t> known;
  for (const Fault& fault : faults) {
    const std::string kind = modality_of(fault, path) + "\n" + words_of(fault.problem);
    const auto [found, is_new] = known.try_emplace(kind, kinds.size());
    if (is_new) kinds.emplace_back();
    kinds[found->second].push_back(&fault);
  }
  std::string lines;
  for (const auto& kind : kinds) {
    for (size_t i = 0; i < std::min(kind.size(), most); ++i) lines += prefix + kind[i]->text() + "\n";
    if (kind.size() > most) lines += concat(prefix, "... and ", kind.size() - most, " more of this kind\n");
  }
  return lines;
}

}  // namespace fourm
