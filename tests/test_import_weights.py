"""`import_weights` as a user runs it, and training that begins from what it wrote."""

import numpy as np
import published_files
import published_shapes
import pytest
import torch_files
from tiny_checkpoint import run_command
from torch_files import Global


@pytest.fixture(scope="module")
def resnet18(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "resnet18.pth"
    shapes = published_shapes.torch_resnet_shapes((2, 2, 2, 2), 1)
    torch_files.write_torch(path, published_shapes.torch_tensors(shapes), is_zip=False)
    return path


def _run(*arguments):
    return run_command("import_weights", *arguments)


def test_an_encoder(resnet18, tmp_path):
    arguments = ("--format=torchvision_resnet", f"--source={resnet18}", f"--out={tmp_path / 'x'}")
    result = _run(*arguments)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == "100 tensors used"
    assert "train --initial_weights" in lines[-1] and str(tmp_path / "x") in lines[-1]
    again = _run(*arguments)
    assert again.returncode == 1
    assert (
        again.stderr.strip()
        == f"error: '{tmp_path / 'x'}' already holds weights; give another folder."
    )


def test_refusals_are_one_line(resnet18, tmp_path):
    def refused(match, *arguments):
        result = _run(f"--out={tmp_path / 'out'}", *arguments)
        assert result.returncode == 1, result.stdout
        (line,) = result.stderr.strip().splitlines()
        assert line.startswith("error: ") and match in line
        assert not (tmp_path / "out").exists()

    body = published_files.smpl_body(tmp_path)
    smpl = f"--smpl_model={tmp_path / 'SMPL.npz'}"
    assert body.num_vertices == 40
    spin = ("--format=spin", f"--source={resnet18}")
    refused("'layer1.0.downsample.0.weight' [256, 64, 1, 1] is missing", *spin, smpl)
    refused("is of kind 'free_body'", *spin, "--smpl_model=free_body")
    refused("No body model found for", *spin, f"--smpl_model={tmp_path / 'no.pkl'}")
    refused("is not a file of NumPy", *spin, smpl, f"--regressors=h36m={resnet18}")
    np.save(tmp_path / "h36m.npy", np.zeros([17, 39]))
    refused("must be [K, 40]", *spin, smpl, f"--regressors=h36m={tmp_path / 'h36m.npy'}")
    evil = tmp_path / "evil.pt"
    torch_files.write_torch(
        evil, {"model": Global("os", "system", f"touch {tmp_path / 'ran'}")}, True
    )
    refused("nothing in it was run", "--format=spin", f"--source={evil}", smpl)
    assert not (tmp_path / "ran").exists()
