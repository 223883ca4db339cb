from pathlib import Path

import pytest

import agents
from agents import prompts
from agents.prompts import BadPrompt, Section, frame

PROMPT = "---\nid: brief\nversion: 2\nschema: BriefPlan\n---\nWrite <<what>> with {greeting}.\n"
FOLDERS = sorted(path for path in Path(agents.__file__).parent.rglob("prompts") if path.is_dir())


def write(folder: Path, text: str, name: str = "brief") -> Path:
    prompts.load.cache_clear()
    (folder / f"{name}.md").write_text(text)
    return folder


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.parent.name)
def test_every_prompt_of_ours_is_pinned_by_version(folder: Path):
    prompts.load.cache_clear()
    assert prompts.problems(folder) == []


def test_a_prompt_knows_its_version_form_and_holes(tmp_path: Path):
    prompt = prompts.load(write(tmp_path, PROMPT), "brief")
    assert (prompt.name, prompt.schema, prompt.holes) == ("brief@2", "BriefPlan", {"what"})


def test_values_are_filled_once_and_never_scanned_again(tmp_path: Path):
    prompt = prompts.load(write(tmp_path, PROMPT), "brief")
    assert prompt.fill({"what": "<<what>> \\1"}) == "Write <<what>> \\1 with {greeting}.\n"


@pytest.mark.parametrize("values", [{}, {"what": "a", "more": "b"}, {"wat": "a"}])
def test_holes_and_values_must_match(tmp_path: Path, values: dict[str, str]):
    prompt = prompts.load(write(tmp_path, PROMPT), "brief")
    with pytest.raises(BadPrompt):
        prompt.fill(values)


@pytest.mark.parametrize(
    "text",
    [
        "no front matter",
        PROMPT.replace("version: 2", "version: two"),
        PROMPT.replace("schema: BriefPlan\n", ""),
        PROMPT.replace("schema:", "form:"),
        PROMPT.replace("id: brief", "id: other"),
    ],
)
def test_a_file_that_is_not_a_prompt_is_refused(tmp_path: Path, text: str):
    with pytest.raises(BadPrompt):
        prompts.load(write(tmp_path, text), "brief")


def test_a_new_prompt_must_be_pinned(tmp_path: Path):
    write(tmp_path, PROMPT)
    assert "not in the manifest" in prompts.problems(tmp_path)[0]
    assert prompts.pin(tmp_path) == ["brief@2"]
    assert prompts.problems(tmp_path) == []


def test_a_changed_text_needs_a_new_version(tmp_path: Path):
    prompts.pin(write(tmp_path, PROMPT))
    write(tmp_path, PROMPT.replace("Write", "Draft"))
    assert prompts.problems(tmp_path) == ["brief@2 was changed: raise its version"]
    with pytest.raises(BadPrompt):
        prompts.pin(tmp_path)
    write(tmp_path, PROMPT.replace("Write", "Draft").replace("version: 2", "version: 3"))
    assert prompts.pin(tmp_path) == ["brief@3"]
    assert set(prompts.pinned(tmp_path)) == {"brief@2", "brief@3"}


def test_the_command_line_pins_and_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write(tmp_path, PROMPT)
    assert prompts.main([str(tmp_path)]) == 0
    assert "brief@2" in capsys.readouterr().out
    write(tmp_path, PROMPT.replace("Write", "Draft"))
    assert prompts.main([str(tmp_path)]) == 1


def test_a_frame_goes_from_stable_to_volatile():
    stable = [Section("Brand", "warm"), Section("Sources", "")]
    first = frame("Rules.", stable=stable, volatile=[Section("Batch", "one")])
    second = frame("Rules.", stable=stable, volatile=[Section("Batch", "two")])
    assert first[0] == second[0]
    assert first[1].content == "## Brand\nwarm\n\n## Batch\none"
    assert second[1].content.startswith("## Brand\nwarm\n\n## Batch\n")
