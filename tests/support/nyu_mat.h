// A small file in the layout of nyu_depth_v2_labeled.mat: images [H, W, 3, N], depths and labels [H, W, N], names of the labels; and
// splits.mat beside it.
#pragma once

#include <matio.h>

#include <string>
#include <vector>

#include "fourm/core/error.h"
#include "tests/support/labelled_data.h"

namespace fourm::test {

class MatWriter {
 public:
  MatWriter(const fs::path& path, mat_ft version) : file_(Mat_CreateVer(path.c_str(), nullptr, version)) {
    check(file_ != nullptr, path.string(), ": cannot be created");
  }
  ~MatWriter() { Mat_Close(file_); }
  MatWriter(const MatWriter&) = delete;
  MatWriter& operator=(const MatWriter&) = delete;

  template <class T>
  void numbers(const char* name, matio_classes type, matio_types data, std::vector<size_t> sizes,
               std::vector<T> values) const {
    write(Mat_VarCreate(name, type, data, static_cast<int>(sizes.size()), sizes.data(), values.data(), 0));
  }
  void texts(const char* name, std::vector<std::string> texts) const {
    size_t sizes[] = {texts.size(), 1};
    matvar_t* cells = Mat_VarCreate(name, MAT_C_CELL, MAT_T_CELL, 2, sizes, nullptr, 0);
    for (size_t i = 0; i < texts.size(); ++i) {
      size_t length[] = {1, texts[i].size()};
      Mat_VarSetCell(cells, static_cast<int>(i),
                     Mat_VarCreate(nullptr, MAT_C_CHAR, MAT_T_UINT8, 2, length, texts[i].data(), 0));
    }
    write(cells);
  }

 private:
  void write(matvar_t* variable) const {
    check(variable && Mat_VarWrite(file_, variable, MAT_COMPRESSION_NONE) == 0, "a variable cannot be written");
    Mat_VarFree(variable);
  }
  mat_t* file_;
};

/// FOLDER/nyu.mat and FOLDER/splits.mat: the images of write_nyu(); the first `training` are those of the split train.
inline void write_nyu_mat(const fs::path& folder, int count, int training) {
  make_folder(folder);
  const size_t width = kLabelledWidth, height = kLabelledHeight, n = static_cast<size_t>(count);
  std::vector<uint8_t> images(height * width * 3 * n);
  std::vector<float> depths(height * width * n);
  std::vector<uint16_t> labels(depths.size());
  for (int i = 0; i < count; ++i) {
    const auto [image, classes] = two_class_image(i % 3, (i + 1) % 3, i, 0);
    const Raster<uint16_t> depth = depth_of(classes);
    for (size_t y = 0; y < height; ++y)
      for (size_t x = 0; x < width; ++x) {
        const int column = static_cast<int>(x), row = static_cast<int>(y);
        const size_t at = y + height * (x + width * static_cast<size_t>(i));
        for (size_t c = 0; c < 3; ++c)
          images[y + height * (x + width * (c + 3 * static_cast<size_t>(i)))] = image.at(column, row)[c];
        depths[at] = static_cast<float>(*depth.at(column, row)) / 1000;
        labels[at] = row == 0 ? uint16_t{0} : static_cast<uint16_t>(*classes.at(column, row) + 1);
      }
  }
  const MatWriter file(folder / "nyu.mat", MAT_FT_MAT73);
  file.numbers("images", MAT_C_UINT8, MAT_T_UINT8, {height, width, 3, n}, images);
  file.numbers("depths", MAT_C_SINGLE, MAT_T_SINGLE, {height, width, n}, depths);
  file.numbers("labels", MAT_C_UINT16, MAT_T_UINT16, {height, width, n}, labels);
  file.texts("names", {"wall", "chair", "table"});
  std::vector<double> train, test;
  for (int i = 0; i < count; ++i) (i < training ? train : test).push_back(i + 1);
  const MatWriter splits(folder / "splits.mat", MAT_FT_MAT5);
  splits.numbers("trainNdxs", MAT_C_DOUBLE, MAT_T_DOUBLE, {train.size(), 1}, train);
  splits.numbers("testNdxs", MAT_C_DOUBLE, MAT_T_DOUBLE, {test.size(), 1}, test);
}

}  // namespace fourm::test
