"""The whole tour in one command: synthesize, convert, train, evaluate, predict, export.

Everything runs on the embedded body and on images rendered here, in minutes on two cores. A second
run does only what is not done yet, so an interrupted tour is completed by the same command.

    python -m hmr_tf.demo --out_dir demo
    python -m hmr_tf.demo --out_dir demo --photo me.jpg
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pathlib
import shlex
import time
from collections.abc import Sequence

from absl import flags

from hmr_tf import command, common_flags
from hmr_tf.errors import HmrError
from tfrecords_tools import atomic_file

_OUT_DIR = common_flags.define_out_dir("Folder for everything the tour makes.")
_PHOTO = flags.DEFINE_multi_string("photo", [], "A photograph to try the model on; may repeat.")
_NUM_TRAIN = flags.DEFINE_integer("num_train", 6000, "Training images to render.", lower_bound=64)
_NUM_TEST = flags.DEFINE_integer("num_test", 200, "Held-out images to render.", lower_bound=4)
_NUM_STEPS = flags.DEFINE_integer("num_steps", 1200, "Training steps.", lower_bound=1)
_SEED = common_flags.define_seed()
flags.mark_flag_as_required("out_dir")

# As flags/hmr_synthetic.flags, shorter; here because that folder is not part of an installation.
_TRAINING = (
    *("--datasets=lsp", "--mocap_datasets=CMU", "--encoder=resnet_keypoints_v2"),
    *("--image_size=80", "--window_px=164", "--rotation=6d_contiguous"),
    *("--hidden_units=512", "--dropout=0", "--precision=mixed_bfloat16", "--batch_size=64"),
    *("--heatmap_weight=30", "--depth_weight=30", "--joints_3d_weight=600", "--smpl_weight=200"),
    *("--adversarial_weight=0.2", "--scale_min=0.93", "--scale_max=1.07", "--shift_px=5"),
    *("--generator_learning_rate=1e-3", "--schedule=cosine", "--average_decay=0.99", "--cache"),
    *("--log_every=50", "--image_every=300", "--checkpoint_every=300"),
)
TOUR = "tour.png"
_BOXES = "boxes.json"
_PHOTOS, _PREDICTIONS = "photos", "predictions"


@dataclasses.dataclass(frozen=True)
class Step:
    """One command of the tour.

    Attributes:
        name: what the command does, also the name of its stamp.
        arguments: module and flags after ``python -m``.
        product: what it leaves, relative to the tour's folder.
        meaning: one line for the closing table.
        inputs: whatever else the result depends on.
    """

    name: str
    arguments: tuple[str, ...]
    product: str
    meaning: str
    inputs: tuple[str, ...] = ()


def tour(
    out_dir: pathlib.Path, num_train: int, num_test: int, num_steps: int, seed: int
) -> tuple[Step, ...]:
    """Returns the steps of the tour, in order."""
    raw, records, log = out_dir / "lsp", out_dir / "records", out_dir / "hmr"
    mocap = out_dir / "mocap"
    return (
        Step(
            "render people",
            (
                *("hmr_tf.synthesize", "--dataset=lsp", f"--out_dir={raw}", "--num_workers=2"),
                *(
                    f"--num_images={num_train + num_test}",
                    f"--num_test={num_test}",
                    f"--seed={seed}",
                ),
            ),
            "lsp",
            "photographs of rendered people, in LSP's layout",
        ),
        Step(
            "make motion capture",
            (
                *("hmr_tf.synthesize", "--dataset=mosh", f"--out_dir={mocap}"),
                *("--num_workers=2", f"--seed={seed}"),
            ),
            "mocap",
            "motion capture for the prior, in neutrMosh's layout",
        ),
        *(
            Step(
                f"convert {name} {split}".strip(),
                (
                    *("hmr_tf.convert", f"--dataset={name}", f"--data_dir={source}"),
                    *(f"--out_dir={records}", "--num_workers=2", f"--split={split}"),
                ),
                "records",
                "TFRecords",
            )
            for name, source, split in (
                ("lsp", raw, "train"),
                ("lsp", raw, "test"),
                ("mosh", mocap, ""),
            )
        ),
        Step(
            "train",
            (
                *("hmr_tf.train", *_TRAINING, f"--data_dir={records}"),
                *(
                    f"--log_dir={log}",
                    f"--num_steps={num_steps}",
                    f"--warmup_steps={num_steps // 12}",
                    f"--seed={seed}",
                ),
            ),
            "hmr",
            "checkpoint, TensorBoard log, training curve (curve.png)",
        ),
        Step(
            "evaluate",
            (
                *("hmr_tf.evaluate", f"--checkpoint={log}", "--protocol=synthetic"),
                *(f"--data_dir={records}", f"--out_dir={out_dir / 'evaluation'}"),
            ),
            "evaluation",
            "errors on held-out people (evaluation.json), overlays",
        ),
        Step(
            "predict",
            (
                *("hmr_tf.predict", f"--checkpoint={log}", f"--input={out_dir / _PHOTOS}"),
                *(f"--boxes={out_dir / _BOXES}", f"--out_dir={out_dir / _PREDICTIONS}"),
            ),
            _PREDICTIONS,
            "overlay, side view, .npz and .obj per photograph",
        ),
        Step(
            "export",
            (
                *("hmr_tf.export", f"--checkpoint={log}"),
                f"--out_dir={out_dir / 'saved_model' / 'hmr' / '1'}",
            ),
            "saved_model/hmr/1",
            "SavedModel for TF Serving",
        ),
    )


def run_step(step: Step, out_dir: pathlib.Path) -> bool:
    """Runs a step, unless the same command has ended well and what it made is there.

    Returns:
        Whether it ran.

    Raises:
        HmrError: if the command fails.
    """
    line = shlex.join(["python", "-m", *step.arguments])
    digest = hashlib.sha256("\n".join((*step.arguments, *step.inputs)).encode()).hexdigest()
    stamp = out_dir / ".done" / step.name.replace(" ", "_")
    is_done = stamp.is_file() and stamp.read_text() == digest
    if is_done and (out_dir / step.product).exists():
        print(f"[{step.name}] already done")
        return False
    print(f"[{step.name}] {line}", flush=True)
    status = command.run_module(step.arguments)
    if status:
        raise HmrError(f"'{step.name}' ended with status {status}; run the tour again to continue.")
    atomic_file.write_bytes(stamp, digest.encode())
    return True


def _print_table(out_dir: pathlib.Path, steps: Sequence[Step]) -> None:
    rows = dict((step.product, step.meaning) for step in steps)
    width = max(len(str(out_dir / product)) for product in rows)
    print("\nMade:")
    rows[TOUR] = "those in one picture"
    for product, meaning in rows.items():
        print(f"  {out_dir / product!s:<{width}}  {meaning}")
    report = json.loads((out_dir / "evaluation" / "evaluation.json").read_text())
    print("\nHeld-out people, model against mean pose:")
    for name, value in report["metrics"].items():
        baseline = report["baseline"].get(name)
        beside = "" if baseline is None else f"{baseline:9.1f}"
        print(f"  {name:<20}{value:9.1f}{beside}")


def main(argv: Sequence[str]) -> None:
    """Runs the tour."""
    del argv
    started = time.time()
    from hmr_tf.experiments import demo_photos

    command.check_out_dir(_OUT_DIR.value)
    out_dir = pathlib.Path(_OUT_DIR.value)
    steps = tour(out_dir, _NUM_TRAIN.value, _NUM_TEST.value, _NUM_STEPS.value, _SEED.value)
    for step in steps:
        if step.name == "predict":
            folder = out_dir / _PHOTOS
            photos = demo_photos.gather_photos(
                out_dir / "lsp", _PHOTO.value, _NUM_TRAIN.value, folder, out_dir / _BOXES
            )
            step = dataclasses.replace(step, inputs=photos)
            if run_step(step, out_dir) or not (out_dir / TOUR).exists():
                demo_photos.draw_tour(folder, out_dir / _PREDICTIONS, photos, out_dir / TOUR)
            continue
        run_step(step, out_dir)
    _print_table(out_dir, steps)
    print(f"\nDone in {(time.time() - started) / 60:.1f} minutes.")


def run() -> None:
    """Entry point of the console command."""
    command.run(main)


if __name__ == "__main__":
    run()
