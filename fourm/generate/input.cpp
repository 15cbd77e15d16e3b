#include "fourm/generate/input.h"

#include <vector>

#include "fourm/core/config.h"
#include "fourm/core/error.h"
#include "fourm/core/finite_number.h"
#include "fourm/core/strings.h"

namespace fourm {
namespace {

constexpr const char* kForm = "expected MODALITY=VALUE or MODALITY[OPTION=...]=VALUE";
const std::vector<std::string> kOptions{"keep", "weight"};

// "keep=0,0,1,0.5,weight=2" -> {"keep=0,0,1,0.5", "weight=2"}: a comma separates options where an option follows it.
std::vector<std::string> split_options(const std::string& text) {
  std::vector<std::string> parts;
  for (const auto& piece : split(text, ',')) {
    if (parts.empty() || piece.find('=') != std::string::npos)
      parts.push_back(piece);
    else
      parts.back().append(",").append(piece);
  }
  return parts;
}

}  // namespace

Input parse_input(const std::string& text) {
  Input input;
  const size_t bracket = text.find('['), equals = text.find('=');
  check(equals != std::string::npos, "the input ", printable(text), ": ", kForm);
  if (bracket > equals) {
    input.modality = text.substr(0, equals);
    input.value = text.substr(equals + 1);
  } else {
    const size_t end = text.find("]=", bracket);
    check(end != std::string::npos, "the input ", printable(text), ": ", kForm);
    input.modality = text.substr(0, bracket);
    input.value = text.substr(end + 2);
    for (const auto& option : split_options(text.substr(bracket + 1, end - bracket - 1))) {
      const size_t at = option.find('=');
      const std::string key = trim(option.substr(0, at)), value = at == std::string::npos ? "" : option.substr(at + 1);
      check(contains(kOptions, key), "the input ", printable(text), ": unknown option ", printable(key),
            did_you_mean(key, kOptions), "; known: keep, weight");
      check(!trim(value).empty(), "the input ", printable(text), ": '", key, "' has no value");
      check(key == "keep" ? input.keep.empty() : !input.weight, "the input ", printable(text), ": '", key,
            "' is given twice");
      if (key == "keep") {
        input.keep = trim(value);
        continue;
      }
      input.weight = finite_number(value);
      check(input.weight.has_value(), "the input ", printable(text), ": the weight ", printable(value),
            " is not a number");
    }
  }
  check(!input.modality.empty(), "the input ", printable(text), ": names no modality; ", kForm);
  check(!trim(input.value).empty(), "the input ", printable(text),
        ": has no value; leave it out to generate without it");
  return input;
}

std::string input_text(const Input& input) {
  std::vector<std::string> options;
  if (!input.keep.empty()) options.push_back(concat("keep=", input.keep));
  if (input.weight) options.push_back(concat("weight=", config_detail::number_text(*input.weight)));
  if (options.empty()) return concat(input.modality, "=", input.value);
  return concat(input.modality, "[", join(options, ","), "]=", input.value);
}

}  // namespace fourm
