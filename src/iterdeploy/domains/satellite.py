"""Satellite: instruments on satellites take images of directions; each must be powered and calibrated first.

Every problem can be solved: any satellite can turn anywhere, each instrument has a calibration target, and each mode
that a goal asks for is supported by some instrument. The reference plan switches on the instrument with most images
left to take, as often as it takes, and turns the satellites where they should point at the end.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from iterdeploy.domains.atoms import Atom, atoms_of
from iterdeploy.domains.family import Family, Parameters, domain_text, require
from iterdeploy.domains.statement import state_problem
from iterdeploy.errors import BadInput


def make(parameters: Parameters, rng: random.Random) -> str:
    """A random problem with "satellites", "instruments", "modes", "directions"; BadInput for too few of one."""
    require("satellite", parameters, satellites=1, instruments=1, modes=1, directions=2)
    satellites = [f"sat{i}" for i in range(1, parameters["satellites"] + 1)]
    instruments = [f"ins{i}" for i in range(1, parameters["instruments"] + 1)]
    modes = [f"mod{i}" for i in range(1, parameters["modes"] + 1)]
    directions = [f"dir{i}" for i in range(1, parameters["directions"] + 1)]
    init: list[Atom] = [("pointing", satellite, rng.choice(directions)) for satellite in satellites]
    init += [("power_avail", satellite) for satellite in satellites]
    init += [("calibration_target", instrument, rng.choice(directions)) for instrument in instruments]
    init += [("on_board", *pair) for pair in _spread(instruments, satellites, rng)]
    init += [("supports", *pair) for pair in _supports(instruments, modes, rng)]
    images: list[Atom] = [("have_image", direction, mode) for direction in directions for mode in modes]
    goal = rng.sample(images, rng.randint(1, len(images)))
    goal += [
        ("pointing", satellite, rng.choice(directions)) for satellite in satellites if rng.random() < 0.5
    ]
    kinds = {"satellite": satellites, "instrument": instruments, "mode": modes, "direction": directions}
    return state_problem(f"satellite-{len(satellites)}", "satellite", kinds, init, goal)


def _spread(instruments: list[str], satellites: list[str], rng: random.Random) -> Iterator[tuple[str, str]]:
    """Each instrument with its satellite; none is left empty as long as there are enough."""
    first = rng.sample(satellites, len(satellites))
    for number, instrument in enumerate(instruments):
        yield instrument, first[number] if number < len(first) else rng.choice(satellites)


def _supports(instruments: list[str], modes: list[str], rng: random.Random) -> list[tuple[str, str]]:
    """Instruments with their modes: each has one or more, and each mode is had by one or more."""
    chosen = {(i, m) for i in instruments for m in rng.sample(modes, rng.randint(1, len(modes)))}
    missing = [m for m in modes if not any((i, m) in chosen for i in instruments)]
    chosen |= {(rng.choice(instruments), m) for m in missing}
    return [(i, m) for i in instruments for m in modes if (i, m) in chosen]


def solve(problem: str) -> list[str]:
    """A plan for a Satellite problem. Raises BadInput for a goal that no instrument can reach."""
    said = atoms_of(problem)
    init = set(said.init)
    sky = _Sky(said.init)
    left: dict[str, set[str]] = {}  # each mode, with the directions still to be taken in it
    for name, *what in said.goal:
        if name == "have_image" and (name, *what) not in init:
            left.setdefault(what[1], set()).add(what[0])
    while any(left.values()):
        instrument = max(sky.modes, key=lambda i: sum(len(left.get(m, ())) for m in sky.modes[i]), default="")
        shots = {mode: left.pop(mode) for mode in sky.modes.get(instrument, ()) if mode in left}
        if not shots:
            mode, places = next(iter(left.items()))
            raise BadInput(
                f"no instrument can reach (have_image {min(places)} {mode}); add one that supports {mode}"
            )
        sky.use(instrument, shots)
    for goal in said.goal:
        if goal[0] == "pointing":
            sky.turn(goal[1], goal[2])
    return sky.steps


class _Sky:
    """The satellites as they are now, and what was done so far."""

    def __init__(self, init: tuple[Atom, ...]) -> None:
        self.steps: list[str] = []
        self.pointing = {a[1]: a[2] for a in init if a[0] == "pointing"}
        self.target = {a[1]: a[2] for a in init if a[0] == "calibration_target"}
        self.carrier = {a[1]: a[2] for a in init if a[0] == "on_board"}
        self.on = {self.carrier[a[1]]: a[1] for a in init if a[0] == "power_on" and a[1] in self.carrier}
        self.modes: dict[str, list[str]] = {}
        for name, *args in init:
            if name == "supports" and args[0] in self.carrier and args[0] in self.target:
                self.modes.setdefault(args[0], []).append(args[1])

    def use(self, instrument: str, shots: dict[str, set[str]]) -> None:
        """Power and calibrate an instrument and take images: directions by mode."""
        satellite = self.carrier[instrument]
        if self.on.get(satellite) != instrument:
            if satellite in self.on:
                self.steps.append(f"(switch_off {self.on[satellite]} {satellite})")
            self.steps.append(f"(switch_on {instrument} {satellite})")
            self.on[satellite] = instrument
        self.turn(satellite, self.target[instrument])
        self.steps.append(f"(calibrate {satellite} {instrument} {self.target[instrument]})")
        here = self.pointing[satellite]
        for direction in sorted(set().union(*shots.values()), key=lambda d: (d != here, d)):
            self.turn(satellite, direction)
            for mode, directions in shots.items():
                if direction in directions:
                    self.steps.append(f"(take_image {satellite} {direction} {instrument} {mode})")

    def turn(self, satellite: str, direction: str) -> None:
        """Point a satellite somewhere, if it does not already."""
        if self.pointing[satellite] != direction:
            self.steps.append(f"(turn_to {satellite} {direction} {self.pointing[satellite]})")
            self.pointing[satellite] = direction


FAMILY = Family(
    name="satellite",
    text=domain_text("satellite"),
    ranges={
        "easy": {"satellites": (3, 10), "instruments": (3, 20), "modes": (1, 3), "directions": (4, 10)},
        "medium": {"satellites": (15, 40), "instruments": (15, 80), "modes": (3, 5), "directions": (15, 30)},
        "hard": {
            "satellites": (50, 100),
            "instruments": (50, 200),
            "modes": (5, 10),
            "directions": (40, 100),
        },
    },
    size="satellites",
    make=make,
    solve=solve,
)
