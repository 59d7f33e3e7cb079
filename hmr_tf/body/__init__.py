"""Body model files, the SMPL layer and keypoints without the mesh."""
