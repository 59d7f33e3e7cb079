"""Which records a protocol reads, and who of them counts."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.evaluation import people
from hmr_tf.evaluation.protocols import PROTOCOLS
from tfrecords_tools import schema
from tfrecords_tools.samples import Sample

_SEQUENCES = (
    *("S9_Directions_1.60457274", "S9_Directions.60457274", "S9_Directions_1.54138969"),
    *("S9_SittingDown.60457274", "S9_SittingDown_1.60457274", "S11_Greeting_2.60457274"),
    *("S11_Greeting.60457274", "S11_Phoning_3.60457274", "S11_Phoning_2.60457274"),
    *("S11_Walking_1.60457274", "S11_Posing_subact1.60457274", "S11_Posing_subact2.60457274"),
)
_FIRST_FRONTAL = {0, 3, 5, 7, 9, 10}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    root = tmp_path_factory.mktemp("people")
    folder = root / "tf_records_human36m_wjoints" / "test"
    folder.mkdir(parents=True)
    image = cv2.imencode(".jpg", np.full((64, 64, 3), 90, np.uint8))[1].tobytes()
    with tf.io.TFRecordWriter(str(folder / "test_0000.tfrecord")) as writer:
        for number, sequence in enumerate(_SEQUENCES):
            sample = Sample(
                image=image, filename=f"{number}.jpg", height=64, width=64,
                center=np.array([32.0, 32.0]), keypoints_2d=np.ones((19, 3)),
                joints_3d=np.zeros((14, 3)), dataset="h36m", sequence=sequence, frame=32 * number,
            )  # fmt: skip
            writer.write(schema.encode_sample(sample))
    return str(root)


def _numbers(name, data_dir):
    protocol = PROTOCOLS.get(name)
    data = people.data_config(protocol, data_dir, 64.0)
    batches = people.batches(protocol, data, 16, 5)
    names = [name.decode() for batch in batches for name in batch["filename"].numpy()]
    return [int(name[: -len(".jpg")]) for name in names], people.num_people(protocol, data)


def test_everybody_in_the_order_of_the_records(data_dir):
    assert _numbers("h36m_p1", data_dir) == (list(range(12)), 12)


def test_first_trials_of_the_frontal_camera(data_dir):
    numbers, total = _numbers("h36m_p2", data_dir)
    assert numbers == sorted(_FIRST_FRONTAL) and total is None


def test_both_trials_of_the_frontal_camera_and_every_64th_frame(data_dir):
    assert _numbers("h36m_p2_spin", data_dir)[0] == [n for n in range(12) if n != 2]
    assert _numbers("h36m_p2_64", data_dir)[0] == [0, 4, 6, 8, 10]


def test_records_split_and_window(data_dir):
    data = people.data_config(PROTOCOLS.get("pw3d"), data_dir, 200.0)
    assert data.datasets == (("pw3d", 1.0),) and data.split == "test" and data.window_px == 200
    assert people.data_config(PROTOCOLS.get("lsp"), data_dir, 1.0, "train").split == "train"
