"""The twin of SPIN's files against what its documentation says of them."""

from __future__ import annotations

import numpy as np
import pytest

from hmr_tf.config import SynthesisConfig
from hmr_tf.errors import DataError
from hmr_tf.synthetic.layouts import spin_npz

_CONFIG = SynthesisConfig(num_images=12, num_test=4, image_size=48, seed=2)
# Published shapes of a row.
_SHAPES = {
    **{"center": (2,), "scale": (), "part": (24, 3), "openpose": (25, 3), "S": (24, 4)},
    **{"pose": (72,), "shape": (10,), "has_smpl": (), "gender": (), "imgname": ()},
    **{"maskname": (), "partname": ()},
}
_TEXTS = {"imgname", "gender", "maskname", "partname"}
_ALWAYS = {"imgname", "center", "scale"}
_FILES = {
    "lsp_dataset_original_train": {"part", "openpose"},
    "h36m_train": {"part", "S", "openpose", "pose", "shape"},
    "mpi_inf_3dhp_train": {"part", "S", "openpose", "pose", "shape", "has_smpl"},
    "coco_2014_train": {"part", "openpose"},
    "3dpw_test": {"pose", "shape", "gender"},
    "h36m_valid_protocol1": {"S"},
    "h36m_valid_protocol2": {"S"},
    "mpi_inf_3dhp_valid": {"part", "S"},
    "lsp_dataset_test": {"part", "maskname", "partname"},
}


def _files(folder):
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("spin") / "source"
    line = spin_npz.write(str(folder), _CONFIG)
    assert line == f"8 training and 4 test images in {folder}"
    return folder


@pytest.fixture(scope="module")
def archives(source):
    paths = (source / "dataset_extras").glob("*.npz")
    return {path.stem: dict(np.load(path, allow_pickle=False)) for path in paths}


def test_files_have_the_published_keys_and_shapes(archives):
    assert {name: set(arrays) - _ALWAYS for name, arrays in archives.items()} == _FILES
    for name, arrays in archives.items():
        count = len(arrays["imgname"])
        for key, array in arrays.items():
            assert array.shape == (count, *_SHAPES[key]), (name, key)
            assert array.dtype.kind == ("U" if key in _TEXTS else "f"), (name, key)


def test_gaps_are_where_spins_are(archives):
    for name in ("h36m_train", "mpi_inf_3dhp_train", "mpi_inf_3dhp_valid", "h36m_valid_protocol1"):
        arrays = archives[name]
        confidence = arrays["S"][..., 3]
        known = set(np.flatnonzero(confidence[0]))
        assert known == {*range(13), 14, 16, 17, 18}
        np.testing.assert_array_equal(arrays["S"][:, 14], [[0, 0, 0, 1]] * len(confidence))
    assert archives["mpi_inf_3dhp_train"]["has_smpl"].tolist() == [1.0, 0.0]
    for name in ("lsp_dataset_original_train", "coco_2014_train"):
        confidence = archives[name]["openpose"][..., 2]
        assert ((confidence >= 0) & (confidence < 1)).all() and (confidence > 0).any()
        assert not confidence[:, 19:].any()  # no feet
    np.testing.assert_array_equal(
        np.flatnonzero(archives["coco_2014_train"]["part"][0, :, 2]),
        [*range(12), *range(19, 24)],
    )


def test_boxes_hold_the_joints(archives):
    for name in ("lsp_dataset_original_train", "coco_2014_train", "mpi_inf_3dhp_train"):
        arrays = archives[name]
        for part, center, scale in zip(arrays["part"], arrays["center"], arrays["scale"]):
            points = part[part[:, 2] > 0, :2]
            np.testing.assert_allclose((points.min(0) + points.max(0)) / 2, center)
            np.testing.assert_allclose(1.2 * np.ptp(points, axis=0).max(), 200 * scale)


def test_fits_are_near_the_truth(source, archives):
    fits = np.load(source / "static_fits" / "h36m_fits.npy", allow_pickle=False)
    own = np.concatenate([archives["h36m_train"]["pose"], archives["h36m_train"]["shape"]], axis=1)
    assert fits.shape == (2, 82) and 0 < np.abs(fits - own).max() < 0.2


def test_images_are_where_imgname_says(source, archives):
    folders = {"coco_2014": "coco", "3dpw": "3dpw"}
    for name, arrays in archives.items():
        dataset = name.split("_train")[0].split("_test")[0].split("_valid")[0]
        for image in arrays["imgname"]:
            assert (source / "datasets" / folders.get(dataset, dataset) / str(image)).is_file()


def test_equal_settings_write_equal_bytes(source, tmp_path):
    spin_npz.write(str(tmp_path / "again"), _CONFIG, num_workers=1)
    assert _files(tmp_path / "again") == _files(source)
    with pytest.raises(DataError, match="seed"):
        other = SynthesisConfig(num_images=12, num_test=4, image_size=48, seed=3)
        spin_npz.write(str(source), other)
