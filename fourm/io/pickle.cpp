#include "fourm/io/pickle.h"

#include <bit>
#include <cstring>
#include <unordered_map>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"

namespace fourm {
namespace {

constexpr size_t kMaxBytes = size_t{1} << 24;
constexpr size_t kMaxValues = 1'000'000;

class Machine {
 public:
  Machine(std::string_view bytes, const std::string& origin, std::deque<PickleValue>& values)
      : bytes_(bytes), origin_(origin), values_(values) {
    require(bytes.size() <= kMaxBytes, "is larger than 16 MiB");
  }

  const PickleValue* run() {
    for (;;) {
      const auto opcode = static_cast<uint8_t>(number(1));
      if (opcode == '.') return pop();
      step(opcode);
    }
  }

 private:
  using Value = PickleValue;

  void require(bool ok, const char* what) const { check(ok, origin_, ": the pickle ", what, " (byte ", at_, ")"); }

  std::string_view take(uint64_t n) {
    require(n <= bytes_.size() - at_, "is cut");
    const auto part = bytes_.substr(at_, n);
    at_ += n;
    return part;
  }
  uint64_t number(size_t width) {
    uint64_t value = 0;
    std::memcpy(&value, take(width).data(), width);
    return value;
  }
  std::string_view line() {
    const size_t end = bytes_.find('\n', at_);
    require(end != std::string_view::npos, "is cut");
    const auto part = bytes_.substr(at_, end - at_);
    at_ = end + 1;
    return part;
  }

  Value* make(Value::Kind kind) {
    require(values_.size() < kMaxValues, "has more than a million values");
    values_.emplace_back().kind = kind;
    return &values_.back();
  }
  void push(Value* v) { stack_.push_back(v); }
  void push_int(Value::Kind kind, int64_t value) {
    Value* v = make(kind);
    v->integer = value;
    push(v);
  }
  void push_float() {
    Value* v = make(Value::kFloat);
    v->real = std::bit_cast<double>(__builtin_bswap64(number(8)));  // big-endian
    push(v);
  }
  void push_text(Value::Kind kind, std::string_view text) {
    Value* v = make(kind);
    v->text = text;
    push(v);
  }
  size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  Value* top() {
    require(stack_.size() > floor(), "takes more values than there are");
    return stack_.back();
  }
  Value* pop() {
    Value* v = top();
    stack_.pop_back();
    return v;
  }
  std::vector<Value*> pop_to_mark() {
    require(!marks_.empty(), "lacks a mark");
    std::vector<Value*> items(stack_.begin() + static_cast<int64_t>(marks_.back()), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return items;
  }
  void push_tuple(const std::vector<Value*>& items) {
    Value* v = make(Value::kTuple);
    v->items.assign(items.begin(), items.end());
    push(v);
  }
  void push_tuple(size_t n) {
    std::vector<Value*> items(n);
    for (size_t i = n; i-- > 0;) items[i] = pop();
    push_tuple(items);
  }
  void append(const std::vector<Value*>& items) {
    Value* list = top();
    require(list->is(Value::kList) || list->is(Value::kObject), "appends to what is no list");
    list->items.insert(list->items.end(), items.begin(), items.end());
  }
  void set_items(const std::vector<Value*>& items) {
    Value* dict = top();
    require(dict->is(Value::kDict) || dict->is(Value::kObject), "sets a key of what is no dict");
    require(items.size() % 2 == 0, "sets a key without a value");
    for (size_t i = 0; i < items.size(); i += 2) dict->entries.emplace_back(items[i], items[i + 1]);
  }
  void push_global(const std::string& name) { push_text(Value::kGlobal, name); }
  void call() {
    Value* arguments = pop();
    Value* callee = pop();
    require(callee->is(Value::kGlobal), "calls what is no function or class");
    require(arguments->is(Value::kTuple), "calls without a tuple of arguments");
    const bool dict = callee->text == "collections.OrderedDict" && arguments->items.empty();
    Value* v = make(dict ? Value::kDict : Value::kObject);
    v->text = callee->text;
    v->items = arguments->items;
    push(v);
  }
  void remember(uint64_t key) { memo_[key] = top(); }
  void recall(uint64_t key) {
    const auto found = memo_.find(key);
    require(found != memo_.end(), "recalls what it has not stored");
    push(found->second);
  }
  void push_long(uint64_t width) {
    const auto digits = take(width);
    require(width <= 8, "has an integer of more than 64 bits");
    int64_t value = width > 0 && (digits.back() & 0x80) ? -1 : 0;
    std::memcpy(&value, digits.data(), width);
    push_int(Value::kInt, value);
  }

  // Executes one operation. Names and codes are those of Python's Lib/pickle.py.
  void step(uint8_t opcode) {
    if (push_scalar(opcode) || build_container(opcode) || use_memo(opcode) || build_object(opcode)) return;
    switch (opcode) {
      case 0x80: {  // PROTO
        const uint64_t protocol = number(1);
        require(protocol >= 2 && protocol <= 5, "has a protocol other than 2 to 5");
        return;
      }
      case 0x95: number(8); return;                       // FRAME
      case '(': marks_.push_back(stack_.size()); return;  // MARK
      case '0': pop(); return;                            // POP
      case '1': pop_to_mark(); return;                    // POP_MARK
      case '2': push(top()); return;                      // DUP
      default: break;
    }
    static constexpr char kHex[] = "0123456789abcdef";
    fail(origin_, ": the pickle has the operation 0x", kHex[opcode >> 4], kHex[opcode & 15], " at byte ", at_ - 1,
         ", which checkpoints of weights do not need");
  }

  // Numbers, strings and bytes. Like the functions below, false for other operations.
  bool push_scalar(uint8_t opcode) {
    switch (opcode) {
      case 'N': push(make(Value::kNone)); return true;                                // NONE
      case 0x88: push_int(Value::kBool, 1); return true;                              // NEWTRUE
      case 0x89: push_int(Value::kBool, 0); return true;                              // NEWFALSE
      case 'J': push_int(Value::kInt, static_cast<int32_t>(number(4))); return true;  // BININT
      case 'K': push_int(Value::kInt, static_cast<int64_t>(number(1))); return true;  // BININT1
      case 'M': push_int(Value::kInt, static_cast<int64_t>(number(2))); return true;  // BININT2
      case 0x8a: push_long(number(1)); return true;                                   // LONG1
      case 0x8b: push_long(number(4)); return true;                                   // LONG4
      case 'G': push_float(); return true;                                            // BINFLOAT
      case 'X': push_text(Value::kText, take(number(4))); return true;                // BINUNICODE
      case 0x8c: push_text(Value::kText, take(number(1))); return true;               // SHORT_BINUNICODE
      case 0x8d: push_text(Value::kText, take(number(8))); return true;               // BINUNICODE8
      case 'T': push_text(Value::kText, take(number(4))); return true;                // BINSTRING
      case 'U': push_text(Value::kText, take(number(1))); return true;                // SHORT_BINSTRING
      case 'B': push_text(Value::kBytes, take(number(4))); return true;               // BINBYTES
      case 'C': push_text(Value::kBytes, take(number(1))); return true;               // SHORT_BINBYTES
      case 0x8e: push_text(Value::kBytes, take(number(8))); return true;              // BINBYTES8
      default: return false;
    }
  }

  // Lists (sets too), tuples and dicts.
  bool build_container(uint8_t opcode) {
    switch (opcode) {
      case ']':                                          // EMPTY_LIST
      case 0x8f: push(make(Value::kList)); return true;  // EMPTY_SET
      case ')': push(make(Value::kTuple)); return true;  // EMPTY_TUPLE
      case '}': push(make(Value::kDict)); return true;   // EMPTY_DICT
      case 't': push_tuple(pop_to_mark()); return true;  // TUPLE
      case 0x85: push_tuple(1); return true;             // TUPLE1
      case 0x86: push_tuple(2); return true;             // TUPLE2
      case 0x87: push_tuple(3); return true;             // TUPLE3
      case 'e':                                          // APPENDS
      case 0x90: append(pop_to_mark()); return true;     // ADDITEMS
      case 'u': set_items(pop_to_mark()); return true;   // SETITEMS
      case 'l':                                          // LIST
      case 0x91: {                                       // FROZENSET
        const auto items = pop_to_mark();
        push(make(Value::kList));
        append(items);
        return true;
      }
      case 'd': {  // DICT
        const auto items = pop_to_mark();
        push(make(Value::kDict));
        set_items(items);
        return true;
      }
      case 'a': {  // APPEND
        Value* item = pop();
        append({item});
        return true;
      }
      case 's': {  // SETITEM
        Value* value = pop();
        Value* key = pop();
        set_items({key, value});
        return true;
      }
      default: return false;
    }
  }

  bool use_memo(uint8_t opcode) {
    switch (opcode) {
      case 'q': remember(number(1)); return true;      // BINPUT
      case 'r': remember(number(4)); return true;      // LONG_BINPUT
      case 0x94: remember(memo_.size()); return true;  // MEMOIZE
      case 'h': recall(number(1)); return true;        // BINGET
      case 'j': recall(number(4)); return true;        // LONG_BINGET
      default: return false;
    }
  }

  // Classes, functions and what they would be called with.
  bool build_object(uint8_t opcode) {
    switch (opcode) {
      case 'c': {  // GLOBAL
        const std::string module(line());
        push_global(module + "." + std::string(line()));
        return true;
      }
      case 0x93: {  // STACK_GLOBAL
        Value* name = pop();
        Value* module = pop();
        require(name->is(Value::kText) && module->is(Value::kText), "names a class by what is no text");
        push_global(module->text + "." + name->text);
        return true;
      }
      case 'R':                        // REDUCE
      case 0x81: call(); return true;  // NEWOBJ
      case 'b': {                      // BUILD
        Value* state = pop();
        top()->state = state;
        return true;
      }
      case 'Q': {  // BINPERSID
        Value* v = make(Value::kPersistent);
        v->items.push_back(pop());
        push(v);
        return true;
      }
      default: return false;
    }
  }

  std::string_view bytes_;
  const std::string& origin_;
  std::deque<PickleValue>& values_;
  size_t at_ = 0;
  std::vector<Value*> stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint64_t, Value*> memo_;
};

}  // namespace

const PickleValue* PickleValue::find(std::string_view key) const {
  for (const auto& [name, value] : entries)
    if (name->is(kText) && name->text == key) return value;
  return nullptr;
}

Pickle Pickle::parse(std::string_view bytes, const std::string& origin) {
  Pickle pickle;
  pickle.values_ = std::make_shared<std::deque<PickleValue>>();
  pickle.root_ = Machine(bytes, origin, *pickle.values_).run();
  return pickle;
}

}  // namespace fourm
