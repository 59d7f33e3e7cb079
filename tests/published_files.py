"""Writes TensorFlow checkpoints as other systems save them, and imports published ones.

What the reference implementations give with the weights of `published_shapes` stands in
tests/weights; each of those tests says how it was obtained.
"""

import dataclasses
import json

import filler
import numpy as np
import pytest
import tensorflow as tf
from toy_body import filler_arrays

from hmr_tf import checkpoints, saved_weights
from hmr_tf.body import model_file
from hmr_tf.errors import CheckpointError
from hmr_tf.models import MODELS, encoders
from hmr_tf.weights import FORMATS, importer, initial_weights, mapping


def smpl_body(folder):
    """Writes the 40-vertex body as if it were SMPL's own file, and loads it."""
    path = folder / "SMPL.npz"
    np.savez(path, **{**filler_arrays(), "kind": np.array("smpl")})
    return model_file.load_body(path)


def write_tf1(prefix, tensors):
    """Writes a checkpoint as TF 1's Saver does: PREFIX.index and PREFIX.data."""
    names = sorted(tensors)
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=[tf.constant(tensors[name]) for name in names],
    )


def write_object_graph(prefix, tensors):
    """Writes a checkpoint as TF 2's tf.train.Checkpoint does, from keys without their ending."""
    tree = {}
    for key, value in tensors.items():
        *parents, last = key.split("/")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = tf.Variable(value)

    def track(node):
        children = {k: track(v) if isinstance(v, dict) else v for k, v in node.items()}
        return tf.train.Checkpoint(**children)

    track(tree).write(str(prefix))


class ShapesOnly:
    """A file of which only names and shapes are looked at."""

    path = "FILE"

    def __init__(self, shapes):
        self.shapes = shapes

    def read(self, name):
        raise AssertionError(f"{name} was read")


class InMemory:
    """A file's tensors without the file."""

    path = "FILE"

    def __init__(self, tensors):
        self._tensors = tensors
        self.shapes = {name: value.shape for name, value in tensors.items()}

    def read(self, name):
        return self._tensors[name]


class Imported:
    """A published checkpoint, imported and loaded again.

    Attributes:
        lines: what the importer told.
        report: what it wrote of every tensor.
        model: the model of the checkpoint that it wrote.
        published: the format.
    """

    def __init__(self, format_name, sources, folder, body):
        out = folder / "imported"
        self.published = FORMATS.get(format_name)
        self.lines = importer.import_weights(format_name, [str(x) for x in sources], out, body)
        self.report = json.loads((out / importer.REPORT_FILE).read_text())
        self.model = checkpoints.load_model(out)

    def check_features(self, images, golden):
        """Compares mean, standard deviation, greatest and first five, to 1e-4 of the greatest."""
        features = self.model.encoder(images).numpy()[0]
        found = [features.mean(), features.std(), features.max(), *features[:5]]
        expected = golden["features"]
        np.testing.assert_allclose(found, expected, atol=1e-4 * expected[2])

    def check_estimate(self, images, golden):
        """Compares the Estimate of one image with a reference's, to 1e-4 and 0.1 mm."""
        estimate = {k: v.numpy()[0] for k, v in self.model(images, with_vertices=True).items()}
        vertices = estimate["vertices"]
        found = {
            "rotation_0": estimate["rotations"][0],
            "rotation_23": estimate["rotations"][23],
            "betas": estimate["betas"],
            "camera": estimate["camera"],
            "vertex_0": vertices[0],
            "vertex_39": vertices[39],
            "keypoint_0": estimate["keypoints_2d"][0],
            "keypoint_18": estimate["keypoints_2d"][18],
        }
        for name in set(found) & set(golden):
            value = found[name].ravel()
            np.testing.assert_allclose(value, golden[name], rtol=0, atol=1e-4, err_msg=name)
        sums = [vertices.sum(), np.square(vertices).sum()]
        np.testing.assert_allclose(sums, golden["vertex_sums"], atol=1e-3)

    def check_critics(self, golden):
        """Compares outputs of the critics with a reference's."""
        found = self.critics()
        for place, expected in golden["critics"].items():
            assert found[place] == pytest.approx(expected, abs=1e-4), place

    def critics(self):
        """Returns the critics' outputs `[2, 25]` on the formula's bodies, joint by joint."""
        rotations = filler.signed("poses/in", (2, 23, 1, 9)).reshape(2, 23, 3, 3)
        betas = filler.signed("shapes/in", (2, 10))
        bodies = {"rotations": rotations.astype(np.float32), "betas": betas.astype(np.float32)}
        return self.model.discriminator(bodies).numpy()

    def refusal(self, shapes):
        """Returns in what words a file of these shapes is refused."""
        file = ShapesOnly(shapes)
        assignments = self.published.assignments(self.model, file)
        with pytest.raises(CheckpointError) as error:
            mapping.assign(file, assignments, self.published.ignored, self.published.own, "THIS")
        return str(error.value)


class Filled(Imported):
    """Tensors put into a new model, without files: for networks that would take long to write."""

    def __init__(self, format_name, tensors, body):
        self.published = FORMATS.get(format_name)
        file = InMemory(tensors)
        self.model = MODELS.get(self.published.model)(self.published.config(file), body)
        report = mapping.assign(
            file,
            self.published.assignments(self.model, file),
            self.published.ignored,
            self.published.own,
            self.published.what,
        )
        self.lines, self.report = report.summary(), report.to_dict()


def without_regressors(body):
    """Returns a body as SMPL's official files are: without keypoint regressors."""
    return dataclasses.replace(body, keypoint_regressors={})


def encoder_of(format_name, source, folder):
    """Imports an encoder; returns what the importer told, the encoder again, its description."""
    out = folder / "imported"
    lines = importer.import_weights(format_name, [str(source)], out)
    description = json.loads((out / initial_weights.DESCRIPTION_FILE).read_text())
    encoder = encoders.build_encoder(description["encoder"], 224, description["pool"])
    saved_weights.restore(saved_weights.latest_weights(out), {"encoder": encoder})
    return lines, encoder, description
