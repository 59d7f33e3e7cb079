"""The twins of LSP-extended have its tree and its labels' shape, type and garbage."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.io

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic.layouts import lsp_ext

_CONFIG = SynthesisConfig(num_images=6, num_test=0, image_size=64, seed=4)


@pytest.mark.parametrize("write", [lsp_ext.write, lsp_ext.write_high_resolution])
def test_the_tree_is_the_releases(tmp_path, write):
    assert write(str(tmp_path / "one"), _CONFIG) == f"6 images in {tmp_path / 'one'}"
    folder = tmp_path / "one"
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*"))
    if write is lsp_ext.write:
        images = [f"images/im{number:05d}.jpg" for number in range(1, 7)]
        others = ["README.txt", "joints.mat", "smpl_truth.npz", "synthesize.json"]
    else:
        images = [f"im{number:05d}.png" for number in (1, 2, 3, 4, 6, 7)]
        others = ["joints.mat", "smpl_truth.npz", "synthesize.json"]
    assert names == sorted(images + others)
    joints = scipy.io.loadmat(folder / "joints.mat")["joints"]
    assert joints.shape == (14, 3, 6) and joints.dtype == np.float64
    assert set(np.unique(joints[:, 2])) == {0.0, 1.0}
    assert not joints[:, 2, lsp_ext._UNLABELLED].any()
    garbage = joints[:, :2][joints[:, 2:].repeat(2, axis=1) == 0]
    assert set(np.unique(garbage)) <= {0.0, -1.0, -4321.5, 9999.0}

    write(str(tmp_path / "two"), _CONFIG)
    for name in names:
        assert (tmp_path / "two" / name).read_bytes() == (folder / name).read_bytes()
