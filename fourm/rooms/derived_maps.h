// Maps that follow from the image, depth and normals of a room: the further tasks of Taskonomy (Zamir et al. 2018) that the
// token benchmark uses (paper appendix E.1). The definitions are close to Taskonomy's and stated here; its code differs.
#pragma once

#include "fourm/rooms/rooms.h"

namespace fourm {

/// 8-bit images of the size of the sample. Grey values are strengths; pixels without a surface are 0.
struct DerivedMaps {
  /// Gradient of the brightness after a Gaussian of deviation 1 pixel, 255 from 50 grey levels a pixel on: Canny's edges
  /// (1986) without the suppression of non-maxima.
  Image edge_texture;
  /// Jumps of the surface: e is the distance of a neighbouring point from the tangent plane of the pixel, or the pixel's from
  /// that of the neighbour, whichever is less; the largest 255 (1 - exp(-e / 0.2 m)) of the four neighbours.
  Image edge_occlusion;
  /// 3 channels: the two principal curvatures k of the surface in 1/m, the larger first, as 127.5 (1 + k / (|k| + 2)); the third
  /// channel is 0. Bumps are positive.
  Image principal_curvature;
  /// Lambertian shading by a light at the camera: 255 times the cosine between the normal and the direction to the camera.
  Image reshading;
  /// Determinant of the Hessian of the brightness (SURF, Bay et al. 2006), the largest of three scales; its root, scaled.
  Image keypoints2d;
  /// Corners of the surface: the smaller eigenvalue of the structure tensor of the normals (Shi and Tomasi 1994), its root,
  /// scaled.
  Image keypoints3d;
};

DerivedMaps derive_maps(const RoomSample& sample);

}  // namespace fourm
