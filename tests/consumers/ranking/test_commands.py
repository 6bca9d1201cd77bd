"""`plaudit models score` and `compare` as a person runs them."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from plaudit_infra.main import main
from plaudit_schemas.commands import FAILED, OK
from plaudit_schemas.settings.connection import ConnectionSettings

from tests.consumers.live_root import Root
from tests.schemas.models.conftest import connection  # noqa: F401  # a fixture
from tests.support.tiny_models import write_model


@pytest.fixture
def model(tmp_path: Path) -> str:
    write_model(tmp_path / "polite")
    return str(tmp_path / "polite")


@pytest.fixture
def prompts(tmp_path: Path) -> str:
    lines = [
        {
            "prompt": f"q{at}",
            "answers": {"kind": "thanks" if at % 4 else "", "rough": "rude" if at % 3 else ""},
        }
        for at in range(40)
    ]
    path = tmp_path / "prompts.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    return str(path)


@pytest.mark.slow
def test_models_are_ranked_on_prompts(prompts: str, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "score", prompts, "--model", model]) == OK
    head, columns, first, second, *rest = capsys.readouterr().out.splitlines()
    assert head == "40 prompts, scored by polite@1; ranked by reward; intervals of 95 %"
    assert columns.split()[:4] == ["rank", "model", "prompts", "score"]
    assert first.startswith("1 (1 to 1)  kind   40       0.786 (")
    assert second.startswith("2 (2 to 2)  rough")
    assert rest == []
    assert main(["models", "score", prompts, "--model", model, "--by", "wins", "--json"]) == OK
    document = json.loads(capsys.readouterr().out)
    assert document["scored_by"]["name"] == "polite"
    assert [standing["model"] for standing in document["standings"]] == ["kind", "rough"]


def test_answers_of_one_prompt_may_be_in_several_files(
    prompts: str, model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "third.json"
    other.write_text(json.dumps([{"prompt": "q1", "generator": "third", "output": "please thanks"}]))
    assert main(["models", "score", prompts, str(other), "--model", model, "--json"]) == OK
    document = json.loads(capsys.readouterr().out)
    assert (document["prompts"], document["shared"]) == (40, 1)
    assert document["standings"][0]["model"] == "third"


@pytest.mark.parametrize(
    ("other", "words", "problem"),
    [
        pytest.param("q2", ("--shared",), "no prompt was answered by all models", id="nothing shared"),
        pytest.param("q1", ("--shared",), "", id="one shared"),
        pytest.param("q2", (), "", id="all prompts"),
    ],
)
def test_a_ranking_of_nothing_is_refused(
    model: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    other: str,
    words: tuple[str, ...],
    problem: str,
) -> None:
    path = tmp_path / "apart.json"
    path.write_text(
        json.dumps([{"prompt": p, "model": m, "answer": "x"} for p, m in (("q1", "a"), (other, "b"))])
    )
    assert main(["models", "score", str(path), "--model", model, *words]) == (FAILED if problem else OK)
    assert problem in capsys.readouterr().err


def test_a_model_that_gives_no_number_ranks_nothing(
    prompts: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    model: str,
) -> None:
    from plaudit_consumers.ranking import scoring

    monkeypatch.setattr(scoring, "score_turns", lambda _, answers: [None] * len(answers))
    assert main(["models", "score", prompts, "--model", model]) == FAILED
    assert "gave no number for any answer" in capsys.readouterr().err


@pytest.fixture
def root(tmp_path: Path) -> Root:
    root = Root(tmp_path / "live")
    for at in range(60):
        kind = at % 3 > 0
        root.sft(f"c{at}", f"question {at}", f"{'thanks' if kind else 'rude'} {at}", like=kind, user=f"u{at}")
    return root.publish()


@pytest.mark.slow
def test_stored_answers_are_scored(
    root: Root, model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "scores.parquet"
    command = ["models", "score", "--root", str(root.folder), "--model", model, "--output", str(out)]
    assert main(command) == OK
    assert capsys.readouterr().out == f"{out}: 60 answers scored by polite@1\n"
    assert pq.read_metadata(out).num_rows == 60
    snapshot = root.built()
    again = str(tmp_path / "again.parquet")
    assert main(["models", "score", str(snapshot), "--model", model, "--output", again, "--json"]) == OK
    assert json.loads(capsys.readouterr().out)["scored"] == 60
    assert sorted(pq.read_table(again).to_pylist(), key=str) == sorted(
        pq.read_table(out).to_pylist(), key=str
    )


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        pytest.param([], "name a file of prompts with answers", id="nothing to score"),
        pytest.param(["--root", "x"], "--root needs --output", id="a root without output"),
        pytest.param(["a", "b", "--output", "x"], "--output takes one snapshot", id="two snapshots"),
        pytest.param(["a", "--root", "r", "--output", "x"], "not both", id="snapshot and root"),
        pytest.param(["gone.jsonl"], "gone.jsonl cannot be read", id="no such file"),
        pytest.param(["."], ". is a folder; add --output", id="a snapshot without output"),
    ],
)
def test_wrong_uses_of_score_are_one_line(
    arguments: list[str], problem: str, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "score", "--model", model, *arguments]) == FAILED
    error = capsys.readouterr().err
    assert problem in error
    assert error.count("\n") == 1


def test_versions_are_compared(
    root: Root, model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    worse = str(tmp_path / "worse")
    write_model(tmp_path / "worse", weights={"thanks": 0.5, "rude": 0.4}, version="0")
    assert main(["models", "compare", worse, model, "--root", str(root.folder)]) == OK
    told = capsys.readouterr().out
    assert "60 judged answers in 60 groups, 40 of them liked" in told
    assert "polite@1 is better" in told
    command = ["models", "compare", model, worse, "--root", str(root.folder), "--since", "2030-01-01"]
    assert main(command) == FAILED
    assert "nothing was judged that both versions can score" in capsys.readouterr().err
    snapshot = str(root.built(shares=(50, 0, 50)))
    assert main(["models", "compare", model, worse, "--snapshot", snapshot, "--json"]) == OK
    document = json.loads(capsys.readouterr().out)
    assert (document["first"], document["second"]) == ("polite@1", "polite@0")
    assert document["answers"]["verdict"] == "worse"
    assert 10 < document["answers"]["rows"] < 50
    assert document["pairs"] is None


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        pytest.param(
            ["--snapshot", "s", "--root", "r"], "takes neither --root nor --since", id="two sources"
        ),
        pytest.param(["--raters", "cat"], "is not a list of user, reviewer, model", id="unknown raters"),
        pytest.param(["--raters", ","], "is not a list of", id="no raters"),
        pytest.param(["--since", "soon"], "--since 'soon' is not a time", id="no time"),
    ],
)
def test_wrong_uses_of_compare_are_one_line(
    arguments: list[str], problem: str, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "compare", model, model, *arguments]) == FAILED
    assert problem in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.kafka
def test_a_published_model_is_named(
    prompts: str,
    model: str,
    root: Root,
    connection: ConnectionSettings,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PLAUDIT_BOOTSTRAP_SERVERS", connection.bootstrap_servers)
    monkeypatch.setenv("PLAUDIT_TOPIC_PREFIX", connection.topic_prefix)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert main(["models", "publish", model, "--compare-root", str(root.folder)]) == OK
    assert "no version of polite was published before" in capsys.readouterr().out
    for name in ("polite", "polite@1"):
        assert main(["models", "score", prompts, "--model", name]) == OK
    assert "scored by polite@1" in capsys.readouterr().out
    better = str(tmp_path / "better")
    write_model(tmp_path / "better", version="2", weights={"thanks": 4.0, "rude": -4.0})
    assert main(["models", "publish", better, "--compare-root", str(root.folder)]) == OK
    assert "polite@2 is better" in capsys.readouterr().out
    assert main(["models", "score", prompts, "--model", "polite@9"]) == FAILED
    assert "polite@9 was not published" in capsys.readouterr().err
