// The value of MODALITY=VALUE: a file or the text itself. The rule is the same for all modalities.
#pragma once

#include <string>
#include <vector>

#include "fourm/core/file.h"

namespace fourm {

struct InputValue {
  fs::path file{};      ///< empty: the value is a text
  std::string text{};   ///< that text
  bool marked = false;  ///< begins with @, and a text file holds one value in each line; or with text:
};

/// "text:..." is the text after the colon. "@FILE" is a file, and so is a value that ends in one of `extensions` (".txt";
/// capitals do not matter). Anything else is a text. Error when the file does not exist.
InputValue parse_input_value(const std::string& value, const std::vector<std::string>& extensions);

/// The only line of a text file that has characters other than white space. Error when there are none or several.
std::string only_line(const fs::path& file, const std::string& text);

}  // namespace fourm
