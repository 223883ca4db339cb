"""The rules of a segment as a tree whose parts have names, so that people can change one part."""

import secrets
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, NamedTuple

from kernel.errors import Invalid, NotFound

Node = dict[str, Any]
_GROUPS = ("all", "any")


class Place(NamedTuple):
    """A rule, the one around it, and how many stand around that."""

    node: Node
    parent: Node | None
    level: int


def places(root: Node) -> Iterator[Place]:
    """Return every rule of a checked tree, outer ones first, in their order."""
    waiting = [Place(root, None, 0)]
    while waiting:
        place = waiting.pop()
        yield place
        waiting += [Place(each, place.node, place.level + 1) for each in reversed(_inside(place.node))]


def _inside(node: Node) -> list[Node]:
    return [*node.get("rules", []), *([node["rule"]] if "rule" in node else [])]


def named(root: Node) -> Node:
    """Return the tree with a name for each rule that has none. Raises Invalid for a name that is there twice."""
    made = deepcopy(root)
    taken: set[str] = set()
    for node, _, _ in places(made):
        if node.get("id") in taken:
            raise Invalid("rules", f"the id {node['id']} is there twice; leave the id out where a rule is new")
        taken.update({node["id"]} if "id" in node else ())
    for node, _, _ in places(made):
        if "id" not in node:
            node["id"] = secrets.token_hex(6)
    return made


def bare(root: Node) -> Node:
    """Return the tree without names: what it says about members."""
    made = deepcopy(root)
    for node, _, _ in places(made):
        node.pop("id", None)
    return made


def _find(root: Node, rule_id: str) -> Place:
    found = next((place for place in places(root) if place.node.get("id") == rule_id), None)
    if found is None:
        raise NotFound("rule")
    return found


def added(root: Node | None, rule: Node, parent_id: str | None = None) -> Node:
    """Return the tree with one more rule: in the group `parent_id`, or beside all that is there (and both must hold).

    Raises NotFound for an unknown group, Invalid for one that is no group.
    """
    if root is None:
        return rule
    made = deepcopy(root)
    if parent_id is None:
        if made["type"] != "all":
            return {"type": "all", "rules": [made, rule]}
        group = made
    else:
        group = _find(made, parent_id).node
        if group["type"] not in _GROUPS:
            raise Invalid("parent_id", f"is a {group['type']} rule; choose an all or any")
    group["rules"].append(rule)
    return made


def replaced(root: Node, rule_id: str, rule: Node) -> Node:
    """Return the tree with another rule in the place of one, under its name. Raises NotFound."""
    made = deepcopy(root)
    node = _find(made, rule_id).node
    node.clear()
    node.update(rule | {"id": rule_id})
    return made


def removed(root: Node, rule_id: str) -> Node:
    """Return the tree without a rule and without groups that it leaves empty.

    Raises NotFound, and Invalid where nothing would be left: a segment without rules would mean everybody.
    """
    made = deepcopy(root)
    place = _find(made, rule_id)
    node, parent = place.node, place.parent
    while parent is not None and (parent["type"] == "not" or len(parent["rules"]) == 1):
        node, parent = parent, _find(made, parent["id"]).parent
    if parent is None:
        raise Invalid("rules", "the last rule stays: a segment without rules would mean everybody; change it instead")
    parent["rules"] = [each for each in parent["rules"] if each is not node]
    return made
