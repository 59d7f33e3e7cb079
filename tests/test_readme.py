import pathlib
import re

ROOT = pathlib.Path(__file__).parents[1]


def test_continuous_integration_runs_the_readme_s_test_command():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"```sh\n(.+?)\n```", readme, re.DOTALL)
    (command,) = [text for text in commands if "pytest" in text]
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_pictures_and_files_that_the_readme_names_are_there():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)]+)\)", readme) if "://" not in link]
    named = links + re.findall(r"`((?:flags|hmr_tf|tests)/[\w/]+\.\w+)", readme)
    assert len(named) >= 6
    assert [name for name in named if not (ROOT / name).is_file()] == []
