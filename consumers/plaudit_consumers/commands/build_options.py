"""The options of `plaudit datasets build` that say which rows there are."""

from argparse import ArgumentParser
from pathlib import Path


def add_rule_options(build: ArgumentParser) -> None:
    """Add the options that say what becomes a training row. A setting is the default of most of them."""
    rules = build.add_argument_group(
        "rules for training rows",
        "They hold for the whole snapshot, and its manifest records them. What is not given here is as the "
        "environment says (`plaudit config`).",
    )
    rules.add_argument(
        "--aspects",
        dest="training_aspects",
        metavar="A,B",
        help="aspects whose judgements count, * for all; default: all but numbers on aspects that nobody "
        "declares. If one of these is named, higher is taken as better",
    )
    rules.add_argument(
        "--aspects-file",
        type=Path,
        metavar="FILE",
        help="what the applications declare of their aspects; default: PLAUDIT_ASPECTS",
    )
    rules.add_argument(
        "--raters",
        dest="training_raters",
        metavar="A,B",
        help="kinds of raters that count, of user, reviewer, model; default: user,reviewer",
    )
    rules.add_argument(
        "--resolve",
        choices=("votes", "dawid-skene", "adjudicated"),
        help="how the votes on one thing become one verdict: votes is the majority or the mean (default); "
        "dawid-skene weights raters by how often they are right, over the whole snapshot; adjudicated takes "
        "what an adjudicator said as the truth where there is one, and the votes elsewhere",
    )
    rules.add_argument(
        "--min-raters", type=int, metavar="N", help="only rows that at least N raters have judged"
    )
    rules.add_argument(
        "--min-agreement",
        type=float,
        metavar="X",
        help="only rows with at least this agreement (0 to 1); with dawid-skene, this probability",
    )
    rules.add_argument(
        "--near-tie",
        type=float,
        metavar="X",
        help="`near_tie` is true in rows with less agreement than this (0 to 1)",
    )
    rules.add_argument(
        "--sft-threshold",
        dest="sft_min_score",
        type=float,
        metavar="X",
        help="an answer is an sft target from this mean score on (0 to 1)",
    )
    rules.add_argument(
        "--kto-threshold",
        metavar="GOOD[/BAD]",
        help="the label is true from GOOD on and false up to BAD; with one number, false below it",
    )
    rules.add_argument(
        "--pair-min-gap",
        type=float,
        metavar="X",
        help="ratings of two answers to one prompt make a pair from this difference on",
    )
    rules.add_argument(
        "--consent",
        dest="training_consent",
        type=lambda text: text.replace("-", "_"),
        choices=("opt_in", "opt_out"),
        metavar="opt-in|opt-out",
        help="opt-out also trains on chats whose consent is unspecified",
    )
    rules.add_argument(
        "--unrated-sft",
        action="store_const",
        const=True,
        help="answers that nobody judged are sft targets too",
    )
    rules.add_argument(
        "--max-prompt-bytes", type=int, metavar="N", help="leave out answers with a longer history"
    )
    rules.add_argument(
        "--alternating",
        choices=("keep", "merge", "drop"),
        help="what becomes of rows whose roles do not alternate: merge joins turns of one role, drop leaves "
        "the row out",
    )
    for what, others in (
        ("prompt", "one prompt"),
        ("user", "one user (rows of several users are under no such limit)"),
        ("model", "one model"),
    ):
        rules.add_argument(
            f"--max-per-{what}",
            type=int,
            metavar="N",
            help=f"at most N rows of {others} in each training subset; the earliest stay",
        )
