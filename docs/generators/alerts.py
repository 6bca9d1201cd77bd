"""The page of alerts."""

from string import Template

from plaudit_schemas.alerts import Alert, aspect_definitions, definitions

from docs.generators.markdown import block, page, table

_PROFILE = "production"


def render() -> str:
    """Every alert with its condition and its runbook, and the limits of each profile."""
    loaded = definitions()
    intro = (
        "`plaudit alerts` writes these as Prometheus rules. The console and `plaudit top` watch those that "
        f"depend on figures. The numbers here are those of the profile `{_PROFILE}`; the last table has all. "
        "The two on aspects are there if aspects are declared. `$up` and `$down` stand for the changes of "
        "those of which more, or less, is better."
    )
    alerts = (*loaded.alerts, *aspect_definitions().alerts)
    parts = [intro, *(part for alert in alerts for part in _alert(alert)), "## Limits"]
    names = list(loaded.limits(_PROFILE).model_dump())
    rows = [[name, *(str(getattr(limits, name)) for limits in loaded.profiles.values())] for name in names]
    return page("Alerts", *parts, table(["limit", *loaded.profiles], rows))


def _alert(alert: Alert) -> list[str]:
    steps = "\n".join(f"{number}. {_filled(step)}" for number, step in enumerate(alert.runbook, 1))
    return [
        f"## {alert.alert}",
        f"**{alert.severity}.** {_filled(alert.description)}",
        block(_filled(alert.expr), "promql"),
        steps,
    ]


def _filled(text: str) -> str:
    limits = definitions().limits(_PROFILE)
    return Template(text.replace("$labels", "$$labels").replace("$value", "$$value")).safe_substitute(
        limits.model_dump()
    )
