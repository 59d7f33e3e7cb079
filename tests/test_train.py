"""The command from end to end, in processes of its own, on a dozen records of 64 px."""

import csv
import dataclasses
import json
import pathlib
import shlex
import signal
import subprocess
import sys
import time

import command_server
import cv2
import numpy as np
import pytest
import tensorflow as tf
import toy_body

from hmr_tf import checkpoints, config, saved_weights
from hmr_tf.body import model_file
from hmr_tf.models import encoders
from hmr_tf.weights import initial_weights
from tfrecords_tools import samples, schema
from tfrecords_tools.shard_layout import shard_layout

ROOT = pathlib.Path(__file__).parents[1]


def command(*arguments):
    return [sys.executable, "-m", "hmr_tf.train", *map(str, arguments)]


def run(*arguments):
    return subprocess.run(
        command(*arguments), cwd=ROOT, capture_output=True, text=True, check=False
    )


def train(*arguments):
    """Runs the command, but TensorFlow is there already."""
    return command_server.run("hmr_tf.train", *arguments)


def _write(path, serialized):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in serialized:
            writer.write(record)


def _sample(number, with_labels):
    rng = np.random.default_rng(number)
    image = rng.integers(0, 255, (64, 64, 3), np.uint8)
    labels = {}
    if with_labels:
        labels["joints_3d"] = rng.normal(0, 0.4, (14, 3))
        labels["pose_axis_angle"] = rng.normal(0, 0.4, 72)
        labels["betas"] = rng.normal(0, 1, 10)
    keypoints = np.concatenate([rng.uniform(10, 54, (19, 2)), np.ones((19, 1))], axis=1)
    return samples.Sample(
        image=cv2.imencode(".jpg", image)[1].tobytes(),
        filename=f"{number}.jpg",
        height=64,
        width=64,
        center=np.array([32.0, 32.0]),
        keypoints_2d=keypoints,
        dataset="lsp",
        **labels,
    )


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """`lsp` has all labels, `lsp_ext` only keypoints."""
    folder = tmp_path_factory.mktemp("records")
    for dataset, with_labels in (("lsp", True), ("lsp_ext", False)):
        layout = shard_layout(dataset)
        serialized = [schema.encode_sample(_sample(n, with_labels)) for n in range(12)]
        for split, examples in (("train", serialized), ("test", serialized[:5])):
            _write(folder / layout.folder / layout.shard_name(split, 0), examples)
    rng, layout = np.random.default_rng(0), shard_layout("mosh")
    bodies = [samples.MocapSample(rng.normal(0, 0.4, 72), rng.normal(size=10)) for _ in range(30)]
    serialized = [schema.encode_sample(body) for body in bodies]
    _write(folder / layout.folder / layout.shard_name("CMU", 0), serialized)
    return folder


@pytest.fixture(scope="module")
def small(records):
    return [
        *(f"--flagfile={ROOT / 'flags' / 'hmr_synthetic.flags'}", f"--data_dir={records}"),
        *("--image_size=64", "--window_px=64", "--hidden_units=16", "--batch_size=4"),
        "--warmup_steps=0",
        *("--schedule=constant", "--num_iterations=2", "--log_every=1", "--image_every=0"),
        *("--precision=float32", "--nocache"),
    ]


def test_stop_resume_finish_refuse(small, tmp_path):
    """One run in several processes, as users have them."""
    log = tmp_path / "log"
    process = subprocess.Popen(
        command(*small, f"--log_dir={log}", "--num_steps=100000"),
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    curve, deadline = log / "curve.csv", time.time() + 300
    while not (curve.is_file() and len(curve.read_text().splitlines()) > 2):
        assert process.poll() is None, process.stderr.read()
        assert time.time() < deadline
        time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 128 + signal.SIGTERM, errors
    last = errors.strip().splitlines()[-1]
    assert last.startswith("stopped by SIGTERM at step ") and "run the same command again" in last
    stopped = saved_weights.latest_step(log)
    assert f"step {stopped} of 100000" in last
    assert len(curve.read_text().splitlines()) == stopped + 1

    length = f"--num_steps={stopped + 2}"
    resumed = train(
        *small, f"--log_dir={log}", length, "--validate_every=1", "--validation_limit=0"
    )
    assert resumed.returncode == 0, resumed.stderr
    assert f"is a checkpoint of step {stopped + 2}." in resumed.stdout
    assert f"resuming at step {stopped} of {stopped + 2}" in resumed.stderr
    steps = [line.split(",")[0] for line in curve.read_text().splitlines()[1:]]
    assert steps == [str(step) for step in range(1, stopped + 3)]

    again = train(*small, f"--log_dir={log}", length)
    assert again.returncode == 0 and "had already finished" in again.stdout

    other = train(*small, f"--log_dir={log}", "--batch_size=2", "--dropout=0.1")
    assert other.returncode == 1
    (line,) = [text for text in other.stderr.splitlines() if text.startswith("error: ")]
    assert "batch_size (4 there, 2 here)" in line and "dropout (0.0 there, 0.1 here)" in line

    files = {path.name for path in log.iterdir()}
    assert files >= {"checkpoint.json", "curve.csv", "curve.png", "flags.txt", "train_log.txt"}
    _check_best(log, resumed.stdout, stopped)
    model = checkpoints.load_model(log)
    assert model(np.zeros([1, 64, 64, 3], np.float32))["joints_3d"].shape == (1, 19, 3)
    description = json.loads((log / "checkpoint.json").read_text())
    assert description["settings"]["train"]["batch_size"] == 4
    assert description["has_averaged"] and description["body"]["file"] == ""
    # The saved flags are the run's own: given alone, they ask for the same run.
    same = train(f"--flagfile={log / 'flags.txt'}", f"--num_steps={stopped + 2}")
    assert "had already finished" in same.stdout, same.stderr


def test_begins_with_given_weights(small, tmp_path):
    name, log, folder = "resnet_keypoints_v2", tmp_path / "log", tmp_path / "encoder"
    encoder = encoders.build_encoder(name, 64)
    initial_weights.save_encoder(folder, encoder, config.HMRConfig(encoder=name), {})
    rates = ("--generator_learning_rate=0", "--discriminator_learning_rate=0", "--num_steps=1")
    begins = (*small, *rates, f"--initial_weights={folder}")
    result = train(*begins, f"--log_dir={log}")
    assert result.returncode == 0, result.stderr
    trained = checkpoints.load_model(log).encoder
    for got, expected in zip(trained.trainable_weights, encoder.trainable_weights):
        np.testing.assert_allclose(got, expected, atol=1e-7, err_msg=got.name)

    def refusal(*arguments):
        result = train(*arguments)
        assert result.returncode == 1
        (line,) = [x for x in result.stderr.splitlines() if x.startswith("error: ")]
        return line

    assert "initial_weights (" in refusal(*small, *rates, f"--log_dir={log}")
    other = refusal(*begins, "--pool=keras", f"--log_dir={tmp_path / 'other'}")
    assert "a model whose pool is 'slim'; this one's is 'keras'" in other
    assert not (tmp_path / "other").exists()


def _check_best(log, printed, stopped):
    """What a run says at its end is there, and the next command that it names works."""
    rows = list(csv.DictReader((log / "validation.csv").read_text().splitlines()))
    assert [int(row["step"]) for row in rows] == [stopped + 1, stopped + 2]
    assert {row["num_people"] for row in rows} == {"5"}
    best = min(rows, key=lambda row: float(row["pa_mpjpe_mm"]))
    assert f"best validation, of step {best['step']}: {log / 'best'}" in printed
    assert saved_weights.latest_step(log / "best") == int(best["step"])
    (line,) = [text for text in printed.splitlines() if text.startswith("Next: ")]
    words = shlex.split(line)[2:]
    assert words[:2] == ["-m", "hmr_tf.evaluate"]
    report = command_server.run(*words[1:], f"--out_dir={log / 'report'}")
    assert report.returncode == 0, report.stderr
    found = json.loads((log / "report" / "evaluation.json").read_text())
    assert found["metrics"]["pa_mpjpe_mm"] == pytest.approx(float(best["pa_mpjpe_mm"]), rel=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--batch_sise=3"], "Unknown command line flag 'batch_sise'"),
        (["--warmup_steps=9", "--num_steps=9"], "--warmup_steps must be less than --num_steps"),
        (["stray"], "Unexpected argument 'stray'"),
    ],
)
def test_wrong_flags_are_refused(arguments, message):
    found = run("--data_dir=x", "--log_dir=y", *arguments)
    assert found.returncode != 0
    assert message in found.stdout + found.stderr
    assert "Traceback" not in found.stderr


# Parses several command lines in one process.
PARSE = """
import json, sys
from absl import flags
from hmr_tf import train
messages = []
for arguments in json.load(sys.stdin):
    for name in flags.FLAGS:
        flags.FLAGS[name].unparse()
    try:
        flags.FLAGS(["train", "--data_dir=x", "--log_dir=y", *arguments])
        messages.append("")
    except flags.Error as error:
        messages.append(str(error))
assert "tensorflow" not in sys.modules
print(json.dumps(messages))
"""
WRONG_FLAGS = {
    "--batch_size=0": "batch_size",
    "--datasets=lsp:-1": "expected name:weight with a positive weight, got 'lsp:-1'",
    "--datasets=lsp,lsp": "a dataset is named twice",
    "--scale_min=2": "--scale_min must not exceed --scale_max",
    "--cutout_min=0.9": "--cutout_min must not exceed --cutout_max",
    "--occluders=voc": "--occluders are pasted with --occluder_probability only",
    "--mocap_datasets=": "--use_adversary needs --mocap_datasets",
    "--precision=int8": "should be one of <float32|mixed_bfloat16|mixed_float16>",
    "--dropout=nan": "must be a finite number",
    "--window_px=inf": "must be a finite number",
    "--generator_learning_rate=-1": "generator_learning_rate",
    "--encoder=vgg": "should be one of <hrnet_w48|resnet",
    "--keypoints=h36m": "should be one of <cocoplus>",
    "--model=vibe": "should be one of <hmr|hybrik|",
    "--rotation_deg=30": "--rotation_deg and --rotation_probability need each other",
    "--rotation_probability=0.5": "--rotation_deg and --rotation_probability need each other",
    "--heatmap_weight=30": "need an encoder that draws heatmaps: --encoder=resnet_keypoints_v2",
    "--depth_weight=30": "need an encoder that draws heatmaps: --encoder=resnet_keypoints_v2",
    "--early_stop_patience=3": "counts validations; give --validate_every",
    "--decay_steps=10": "--schedule=step and --decay_steps need each other",
    "--schedule=step": "--schedule=step and --decay_steps need each other",
    "--decay_steps=1,x": "decay_steps",
    "--uvd_loss=l2": "should be one of <l1|laplace>",
    "--best_metric=loss": "should be one of <mpjpe_mm|pa_mpjpe_mm|pve_mm|keypoints_2d_px>",
}
RIGHT_FLAGS = (
    ["--depth_weight=30", "--nouse_3d_labels"],
    ["--heatmap_weight=30", "--encoder=resnet_keypoints_v2"],
    ["--mocap_datasets=", "--nouse_adversary"],
    ["--rotation_deg=30", "--rotation_probability=0.6"],
    ["--occluders=voc", "--occluder_probability=0.5"],
    ["--model=hybrik", "--schedule=step", "--decay_steps=10,20", "--noise_areas=lsp:0.3"],
    ["--early_stop_patience=3", "--validate_every=10", "--validation_datasets=h36m,lsp"],
)


def test_contradictions_are_seen_without_tensorflow():
    cases = [*([flag] for flag in WRONG_FLAGS), *RIGHT_FLAGS]
    found = subprocess.run(
        [sys.executable, "-c", PARSE],
        input=json.dumps(cases),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    messages = json.loads(found.stdout)
    for flag, message in zip(WRONG_FLAGS, messages):
        assert WRONG_FLAGS[flag] in message, (flag, message)
    assert messages[len(WRONG_FLAGS) :] == [""] * len(RIGHT_FLAGS)


def test_help_is_whole():
    text = run("--help").stdout
    for flag in ("--data_dir", "--log_dir", "--encoder", "--batch_size", "--scale_min", "--body"):
        assert flag in text
    assert "python -m hmr_tf.train --flagfile=flags/hmr_synthetic.flags" in text


# Runs the command several times in one process, which imports TensorFlow once.
SEVERAL = """
import json, sys
from absl import flags
from hmr_tf import train
from hmr_tf.errors import HmrError
messages = []
for arguments in json.load(sys.stdin):
    for name in flags.FLAGS:
        flags.FLAGS[name].unparse()
    flags.FLAGS(["train", *arguments])
    try:
        train.main(["train"])
    except HmrError as error:
        messages.append(str(error))
print(json.dumps(messages))
"""


def test_what_cannot_work_is_said_before_long_work(small, tmp_path):
    cases = {
        "--data_dir=/nowhere": "There is no folder '/nowhere' (--data_dir)",
        "--datasets=coco": "No records of coco (train)",
        "--body=/nowhere.pkl": "No body model found for '/nowhere.pkl'",
        f"--body={tmp_path / 'thin.npz'}": "has 8 shape coefficients but 10 are asked for",
        f"--body={tmp_path / 'bare.npz'}": "has no keypoint regressor 'cocoplus' (it has: none)",
        "--mocap_datasets=AMASS": "No records of mosh (AMASS)",
        "--datasets=lsp_ext": "This training needs records with 3D labels",
        "--mean_parameters=/nowhere.h5": "/nowhere.h5",
        f"--mean_parameters={tmp_path / 'mean.npz'}": "--mean_parameters has 12 betas, the body",
        "--mean_parameters=mocap --mocap_datasets=H3.6": "No records of mosh (H3.6)",
        "--mean_parameters=mocap --nouse_adversary --mocap_datasets=H3.6": "of mosh (H3.6)",
        "--num_logical_cpus=3": "batch_size must be a multiple of the 3 devices; got 4",
        "--validate_every=5 --validation_split=val": "people held out. No records of lsp (val)",
        "--validate_every=5 --validation_split=train": "train of lsp is what is trained on",
        "--validate_every=5 --validation_datasets=lsp_ext": "--best_metric=pa_mpjpe_mm needs",
        f"--log_dir={tmp_path / 'mean.npz'}": "mean.npz' is a file",
        f"--log_dir={tmp_path / 'other'}": "body (toy there, free_body here)",
        f"--log_dir={tmp_path / 'weights_alone'}": "holds weights alone, not a run",
    }
    _make_wrong_things(tmp_path)
    log = f"--log_dir={tmp_path / 'log'}"
    found = subprocess.run(
        [sys.executable, "-c", SEVERAL],
        input=json.dumps([[*small, log, *case.split()] for case in cases]),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    messages = json.loads(found.stdout.splitlines()[-1])
    assert len(messages) == len(cases)
    for message, expected in zip(messages, cases.values()):
        assert expected in message and "\n" not in message, (message, expected)
    assert not (tmp_path / "log").exists()


def _make_wrong_things(folder):
    """Bodies and mean parameters of the wrong size, and folders of other models."""
    body = toy_body.toy_body()
    thin = dataclasses.replace(body, shape_basis=body.shape_basis[:, :, :8])
    model_file.save_body(thin, folder / "thin.npz")
    bare = dataclasses.replace(body, keypoint_regressors={})
    model_file.save_body(bare, folder / "bare.npz")
    np.savez(folder / "mean.npz", pose=np.zeros(72), shape=np.zeros(12))
    for name, task in (("other", "adversarial"), ("weights_alone", "")):
        described = checkpoints.Description("hmr", {}, checkpoints.describe_body(body), task=task)
        checkpoints.save_description(folder / name, described, body)


def test_flags_are_the_settings():
    """Every field of the settings has a flag of its own name."""
    text = run("--help").stdout
    from hmr_tf import config

    for settings in (
        *(config.HMRConfig, config.AugmentConfig, config.LossConfig, config.TrainConfig),
        config.ValidationConfig,
    ):
        for name in settings.__dataclass_fields__:
            assert f"--{name}:" in text or f"--[no]{name}:" in text
