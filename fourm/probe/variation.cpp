#include "fourm/probe/variation.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>
#include <regex>

#include "fourm/core/error.h"
#include "fourm/core/finite_number.h"
#include "fourm/core/strings.h"

namespace fourm {
namespace {

constexpr int64_t kMostValues = 100;

constexpr const char* kForms =
    "expected MODALITY=VALUE|VALUE, MODALITY: OLD|NEW|NEW, det: move BOX x NUMBERS or det: resize BOX NUMBERS, with "
    "NUMBERS as 0.1..0.9 in 5 or 0.1|0.5";

std::optional<double> number_of(const std::string& text) { return finite_number(trim(text)); }

// "0.1..0.9 in 5" or "0.1|0.5".
std::vector<double> numbers_of(const std::string& text, const std::string& where) {
  static const std::regex range(R"((\S+)\.\.(\S+) in (\d{1,6}))");
  std::vector<double> numbers;
  if (std::smatch part; std::regex_match(text, part, range)) {
    const auto first = number_of(part[1]), last = number_of(part[2]);
    const int64_t count = std::stoll(part[3]);
    check(first && last, where, "a range is A..B in N, such as 0.1..0.9 in 5; got ", printable(text));
    check(count >= 2 && count <= kMostValues, where, "a range has 2 to ", kMostValues, " values, got ", count);
    for (int64_t i = 0; i < count; ++i)
      numbers.push_back(*first + (*last - *first) * static_cast<double>(i) / static_cast<double>(count - 1));
    return numbers;
  }
  for (const auto& piece : split(text, '|')) {
    const auto value = number_of(piece);
    check(value.has_value(), where, "numbers are a range A..B in N or a list A|B; got ", printable(text));
    numbers.push_back(*value);
  }
  return numbers;
}

// "bed#2" -> "bed" and 2.
void set_object(Variation& variation, const std::string& text, const std::string& where) {
  variation.what = trim(text);
  if (const size_t sign = variation.what.rfind('#'); sign != std::string::npos) {
    const auto number = number_of(variation.what.substr(sign + 1));
    check(number && *number >= 1 && *number == std::floor(*number) && *number < 1e6, where,
          "an integer from 1 on follows #, got ", printable(variation.what));
    variation.number = static_cast<int64_t>(*number);
    variation.what = trim(variation.what.substr(0, sign));
  }
  check(!variation.what.empty(), where, kForms);
}

}  // namespace

Variation Variation::parse(const std::string& text) {
  static const std::regex move(R"(move (.+) ([A-Za-z]) (\S+( in \S+)?))"), resize(R"(resize (.+?) (\S+( in \S+)?))");
  const std::string where = concat("the variation ", printable(text), ": ");
  const size_t colon = text.find(':'), equals = text.find('=');
  check(colon != equals, where, kForms);  // neither
  Variation variation;
  variation.text = text;
  const size_t sign = std::min(colon, equals);
  variation.modality = trim(text.substr(0, sign));
  const std::string edit = trim(text.substr(sign + 1));
  check(!variation.modality.empty() && !edit.empty(), where, kForms);
  std::smatch part;
  if (equals < colon) {
    variation.values = split(edit, '|');
  } else if (std::regex_match(edit, part, move)) {
    variation.kind = Kind::kMove;
    set_object(variation, part[1], where);
    check(part[2] == "x" || part[2] == "y", where, "a box is moved along x or y, got ", printable(part[2].str()));
    variation.axis = part[2].str()[0];
    variation.numbers = numbers_of(part[3], where);
    for (const double n : variation.numbers) check(n >= 0 && n <= 1, where, "the centre of a box is 0 to 1, got ", n);
  } else if (std::regex_match(edit, part, resize)) {
    variation.kind = Kind::kResize;
    set_object(variation, part[1], where);
    variation.numbers = numbers_of(part[2], where);
    for (const double n : variation.numbers) check(n > 0, where, "a box is resized by a positive factor, got ", n);
  } else {
    variation.kind = Kind::kReplace;
    variation.values = split(edit, '|');
    check(variation.values.size() > 1, where, kForms);
    set_object(variation, variation.values[0], where);
    variation.values[0] = variation.what;
  }
  for (auto& value : variation.values) {
    value = trim(value);
    check(!value.empty(), where, "one of its values is empty");
  }
  check(static_cast<int64_t>(variation.size()) <= kMostValues, where, "has ", variation.size(), " values, at most ",
        kMostValues);
  return variation;
}

std::string Variation::label(size_t i) const {
  if (kind == Kind::kValues || kind == Kind::kReplace) return values[i];
  char value[32];
  std::snprintf(value, sizeof value, "%.3g", numbers[i]);
  return concat(kind == Kind::kMove ? std::string(1, axis) : std::string("size"), " ", value);
}

}  // namespace fourm
