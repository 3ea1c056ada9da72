"""All kinds of faults, by name."""

from collections.abc import Mapping
from typing import Final

from tests.chaos import (
    strikes_brokers,
    strikes_inputs,
    strikes_points,
    strikes_postgres,
    strikes_processes,
    strikes_wires,
)
from tests.chaos.kind import Kind

KINDS: Final[Mapping[str, Kind]] = {
    kind.name: kind
    for kinds in (
        strikes_processes.KINDS,
        strikes_points.KINDS,
        strikes_brokers.KINDS,
        strikes_wires.KINDS,
        strikes_postgres.KINDS,
        strikes_inputs.KINDS,
    )
    for kind in kinds
}
