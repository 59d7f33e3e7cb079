"""Every flagfile parses; the recipes are what their sources say."""

import functools
import json
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
FILES = sorted(path.name for path in (ROOT / "flags").glob("*.flags"))
# Prints the settings that hmr_tf.train would run with, of each file in a process of its own.
_PRINT_SETTINGS = """
import json, os, sys
from absl import flags
from hmr_tf import common_flags, config, train
from hmr_tf.training import SETTINGS

def show(name):
    flags.FLAGS(["train", f"--flagfile=flags/{name}", "--data_dir=records", "--log_dir=log"])
    train._refuse_flags_without_effect()
    settings = {"body": flags.FLAGS.body}
    model, losses = SETTINGS[flags.FLAGS.model]
    common_flags.use_defaults(model, losses)
    parts = {"model": model, "loss": losses}
    parts.update(augment=config.AugmentConfig, train=config.TrainConfig)
    for part, settings_class in parts.items():
        settings[part] = config.to_dict(common_flags.build_config(settings_class))
    data = common_flags.build_config(config.DataConfig, data_dir="", window_px=0.0, augment=None)
    settings["data"] = config.to_dict(data)
    print(json.dumps([name, settings]), flush=True)

for name in sys.argv[1:]:
    if not os.fork():
        show(name)
        sys.exit()
    os.wait()
"""


@functools.cache
def _all_settings():
    done = subprocess.run(
        [sys.executable, "-c", _PRINT_SETTINGS, *FILES],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return dict(map(json.loads, done.stdout.splitlines())), done.stderr


def _settings(name):
    settings, errors = _all_settings()
    assert name in settings, errors
    return settings[name]


@pytest.mark.parametrize("name", FILES)
def test_flagfile_parses(name):
    settings = _settings(name)
    assert settings["train"]["num_steps"] > 0
    lines = (ROOT / "flags" / name).read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# "), "the purpose comes first"
    if not name.startswith("base_"):
        assert any("python -m hmr_tf." in line for line in lines), "and how to run it"
    given = [line.split("=")[0] for line in lines if line.startswith("--")]
    assert len(set(given)) == len(given), "a flag comes twice"


def _assert_has(settings, expected):
    found = {name: settings.get(name, "not there") for name in expected}
    assert found == expected


def test_paper_is_the_original_release_s_recipe():
    """do_train.sh and the defaults of the original release's code."""
    settings = _settings("hmr_paper.flags")
    assert settings["body"] == "smpl"
    _assert_has(
        settings["model"],
        {
            "encoder": "resnet50_v2",
            "pool": "slim",
            "image_size": 224,
            "window_px": 224.0,  # a person of 150 px in a crop of 224 px
            "rotation": "axis_angle",
            "regressor": "joint",
            "num_iterations": 3,
            "hidden_units": 1024,
            "dropout": 0.5,
            "train_mean": True,
            "keypoints": "cocoplus",
            "projection": "weak_perspective",
            "discriminator": "hmr",
        },
    )
    # Numbers of samples; h36m and mpi_inf_3dhp have 3D, and are half of every batch.
    samples = {"lsp": 1000, "lsp_ext": 10_000, "mpii": 20_000, "coco": 79_344}
    samples.update(h36m=312_188, mpi_inf_3dhp=147_221)
    data = settings["data"]
    assert dict(data["datasets"]) == {name: n / 1000 for name, n in samples.items()}
    _assert_has(
        data,
        {
            "mocap_datasets": ["CMU", "H3.6", "jointLim"],
            "split": "train",
            "pair_2d_with_3d": True,
            "shuffle_buffer": 2000,
        },
    )
    _assert_has(
        settings["augment"],
        {
            "scale_min": 0.8,
            "scale_max": 1.23,
            "shift_px": 20.0,
            "spread": "uniform",
            "rotation_probability": 0.0,
            "flip_probability": 0.5,
            "color_jitter": 0.0,
            "occluder_probability": 0.0,
            "cutout_probability": 0.0,
        },
    )
    _assert_has(
        settings["loss"],
        {
            "keypoints_2d_weight": 60.0,
            "keypoints_2d_loss": "l1",
            "joints_3d_weight": 60.0,
            "joints_3d_loss": "half_mse",
            "smpl_weight": 60.0,
            "pose_weight": 0.0,
            "betas_weight": 0.0,
            "vertices_weight": 0.0,
            "camera_weight": 0.0,
            "adversarial_weight": 1.0,
            "adversarial_stages": "all",
            "critic_gradient_weight": 0.0,
            "heatmap_weight": 0.0,
            "depth_weight": 0.0,
            "mean_pose_weight": 0.0,
            "use_3d_labels": True,
            "use_adversary": True,
        },
    )
    train = settings["train"]
    _assert_has(
        train,
        {
            "batch_size": 64,
            "generator_learning_rate": 1e-5,
            "discriminator_learning_rate": 1e-4,
            "schedule": "constant",
            "warmup_steps": 0,
            "adam_epsilon": 1e-8,
            "precision": "float32",
            "average_decay": 0.0,
        },
    )
    epochs = train["num_steps"] * train["batch_size"] / sum(samples.values())
    assert epochs == pytest.approx(75, abs=1e-3)


def test_later_recipe_is_mmhuman3d_s():
    """configs/hmr/resnet50_hmr_pw3d.py."""
    settings = _settings("hmr_mmhuman3d.flags")
    assert settings["body"] == "smpl"
    _assert_has(
        settings["model"],
        {
            "encoder": "resnet50_v1",
            "image_size": 224,
            "rotation": "6d_interleaved",
            "regressor": "separate",
            "num_iterations": 3,
            "hidden_units": 1024,
            "dropout": 0.5,
            "train_mean": False,
            "projection": "perspective",
            "focal_px": 5000.0,
            "discriminator": "mmhuman3d",
        },
    )
    files = ("h36m_mosh", "mpi_inf_3dhp", "lsp", "lspet", "mpii", "coco_2014")
    partition = (0.35, 0.15, 0.1, 0.1, 0.1, 0.2)
    data = settings["data"]
    assert data["datasets"] == [[f"human_data/{f}", p] for f, p in zip(files, partition)]
    assert (data["pair_2d_with_3d"], data["mocap_datasets"]) == (False, ["human_data/cmu_mosh"])
    augment = settings["augment"]
    _assert_has(
        augment,
        {
            "spread": "normal",
            "shift_px": 0.0,
            "rotation_deg": 60.0,
            "rotation_probability": 0.6,
            "flip_probability": 0.5,
            "color_jitter": 0.4,
        },
    )
    # Side of the crop: 1 +- 0.25.
    assert 1 / augment["scale_min"] == pytest.approx(1.25)
    assert 1 / augment["scale_max"] == pytest.approx(0.75)
    _assert_has(
        settings["loss"],
        {
            "keypoints_2d_weight": 10.0,
            "keypoints_2d_loss": "smooth_l1",
            "joints_3d_weight": 100.0,
            "joints_3d_loss": "smooth_l1",
            "smpl_weight": 0.0,
            "pose_weight": 3.0,
            "betas_weight": 0.02,
            "vertices_weight": 2.0,
            "camera_weight": 0.0,
            "adversarial_weight": 1.0 / 25.0,
            "adversarial_stages": "last",
            "use_adversary": True,
        },
    )
    train = settings["train"]
    _assert_has(
        train,
        {
            "batch_size": 8 * 32,
            "generator_learning_rate": 2.5e-4,
            "discriminator_learning_rate": 1e-4,
            "schedule": "constant",
            "adam_epsilon": 1e-8,
        },
    )
    assert train["num_steps"] * train["batch_size"] / 312_188 == pytest.approx(100, abs=1e-3)


def test_hybrik_is_its_paper_s_recipe():
    """256x192_adam_lr1e-3-res34_smpl_24_3d_base_2x_mix.yaml, its loaders, the paper's length."""
    settings = _settings("hybrik_res34.flags")
    assert settings["body"] == "smpl"
    _assert_has(
        settings["model"],
        {
            "encoder": "resnet34_v1",
            "colors": "release",
            "image_size": 256,
            "heatmap_stride": 4,  # 64 cells, and as many depths
            "num_joints": 24,
            "joints_from": "heatmaps",
            "deconv_width": 256,
            "hidden_units": 1024,
            "dropout": 0.5,
            "camera": "given",
            "depth_range": 2.0,
            "train_root": "closed_form",
        },
    )
    # 1.25 times the box; that of a person of 150 px is about 140 px high.
    assert settings["model"]["window_px"] == pytest.approx(1.25 * 140)
    data = settings["data"]
    mixture = [["h36m", 0.4], ["coco", 0.5], ["hybrik_mpi_inf_3dhp", 0.1]]
    assert (data["datasets"], data["pair_2d_with_3d"]) == (mixture, False)
    augment = settings["augment"]
    _assert_has(
        augment,
        {
            "spread": "normal",  # half of the range is the deviation: ROT_FACTOR 30, and 0.3
            "shift_px": 0.0,
            "rotation_deg": 60.0,
            "rotation_probability": 0.6,
            "flip_probability": 0.5,
            "color_jitter": 0.2,
            "noise_areas": [["h36m", 0.3], ["coco", 0.7]],
            "noise_aspect": 2.0,
            "occluder_probability": 0.0,
            "cutout_probability": 0.0,
        },
    )
    assert 1 / augment["scale_min"] == pytest.approx(1.3)
    assert 1 / augment["scale_max"] == pytest.approx(0.7)
    _assert_has(
        settings["loss"],
        {
            "uvd_loss": "l1",
            "uvd_weight": 1.0,
            "marginal_weight": 0.0,
            "betas_weight": 1.0,
            "pose_weight": 0.01,
            "twist_weight": 0.01,
            "drop_outside": True,
        },
    )
    train = settings["train"]
    _assert_has(
        train,
        {
            "batch_size": 8 * 32,
            "generator_learning_rate": 1e-3,
            "schedule": "step",
            "warmup_steps": 0,
            "clip_norm": 0.0,
            "adam_epsilon": 1e-8,
            "precision": "float32",
            "average_decay": 0.0,
        },
    )
    steps_per_epoch = 2 * 312_188 / train["batch_size"]
    epochs = [step / steps_per_epoch for step in (*train["decay_steps"], train["num_steps"])]
    assert epochs == pytest.approx([90, 120, 140], abs=1e-3)


def test_sgre_is_its_release_s_recipe():
    """main/config.py, common/base.py and the dataset's loaders of its release."""
    settings = _settings("sgre.flags")
    assert settings["body"] == "smpl"
    _assert_has(
        settings["model"],
        {
            "encoder": "resnet50_v1",
            "colors": "raw",  # pixels / 255
            "image_size": 256,
            "estimation": "sequential",
            "needs_pose": True,
        },
    )
    # 1.25 times the box; that of a person of 150 px is about 140 px high.
    assert settings["model"]["window_px"] == pytest.approx(1.25 * 140)
    _assert_has(
        settings["augment"],
        {
            "scale_min": 1.0,
            "scale_max": 1.0,
            "shift_px": 0.0,
            "rotation_deg": 0.0,
            "flip_probability": 0.5,
            "color_jitter": 0.2,
            "occluder_probability": 0.0,
            "cutout_probability": 0.0,
        },
    )
    losses = settings["loss"]
    weights = {name for name in losses if name.endswith("_weight")}
    weights -= {"marginal_weight"}
    assert len(weights) == 7 and all(losses[name] == 1.0 for name in weights)
    _assert_has(losses, {"use_pose_errors": True, "own_pose_share": 0.0, "marginal_weight": 0.0})
    datasets = dict(settings["data"]["datasets"])
    # As many people with 3D labels as in photographs.
    assert datasets["h36m"] + datasets["muco"] == pytest.approx(0.5)
    assert datasets["sgre_coco"] + datasets["sgre_mpii"] == pytest.approx(0.5)
    train = settings["train"]
    _assert_has(
        train,
        {
            "batch_size": 128,
            "generator_learning_rate": 1e-3,
            "schedule": "step",
            "warmup_steps": 0,
            "clip_norm": 0.0,
            "adam_epsilon": 1e-8,
            "precision": "float32",
            "average_decay": 0.0,
        },
    )
    # Passes 1 to 10, of which the last has a tenth of the rate.
    assert [9 * train["num_steps"]] == [10 * step for step in train["decay_steps"]]


@pytest.mark.parametrize(
    ("name", "more"),
    [("smplr", ["end_to_end"]), ("smplr_samples", []), ("smplr_synthetic", ["end_to_end"])],
)
def test_smplr_has_its_release_s_stages(name, more):
    """train_all.py; what it describes but does not do comes last, if there are people enough."""
    settings = _settings(f"{name}.flags")
    losses = settings["loss"]
    names = [stage for stage, _ in losses["stages"]]
    assert names == ["hourglass", "autoencoder", "shape", "pose", "reverse", *more]
    assert dict(losses["stage_batches"]) == dict.fromkeys(names[1:5], 256.0)
    assert {stage for stage, _ in losses["stage_rates"]} == {"reverse", *more}
    assert min(steps for _, steps in losses["stages"]) > settings["train"]["warmup_steps"]
    assert losses["noise_law"] == ("normal" if name == "smplr" else "hourglass")
