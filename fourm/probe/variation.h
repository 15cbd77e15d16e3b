// How one input is changed over a list of values (paper Fig. 5, 18 and 19), as text:
//
//   det: move bed x 0.1..0.9 in 5    the centre of a box (x or y), in fractions of the square
//   det: resize bed 0.5..2 in 4      both sides of a box by a factor; its centre stays
//   det: bed|sofa|table              the class of a box; the first is the one in the input
//   semseg: bed|sofa|table           the class of a segment of a semantic map, by name or number
//   caption: red|green|blue          words of a text
//   caption=a bedroom|an office      whole values
//
// "bed#2" is the second box of the class, the second largest connected segment of it, or the second place where the words
// stand in the text; "bed" is all of them. Numbers are a range, A..B in N, or a list, 0.1|0.5|0.9.
#pragma once

#include <string>
#include <vector>

namespace fourm {

struct Variation {
  enum class Kind { kValues, kReplace, kMove, kResize };

  std::string text{};      ///< as it was given
  std::string modality{};  ///< "det", or another short name (Pipeline::input_name)
  Kind kind = Kind::kValues;
  std::string what{};                 ///< the box, segment or words that are changed
  int64_t number = 0;                 ///< which of several, from 1 on; 0: all
  char axis = 'x';                    ///< of kMove
  std::vector<std::string> values{};  ///< of kValues and kReplace
  std::vector<double> numbers{};      ///< of kMove and kResize

  /// Error naming the text on any other form, on a centre outside 0 to 1 and on a factor that is not positive.
  static Variation parse(const std::string& text);

  size_t size() const { return kind == Kind::kValues || kind == Kind::kReplace ? values.size() : numbers.size(); }
  /// "x 0.3", "size 2", "green": what is special about value i.
  std::string label(size_t i) const;
};

}  // namespace fourm
