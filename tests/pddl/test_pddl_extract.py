"""From answers to plans: each rule alone and together, and what is refused rather than guessed."""

from __future__ import annotations

import time

import pytest
from growth import grows_linearly
from pddl_texts import BLOCKS, domain, plan

from iterdeploy.errors import BadInput
from iterdeploy.pddl import ALL_RULES, Rule, extract, parse_domain
from iterdeploy.pddl.extract import Extraction
from iterdeploy.types import Fault

RECIPE = ("reasoning", "tags", "bare-lines")
AB = plan("pick-up a, stack a b")


def read(text: str, rules: tuple[str, ...] = ALL_RULES) -> Extraction:
    return extract(text, parse_domain(BLOCKS), rules)


def test_reads_the_small_models_answer() -> None:
    text = "\n now b3 b1 | b2 | want b1 b2 |\n</think>\n<plan>\nunstack b3 b1\nput-down b3\n</plan><eos>"
    found = read(text, RECIPE)
    assert found.actions == plan("unstack b3 b1, put-down b3")
    assert found.reasoning == "\n now b3 b1 | b2 | want b1 b2 |\n"
    assert found.used == RECIPE
    assert (found.fault, found.reason) == (None, "")
    assert read(text) == found


@pytest.mark.parametrize(
    ("text", "used"),
    [
        ("(pick-up a)\n(stack a b)", ()),
        ("\n (pick-up a)  ; up\n\n; then\n(stack a b)\n", ()),
        ("(pick-up a) (stack a b)", ()),
        ("<bos>(pick-up a)\r\n(stack a b)<|im_end|>\n<eos><pad> <pad>", ()),
        ("<think>so (pick-up b)?</think>\n(pick-up a)\n(stack a b)", ("reasoning",)),
        ("[THINK](pick-up b)?[/THINK](pick-up a)\n(stack a b)", ("reasoning",)),
        ("<thinking>hm</thinking>\n(pick-up a)\n(stack a b)", ("reasoning",)),
        ("<reasoning>so</reasoning>\n(pick-up a)\n(stack a b)", ("reasoning",)),
        ("<think>a</think>(pick-up b)<think>no</think>(pick-up a) (stack a b)", ("reasoning",)),
        ("Sure! <plan>(pick-up a)\n(stack a b)</plan> Done.", ("tags",)),
        ("<PLAN>\n(pick-up a)\n(stack a b)\n</PLAN>", ("tags",)),
        ("<plan>\n(pick-up a)\n(stack a b)\n", ("tags",)),
        ("(pick-up a)\n(stack a b)\n</plan>", ("tags",)),
        ("Put it in <plan></plan>.\n<plan>(pick-up a) (stack a b)</plan>", ("tags",)),
        ("<plan>\n```pddl\n(pick-up a)\n(stack a b)\n```\n</plan>", ("tags", "fences")),
        ("Here:\n```\n(pick-up a)\n(stack a b)\n```\nand (clear b) holds.", ("fences",)),
        ("```\nno action\n```\n```pddl\n(pick-up a)\n(stack a b)\n", ("fences",)),
        ("1. (pick-up a)\n2. (stack a b)", ("marks",)),
        ("(1) (pick-up a)\n(2) (stack a b)", ("marks",)),
        ("0: (pick-up a)\n1.5: (stack a b)", ("marks",)),
        ("Step 1: (pick-up a)\nStep 2: (stack a b)", ("marks",)),
        ("- (pick-up a)\n* (stack a b)", ("marks",)),
        ("**(pick-up a)**\n**(stack a b)**", ("marks",)),
        ("`(pick-up a)`\n`(stack a b)`", ("fences",)),
        ("(PICK-UP A)\n(Stack A B)", ("case",)),
        ("(pick-up, a),\n(stack a, b).", ("commas",)),
        ("pick-up(a)\nstack(a, b)", ("calls",)),
        ("pick-up (a), stack (a,b)", ("calls",)),
        ("pick-up a\nstack a b", ("bare-lines",)),
        ("pick-up a stack a b", ("bare-lines",)),
        ("pick-up a, stack a b.", ("commas", "bare-lines")),
        ("The plan:\n(pick-up a)\n(stack a b)\nThis reaches the goal.", ("prose",)),
        ("(pick-up a) takes a\n(stack a b) ends it", ("prose",)),
        ("<plan>\nMy plan:\n(pick-up a) - up\n(stack a b) - done\n</plan>", ("tags", "prose")),
        ("Plan: (pick-up a), (stack a b)", ("case", "prose")),
        (
            "<plan>(pick-up a) (stack a b)</plan> again <plan>(pick-up a)\n(stack a b)</plan>",
            ("tags", "repeats"),
        ),
        ("1. (pick-up a)\n2. (stack a b)\n1. (pick-up a)\n2. (stack a b)", ("marks", "repeats")),
        ("(pick-up a)\n(stack a b)\nIn short:\n(pick-up a)\n(stack a b)", ("prose", "repeats")),
        ("1. (pick-up a)\nThe hand holds a.\n2. (stack a b)\nb is covered.", ("marks", "prose")),
        ("1. Pick-up(a)\n2. STACK(a, b).", ("marks", "case", "commas", "calls")),
        ("I was wrong above. The plan is\n(pick-up a)\n(stack a b)", ("prose",)),
    ],
)
def test_reads_the_plan_and_says_by_which_rules(text: str, used: tuple[str, ...]) -> None:
    found = read(text)
    assert (found.actions, found.fault, found.reason) == (AB, None, "")
    assert found.used == used


@pytest.mark.parametrize(
    ("text", "fault", "reason"),
    [
        ("", Fault.NO_PLAN, "the answer states no plan"),
        ("<eos>", Fault.NO_PLAN, "the answer states no plan"),
        ("I cannot solve this.", Fault.NO_PLAN, "the answer states no plan"),
        ("<think>(pick-up a)", Fault.NO_PLAN, "the reasoning never ends: no </think> after <think>"),
        ("[THINK](pick-up a)", Fault.NO_PLAN, "the reasoning never ends: no [/THINK] after [THINK]"),
        (
            "(pick-up b)<think>(pick-up a)",
            Fault.NO_PLAN,
            "the reasoning never ends: no </think> after <think>",
        ),
        ("(pick-up a) is what I thought</think>Sorry.", Fault.NO_PLAN, "the answer states no plan"),
        ("First we (pick-up a) and so on", Fault.NO_PLAN, "the answer states no plan"),
        ("stack the block on the other one", Fault.NO_PLAN, "the answer states no plan"),
        (
            "<plan>(pick-up a)</plan><plan>(pick-up b)</plan>",
            Fault.AMBIGUOUS,
            "the answer states 2 different plans",
        ),
        ("<plan>(pick-up a)<plan>(pick-up b)</plan>", Fault.AMBIGUOUS, "the answer states 2 different plans"),
        ("(pick-up a)\nor rather\n(pick-up b)", Fault.AMBIGUOUS, "the answer states 2 different plans"),
        (
            "```\n(pick-up a)\n```\n```\n(pick-up b)\n```",
            Fault.AMBIGUOUS,
            "the answer states 2 different plans",
        ),
        (
            "(pick-up a)\nWait, that clears nothing.",
            Fault.AMBIGUOUS,
            "the answer takes its plan back: 'Wait, that clears nothing.'",
        ),
        (
            "<plan>(pick-up a)\nThat is wrong.\n(pick-up b)</plan>",
            Fault.AMBIGUOUS,
            "the answer takes its plan back: 'That is wrong.'",
        ),
        (
            "<plan>(pick-up a) ; oops\n(pick-up b)</plan>",
            Fault.AMBIGUOUS,
            "the answer takes its plan back: 'oops'",
        ),
        (
            "<plan>(pick-up a)</plan>\nHold on, let me fix it.",
            Fault.AMBIGUOUS,
            "the answer takes its plan back: 'Hold on, let me fix it.'",
        ),
        (
            "<plan>\n(pick-up a)\nand then?\n</plan>",
            Fault.SYNTAX,
            "line 3 of the answer is not an action: 'and then?'",
        ),
        (
            "x\n<plan>\n(stack a b\n</plan>",
            Fault.SYNTAX,
            "line 3 of the answer is not an action: '(stack a b'",
        ),
        ("<plan>...</plan>", Fault.SYNTAX, "line 1 of the answer is not an action: '...'"),
        (
            "<plan>((pick-up a))</plan>",
            Fault.SYNTAX,
            "line 1 of the answer is not an action: '((pick-up a))'",
        ),
        ("((pick-up a)\n(stack a b))", Fault.SYNTAX, "a line is not an action: '((pick-up a)'"),
        ("<plan>()</plan>", Fault.SYNTAX, "line 1 of the answer is not an action: '()'"),
    ],
)
def test_refuses_rather_than_guesses(text: str, fault: Fault, reason: str) -> None:
    found = read(text)
    assert (found.actions, found.fault, found.reason) == ((), fault, reason)


NUMBERED = "1. (pick-up a)\n2. (stack a b)"
PLAIN = "(pick-up a)\n(stack a b)"
BARE = "pick-up a\nstack a b"
NO_MARKS = ("reasoning", "tags", "bare-lines", "prose")


@pytest.mark.parametrize("rules", [ALL_RULES, RECIPE, NO_MARKS])
@pytest.mark.parametrize("whole", [NUMBERED, PLAIN, BARE])
@pytest.mark.parametrize(
    "cut",
    ["(unstack a", "(pick-up", "3. (unstack a b", "3. (UNSTACK a", "unstack a", "unstack", "3) fly(a", "[unstack a b]",
     "(unstack a b c", "unstack a b please", "3. unstack a b please", "3. fly b", "- unstack(a", "**(unstack a**",
     "`(unstack a`", "-> unstack a b", "| unstack a b", "> (unstack a", "Then (unstack a", "Done; (unstack a"],
)  # fmt: skip
def test_a_step_cut_off_after_a_plan_is_a_fault(whole: str, cut: str, rules: tuple[str, ...]) -> None:
    found = read(f"{whole}\n{cut}", rules)
    assert found.actions == ()
    assert found.fault in ((Fault.SYNTAX,) if rules is ALL_RULES else (Fault.SYNTAX, Fault.NO_PLAN))


@pytest.mark.parametrize(
    "line",
    ["2. (unstack a b", "2) (fly b", "(unstack a b", "[unstack a b]", "2. unstack a b please", "2. fly b now",
     "2. UNSTACK a b please", "stack all the blocks", "(fly b) now", "2. (fly b) now", "unstack(a b"],
)  # fmt: skip
@pytest.mark.parametrize("then", ["2", "3"])
def test_a_step_that_cannot_be_read_within_a_list_is_a_fault(line: str, then: str) -> None:
    found = read(f"1. (pick-up a)\n{line}\n{then}. (stack a b)")
    assert (found.actions, found.fault) == ((), Fault.SYNTAX)
    assert repr(line) in found.reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1. (pick-up a)\n3. (stack a b)", "step 2 of the answer's list is missing"),
        ("2. (pick-up a)\n3. (stack a b)", "step 1 of the answer's list is missing"),
        ("2. (pick-up a)\n1. (stack a b)", "step 1 of the answer's list is missing"),
        (f"{PLAIN}\nThen (unstack a b).", "the answer states an action outside its plan: '(unstack a b)'"),
        (f"{BARE}\nand (unstack a b)", "the answer states an action outside its plan: '(unstack a b)'"),
        (f"{PLAIN}\nFinally, Unstack(a, b)", "the answer states an action outside its plan: '(unstack a b)'"),
        (f"{PLAIN}\nthen unstack a b.", "the answer states an action outside its plan: '(unstack a b)'"),
        (f"{PLAIN}\nso unstack a b", "the answer states an action outside its plan: '(unstack a b)'"),
        (f"{PLAIN}\nThen (fly a).", "the answer states an action outside its plan: '(fly a)'"),
        (f"{PLAIN}\nThen (stack a b).", "the answer states an action outside its plan: '(stack a b)'"),
        (
            f"{PLAIN}\nDone; then (unstack a b)",
            "the answer states an action outside its plan: '(unstack a b)'",
        ),
        (f"{PLAIN}; (unstack a b)", "the answer states an action outside its plan: '(unstack a b)'"),
        (f"{PLAIN}\nNow we [unstack a b].", "the answer states an action outside its plan: '(unstack a b)'"),
        (
            "1. (pick-up a)\nWe could (put-down a).\n2. (stack a b)",
            "the answer states an action outside its plan: '(put-down a)'",
        ),
    ],
)
def test_steps_left_out_or_stated_beside_the_plan_make_it_ambiguous(text: str, reason: str) -> None:
    found = read(text)
    assert (found.actions, found.fault, found.reason) == ((), Fault.AMBIGUOUS, reason)


@pytest.mark.parametrize(
    "line",
    ["(pick-up a) then (fly a)", "(fly a) then (pick-up a)", "(pick-up a), then (stak a c), (stack a c)",
     "1. (pick-up a) and fly(a)", "(pick-up a) ()  now", "(pick-up a) then unstack a b",
     "pick-up a (unstack a b)", "pick-up a (fly a)", "(pick-up a) [unstack a b]"],
)  # fmt: skip
def test_a_list_beside_an_action_is_an_action_or_a_fact(line: str) -> None:
    for text in (line, f"{line}\n(stack a b)", f"<plan>{line}</plan>", f"```\n{line}\n(stack a b)\n```"):
        assert read(text).fault is Fault.SYNTAX, text


def test_a_heading_inside_tags_is_no_step_in_disguise() -> None:
    for line in ("(unstack a b:", "unstack a b:", "(unstack a b) then:"):
        assert read(f"<plan>{PLAIN}\n{line}</plan>").actions != AB
    assert read(f"<plan>Stack all of them:\n{PLAIN}</plan>").actions == AB


@pytest.mark.parametrize(
    "text",
    [
        f"{PLAIN}\nThis reaches the goal (in two steps). :)",
        f"{PLAIN}\nNow (on a b) and (clear a) hold; all is done.",
        f"{NUMBERED}\nAfter (stack a b) the tower stands.",
        f"{NUMBERED}\n\nWhy:\n1. a must be held.\n2. b is clear.\n3. Nothing is left.",
        "1. (pick-up a) and so (holding a)\n1. (stack a b)",
        "(pick-up a)\n2. (stack a b)",
        "0.0: (pick-up a)\n5.5: (stack a b)",
        f"To unstack is not needed.\nOne could (put-down a).\n{PLAIN}",
        f"I will put it in <plan> tags.\n<plan>{PLAIN}</plan>",
        f"The plan stands between <plan> and </plan>.\n<plan>{PLAIN}</plan>",
        f"<plan>{PLAIN}</plan>\nThe arm must wait for it to finish. Wait until it has. Hold on to a.",
        f"<plan>{PLAIN}</plan>\nNo correction is needed.",
    ],
)
def test_prose_that_states_no_step_is_allowed(text: str) -> None:
    found = read(text)
    assert (found.actions, found.fault) == (AB, None), found.reason


def test_a_block_that_may_be_a_plan_is_no_mention_of_the_tags() -> None:
    for said in ("<plan>fly a\n", "So <plan>(fly a)\n", "So <plan>(pick-up a\n", "So <plan>pick-up\n",
                 "<plan>fly a</plan>", "So <plan> first\n(put-down a)\n"):  # fmt: skip
        assert read(f"{said}<plan>{PLAIN}</plan>").fault is not None, said


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("<plan>teleport a</plan>", "teleport a"),
        ("<plan>(pick-up a) (fly b)</plan>", "pick-up a, fly b"),
        ("(teleport a)\n(stack a b)", "teleport a, stack a b"),
        ("teleport(a, b)", "teleport a b"),
        ("<plan>stack a</plan>", "stack a"),
        ("<plan>pick-up a from b</plan>", "pick-up a from b"),
        ("<plan>pick-up \uff41</plan>", "pick-up \uff41"),
        ("<plan></plan>", ""),
        ("<plan>\n\n</plan> and <plan> </plan>", ""),
    ],
)
def test_wrong_and_empty_plans_are_handed_on_to_be_judged(text: str, steps: str) -> None:
    found = read(text)
    assert (found.actions, found.fault) == (plan(steps), None)


@pytest.mark.parametrize(
    ("rule", "text", "fault"),
    [
        ("tags", "<plan>(pick-up a)</plan>", Fault.NO_PLAN),
        ("fences", "<plan>\n```\n(pick-up a)\n```\n</plan>", Fault.SYNTAX),
        ("marks", "<plan>1. (pick-up a)\n- (stack a b) -</plan>", None),
        ("case", "<plan>(PICK-UP a)</plan>", Fault.SYNTAX),
        ("calls", "<plan>pick-up(a)</plan>", Fault.SYNTAX),
        ("bare-lines", "<plan>pick-up a</plan>", Fault.SYNTAX),
        ("prose", "<plan>(pick-up a) first</plan>", Fault.SYNTAX),
        ("prose", "Here:\n(pick-up a)", Fault.SYNTAX),
        ("repeats", "<plan>(pick-up a)</plan><plan>(pick-up a)</plan>", Fault.AMBIGUOUS),
        ("marks", "1. (pick-up a)", Fault.NO_PLAN),
    ],
)
def test_without_its_rule_a_liberty_is_not_taken(rule: str, text: str, fault: Fault | None) -> None:
    assert read(text).fault is None
    assert read(text, tuple(name for name in ALL_RULES if name != rule)).fault is fault


def test_without_reasoning_the_whole_text_is_the_answer() -> None:
    found = read("(pick-up b)</think>\n(pick-up a)", tuple(name for name in ALL_RULES if name != "reasoning"))
    assert found.reasoning == ""
    assert found.actions == plan("pick-up b, pick-up a")


def test_without_commas_a_comma_belongs_to_the_name() -> None:
    found = read("(stack a, b)", ("tags",))
    assert found.actions[0].args == ("a,", "b")


def test_a_line_of_the_right_length_is_one_action_even_where_an_object_has_an_actions_name() -> None:
    clash = parse_domain(domain("(:action a :parameters (?x) :effect (p ?x)) (:action b :parameters ())"))
    assert extract("a a", clash).actions == plan("a a")
    assert extract("a b b", clash).fault is Fault.NO_PLAN
    assert extract("a x b b", clash).actions == plan("a x, b, b")


@pytest.mark.parametrize(
    "words",
    ["Wait", "Oops", "Hmm", "Scratch that", "scrap that", "Actually, no", "Correction:", "On second thought",
     "Ignore this", "That is wrong", "this isn't it, my mistake", "Let me redo it", "let's try again", "I was wrong",
     "it is not valid"],
)  # fmt: skip
def test_a_self_correction_makes_an_answer_ambiguous_wherever_it_stands(words: str) -> None:
    for answer in (
        "1. (pick-up a)\n{}\n2. (stack a b)",
        "(pick-up a)\n(stack a b)\n{}.",
        "<plan>(pick-up a) (stack a b)</plan> {}",
        "<plan>\n(pick-up a) ; {}\n(stack a b)\n</plan>",
    ):
        assert read(answer.format(words)).fault is Fault.AMBIGUOUS, answer
    assert read(f"{words}... here is my plan.\n(pick-up a)\n(stack a b)").actions == AB


def test_wait_is_no_correction_where_it_is_an_action() -> None:
    lift = parse_domain(domain("(:action wait :parameters ()) (:action go :parameters (?x) :effect (p ?x))"))
    assert extract("<plan>go a\nwait\n(go b) as they wait</plan>", lift).actions == plan("go a, wait, go b")
    assert extract("<plan>go a\n(go b) then wait</plan>", lift).fault is Fault.SYNTAX
    assert extract("<plan>go a</plan> Oops, wait.", lift).fault is Fault.AMBIGUOUS


def test_an_unknown_rule_is_refused_and_the_nearest_offered() -> None:
    with pytest.raises(BadInput, match=r"no extraction rule 'bare-line'; .*did you mean bare-lines\?"):
        read("(pick-up a)", ("tags", "bare-line"))


def test_the_rules_are_these() -> None:
    assert set(RECIPE) <= set(ALL_RULES)
    assert tuple(rule.value for rule in Rule) == ALL_RULES
    assert len(ALL_RULES) == 10


UNITS = ["(", "(a ", "a(", "pick-up a ", "then pick-up a ", "[a ", "<plan>", "x <plan> y ",
         "</plan>", "<think>", "```\n", "wait ", " ", "<eos>", "a",
         "(pick-up a) ", "**", "1. ", "(pick-up a)\nx\n", "that is not "]  # fmt: skip


@pytest.mark.parametrize("unit", UNITS)
def test_time_grows_with_the_text(unit: str) -> None:
    def seconds(length: int) -> float:
        text = unit * (length // len(unit))
        started = time.process_time()
        read(text)
        return time.process_time() - started

    assert grows_linearly(seconds, 50_000)
