#include "fourm/generate/input_value.h"

#include "fourm/core/error.h"
#include "fourm/core/strings.h"
#include "fourm/io/image_file.h"

namespace fourm {

InputValue parse_input_value(const std::string& value, const std::vector<std::string>& extensions) {
  constexpr std::string_view kText = "text:";
  if (value.starts_with(kText)) {
    check(!trim(value.substr(kText.size())).empty(), "text: has no text behind it");
    return {{}, value.substr(kText.size()), true};
  }
  const bool marked = value.starts_with('@');
  if (!marked && !contains(extensions, lower_extension(value))) return {{}, value};
  const fs::path file = marked ? value.substr(1) : value;
  std::error_code ignored;
  const bool takes_text = contains(extensions, ".txt");
  check(fs::exists(file, ignored), printable(file.string()), ": no such file",
        takes_text ? "; write text: in front of the value if it is the text itself" : "");
  return {file, {}, marked};
}

std::string only_line(const fs::path& file, const std::string& text) {
  std::vector<std::string> lines;
  for (const auto& line : split(text, '\n'))
    if (const std::string value = trim(line); !value.empty()) lines.push_back(value);
  check(!lines.empty(), file.string(), ": holds no text");
  check(lines.size() == 1, file.string(), ": holds ", lines.size(),
        " lines, and @FILE has one value a line; give one line, or FILE without @ for the whole text");
  return lines[0];
}

}  // namespace fourm
