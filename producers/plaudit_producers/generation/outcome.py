"""What a run did, in words."""

from plaudit_producers.generation.plan import GenerationPlan
from plaudit_producers.generation.prompts_file import GenerationPrompt
from plaudit_producers.generation.run import GenerationSummary

_SHOWN = 5
_LONGEST = 70


def describe_generation(
    summary: GenerationSummary, stopped: dict[str, str], report: str, *, retry_errors: bool
) -> str:
    """The outcome in a few lines.

    Args:
        stopped: key of a model that was asked no more -> why.
    """
    told = ", ".join(f"{count:,} {status}" for status, count in sorted(summary.statuses.items()))
    lines = [f"{summary.wanted:,} answers wanted: {told or 'none new'}, {summary.known:,} of earlier runs"]
    if summary.resent:
        lines.append(f"{summary.resent:,} of earlier runs had not reached Kafka and were sent now")
    if summary.error_kinds:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in summary.error_kinds.most_common())
        lines.append(
            f"failed: {kinds}; they are recorded"
            + ("" if retry_errors else ", and --retry-errors asks again")
        )
    lines += [f"{model} was asked no more: {why}" for model, why in stopped.items()]
    missing = summary.wanted - summary.known - summary.statuses.total()
    if missing:
        lines.append(f"{missing:,} answers are missing; start it again: it goes on where it stopped")
    if summary.failure is not None:
        lines.append(f"it ended early: {summary.failure}")
    return "\n".join([*lines, f"report: {report}"])


def describe_plan(plan: GenerationPlan, prompts: tuple[GenerationPrompt, ...], known: int) -> str:
    """What a run would do, with the first prompts."""
    models = ", ".join(model.key for model in plan.models)
    wanted = len(prompts) * len(plan.models) * plan.answers
    lines = [
        f"{len(prompts):,} prompts, {plan.answers} answers of each model ({models})",
        f"{wanted:,} answers, of which earlier runs have {known:,}",
        f"application {plan.application}, consent {plan.consent}",
    ]
    for prompt in prompts[:_SHOWN]:
        text = " ".join(prompt.turns[-1]["content"].split())
        shown = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
        tags = ", ".join(f"{name}={value}" for name, value in plan.tags_of(prompt).items())
        lines.append(f"line {prompt.line}: {len(prompt.turns)} messages, {shown!r}, tags {tags}")
    return "\n".join([*lines, "nothing was asked or sent"])
