// Human poses as stick figures: the joints of a body from rotations, and their drawing.
#pragma once

#include <array>
#include <vector>

#include "fourm/io/image.h"
#include "fourm/text/structured.h"

namespace fourm {

using Rotation = std::array<double, 9>;  ///< a matrix, row by row
using Point = std::array<double, 3>;

inline constexpr size_t kBodyJoints = 24;                   ///< of SMPL (Loper et al. 2015), the pelvis first
inline constexpr size_t kBodyRotations = kBodyJoints - 1;   ///< of all joints but the pelvis
inline constexpr size_t kPoseNumbers = 9 * kBodyRotations;  ///< their matrices, as the pose tokenizer decodes them
/// The parent of each joint; of the pelvis -1.
extern const std::array<int, kBodyJoints> kParentJoints;

/// The joints in metres from the pelvis, x right, y down and z away from the viewer. `global` turns the body, `pose` each
/// joint against its parent. Matrices are made orthogonal first. Bones have the lengths of an average adult,
/// whatever the person's shape.
std::array<Point, kBodyJoints> body_joints(const Rotation& global, const std::array<Rotation, kBodyRotations>& pose);

/// The image (3 channels) resized to `side` pixels per side, with a person's box, and the skeleton of a person whose joints
/// are known, projected by the weak-perspective camera (scale, x, y) of the square around the box. `poses`: the numbers
/// of each person, kPoseNumbers or none. Without them two lines from the middle of the box show where the body's head
/// (blue) and front (red) point.
Image draw_poses(const Image& image, const std::vector<HumanPose>& people, const std::vector<std::vector<float>>& poses,
                 int side);

}  // namespace fourm
