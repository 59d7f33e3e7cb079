"""Files of other programs, written here as those programs write them."""

import json
import os
import pickle

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hmr_tf.errors import DataError
from hmr_tf.evaluation import foreign_predictions

COUNT = 5
RNG = np.random.default_rng(0)
VECTORS = RNG.normal(scale=0.4, size=(COUNT, 24, 3))
MATRICES = Rotation.from_rotvec(VECTORS.reshape(-1, 3)).as_matrix().reshape(COUNT, 24, 3, 3)
BETAS = RNG.normal(size=(COUNT, 10))
CAMERA = RNG.normal(size=(COUNT, 3))
JOINTS = RNG.uniform(-0.8, 0.8, size=(COUNT, 17, 3))
PATHS = [f"data/datasets/pw3d/walk/image_{k:05d}.jpg" for k in range(COUNT)]


def _spin(path, **changes):
    arrays = {
        "pred_joints": JOINTS,
        "pose": VECTORS.reshape(COUNT, 72),
        "betas": BETAS,
        "camera": CAMERA,
    }
    np.savez(path, **{**arrays, **changes})
    return str(path)


def _pickle(path, content):
    with open(path, "wb") as file:
        pickle.dump(content, file)
    return str(path)


def _batch(rows):
    return {
        "keypoints_3d": JOINTS[rows].astype(np.float32),
        "smpl_pose": MATRICES[rows].astype(np.float32),
        "smpl_beta": BETAS[rows].astype(np.float32),
        "camera": CAMERA[rows].astype(np.float32),
        "vertices": np.zeros((len(rows), 8, 3), np.float32),
        "image_path": [PATHS[row] for row in rows],
        "image_idx": np.array(rows),
    }


def _check(found, has_joints=True):
    assert len(found) == COUNT
    np.testing.assert_allclose(found.rotations, MATRICES, atol=1e-6)
    np.testing.assert_allclose(found.betas, BETAS, rtol=1e-6)
    if has_joints:
        assert found.skeleton == "h36m17"
        np.testing.assert_allclose(found.joints_3d, JOINTS, rtol=1e-6)
    else:
        assert found.joints_3d is None
    for array in (found.rotations, found.betas):
        assert array.dtype == np.float32


def test_spin(tmp_path):
    _check(foreign_predictions.read(_spin(tmp_path / "result.npz")))


def test_spin_leaves_zeros_where_it_did_not_look_for_joints(tmp_path):
    path = _spin(tmp_path / "lsp.npz", pred_joints=np.zeros((COUNT, 17, 3)))
    _check(foreign_predictions.read(path), has_joints=False)


def test_mmhuman3d_batches_of_several_processes_are_put_in_order(tmp_path):
    path = _pickle(tmp_path / "out.pkl", [_batch([3, 1]), _batch([0, 4]), _batch([2])])
    found = foreign_predictions.read(path)
    _check(found)
    assert found.names == tuple(PATHS)
    one = _pickle(tmp_path / "one.pkl", _batch([3, 1, 0, 4, 2]))
    _check(foreign_predictions.read(one))
    for rows in ([3, 1], [0, 1, 2, 3, 3]):
        with pytest.raises(DataError, match="image_idx must number the images from 0"):
            foreign_predictions.read(_pickle(tmp_path / "bad.pkl", _batch(rows)))


@pytest.mark.parametrize("ending", ["json", "pkl"])
def test_mmhuman3d_keypoint_results(tmp_path, ending):
    content = {"keypoints": JOINTS.tolist(), "poses": MATRICES.tolist(), "betas": BETAS.tolist()}
    path = tmp_path / f"result_keypoints.{ending}"
    if ending == "json":
        path.write_text(json.dumps(content))
    else:
        _pickle(path, content)
    _check(foreign_predictions.read(str(path)))


@pytest.mark.parametrize("as_matrices", [False, True])
def test_mmhuman3d_demo(tmp_path, as_matrices):
    pose = MATRICES if as_matrices else VECTORS
    flat = pose[:, 1:] if as_matrices else pose[:, 1:].reshape(COUNT, 69)
    smpl = {"global_orient": pose[:, :1], "body_pose": flat, "betas": BETAS}
    path = tmp_path / "inference_result.npz"
    np.savez_compressed(
        *(path,),
        smpl=smpl,
        pred_cams=CAMERA,
        image_path=np.array(PATHS),
        verts=np.zeros((COUNT, 9, 3)),
    )
    found = foreign_predictions.read(str(path))
    _check(found, has_joints=False)
    assert found.names == tuple(PATHS)


def test_joints_alone(tmp_path):
    path = str(tmp_path / "joints.npz")
    np.savez(path, keypoints_3d=JOINTS[:, :14])
    found = foreign_predictions.read(path)
    assert found.skeleton == "j17" and found.rotations is None and found.betas is None
    assert foreign_predictions.read(path, "lsp14").skeleton == "lsp14"
    np.savez(path, keypoints_3d=JOINTS[:, :13])
    with pytest.raises(DataError, match="13 joints are of no known set"):
        foreign_predictions.read(path)
    with pytest.raises(DataError, match="h36m17 has 17 joints, the file 13"):
        foreign_predictions.read(path, "h36m17")


def test_a_pickle_that_would_run_code_is_refused(tmp_path):
    class Command:
        def __reduce__(self):
            return (os.system, (f"touch {tmp_path / 'ran'}",))

    for content in ({"pose": Command()}, [Command()]):
        with pytest.raises(DataError, match="refused"):
            foreign_predictions.read(_pickle(tmp_path / "evil.pkl", content))
    np.savez(tmp_path / "evil.npz", smpl=np.array(Command(), object))
    with pytest.raises(DataError, match="refused"):
        foreign_predictions.read(str(tmp_path / "evil.npz"))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pred_joints": 1000 * JOINTS}, "must be in metres"),
        ({"pose": np.zeros((COUNT, 71))}, r"pose must be \[5, 24, 3\]; it is \[5, 71\]"),
        ({"betas": BETAS[:4]}, r"betas must be \[5, any\]; it is \[4, 10\]"),
        ({"pred_joints": np.where(np.arange(5)[:, None, None] == 3, np.nan, JOINTS)}, "row 3"),
        ({"betas": np.array([["a"] * 10] * COUNT)}, "betas is no array of numbers"),
        ({"image_path": np.array(PATHS[:2])}, "2 image paths for 5 predictions"),
    ],
)
def test_arrays_that_do_not_fit(tmp_path, changes, message):
    with pytest.raises(DataError, match=message):
        foreign_predictions.read(_spin(tmp_path / "result.npz", **changes))


def test_files_that_are_none(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        foreign_predictions.read(str(tmp_path / "none.npz"))
    (tmp_path / "x.csv").write_text("1,2")
    with pytest.raises(DataError, match=r"must be an \.npz, a \.pkl or a \.json"):
        foreign_predictions.read(str(tmp_path / "x.csv"))
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(DataError, match="not readable as JSON"):
        foreign_predictions.read(str(tmp_path / "x.json"))
    (tmp_path / "x.pkl").write_bytes(b"not a pickle")
    with pytest.raises(DataError, match="not a readable pickle"):
        foreign_predictions.read(str(tmp_path / "x.pkl"))
    (tmp_path / "y.json").write_text("[1, 2]")
    with pytest.raises(DataError, match="must hold a dict of arrays"):
        foreign_predictions.read(str(tmp_path / "y.json"))
    np.savez(tmp_path / "other.npz", verts=np.zeros(3), betas=BETAS)
    with pytest.raises(DataError, match=r"it holds betas\."):
        foreign_predictions.read(str(tmp_path / "other.npz"))


def test_count_and_names_are_checked(tmp_path):
    found = foreign_predictions.read(_spin(tmp_path / "a.npz", image_path=np.array(PATHS)))
    foreign_predictions.check_count(found, COUNT)
    with pytest.raises(DataError, match="5 predictions, the records 6 people"):
        foreign_predictions.check_count(found, 6)
    foreign_predictions.check_names(found, ["image_00002.jpg", "walk/image_00003.jpg"], 2)
    with pytest.raises(DataError, match=r"1 is of .*00001\.jpg, record 1 of other\.jpg"):
        foreign_predictions.check_names(found, ["image_00000.jpg", "other.jpg"], 0)
    nameless = foreign_predictions.read(_spin(tmp_path / "b.npz"))
    foreign_predictions.check_names(nameless, ["whatever.jpg"], 0)
