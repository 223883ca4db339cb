"""Prompts: versioned files, filled in one pass, framed from stable to volatile.

A file starts with front matter (`id`, `version`, `schema` between two `---` lines), then the text. Holes are
`<<name>>`. A manifest beside the files pins id@version to a hash; `python -m agents.prompts <folder>` adds
what is new and refuses a changed text under an old version.
"""

import hashlib
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from agents.llm.port import Message

MANIFEST = "manifest.json"
_FRONT = re.compile(r"\A---\n(?P<head>.*?)\n---\n(?P<text>.*)\Z", re.DOTALL)
_HOLE = re.compile(r"<<([a-z_]+)>>")
_FIELDS = {"id", "version", "schema"}


class BadPrompt(Exception):  # noqa: N818 - a mistake of ours, found by a test
    """A prompt file, its values or the manifest do not fit together; names the file and what is wrong."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt file; `schema` is the name of the form it asks for."""

    id: str
    version: int
    schema: str
    text: str

    @property
    def name(self) -> str:
        return f"{self.id}@{self.version}"

    @property
    def digest(self) -> str:
        """SHA-256 of schema name and text; what the manifest pins."""
        return hashlib.sha256(f"{self.schema}\x1f{self.text}".encode()).hexdigest()

    @property
    def holes(self) -> frozenset[str]:
        return frozenset(_HOLE.findall(self.text))

    def fill(self, values: Mapping[str, str] | None = None) -> str:
        """Return the text with every hole filled; values are never scanned again.

        Raises BadPrompt unless `values` has exactly the names of the holes.
        """
        given = dict(values or {})
        if given.keys() != self.holes:
            odd = sorted(given.keys() ^ self.holes)
            raise BadPrompt(f"prompt {self.name}: holes and values differ in {odd}")
        return _HOLE.sub(lambda hole: given[hole[1]], self.text)


def read(path: Path) -> Prompt:
    """Read a prompt file; raises BadPrompt when the front matter is not the three known fields."""
    found = _FRONT.match(path.read_text(encoding="utf-8"))
    if found is None:
        raise BadPrompt(f"{path.name}: no front matter between two lines '---'")
    pairs = [line.partition(":") for line in found["head"].splitlines() if line.strip()]
    head = {key.strip(): value.strip() for key, _, value in pairs}
    if head.keys() != _FIELDS or not head["version"].isdecimal() or not all(head.values()):
        raise BadPrompt(f"{path.name}: front matter must be id, version (a number) and schema")
    return Prompt(head["id"], int(head["version"]), head["schema"], found["text"].strip() + "\n")


@lru_cache(maxsize=256)
def load(folder: Path, prompt_id: str) -> Prompt:
    """Return the prompt `<folder>/<prompt_id>.md`, read once per process."""
    prompt = read(folder / f"{prompt_id}.md")
    if prompt.id != prompt_id:
        raise BadPrompt(f"{prompt_id}.md calls itself {prompt.id}")
    return prompt


def all_in(folder: Path) -> list[Prompt]:
    """Return every prompt of a folder, by id."""
    return [load(folder, path.stem) for path in sorted(folder.glob("*.md"))]


def pinned(folder: Path) -> dict[str, str]:
    """Return the manifest of a folder: id@version → hash, of all versions there ever were."""
    path = folder / MANIFEST
    known: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return known


def problems(folder: Path) -> list[str]:
    """Return what is wrong between the prompts of a folder and its manifest, as sentences."""
    known = pinned(folder)
    found = []
    for prompt in all_in(folder):
        if prompt.name not in known:
            found.append(f"{prompt.name} is not in the manifest: run python -m agents.prompts on its folder")
        elif known[prompt.name] != prompt.digest:
            found.append(f"{prompt.name} was changed: raise its version")
    return found


def pin(folder: Path) -> list[str]:
    """Add new prompts and versions to the manifest and return their names.

    Raises BadPrompt for a text that changed under a version that is pinned already.
    """
    known = pinned(folder)
    prompts = all_in(folder)
    changed = [each.name for each in prompts if known.get(each.name, each.digest) != each.digest]
    if changed:
        raise BadPrompt(f"changed without a new version: {', '.join(changed)}")
    new = {each.name: each.digest for each in prompts if each.name not in known}
    text = json.dumps(known | new, indent=2, sort_keys=True)
    (folder / MANIFEST).write_text(f"{text}\n", encoding="utf-8")
    return sorted(new)


@dataclass(frozen=True, slots=True)
class Section:
    """A titled part of a frame; an empty body leaves it out."""

    title: str
    body: str


def frame(rules: str, *, stable: Iterable[Section], volatile: Iterable[Section]) -> tuple[Message, Message]:
    """Return the messages of a call, static before volatile, so that servers can cache the prefix.

    `rules` (role and hard rules) is the system message. `stable` holds what all calls of a run share:
    brand, limits, slots, sources, plan. `volatile` is this call's batch and feedback.
    """
    body = "\n\n".join([*_titled(stable), *_titled(volatile)])
    return Message("system", rules.strip()), Message("user", body)


def _titled(sections: Iterable[Section]) -> list[str]:
    return [f"## {each.title}\n{each.body.strip()}" for each in sections if each.body.strip()]


def main(folders: Sequence[str]) -> int:
    """Pin the prompts of the given folders."""
    for folder in folders:
        try:
            new = pin(Path(folder))
        except BadPrompt as problem:
            sys.stderr.write(f"{folder}: {problem}\n")
            return 1
        sys.stdout.write(f"{folder}: {', '.join(new) or 'nothing new'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
