from __future__ import annotations

import numpy as np
import pytest
import scipy.io

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic.layouts import mpii


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mpii")
    config = SynthesisConfig(num_images=9, num_test=2, image_size=96)
    assert "7 train and 2 test images" in mpii.write(str(folder), config)
    return folder


def test_the_release_is_nested_as_matlab_nests_it(twin):
    content = scipy.io.loadmat(twin / "annotations" / "mpii_human_pose_v1_u12_1.mat")
    release = content["RELEASE"]
    assert release.shape == (1, 1)
    assert set(release.dtype.names) == {
        *("annolist", "img_train", "version", "single_person", "act", "video_list"),
    }
    release = release[0, 0]
    images = release["annolist"]
    assert images.shape == (1, 9)
    assert images.dtype.names == ("image", "annorect", "frame_sec", "vididx")
    assert release["img_train"].tolist() == [[1] * 7 + [0] * 2]
    assert release["img_train"].dtype == np.uint8
    assert release["single_person"].shape == release["act"].shape == (9, 1)
    assert release["act"].dtype.names == ("act_name", "cat_name", "act_id")
    assert release["version"].tolist() == ["12"]
    assert images["image"][0, 0]["name"][0, 0].tolist() == ["000000001.jpg"]
    people = images["annorect"][0, 1]
    assert people.shape == (1, 2)
    points = people["annopoints"][0, 0]["point"][0, 0]
    assert set(points.dtype.names) == {"x", "y", "id", "is_visible"}
    flags = [flag.tolist() for flag in points["is_visible"][0]]
    assert ["1"] in flags and [] in flags and any(flag in ([[1.0]], [[0.0]]) for flag in flags)
    assert people["annopoints"][0, 0].shape == (1, 1)


def test_the_awkward_cases_are_there(twin):
    content = scipy.io.loadmat(
        twin / "annotations" / "mpii_human_pose_v1_u12_1.mat",
        squeeze_me=True, struct_as_record=False,
    )  # fmt: skip
    release = content["RELEASE"]
    people = [np.atleast_1d(image.annorect) for image in release.annolist]
    assert [len(one) for one in people[:4]] == [1, 2, 2, 5]
    assert people[4][0].annopoints.size == 0  # empty
    assert people[6][0].annopoints.point.id in range(16)  # a single point
    assert not hasattr(people[8][0], "annopoints") and people[8][0].x1 < people[8][0].x2
    assert isinstance(release.single_person[0], (int, float))
    assert release.single_person[3].tolist() == [1, 2]
    assert release.single_person[8].size == 0
