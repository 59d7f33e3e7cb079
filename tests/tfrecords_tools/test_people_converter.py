"""What converters of labelled people share: drops, fingerprints, workers, whole images."""

from __future__ import annotations

import pickle

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic.layouts import sgre
from tfrecords_tools.converters.sgre_mpii import SGREMPIIConverter
from tfrecords_tools.labelled_people import LabelledPerson
from tfrecords_tools.people_converter import PeopleConverter


def test_items_fingerprints_and_pickles(tmp_path):
    sgre.write_mpii(str(tmp_path), SynthesisConfig(num_images=3, num_test=0, image_size=96))
    converter = SGREMPIIConverter(tmp_path)
    assert isinstance(converter, PeopleConverter) and converter.options == {"person_px": 150.0}
    items = converter.items("train")
    assert all(isinstance(item, LabelledPerson) for item in items) and len(items) == 6
    again = pickle.loads(pickle.dumps(converter))
    # What was read stays behind: workers get their people one by one.
    assert len(pickle.dumps(converter)) < 2000 < len(pickle.dumps(items))
    (one,), (other,) = converter.convert(items[0]), again.convert(items[0])
    assert one.image == other.image and one.dataset == "sgre_mpii"
    whole = SGREMPIIConverter(tmp_path, options={"person_px": "0"})
    (sample,) = whole.convert(items[0])
    with open(items[0].path, "rb") as file:
        assert sample.image == file.read()
    prints = [SGREMPIIConverter(tmp_path).fingerprint("train")]
    with open(items[0].path, "ab") as file:
        file.write(b"more")
    prints.append(SGREMPIIConverter(tmp_path).fingerprint("train"))
    (tmp_path / "annotations" / "MPII_train_SMPL_NeuralAnnot.json").write_text("{}")
    prints.append(SGREMPIIConverter(tmp_path).fingerprint("train"))
    assert len(set(prints)) == 3
