"""Domains and problems from PDDL text: all that the validator relies on is checked here, once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import cast

from iterdeploy.errors import nearest
from iterdeploy.pddl.formulas import (
    RESERVED,
    TRUE,
    Scope,
    all_fit,
    atom_of,
    effects_of,
    fact_text,
    formula_of,
    function_of,
    is_number,
    typed_list,
    variables_of,
)
from iterdeploy.pddl.lexer import (
    Group,
    MisreadError,
    beyond,
    flaw,
    head,
    is_name,
    located,
    name_at,
    read,
    subgroup,
    words,
)
from iterdeploy.pddl.names import Fact, names_for
from iterdeploy.pddl.strata import stratify
from iterdeploy.pddl.structures import (
    Domain,
    Effect,
    Formula,
    Problem,
    Rule,
    Schema,
    Types,
    Variable,
    Vocabulary,
)

REQUIREMENTS = frozenset(
    {
        ":strips",
        ":typing",
        ":negative-preconditions",
        ":disjunctive-preconditions",
        ":equality",
        ":existential-preconditions",
        ":universal-preconditions",
        ":quantified-preconditions",
        ":conditional-effects",
        ":adl",
        ":derived-predicates",
        ":action-costs",
    }
)
_BEYOND = frozenset(
    {
        ":fluents",
        ":numeric-fluents",
        ":object-fluents",
        ":durative-actions",
        ":duration-inequalities",
        ":continuous-effects",
        ":timed-initial-literals",
        ":timed-initial-fluents",
        ":preferences",
        ":constraints",
        ":goal-utilities",
        ":time",
    }
)
_DOMAIN_LISTS = frozenset({":requirements", ":types", ":constants", ":predicates", ":functions"})
_PROBLEM_LISTS = frozenset({":domain", ":requirements", ":objects", ":init", ":goal", ":metric", ":length"})
_REFUSED = frozenset({":durative-action", ":constraints", ":process", ":event"})

MOST_ABOVE = 100  # types above one, so that all sets of them take time linear in the text
_ODD: Fact = ("", ())
_SHORT = 200  # characters; a longer fact is not kept
_LONG = 20_000  # characters; parsed problems of such length are large, so few are kept


def parse_domain(text: str) -> Domain:
    """The domain that the text defines; the same text gives the same object.

    Raises PddlError with line and column for anything malformed, undeclared or not supported.
    """
    return _domain(text)


def parse_problem(text: str, domain: Domain) -> Problem:
    """The problem that the text defines over `domain`; the same text gives the same object.

    Raises PddlError with line and column for anything malformed, undeclared or not supported.
    """
    return (_long_problem if len(text) > _LONG else _problem)(text, domain)


@lru_cache(maxsize=64)
def _domain(text: str) -> Domain:
    whole = read(text)
    try:
        return _read_domain(whole)
    except MisreadError as error:
        raise located(error, text) from None


@lru_cache(maxsize=1024)  # every generation answers the same tasks
def _problem(text: str, domain: Domain) -> Problem:
    whole = read(text)
    try:
        return _read_problem(whole, domain)
    except MisreadError as error:
        raise located(error, text) from None


@lru_cache(maxsize=4)
def _long_problem(text: str, domain: Domain) -> Problem:
    return _problem.__wrapped__(text, domain)


def _defined(whole: Group, what: str) -> str:
    """The name in `(define (what NAME) ...)`."""
    if head(whole) != "define":
        raise flaw(f"expected (define ({what} NAME) ...)", whole)
    title = subgroup(whole, 1, f"({what} NAME)")
    if head(title) != what or len(title.items) != 2:
        raise flaw(f"expected ({what} NAME), found ({head(title)} ...)", title)
    return name_at(title, 1, f"the {what}")


def _sections(whole: Group, known: frozenset[str]) -> tuple[dict[str, Group], list[Group]]:
    """The lists that may stand once, by keyword, and the others in order."""
    once: dict[str, Group] = {}
    others: list[Group] = []
    for index in range(2, len(whole.items)):
        section = subgroup(whole, index, "a section such as (:init ...)")
        keyword = head(section)
        if keyword in _REFUSED:
            raise beyond(f"{keyword} is not supported", section)
        if keyword in once:
            raise flaw(f"{keyword} stands twice", section)
        if keyword in known:
            once[keyword] = section
        else:
            others.append(section)
    return once, others


def _requirements(section: Group | None) -> tuple[str, ...]:
    if section is None:
        return ()
    for index, name in enumerate(section.items[1:], 1):
        if isinstance(name, Group) or name in _BEYOND:
            raise beyond(
                f"requirement {name if isinstance(name, str) else '(...)'} is not supported", section, index
            )
        if name not in REQUIREMENTS:
            raise flaw(f"no requirement {name!r}; {nearest(name, REQUIREMENTS)}", section, index)
    return tuple(cast("list[str]", section.items[1:]))


def _read_domain(whole: Group) -> Domain:
    name = _defined(whole, "domain")
    once, others = _sections(whole, _DOMAIN_LISTS)
    requirements = _requirements(once.get(":requirements"))
    types = _types(once.get(":types"))
    constants = _objects(once.get(":constants"), types, {})
    predicates = _signatures(once.get(":predicates"), types)
    functions = _functions(once.get(":functions"), types)
    scope = Scope(types, predicates, functions, constants)
    actions: dict[str, Schema] = {}
    rules: list[tuple[Rule, Group]] = []
    for section in others:
        match head(section):
            case ":action":
                schema = _action(section, scope)
                if schema.name in actions:
                    raise flaw(f"action {schema.name!r} stands twice", section, 1)
                actions[schema.name] = schema
            case ":derived":
                rules.append((_rule(section, scope), section))
            case keyword:
                raise flaw(f"no section {keyword!r} in a domain", section)
    _refuse_derived_effects(actions, rules, whole)
    return Domain(name, requirements, types, constants, predicates, functions, actions, stratify(rules))


def _types(section: Group | None) -> dict[str, frozenset[str]]:
    parents: dict[str, set[str]] = {"object": set()}
    for name, above in typed_list(section, 1, None) if section else ():
        if section and not is_name(name):
            raise flaw(f"{name!r} is not the name of a type", section)
        for parent in above:
            parents.setdefault(parent, set())
        parents.setdefault(name, set()).update(above)
    parents["object"].discard("object")
    closed = {}
    for name in parents:
        closed[name] = _above(name, parents)
        if section and len(closed[name]) > MOST_ABOVE:
            raise flaw(f"type {name!r} has more than {MOST_ABOVE} types above it", section)
        if section and any(name in _above(parent, parents) for parent in parents[name]):
            raise flaw(f"type {name!r} is above itself", section)
    return closed


def _above(name: str, parents: Mapping[str, set[str]]) -> frozenset[str]:
    found = {name, "object"}
    waiting = [name]
    while waiting:
        if len(found) > MOST_ABOVE:
            return frozenset(found)
        new = parents[waiting.pop()] - found
        found |= new
        waiting += new
    return frozenset(found)


def _objects(
    section: Group | None, types: Mapping[str, frozenset[str]], known: Mapping[str, Types]
) -> dict[str, Types]:
    """The objects of a section after those already known; one may stand twice, but not with two types."""
    objects = dict(known)
    if section is None:
        return objects
    for name, named in typed_list(section, 1, types):
        if objects.setdefault(name, named) != named:
            raise flaw(f"object {name!r} is declared twice, with different types", section)
        if not is_name(name):
            raise flaw(f"{name!r} is not the name of an object", section)
    return objects


def _signatures(section: Group | None, types: Mapping[str, frozenset[str]]) -> dict[str, tuple[Types, ...]]:
    found: dict[str, tuple[Types, ...]] = {}
    for index in range(1, len(section.items) if section else 0):
        declared = subgroup(cast("Group", section), index, "a predicate")
        _declare(declared, types, found)
    return found


def _declare(
    declared: Group, types: Mapping[str, frozenset[str]], into: dict[str, tuple[Types, ...]]
) -> None:
    name = name_at(declared, 0, "a predicate or function")
    if name in RESERVED:
        raise flaw(f"{name!r} is a word of PDDL and cannot name a predicate", declared)
    signature = tuple(variable.types for variable in variables_of(declared, 1, types))
    if into.setdefault(name, signature) != signature:
        raise flaw(f"{name!r} is declared twice, with different parameters", declared)


def _functions(section: Group | None, types: Mapping[str, frozenset[str]]) -> dict[str, tuple[Types, ...]]:
    """Declared functions; all are numbers, and serve action costs alone."""
    found: dict[str, tuple[Types, ...]] = {}
    items = section.items[1:] if section else []
    index = 0
    while section and index < len(items):
        if items[index] == "-":
            if items[index + 1 : index + 2] != ["number"]:
                raise beyond("a function must be a number (no :object-fluents)", section, index + 1)
            index += 2
        else:
            _declare(subgroup(section, index + 1, "a function"), types, found)
            index += 1
    return found


def _action(section: Group, scope: Scope) -> Schema:
    name = name_at(section, 1, "the action")
    parts = _keywords(section, 2, (":parameters", ":precondition", ":effect"))
    parameters: tuple[Variable, ...] = ()
    if ":parameters" in parts:
        listed = subgroup(section, parts[":parameters"], "the parameters")
        parameters = variables_of(listed, 0, scope.types)
    inside = scope.within(parameters)
    precondition: Formula = TRUE
    if ":precondition" in parts:
        precondition = formula_of(section.items[parts[":precondition"]], section, inside)
    effects: tuple[Effect, ...] = ()
    if ":effect" in parts:
        effects = effects_of(section.items[parts[":effect"]], section, inside)
    return Schema(name, parameters, precondition, effects)


def _keywords(section: Group, start: int, known: tuple[str, ...]) -> dict[str, int]:
    """Where the value of each keyword of an action stands."""
    found: dict[str, int] = {}
    for index in range(start, len(section.items), 2):
        keyword = section.items[index]
        if not isinstance(keyword, str) or keyword not in known:
            raise flaw(f"expected one of {', '.join(known)}", section, index)
        if keyword in found:
            raise flaw(f"{keyword} stands twice", section, index)
        if index + 1 == len(section.items):
            raise flaw(f"{keyword} has no value", section, index)
        found[keyword] = index + 1
    return found


def _rule(section: Group, scope: Scope) -> Rule:
    if len(section.items) != 3:
        raise flaw("expected (:derived (PREDICATE ?x ...) CONDITION)", section)
    atom = subgroup(section, 1, "the derived predicate")
    name = name_at(atom, 0, "the derived predicate")
    parameters = variables_of(atom, 1, scope.types)
    signature = scope.predicates.get(name)
    if signature is None:
        raise flaw(f"no predicate {name!r}; {nearest(name, scope.predicates)}", atom)
    if len(signature) != len(parameters):
        raise flaw(f"{name!r} takes {len(signature)} arguments, found {len(parameters)}", atom)
    return Rule(name, parameters, formula_of(section.items[2], section, scope.within(parameters)))


def _refuse_derived_effects(
    actions: Mapping[str, Schema], rules: list[tuple[Rule, Group]], whole: Group
) -> None:
    derived = {rule.predicate for rule, _ in rules}
    for schema in actions.values():
        for effect in schema.effects:
            for atom in (*effect.adds, *effect.deletes):
                if atom.predicate in derived:
                    raise flaw(f"action {schema.name!r} changes the derived {atom.predicate!r}", whole)


def _read_problem(whole: Group, domain: Domain) -> Problem:
    name = _defined(whole, "problem")
    once, others = _sections(whole, _PROBLEM_LISTS)
    if others:
        raise flaw(f"no section {head(others[0])!r} in a problem", others[0])
    for keyword in (":domain", ":init", ":goal"):
        if keyword not in once:
            raise flaw(f"the problem has no {keyword}", whole)
    for keyword in (":domain", ":goal"):
        if len(once[keyword].items) != 2:
            raise flaw(f"{keyword} takes one part", once[keyword])
    _requirements(once.get(":requirements"))
    facts = _Facts(domain, _objects(once.get(":objects"), domain.types, domain.constants))
    init = _init(once[":init"], facts)
    goal, goal_facts = _goal(once[":goal"], facts)
    domain_name = name_at(once[":domain"], 1, "the domain")
    return Problem(name, domain_name, facts.vocabulary, init, goal, goal_facts)


@lru_cache(maxsize=64)
def _stated(domain: Domain) -> dict[str, tuple[Types, ...]]:
    """The predicates that a problem may state, which are those that are not derived."""
    derived = {rule.predicate for stratum in domain.strata for rule in stratum}
    return {name: types for name, types in domain.predicates.items() if name not in derived}


class _Facts:
    """Reads ground atoms over the objects of a problem."""

    def __init__(self, domain: Domain, objects: Mapping[str, Types]) -> None:
        self._domain, self._objects = domain, objects
        self._names = names_for(domain, objects)
        self._stated = _stated(domain)
        self.vocabulary = Vocabulary(objects, domain.types, self._names)

    @cached_property
    def scope(self) -> Scope:
        """For formulas, and for what is not plain."""
        domain = self._domain
        return Scope(domain.types, domain.predicates, domain.functions, self._objects)

    def plain(self, parts: Sequence[str | Group]) -> Sequence[str]:
        """The text of each fact that "( on a  b)" plainly is; "" where it must be looked at again."""
        if not parts:
            return ()
        known = self._names.facts.get
        texts, used = zip(*[known(part) or self._learn(part) for part in parts], strict=True)  # type: ignore[arg-type]
        there = self._objects.keys()
        if there >= set().union(*used):
            return texts
        return [text if there >= set(names) else "" for text, names in zip(texts, used, strict=True)]

    def _learn(self, part: str | Group) -> Fact:
        """A fact that is new here; _ODD if it is not plain."""
        if not isinstance(part, str) or part[0] != "(":
            return _ODD
        predicate, *objects = words(part[1:-1]) or [""]
        wanted = self._stated.get(predicate)
        if wanted is None or not all_fit(objects, wanted, self._objects, self._domain.types):
            return _ODD
        fact = (" ".join((predicate, *objects)), tuple(objects))
        return self._names.facts.keep(part, fact) if len(part) < _SHORT else fact

    def checked(self, group: Group) -> str:
        """The text of an atom after a full check."""
        atom = atom_of(group, self.scope)
        if atom.predicate not in self._stated:
            raise flaw(f"{atom.predicate!r} is derived, and cannot be stated", group)
        return fact_text(atom)


def _init(section: Group, facts: _Facts) -> frozenset[str]:
    """The ground atoms of the initial state."""
    stated = facts.plain(section.parts[1:])
    denied: dict[str, Group] = {}
    if "" in stated:
        odd = [number for number, text in enumerate(stated, 1) if not text]
        stated = [*filter(None, stated)]
        for index in odd:
            stated += _odd_fact(section, index, facts, denied)
    true = frozenset(stated)
    for text, group in denied.items():
        if text in true:
            raise flaw(f"({text}) is both true and false", group)
    return true


def _odd_fact(section: Group, index: int, facts: _Facts, denied: dict[str, Group]) -> list[str]:
    """What an unusual fact makes true, if anything; what it makes false goes into `denied`."""
    fact = subgroup(section, index, "a fact")
    match head(fact):
        case "not":
            denied[facts.checked(subgroup(fact, 1, "an atom"))] = fact
        case "=":
            _initial_number(fact, facts.scope)
        case "at" if len(fact.items) == 3 and isinstance(fact.items[2], Group):
            raise beyond("timed initial literals are not supported (:timed-initial-literals)", fact)
        case _:
            return [facts.checked(fact)]
    return []


def _goal(section: Group, facts: _Facts) -> tuple[Formula | tuple[str, ...], frozenset[str] | None]:
    """The goal, and its atoms where it is a conjunction of ground atoms and nothing else."""
    goal = section.items[1]
    if isinstance(goal, Group) and head(goal) == "and":
        found = tuple(facts.plain(goal.parts[1:]))
        if all(found):
            return found, frozenset(found)
    return formula_of(goal, section, facts.scope), None


def _initial_number(fact: Group, scope: Scope) -> None:
    if len(fact.items) != 3 or not isinstance(fact.items[2], str) or not is_number(fact.items[2]):
        raise flaw("expected (= (FUNCTION ...) NUMBER)", fact)
    function_of(subgroup(fact, 1, "a function"), scope)
