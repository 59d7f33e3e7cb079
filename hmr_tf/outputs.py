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

HybrIK gives, with K = 24 or 29 joints of the skeleton `hybrik29`:

=================  ==================  ============================================================
heatmap_joints_3d  [batch, K, 3]       m, camera frame, relative to the pelvis: what was located
joints_uvd         [batch, K, 3]       the same in the crop: x and y in sides of the crop from its
                                       middle, depth behind the pelvis as a share of `depth_range`
twist              [batch, 23, 2]      cosine and sine of joints 1 to 23 about their bones, of any
                                       length
crop_camera        [batch, 3]          scale, sides of the crop per metre, and shift, m; if the
                                       model estimates its camera
sigma              [batch, K]          uncertainty of the joints, 0 to 1, likewise; 1 - sigma is the
                                       release's score
leaf_quaternions   [batch, 5, 4]       (w, x, y, z) of feet, head and hands, of any length; K = 24
heatmap_marginals  [batch, K, 3, size] shares of the heatmaps by x, y and depth; in training only
=================  ==================  ============================================================

SGRE gives, with the 30 joints of the skeleton `sgre30`:

=================  ==================  ============================================================
global_rotations   [batch, 24, 3, 3]   SMPL joint rotations composed from the root, camera frame
pose_2d            [batch, 30, 3]      the 2D pose it was shown: x, y in crop units, visibility; or
                                       the joints located, if it was shown none
joints_uvd         [batch, 30, 3]      as HybrIK's: the joints located, before the body
joint_scores       [batch, 30]         share of each joint's volume where it was located
heatmap_marginals  [batch, 30, 3, g]   as HybrIK's; in training only
body_joints_3d     [batch, 30, 3]      of the posed body, m, camera frame, not translated
body_joints_2d     [batch, 30, 2]      the same projected, crop units
=================  ==================  ============================================================

SMPLR gives `joints_uvd` and `crop_camera` likewise, of its 41 points: SMPL's joints without the
pelvis, and the landmarks of `hmr_tf.body.landmarks`; with the pelvis they are the 42 of the
skeleton `cloth3d42`. Depths are shares of 2.5 m.

==================  =================  ============================================================
heatmap_joints_3d   [batch, 42, 3]     m, camera frame, relative to the pelvis: what was located
denoised_joints_3d  [batch, 42, 3]     the same after the autoencoder
landmarks_3d        [batch, 18, 3]     the landmarks of the estimated body, m, camera frame, not
                                       translated
gender_score        [batch]            positive for men, negative for women
==================  =================  ============================================================
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

HEATMAP_JOINTS_3D = "heatmap_joints_3d"
JOINTS_UVD = "joints_uvd"
TWIST = "twist"
CROP_CAMERA = "crop_camera"
SIGMA = "sigma"
LEAF_QUATERNIONS = "leaf_quaternions"
HEATMAP_MARGINALS = "heatmap_marginals"

GLOBAL_ROTATIONS = "global_rotations"
POSE_2D = "pose_2d"
JOINT_SCORES = "joint_scores"
BODY_JOINTS_3D = "body_joints_3d"
BODY_JOINTS_2D = "body_joints_2d"

DENOISED_JOINTS_3D = "denoised_joints_3d"
LANDMARKS_3D = "landmarks_3d"
GENDER_SCORE = "gender_score"

ESTIMATE_KEYS = (ROTATIONS, BETAS, CAMERA, JOINTS_3D, KEYPOINTS_2D, SMPL_JOINTS_3D)
FULL_IMAGE_KEYS = (KEYPOINTS_2D_IMAGE, TRANSLATION, FOCAL_LENGTH_PX)
