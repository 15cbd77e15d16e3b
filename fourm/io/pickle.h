// Python pickles as plain data. Nothing is imported or called: where a pickle names a class or function, its name and
// arguments are kept as an object to look at.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fourm {

struct PickleValue {
  enum Kind {
    kNone,
    kBool,
    kInt,
    kFloat,
    kText,
    kBytes,
    kList,        ///< items; sets too
    kTuple,       ///< items
    kDict,        ///< entries
    kGlobal,      ///< text: "module.name"
    kObject,      ///< text: what would be called; items: with what; state: what it would be given; entries: set by key
    kPersistent,  ///< items[0]: a reference to something outside the pickle
  };
  Kind kind = kNone;
  int64_t integer = 0;  ///< kBool, kInt
  double real = 0;
  std::string text;
  std::vector<const PickleValue*> items;
  std::vector<std::pair<const PickleValue*, const PickleValue*>> entries;
  const PickleValue* state = nullptr;

  /// The value of a text key of a dict; null when absent.
  const PickleValue* find(std::string_view key) const;
  bool is(Kind k) const { return kind == k; }
  bool is_global(std::string_view name) const { return kind == kGlobal && text == name; }
};

/// A pickle and all its values. Values may contain each other, themselves too: whoever walks them limits the depth.
class Pickle {
 public:
  /// Protocols 2 to 5, at most 16 MiB and a million values. Error naming `origin` and the byte on anything else.
  static Pickle parse(std::string_view bytes, const std::string& origin);
  const PickleValue& root() const { return *root_; }

 private:
  std::shared_ptr<std::deque<PickleValue>> values_;  // addresses stay; nothing is freed one inside the other
  const PickleValue* root_ = nullptr;
};

}  // namespace fourm
