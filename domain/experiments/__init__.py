"""Comparisons of variants (A/B tests) and holdouts.

`rules` and `statistics`, `evidence`, `planner`, `wording` are pure; `service` writes, looks and decides; `queries` and
`results` read; `allocation` says in SQL who gets what.

For messages that are made one at a time (steps of a sequence) there is no audience to cut. Their variant is

    settings = rules.settings_of(revision.content_json)  # None: leave `message.variant` NULL
    allocation.variant_for(f"step:{step_id}", member_id_column, settings.weights)

as a part of the statement that inserts them, or `allocation.variant_of` in Python: both give a member the same variant
whenever they are asked. The delivery renders what `message.variant` says (0 is A, the content's own text).
"""
