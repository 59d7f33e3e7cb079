from __future__ import annotations

import numpy as np

from hmr_tf.body.model_file import load_body
from hmr_tf.synthetic.studio import Studio
from hmr_tf.synthetic.twins import save_truth


def test_the_truth_file_holds_what_the_people_are(tmp_path):
    picture = Studio(load_body("free_body")).photograph(np.random.default_rng(0), 64, 96, 2)
    entries = [
        (f"a/{number}.jpg", number, person, person.intrinsics)
        for number, person in enumerate(picture.people)
    ]
    save_truth(tmp_path / "smpl_truth.npz", entries, "free_body")
    save_truth(tmp_path / "again" / "smpl_truth.npz", entries, "free_body")
    first = (tmp_path / "smpl_truth.npz").read_bytes()
    assert first == (tmp_path / "again" / "smpl_truth.npz").read_bytes()
    with np.load(tmp_path / "smpl_truth.npz", allow_pickle=False) as truth:
        assert truth["image_path"].tolist() == ["a/0.jpg", "a/1.jpg"]
        assert truth["person"].tolist() == [0, 1]
        assert str(truth["body_kind"]) == "free_body"
        for row, person in enumerate(picture.people):
            for field in ("pose_axis_angle", "betas", "translation"):
                np.testing.assert_array_equal(truth[field][row], getattr(person, field))
            joints = truth["joints_24_3d"][row] + truth["translation"][row]
            np.testing.assert_allclose(joints, person.j24, atol=1e-5)
        assert truth["intrinsics"].shape == (2, 4)


def test_an_empty_truth_keeps_its_shapes(tmp_path):
    save_truth(tmp_path / "smpl_truth.npz", [], "toy")
    with np.load(tmp_path / "smpl_truth.npz", allow_pickle=False) as truth:
        assert truth["joints_24_3d"].shape == (0, 24, 3)
        assert truth["image_path"].shape == (0,)
