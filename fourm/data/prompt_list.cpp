#include "fourm/data/prompt_list.h"

#include <algorithm>
#include <cctype>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"
#include "fourm/io/image_file.h"

namespace fourm {
namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

size_t prompt_column(const std::vector<std::string>& header) {
  for (const char* name : {"prompt", "caption", "text"})
    for (size_t i = 0; i < header.size(); ++i)
      if (lower(trim(header[i])) == name) return i;
  return 0;
}

}  // namespace

std::vector<std::string> read_prompts(const fs::path& file) {
  std::vector<std::string> lines = split(read_file(file), '\n');
  if (!lines.empty() && trim(lines.back()).empty()) lines.pop_back();
  for (size_t i = 0; i < lines.size(); ++i)
    check(!trim(lines[i]).empty(), file.string(), ": line ", i + 1, " is empty; remove it");
  if (lower_extension(file) == ".tsv") {
    check(lines.size() > 1, file.string(), ": holds no line after its header");
    const size_t column = prompt_column(split(lines[0], '\t'));
    lines.erase(lines.begin());
    for (size_t i = 0; i < lines.size(); ++i) {
      const std::vector<std::string> cells = split(lines[i], '\t');
      check(cells.size() > column && !trim(cells[column]).empty(), file.string(), ": line ", i + 2,
            " has no text in column ", column + 1);
      lines[i] = cells[column];
    }
  }
  for (auto& line : lines) line = trim(line);
  return lines;
}

}  // namespace fourm
