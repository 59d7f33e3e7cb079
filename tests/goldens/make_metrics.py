"""Makes metrics.npz anew: what the evaluation code of SPIN and mmhuman3d says of some arrays.

    python tests/goldens/make_metrics.py --spin SPIN --mmhuman3d MMHUMAN3D --hmr HMR

Needs NumPy and checkouts of nkolot/SPIN, open-mmlab/mmhuman3d and akanazawa/hmr. Their files are
run as they are, by path, without what else they import. In metrics.npz: `pred` and `gt`
[N, 17, 3] m, `visible` [N, 17], `kind` [N] of the pair; and `<repository>_<metric>` of these.
"""

import argparse
import importlib.util
import pathlib
import sys
import types
import warnings

import numpy as np

NUM_JOINTS = 17


def _rotation(rng):
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q * np.sign(np.linalg.det(q))


def _body(rng):
    return rng.normal(size=(NUM_JOINTS, 3)) * [0.2, 0.5, 0.15]


def pairs():
    """Yields (kind, pred, gt), m."""
    rng = np.random.default_rng(20)
    mirror = np.array([-1.0, 1.0, 1.0])
    for _ in range(12):
        gt, far = _body(rng), rng.normal(size=3) * [1, 1, 5]
        yield "noisy", gt + rng.normal(scale=0.08, size=gt.shape), gt
        yield "another body", _body(rng), gt
        yield "mirrored", gt * mirror, gt
        yield "mirrored and noisy", gt * mirror + rng.normal(scale=0.05, size=gt.shape), gt
        similar = 1.7 * gt @ _rotation(rng).T + far
        yield "similar", similar, gt
        yield "far from the origin", gt + far + rng.normal(scale=0.05, size=gt.shape), gt + far
        flat = gt * [1.0, 1.0, 0.0]
        yield "flat truth", gt + rng.normal(scale=0.05, size=gt.shape), flat
        yield "both flat", flat + rng.normal(scale=0.05, size=gt.shape) * [1, 1, 0], flat
        line = np.outer(gt[:, 1], rng.normal(size=3))
        yield "truth on a line", gt, line
        yield "both on a line", np.outer(gt[:, 0], rng.normal(size=3)), line
        yield "truth in one point", gt, np.tile(gt[0], (NUM_JOINTS, 1))
        yield "estimate in one point", np.tile(gt[0], (NUM_JOINTS, 1)), gt
        yield "estimate at the origin", np.zeros_like(gt), gt
        yield "the same", gt, gt
        yield "tiny", 1e-3 * (gt + rng.normal(scale=0.08, size=gt.shape)), gt


def load(path, name):
    """Runs a file as a module."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _stub(name, **attributes):
    module = types.ModuleType(name)
    for key, value in attributes.items():
        setattr(module, key, value)
    sys.modules[name] = module


def load_repositories(spin, mmhuman3d, hmr):
    """Returns repository -> the module of its evaluation code; takes paths of checkouts."""
    for name in ("torch", "trimesh", "trimesh.proximity"):
        _stub(name, closest_point=None)
    folder = mmhuman3d / "mmhuman3d" / "core" / "evaluation"
    _stub("evaluation", __path__=[str(folder)])
    load(folder / "mesh_eval.py", "evaluation.mesh_eval")
    return {
        "spin": load(spin / "utils" / "pose_utils.py", "spin_pose_utils"),
        "mmhuman3d": load(folder / "eval_utils.py", "evaluation.eval_utils"),
        "hmr": load(hmr / "src" / "benchmark" / "eval_util.py", "hmr_eval_util"),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("spin", "mmhuman3d", "hmr"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    repositories = load_repositories(**vars(arguments))
    spin, mmhuman3d, hmr = (repositories[name] for name in ("spin", "mmhuman3d", "hmr"))

    kinds, pred, gt = (list(part) for part in zip(*pairs()))
    pred, gt = np.float32(pred), np.float32(gt)
    visible = np.random.default_rng(5).random((len(pred), NUM_JOINTS)) < 0.6
    visible[np.arange(len(pred)), np.arange(len(pred)) % NUM_JOINTS] = True
    visible[::3] = False
    visible[::3, 4] = True  # One visible joint.
    # The references are run in double precision: agreement shall not depend on their rounding.
    found = {"kind": np.array(kinds), "pred": pred, "gt": gt, "visible": visible}
    pred, gt = pred.astype(np.float64), gt.astype(np.float64)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        found["spin_pa_mpjpe"] = spin.reconstruction_error(pred, gt, reduction=None)
        both = hmr.compute_errors(gt[:, :14], pred[:, :14])
        found["hmr_mpjpe"], found["hmr_pa_mpjpe"] = (np.array(one) for one in both)
        for alignment in ("none", "procrustes"):
            for name, function in (
                ("mpjpe", mmhuman3d.keypoint_mpjpe),
                ("pck", mmhuman3d.keypoint_3d_pck),
                ("auc", mmhuman3d.keypoint_3d_auc),
            ):
                scale = 1000.0 if name != "mpjpe" else 1.0
                each = [
                    function(scale * p[None], scale * g[None], v[None], alignment)
                    for p, g, v in zip(pred, gt, visible)
                ]
                found[f"mmhuman3d_{name}_{alignment}"] = np.array(each)
        found["mmhuman3d_pve"] = np.array(
            [mmhuman3d.vertice_pve(p[None], g[None]) for p, g in zip(pred, gt)]
        )
    np.savez_compressed(pathlib.Path(__file__).with_name("metrics.npz"), **found)


if __name__ == "__main__":
    main()
