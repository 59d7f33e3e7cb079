"""MuCo-3DHP in 3DMPPE's true format: composites, SMPL fits, near people, damaged files."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from hmr_tf.body.model_file import load_body
from hmr_tf.body.posing import pose_body
from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic.layouts import muco as layout
from tfrecords_tools.converters.muco import MuCoConverter, stand_apart
from tfrecords_tools.driver import convert_part
from tfrecords_tools.errors import DatasetError
from tfrecords_tools.reader import read_records
from tfrecords_tools.schema import parse_image_example

_CONFIG = SynthesisConfig(num_images=8, num_test=0, image_size=112, seed=3)
# Record slots of J24 -> SMPL's joints of the same name, both written out.
_NAMESAKES = {
    **{0: 8, 1: 5, 4: 4, 5: 7},  # right ankle, right knee, left knee, left ankle
    **{6: 21, 7: 19, 8: 17},  # right wrist, elbow, shoulder
    **{9: 16, 10: 18, 11: 20},  # left shoulder, elbow, wrist
}
_FILLED = [*range(13), 14, 16, 17, 18]


def write_source(folder):
    """Writes a tiny tree; also used by the test of all converters."""
    layout.write(str(folder), SynthesisConfig(num_images=4, num_test=0, image_size=64))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("muco") / "source"
    layout.write(str(folder), _CONFIG)
    return folder


@pytest.fixture(scope="module")
def truth(source):
    """(image, person) -> row of the truth."""
    with np.load(source / "smpl_truth.npz", allow_pickle=False) as file:
        arrays = dict(file)
    return {
        (str(path), int(person)): {k: v[row] for k, v in arrays.items() if v.ndim}
        for row, (path, person) in enumerate(zip(arrays["image_path"], arrays["person"]))
    }


@pytest.fixture(scope="module")
def records(source, tmp_path_factory):
    """All people: (manifest, list of (key of the truth, record))."""
    out_dir = tmp_path_factory.mktemp("muco_records")
    return _convert(source, out_dir, {"all_people": "true"})


@pytest.fixture
def copy(source, tmp_path):
    """A tree that may be damaged."""
    shutil.copytree(source, tmp_path / "copy")
    return tmp_path / "copy"


def _convert(source, out_dir, options=None, **arguments):
    converter = MuCoConverter(source, "train", (), options)
    manifest = convert_part(converter, "train", str(out_dir), **arguments).manifest
    found = []
    for path in manifest.shard_paths(str(out_dir)):
        for serialized in read_records(path):
            record = {k: v.numpy() for k, v in parse_image_example(serialized).items()}
            # The twin numbers annotations by tens.
            key = f"data/{record['filename'].decode()}", int(record["subject"]) % 10
            found.append((key, record))
    return manifest, found


def _edit(folder, change, name="MuCo-3DHP.json"):
    path = folder / "data" / name
    content = json.loads(path.read_text())
    changed = change(content)
    path.write_text(json.dumps(content if changed is None else changed))


def test_everybody_has_a_record(records, truth):
    manifest, found = records
    # One to four people by turns; the seventh image has no annotation.
    assert len(found) == len(truth) - 3 == 17
    assert manifest.drops == {"image without people": 1}
    assert {key for key, _ in found} == {key for key in truth if "000007" not in key[0]}
    assert {record["sequence"] for _, record in found} == {b"augmented_set", b"unaugmented_set"}


def test_joints_reproject_in_the_stored_image(records):
    for _, record in records[1]:
        for joints, points in (
            (record["joints_24_3d"][_FILLED, :3], record["keypoints_24_2d"][_FILLED]),
            (record["joints_3d"], record["keypoints_2d"][:14]),
        ):
            moved = joints + record["translation"]
            projected = moved[:, :2] / moved[:, 2:] * record["intrinsics"][:2]
            np.testing.assert_allclose(
                points[:, :2], projected + record["intrinsics"][2:], atol=0.02
            )
        assert record["keypoints_2d"][:14, 2].all()
        assert np.flatnonzero(record["joints_24_3d"][:, 3]).tolist() == _FILLED
        points = record["keypoints_2d"][:14, :2]
        assert np.linalg.norm(np.ptp(points, axis=0)) == pytest.approx(150, abs=3)


def test_joints_are_the_truth_by_name(records, truth):
    """A swapped side would show: the truth is told joint by joint."""
    for key, record in records[1]:
        row = truth[key]
        moved = record["joints_24_3d"][:, :3] + record["translation"] - row["translation"]
        np.testing.assert_allclose(moved[_FILLED], row["joints_24_3d"][_FILLED], atol=1e-4)
        for slot, joint in _NAMESAKES.items():
            assert np.linalg.norm(moved[slot] - row["smpl_joints_3d"][joint]) < 0.06


def test_fits_are_the_truth_and_pose_the_body_that_is_seen(records, truth):
    body = load_body("free_body")
    num_fits = 0
    for key, record in records[1]:
        row = truth[key]
        # Every fifth person has no fit; the joints are then relative to the pelvis.
        has_fit = int(record["subject"]) % 5 != 1
        assert record["has_smpl"] == has_fit and record["has_translation"] == 1
        if not has_fit:
            assert np.abs(record["joints_24_3d"][14, :3]).max() < 1e-6
            assert record["gender"] == -1
            continue
        num_fits += 1
        assert record["gender"] == 0
        for name in ("pose_axis_angle", "betas", "translation"):
            np.testing.assert_allclose(record[name], row[name], atol=1e-5)
        vertices, _ = pose_body(body, record["pose_axis_angle"], record["betas"])
        joints = (body.regressor("j24") @ vertices)[_FILLED] + record["translation"]
        projected = joints[:, :2] / joints[:, 2:] * record["intrinsics"][:2]
        points = record["keypoints_24_2d"][_FILLED, :2]
        np.testing.assert_allclose(points, projected + record["intrinsics"][2:], atol=0.05)
    assert num_fits > 8


def test_hidden_joints_are_labels_of_less_confidence(records):
    confidences = np.stack([record["keypoints_24_2d"][_FILLED, 2] for _, record in records[1]])
    assert set(np.unique(confidences)) == {0.5, 1.0}
    assert 0.02 < (confidences == 0.5).mean() < 0.7


def test_boxes_lie_around_the_joints_within_the_image(records):
    for _, record in records[1]:
        assert record["has_box"] == 1
        low, high = record["box_xyxy"][:2], record["box_xyxy"][2:]
        points = record["keypoints_2d"][:14, :2]
        is_inside = (points >= low - 0.1) & (points <= high + 0.1)
        is_in_image = (points > 1).all(axis=1)
        is_in_image &= (points < [record["width"] - 2, record["height"] - 2]).all(axis=1)
        assert is_inside.all(axis=1)[is_in_image].all()
        assert (high - low < np.ptp(points, axis=0) + 60).all()


def test_who_counts():
    roots = np.array([[0.0, 0, 3000], [400, 0, 9000], [0, 900, 5000], [2000, 0, 4000]])
    assert stand_apart(roots).tolist() == [True, False, True, True]
    roots[1, 2] = 2000.0  # Now the second is the nearest.
    assert stand_apart(roots).tolist() == [False, True, True, True]
    assert stand_apart(roots[:1]).tolist() == [True]


def test_people_near_another_are_left_out(copy, records, tmp_path):
    manifest, found = _convert(copy, tmp_path / "out")
    num_near = manifest.drops.get("person too near another", 0)
    assert len(found) == len(records[1]) - num_near
    assert {key[0] for key, _ in found} == {key[0] for key, _ in records[1]}

    def put_together(content):
        for annotation in content["annotations"]:
            annotation["keypoints_cam"][14][:2] = [0.0, 0.0]

    _edit(copy, put_together)
    manifest, found = _convert(copy, tmp_path / "near")
    assert len(found) == 7 and manifest.drops["person too near another"] == 10
    listed = (tmp_path / "near" / "muco" / "drops_train.tsv").read_text()
    assert "augmented_set/1/000002.jpg annotation 1" in listed


def test_the_tree_may_lie_deeper_and_lack_a_set_and_the_fits(copy, tmp_path):
    (tmp_path / "deep" / "MuCo").mkdir(parents=True)
    (copy / "data").rename(tmp_path / "deep" / "MuCo" / "data")
    folder = tmp_path / "deep" / "MuCo" / "data"
    shutil.rmtree(folder / "augmented_set")
    (folder / "smpl_param.json").unlink()
    for depth in (tmp_path / "deep", folder.parent, folder):
        out_dir = tmp_path / f"out_{depth.name}"
        manifest, found = _convert(depth, out_dir, {"all_people": "true"})
        assert manifest.drops["image of a set that is not there"] == 4
        assert manifest.num_with_smpl == 0 and len(found) == 1 + 3 + 1
    shutil.rmtree(folder / "unaugmented_set")
    with pytest.raises(DatasetError, match="neither augmented_set nor unaugmented_set"):
        MuCoConverter(folder).items("train")


def test_damaged_entries_are_counted(copy, tmp_path):
    def damage(content):
        content["images"][0]["file_name"] = "../secret.jpg"
        del content["images"][1]["f"]
        content["annotations"][3]["keypoints_cam"] = [[0.0] * 3] * 20
        content["annotations"][4]["keypoints_img"][2] = [float("nan"), 3.0]

    _edit(copy, damage)
    _edit(copy, lambda fits: fits["30"].update(pose=[0.0] * 3), "smpl_param.json")
    image = copy / "data" / "unaugmented_set" / "1" / "000005.jpg"
    image.write_bytes(image.read_bytes()[:900])
    (copy / "data" / "augmented_set" / "1" / "000006.jpg").unlink()
    options = {"all_people": "true"}
    with pytest.raises(DatasetError, match=r"samples are damaged .*malformed annotation"):
        _convert(copy, tmp_path / "out", options)
    manifest, found = _convert(copy, tmp_path / "out", options, max_error_fraction=0.9)
    assert manifest.drops == {
        "malformed image entry": 1,
        "malformed annotation": 4,
        "label that is not finite": 1,
        "corrupt image": 1,
        "missing image": 2,
        "image without people": 1,
    }
    assert len(found) == 8


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("MuCo-3DHP.json", b'{"images": [{"id": 0', "is no JSON file or is damaged"),
        ("MuCo-3DHP.json", b"\x80\x04", "is no JSON file or is damaged"),
        ("MuCo-3DHP.json", b'{"pictures": []}', "must hold lists 'images' and 'annotations'"),
        ("smpl_param.json", b"{", "is no JSON file or is damaged"),
        ("smpl_param.json", b"[1]", "must hold an object of fits by annotation; it is a list"),
    ],
)
def test_damaged_files_are_one_line(copy, tmp_path, name, content, message):
    (copy / "data" / name).write_bytes(content)
    with pytest.raises(DatasetError, match=rf"^muco: .*{name} {message}") as caught:
        _convert(copy, tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "out").glob("**/*.tfrecord"))


def test_wrong_folders_and_splits(tmp_path):
    with pytest.raises(DatasetError, match=r"^muco: .*MuCo-3DHP\.json is not there"):
        MuCoConverter(tmp_path).fingerprint("train")
    with pytest.raises(DatasetError, match="muco has no split 'test'; expected train"):
        MuCoConverter(tmp_path, "test")


def test_the_fingerprint_sees_labels_fits_and_images(copy):
    prints = [MuCoConverter(copy).fingerprint("train")]
    _edit(copy, lambda fits: fits.pop("0") and None, "smpl_param.json")
    prints.append(MuCoConverter(copy).fingerprint("train"))
    (copy / "data" / "unaugmented_set" / "1" / "000001.jpg").unlink()
    prints.append(MuCoConverter(copy).fingerprint("train"))
    assert len(set(prints)) == 3
