#include "fourm/io/mat_file.h"

#include <hdf5.h>
#include <matio.h>

#include <algorithm>
#include <mutex>

#include "fourm/core/error.h"

namespace fourm {
namespace {

constexpr int64_t kMostValues = int64_t{1} << 24;  // of what is read at once

// While it lives, this thread alone uses libmatio: HDF5 below it is not made for several threads, and prints its errors unless it
// is told not to.
class Library {
 public:
  Library() : lock_(mutex()) {
    H5Eget_auto2(H5E_DEFAULT, &print_, &data_);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  }
  ~Library() { H5Eset_auto2(H5E_DEFAULT, print_, data_); }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

 private:
  static std::mutex& mutex() {
    static std::mutex mutex;
    return mutex;
  }
  std::scoped_lock<std::mutex> lock_;
  H5E_auto2_t print_ = nullptr;
  void* data_ = nullptr;
};

struct FreeVariable {
  void operator()(matvar_t* variable) const { Mat_VarFree(variable); }
};
using Variable = std::unique_ptr<matvar_t, FreeVariable>;

std::vector<int64_t> sizes_of(const matvar_t& variable) {
  return {variable.dims, variable.dims + std::max(0, variable.rank)};
}

int64_t value_count(const std::vector<int64_t>& sizes, const std::string& origin) {
  int64_t n = 1;
  for (const int64_t size : sizes) {
    check(size >= 0 && size <= INT32_MAX && (n == 0 || size <= kMostValues / n), origin,
          ": is empty or has more values than can be read at once");
    n *= size;
  }
  return n;
}

template <class T>
void append(const std::vector<unsigned char>& bytes, std::vector<double>& out) {
  const auto* values = reinterpret_cast<const T*>(bytes.data());
  out.assign(values, values + bytes.size() / sizeof(T));
}

// Bytes of values of a class as numbers.
std::vector<double> as_numbers(enum matio_classes type, const std::vector<unsigned char>& bytes) {
  std::vector<double> out;
  switch (type) {
    case MAT_C_DOUBLE: append<double>(bytes, out); break;
    case MAT_C_SINGLE: append<float>(bytes, out); break;
    case MAT_C_INT8: append<int8_t>(bytes, out); break;
    case MAT_C_UINT8: append<uint8_t>(bytes, out); break;
    case MAT_C_INT16: append<int16_t>(bytes, out); break;
    case MAT_C_UINT16: append<uint16_t>(bytes, out); break;
    case MAT_C_INT32: append<int32_t>(bytes, out); break;
    case MAT_C_UINT32: append<uint32_t>(bytes, out); break;
    default: break;
  }
  return out;
}

void append_utf8(uint32_t code, std::string& text) {
  if (code < 0x80) {
    text += static_cast<char>(code);
  } else if (code < 0x800) {
    text += static_cast<char>(0xC0 | (code >> 6));
    text += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    text += static_cast<char>(0xE0 | (code >> 12));
    text += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    text += static_cast<char>(0x80 | (code & 0x3F));
  }
}

std::string text_of(const matvar_t* cell, const std::string& origin) {
  check(cell && cell->class_type == MAT_C_CHAR && (cell->data || cell->nbytes == 0), origin,
        ": holds something that is no text");
  if (cell->data_type == MAT_T_UINT16 || cell->data_type == MAT_T_UTF16) {
    const auto* units = static_cast<const uint16_t*>(cell->data);
    std::string text;
    for (size_t i = 0; i < cell->nbytes / sizeof(uint16_t); ++i) append_utf8(units[i], text);
    return text;
  }
  return {static_cast<const char*>(cell->data), cell->nbytes};
}

}  // namespace

struct MatFile::Handle {
  mat_t* file;
  explicit Handle(mat_t* opened) : file(opened) {}
  ~Handle() {
    const Library library;
    Mat_Close(file);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  Variable info(const std::string& name, const std::string& origin) const {
    Variable variable(Mat_VarReadInfo(file, name.c_str()));
    check(variable != nullptr, origin, ": holds no variable '", name, "'");
    return variable;
  }
};

MatFile MatFile::open(const fs::path& path) {
  const Library library;
  MatFile result;
  result.path_ = path;
  std::error_code ignored;
  check(fs::is_regular_file(path, ignored), path.string(), ": no such file");
  mat_t* file = Mat_Open(path.c_str(), MAT_ACC_RDONLY);
  check(file != nullptr, path.string(), ": is no MATLAB file of version 5 or 7.3, or is cut off");
  result.handle_ = std::make_shared<Handle>(file);
  return result;
}

bool MatFile::has(const std::string& name) const {
  const Library library;
  return Variable(Mat_VarReadInfo(handle_->file, name.c_str())) != nullptr;
}

std::vector<int64_t> MatFile::shape(const std::string& name) const {
  const Library library;
  return sizes_of(*handle_->info(name, path_.string()));
}

std::vector<double> MatFile::numbers(const std::string& name) const {
  const Library library;
  const std::string origin = path_.string() + ": " + name;
  const Variable info = handle_->info(name, path_.string());
  const int64_t n = value_count(sizes_of(*info), origin);
  const Variable variable(Mat_VarRead(handle_->file, name.c_str()));
  check(variable && variable->data && !variable->isComplex && variable->data_size > 0 &&
            variable->nbytes == static_cast<size_t>(n) * static_cast<size_t>(variable->data_size),
        origin, ": cannot be read; is the file complete?");
  const auto* bytes = static_cast<const unsigned char*>(variable->data);
  std::vector<double> values = as_numbers(variable->class_type, {bytes, bytes + variable->nbytes});
  check(static_cast<int64_t>(values.size()) == n, origin, ": holds no numbers");
  return values;
}

std::vector<double> MatFile::slice(const std::string& name, int64_t index) const {
  const Library library;
  const std::string origin = path_.string() + ": " + name;
  const Variable info = handle_->info(name, path_.string());
  std::vector<int64_t> sizes = sizes_of(*info);
  check(!sizes.empty() && index >= 0 && index < sizes.back(), origin, ": has no slice ", index + 1);
  sizes.back() = 1;
  const int64_t n = value_count(sizes, origin);
  std::vector<int> start(sizes.size()), stride(sizes.size(), 1), edge(sizes.begin(), sizes.end());
  start.back() = static_cast<int>(index);
  const size_t size = Mat_SizeOfClass(info->class_type);
  std::vector<unsigned char> bytes(static_cast<size_t>(n) * size);
  check(!info->isComplex && !as_numbers(info->class_type, bytes).empty(), origin, ": holds no numbers");
  check(Mat_VarReadData(handle_->file, info.get(), bytes.data(), start.data(), stride.data(), edge.data()) == 0, origin,
        ": slice ", index + 1, " cannot be read; is the file complete?");
  return as_numbers(info->class_type, bytes);
}

std::vector<std::string> MatFile::texts(const std::string& name) const {
  const Library library;
  const std::string origin = path_.string() + ": " + name;
  const Variable info = handle_->info(name, path_.string());
  check(info->class_type == MAT_C_CELL, origin, ": is no cell array of texts");
  const int64_t n = value_count(sizes_of(*info), origin);
  const Variable variable(Mat_VarRead(handle_->file, name.c_str()));
  check(variable && (variable->data || n == 0) && variable->nbytes == static_cast<size_t>(n) * sizeof(matvar_t*),
        origin, ": cannot be read; is the file complete?");
  std::vector<std::string> texts;
  auto* const* cells = static_cast<matvar_t* const*>(variable->data);
  for (int64_t i = 0; i < n; ++i) texts.push_back(text_of(cells[i], origin));
  return texts;
}

}  // namespace fourm
