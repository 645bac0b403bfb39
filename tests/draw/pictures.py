"""Pictures read back: what a test can ask of an SVG."""

from __future__ import annotations

import random
from xml.etree import ElementTree

from iterdeploy.domains.family import Family, Parameters
from iterdeploy.draw import Frames, draw_plan
from iterdeploy.pddl import Action, Domain, Problem, parse_domain, parse_problem, read_plan

SVG = "{http://www.w3.org/2000/svg}"
Element = ElementTree.Element


def planned(domain: str, problem: str, plan: str) -> tuple[Domain, Problem, tuple[Action, ...]]:
    """The three texts as they were read."""
    read = parse_domain(domain)
    return read, parse_problem(problem, read), read_plan(plan).actions


def frames_of(family: Family, parameters: Parameters, seed: int = 1, drop: int | None = None) -> Frames:
    """The frames of a reference plan, one step of it left out if asked for."""
    problem = family.make(parameters, random.Random(seed))
    plan = family.solve(problem)
    if drop is not None:
        del plan[drop]
    return draw_plan(*planned(family.text, problem, "\n".join(plan)))


def parsed(svg: str) -> Element:
    """The picture as XML; an error if it is none."""
    return ElementTree.fromstring(svg)


def shown(drawn: Frames, number: int) -> Element:
    """One frame as XML."""
    return parsed(drawn.svg(drawn.frames[number]))


def named(picture: Element, name: str) -> Element:
    """The one element that stands for an object."""
    (found,) = picture.findall(f".//*[@data-name='{name}']")
    return found


def box(picture: Element, name: str) -> tuple[float, float]:
    """The upper left corner of an object's rectangle."""
    found = named(picture, name).find(f"{SVG}rect")
    assert found is not None
    return float(found.attrib["x"]), float(found.attrib["y"])


def looks(picture: Element, name: str) -> str:
    """The classes of an object's rectangle."""
    found = named(picture, name).find(f"{SVG}rect")
    assert found is not None
    return found.attrib["class"]


def texts(picture: Element) -> list[str]:
    """All lines of text."""
    return [element.text or "" for element in picture.iter(f"{SVG}text")]
