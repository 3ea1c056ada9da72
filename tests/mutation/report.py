"""Says what became of the mutants: a line each, the survivors once more at the end, and the figures."""

import json
from collections import Counter
from collections.abc import Sequence

from tests.mutation.equivalent import EQUIVALENT
from tests.mutation.running import NOT_RUN, SURVIVED, Outcome


def unnoticed(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return those that no test caught, or could have caught, by place."""
    return sorted((one for one in outcomes if one.result in {SURVIVED, NOT_RUN}), key=lambda one: one.mutant.place)


def row(outcome: Outcome) -> str:
    """Return a mutant in one line."""
    mutant = outcome.mutant
    return f"{outcome.result:12} {mutant.place}  {mutant.name}  {outcome.by}".rstrip()


def summary(outcomes: Sequence[Outcome], gone: Sequence[str], *, seconds: float) -> str:
    """Return the figures, and whatever makes the run fail."""
    counts = Counter(one.result for one in outcomes)
    figures = ", ".join(f"{count} {result}" for result, count in sorted(counts.items()))
    lines = [f"mutation: {len(outcomes)} mutants in {seconds:.0f} s: {figures or 'nothing to do'}"]
    lines += [f"equivalent (listed, with a reason): {len(EQUIVALENT)}"]
    lines += [f"no longer a mutant, take it off the list: {name}" for name in gone]
    lines += [f"no test notices: {one.mutant.place}  {one.mutant.name}" for one in unnoticed(outcomes)]
    return "\n".join(lines)


def as_json(outcomes: Sequence[Outcome], gone: Sequence[str], *, seconds: float) -> str:
    """Return everything as one JSON object."""
    mutants = [
        {
            "place": one.mutant.place,
            "table": f"{one.mutant.path.stem}.{one.mutant.table}",
            "row": one.mutant.row,
            "change": one.mutant.change,
            "result": one.result,
            "by": one.by,
            "seconds": round(one.seconds, 2),
        }
        for one in outcomes
    ]
    found = {"seconds": round(seconds, 1), "mutants": mutants, "equivalent": EQUIVALENT, "gone": list(gone)}
    return json.dumps(found, indent=1)
