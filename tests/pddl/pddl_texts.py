"""Domains and problems that the tests of this folder share."""

from __future__ import annotations

from iterdeploy.pddl import Action

BLOCKS = """(define (domain blocks)
  (:requirements :strips)
  (:predicates (on ?x ?y) (ontable ?x) (clear ?x) (handempty) (holding ?x))
  (:action pick-up :parameters (?x)
    :precondition (and (clear ?x) (ontable ?x) (handempty))
    :effect (and (holding ?x) (not (ontable ?x)) (not (clear ?x)) (not (handempty))))
  (:action put-down :parameters (?x)
    :precondition (holding ?x)
    :effect (and (ontable ?x) (clear ?x) (handempty) (not (holding ?x))))
  (:action stack :parameters (?x ?y)
    :precondition (and (holding ?x) (clear ?y))
    :effect (and (on ?x ?y) (clear ?x) (handempty) (not (holding ?x)) (not (clear ?y))))
  (:action unstack :parameters (?x ?y)
    :precondition (and (on ?x ?y) (clear ?x) (handempty))
    :effect (and (holding ?x) (clear ?y) (not (on ?x ?y)) (not (clear ?x)) (not (handempty)))))
"""
THREE = """(define (problem three) (:domain blocks)
  (:objects a b c)
  (:init (handempty) (ontable a) (ontable b) (ontable c) (clear a) (clear b) (clear c))
  (:goal (and (on a b) (on b c))))
"""
TOWER = """(pick-up b)
(stack b c)
(pick-up a)
(stack a b)
"""


def plan(text: str) -> tuple[Action, ...]:
    """Actions from "pick-up b, stack b c"."""
    parts = (part.split() for part in text.split(",") if part.strip())
    return tuple(Action(words[0], tuple(words[1:])) for words in parts)


def domain(body: str, predicates: str = "(p ?x) (q ?x)", requirements: str = ":strips") -> str:
    """A small domain around some actions."""
    return f"(define (domain d)\n (:requirements {requirements})\n (:predicates {predicates})\n {body})"


def problem(init: str, goal: str, objects: str = "o1 o2") -> str:
    """A small problem."""
    return f"(define (problem p) (:domain d)\n (:objects {objects})\n (:init {init})\n (:goal {goal}))"
