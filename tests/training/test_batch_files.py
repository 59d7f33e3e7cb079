import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from hmr_tf import config
from hmr_tf.data import pipeline
from hmr_tf.training import batch_files
from tfrecords_tools import samples, schema
from tfrecords_tools.shard_layout import shard_layout


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Ten images; the grey level of number n is 20 n."""
    folder, layout = tmp_path_factory.mktemp("records"), shard_layout("lsp")
    path = folder / layout.folder / layout.shard_name("train", 0)
    path.parent.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for number in range(10):
            image = np.full((40, 40, 3), 20 * number, np.uint8)
            sample = samples.Sample(
                image=tf.io.encode_png(image).numpy(),
                filename=f"{number}.png",
                height=40,
                width=40,
                center=np.array([20.0, 20.0]),
                keypoints_2d=np.ones((19, 3)),
                dataset="lsp",
            )
            writer.write(schema.encode_sample(sample))
    return folder


def test_names_are_those_of_the_pipeline(records):
    settings = config.DataConfig(data_dir=str(records), window_px=40.0)
    dataset = pipeline.training_dataset(settings, 16, 3, seed=4, deterministic=True)
    for step, (batch, _) in zip(range(1, 6), dataset):
        levels = np.round(255 * batch["image"][:, 8, 8, 0].numpy() / 20).astype(int)
        names = batch_files.batch_files(settings, 3, seed=4, step=step)
        assert names == [f"{level}.png" for level in levels]
        cached = dataclasses.replace(settings, cache=True)
        assert len(batch_files.batch_files(cached, 3, 4, step)) == 3
