"""The Estimate: the one dict that models return, exports serve and predictions save.

=================  ==================  ============================================================
key                shape, dtype        meaning
=================  ==================  ============================================================
rotations          [batch, 24, 3, 3]   SMPL joint rotations, joint 0 global, camera frame (y down)
betas              [batch, 10]         SMPL shape coefficients
camera             [batch, 3]          weak perspective (scale, tx, ty): p = scale (X_xy + t)
joints_3d          [batch, K, 3]       keypoints, m, camera frame, not translated
keypoints_2d       [batch, K, 2]       projected keypoints, crop units [-1, 1], x right, y down
smpl_joints_3d     [batch, 24, 3]      the 24 posed SMPL joints, m, camera frame, not translated
vertices           [batch, V, 3]       mesh, m, camera frame, not translated; only when asked for
=================  ==================  ============================================================

All are float32. K and its order are the model's keypoint set (``cocoplus``: 19 joints, of which the
first 14 are LSP's). Predictions on full images add:

=================  ==================  ============================================================
keypoints_2d_image [batch, K, 2]       projected keypoints, full-image px
translation        [batch, 3]          m; joints or vertices plus this are in the full camera
focal_length_px    [batch]             focal length of that camera, px; centre = image centre
=================  ==================  ============================================================

A model may add keys of its own beside these. An encoder that draws heatmaps gives, in training:

=================  ==================  ============================================================
features           [batch, F]          what the regressor reads
heatmaps           [batch, h, w, K]    logits of each keypoint's place
depths             [batch, K]          m, of each keypoint relative to the middle of the hips
=================  ==================  ============================================================
"""

ROTATIONS = "rotations"
BETAS = "betas"
CAMERA = "camera"
JOINTS_3D = "joints_3d"
KEYPOINTS_2D = "keypoints_2d"
SMPL_JOINTS_3D = "smpl_joints_3d"
VERTICES = "vertices"
KEYPOINTS_2D_IMAGE = "keypoints_2d_image"
TRANSLATION = "translation"
FOCAL_LENGTH_PX = "focal_length_px"

FEATURES = "features"
HEATMAPS = "heatmaps"
DEPTHS = "depths"

ESTIMATE_KEYS = (ROTATIONS, BETAS, CAMERA, JOINTS_3D, KEYPOINTS_2D, SMPL_JOINTS_3D)
FULL_IMAGE_KEYS = (KEYPOINTS_2D_IMAGE, TRANSLATION, FOCAL_LENGTH_PX)
