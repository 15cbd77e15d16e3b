// What an input holds, so that parts of it can be changed.
#pragma once

#include <variant>

#include "fourm/generate/input.h"
#include "fourm/generate/pipeline.h"
#include "fourm/probe/variation.h"

namespace fourm {

class EditableInput {
 public:
  /// Of inputs[place], place < inputs.size(). Boxes lie in the middle square of the image, as the other inputs determine it. Error
  /// on a file that cannot be read.
  static EditableInput read(const Pipeline& pipeline, const std::vector<Input>& inputs, size_t place,
                            const DepthUnits& units = DepthUnits());

  /// Applies value i of the variation. Error naming the variation on a box, segment or word that is not there, a class
  /// that is not known, and a change that an input of this kind does not have.
  void apply(const Variation& variation, size_t i);

  /// The input with its changed value. A semantic map is written to FILE.png; if that exists with other bytes and
  /// `overwrite` is not set, an Error. Everything else needs no file.
  Input input(const Pipeline& pipeline, fs::path file, bool overwrite) const;

 private:
  struct Given {};  // as it was given, or a whole value
  struct Text {
    std::string words;
  };
  struct Boxes {
    std::vector<LabelledBox> boxes;
  };
  struct Labels {
    InputConfig config;
    Image map;
    std::vector<std::string> names;
  };
  explicit EditableInput(Input input) : input_(std::move(input)) {}
  void replace(Text& text, const Variation& variation, size_t i) const;
  void replace(Boxes& boxes, const Variation& variation, size_t i) const;
  void replace(Labels& labels, const Variation& variation, size_t i) const;

  Input input_;
  std::variant<Given, Text, Boxes, Labels> content_{};
};

}  // namespace fourm
