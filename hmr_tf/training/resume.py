"""Decides whether a log folder's run may be continued with the settings at hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hmr_tf.checkpoints import Description
from hmr_tf.errors import ConfigError

# These may differ between the parts of one run: they change what is reported and kept, or where
# things lie, not what is computed.
_FREE = {
    "train.log_every",
    "train.image_every",
    "train.checkpoint_every",
    "train.keep_checkpoints",
    "validation.validate_every",
    "validation.early_stop_patience",
    "data.data_dir",
    "data.cache",
}
_MAX_LISTED = 6


def differences(
    before: Mapping[str, Any], now: Mapping[str, Any], defaults: Mapping[str, Any]
) -> dict[str, tuple[Any, Any]]:
    """Compares the settings of a run with those at hand.

    Args:
        before: the run's, by group; it lacks those that are newer.
        now: those at hand, by group.
        defaults: by group; taken for those that the run lacks.

    Returns:
        Dotted name -> (before, now) of those that differ; None where absent.
    """
    before, now = {**_flat(defaults), **_flat(before)}, _flat(now)
    found = {}
    for name in sorted(set(before) | set(now)):
        if before.get(name) != now.get(name):
            found[name] = (before.get(name), now.get(name))
    return found


def check_same_run(
    log_dir: str, before: Description, now: Description, defaults: Mapping[str, Any]
) -> None:
    """Checks that continuing a run would be the same run.

    A run whose learning rate does not depend on its length may be given another; otherwise only
    settings of reporting and places may change.

    Args:
        log_dir: the run's folder, for the message.
        before: what the folder holds.
        now: what would be trained.
        defaults: of the settings, by group; taken for those that are newer than the folder.

    Raises:
        ConfigError: if anything else differs, by name, or the folder holds no run.
    """
    if not before.task:
        raise ConfigError(
            f"'{log_dir}' holds weights alone, not a run that could go on (of the best validation, "
            "or imported); give another --log_dir."
        )
    found = differences(_identity(before), _identity(now), defaults)
    free = set(_FREE)
    if now.settings.get("train", {}).get("schedule") in ("constant", "step"):
        free.add("train.num_steps")
    found = {name: pair for name, pair in found.items() if name not in free}
    if not found:
        return
    listed = [
        f"{name.rpartition('.')[2]} ({_short(old)} there, {_short(new)} here)"
        for name, (old, new) in list(found.items())[:_MAX_LISTED]
    ]
    if len(found) > _MAX_LISTED:
        listed.append(f"and {len(found) - _MAX_LISTED} more")
    raise ConfigError(
        f"'{log_dir}' holds a run with other settings: {', '.join(listed)}. Give those settings "
        "to continue it, or another --log_dir to begin anew."
    )


def _identity(description: Description) -> dict[str, Any]:
    """What must agree: model name, task, the body by its content, and the settings."""
    return {
        "model": description.model,
        "task": description.task,
        "body": description.body["kind"],
        "body_sha256": description.body["sha256"],
        **description.settings,
    }


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat.update(_flat(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = value
    return flat


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 40 else text[:37] + "..."
